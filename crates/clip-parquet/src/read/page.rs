//! Pages: the pieces in which the values of a column are compressed.

use std::fs::File;
use std::ops::Range;

use super::at::At;
use super::budget::{Budget, Share};
use super::codec;
use super::footer::Chunk;
use super::hybrid::Hybrid;
use super::schema::{Levels, Physical};
use super::thrift::{Fault, Input, Kind};
use super::values::{Dictionary, Values};
use crate::error::Error;
use crate::format::{self, encoding, page};

/// A header of more bytes is refused. One has a hundred, unless texts are long: the least and the greatest are in it.
const LONGEST_HEADER: usize = 1 << 22;
/// What is read first, which is enough for most headers.
const FIRST_LOOK: usize = 1 << 10;

/// What stands before a page.
#[derive(Debug, Default)]
struct Header {
    kind: i64,
    /// Bytes when decompressed.
    size: usize,
    /// Bytes in the file.
    stored: usize,
    checksum: Option<u32>,
    data: Option<DataHeader>,
    dictionary: Option<(u64, i64)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct DataHeader {
    values: u64,
    encoding: i64,
    /// How levels are encoded in version 1.
    level_encodings: [i64; 2],
    /// Bytes that levels take in version 2: of definition and of repetition.
    level_sizes: [usize; 2],
    is_compressed: bool,
}

/// A page that is being read.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) bytes: Vec<u8>,
    /// Values that are left to read, those counted that are not there.
    pub(super) left: u64,
    pub(super) repetition: Option<Hybrid>,
    pub(super) definition: Option<Hybrid>,
    pub(super) values: Values,
    _share: Share,
}

/// What a page turned out to be.
pub(super) enum Found {
    Data(Box<Page>),
    Dictionary(Dictionary),
    /// One of another kind, which says nothing of values.
    Other,
}

/// Reads the page at the beginning of what is left of a chunk, and moves the beginning behind it. `scratch` is memory for
/// the compressed page.
pub(super) fn next(
    file: &File,
    chunk: &mut Chunk,
    physical: Physical,
    levels: Levels,
    budget: &Budget,
    scratch: &mut Vec<u8>,
) -> Result<Found, Error> {
    let (header, length) = header(file, chunk)?;
    let start = chunk.start + length;
    let stop = start.checked_add(header.stored as u64).filter(|&stop| stop <= chunk.end);
    let Some(stop) = stop else { return Err(Error::damaged("a page goes on after the end of its column")) };
    chunk.start = stop;
    if !matches!(header.kind, page::DATA | page::DATA_V2 | page::DICTIONARY) {
        return Ok(Found::Other);
    }
    let share = budget.take(header.size.saturating_add(header.stored))?;
    scratch.clear();
    scratch.resize(header.stored, 0);
    file.at(start, scratch)?;
    if header.checksum.is_some_and(|expected| crc32fast::hash(scratch) != expected) {
        return Err(Error::damaged("a page is not what its checksum says"));
    }
    let mut bytes = Vec::new();
    if header.kind == page::DICTIONARY {
        let (values, encoding) = header.dictionary.ok_or_else(|| Error::damaged("a dictionary has no header"))?;
        if !matches!(encoding, encoding::PLAIN | encoding::PLAIN_DICTIONARY) {
            return Err(unknown(encoding));
        }
        codec::decompress(chunk.codec, scratch, header.size, &mut bytes)?;
        return Ok(Found::Dictionary(Dictionary::new(bytes, values, physical, budget, share)?));
    }
    let data = header.data.ok_or_else(|| Error::damaged("a page has no header of its kind"))?;
    if data.values > chunk.values {
        return Err(Error::damaged("a page has more values than its column"));
    }
    let (repetition, definition, at) = if header.kind == page::DATA {
        codec::decompress(chunk.codec, scratch, header.size, &mut bytes)?;
        levels_of_version_1(&bytes, data, levels)?
    } else {
        let [definition, repetition] = data.level_sizes;
        let before = definition.checked_add(repetition).filter(|&before| before <= header.size.min(scratch.len()));
        let before = before.ok_or_else(|| Error::damaged("the levels of a page are longer than the page"))?;
        let (plain, compressed) = scratch.split_at(before);
        bytes.extend(plain);
        let codec = if data.is_compressed { chunk.codec } else { format::codec::UNCOMPRESSED };
        // Where all values are missing, some writers leave out what would be decompressed to nothing.
        if header.size > before {
            codec::decompress(codec, compressed, header.size - before, &mut bytes)?;
        }
        let hybrid = |range: Range<usize>, most: u32| {
            if most == 0 { Ok(None) } else { Hybrid::new(range, bits(most)).map(Some) }
        };
        (hybrid(0..repetition, levels.repetition)?, hybrid(repetition..before, levels.definition)?, before)
    };
    let values =
        Values::new(data.encoding, &bytes, at, data.values, physical)?.ok_or_else(|| unknown(data.encoding))?;
    Ok(Found::Data(Box::new(Page { bytes, left: data.values, repetition, definition, values, _share: share })))
}

/// Both kinds of levels, and where the values begin.
fn levels_of_version_1(
    bytes: &[u8],
    data: DataHeader,
    levels: Levels,
) -> Result<(Option<Hybrid>, Option<Hybrid>, usize), Error> {
    let mut at = 0;
    let mut hybrid = |most: u32, encoding: i64| -> Result<Option<Hybrid>, Error> {
        if most == 0 {
            return Ok(None);
        }
        if encoding != encoding::RLE {
            return Err(unknown(encoding));
        }
        let length = bytes.get(at..).and_then(|bytes| bytes.first_chunk::<4>()).ok_or(Fault::Ends)?;
        let start = at + 4;
        let stop = start.checked_add(u32::from_le_bytes(*length) as usize).filter(|&stop| stop <= bytes.len());
        at = stop.ok_or_else(|| Error::damaged("the levels of a page are longer than the page"))?;
        Hybrid::new(start..at, bits(most)).map(Some)
    };
    let [definition, repetition] = data.level_encodings;
    let repetition = hybrid(levels.repetition, repetition)?;
    let definition = hybrid(levels.definition, definition)?;
    Ok((repetition, definition, at))
}

/// Bits that numbers up to `most` take.
fn bits(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

fn unknown(encoding: i64) -> Error {
    Error::Unsupported(format!("values in the encoding number {encoding} of a column of this type are not read"))
}

/// Reads a header, and tells how long it is.
fn header(file: &File, chunk: &Chunk) -> Result<(Header, u64), Error> {
    let left = chunk.end - chunk.start;
    let mut bytes = Vec::new();
    let mut length = FIRST_LOOK;
    loop {
        length = usize::try_from(left).map_or(length, |left| left.min(length));
        bytes.resize(length, 0);
        file.at(chunk.start, &mut bytes)?;
        let mut input = Input::new(&bytes);
        match parse(&mut input) {
            Ok(header) => return header.checked(length as u64 - input.left() as u64),
            Err(Fault::Ends) if length as u64 == left => {
                return Err(Error::damaged("a column ends before its last value"));
            }
            Err(Fault::Ends) if length < LONGEST_HEADER => length = (length * 16).min(LONGEST_HEADER),
            Err(Fault::Ends) => {
                return Err(Error::TooLarge(format!("the header of a page has more than {LONGEST_HEADER} bytes")));
            }
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// What a header says, before it is looked at.
#[derive(Default)]
struct Raw {
    kind: i64,
    sizes: [i64; 2],
    checksum: Option<i64>,
    data: Option<RawData>,
    dictionary: Option<(i64, i64)>,
}

#[derive(Default)]
struct RawData {
    values: i64,
    encoding: i64,
    level_encodings: [i64; 2],
    level_sizes: [i64; 2],
    is_compressed: bool,
}

fn parse(input: &mut Input<'_>) -> Result<Raw, Fault> {
    let mut raw = Raw::default();
    input.fields(|input, id, kind| {
        match id {
            1 => raw.kind = input.int(kind)?,
            2 => raw.sizes[0] = input.int(kind)?,
            3 => raw.sizes[1] = input.int(kind)?,
            4 => raw.checksum = Some(input.int(kind)?),
            5 => raw.data = Some(parse_data(input, kind, [1, 2, 3, 4, 0, 0, 0])?),
            7 => {
                let (mut values, mut encoding) = (0, 0);
                input.structure(kind, |input, id, kind| {
                    match id {
                        1 => values = input.int(kind)?,
                        2 => encoding = input.int(kind)?,
                        _ => return Ok(false),
                    }
                    Ok::<_, Fault>(true)
                })?;
                raw.dictionary = Some((values, encoding));
            }
            8 => raw.data = Some(parse_data(input, kind, [1, 4, 0, 0, 5, 6, 7])?),
            _ => return Ok(false),
        }
        Ok::<_, Fault>(true)
    })?;
    Ok(raw)
}

/// `ids` are the numbers of the fields for the number of values, their encoding, the encodings of levels, their sizes and
/// whether the values are compressed; 0 for those that the version does not have.
fn parse_data(input: &mut Input<'_>, kind: Kind, ids: [i16; 7]) -> Result<RawData, Fault> {
    let mut data = RawData { is_compressed: true, ..RawData::default() };
    input.structure(kind, |input, id, kind| {
        let Some(at) = ids.iter().position(|&known| known == id && known > 0) else { return Ok(false) };
        match at {
            0 => data.values = input.int(kind)?,
            1 => data.encoding = input.int(kind)?,
            2 | 3 => data.level_encodings[at - 2] = input.int(kind)?,
            4 | 5 => data.level_sizes[at - 4] = input.int(kind)?,
            _ => data.is_compressed = input.bool(kind)?,
        }
        Ok::<_, Fault>(true)
    })?;
    Ok(data)
}

impl Raw {
    fn checked(self, length: u64) -> Result<(Header, u64), Error> {
        fn size<T: TryFrom<i64>>(number: i64) -> Result<T, Error> {
            T::try_from(number).map_err(|_| Error::damaged("the header of a page has an invalid size"))
        }
        let [uncompressed, stored] = self.sizes;
        let data = match self.data {
            None => None,
            Some(RawData {
                values,
                encoding,
                level_encodings,
                level_sizes: [definition, repetition],
                is_compressed,
            }) => {
                let level_sizes = [size(definition)?, size(repetition)?];
                Some(DataHeader { values: size(values)?, encoding, level_encodings, level_sizes, is_compressed })
            }
        };
        let dictionary = match self.dictionary {
            None => None,
            Some((values, encoding)) => Some((size(values)?, encoding)),
        };
        let header = Header {
            kind: self.kind,
            size: size::<i32>(uncompressed).and_then(|bytes| size(bytes.into()))?,
            stored: size::<i32>(stored).and_then(|bytes| size(bytes.into()))?,
            // The sign is the uppermost bit.
            checksum: self.checksum.map(|number| number as u32),
            data,
            dictionary,
        };
        Ok((header, length))
    }
}
