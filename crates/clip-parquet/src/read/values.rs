//! The values of a page, in the encodings of the format.

use std::ops::Range;

use half::f16;

use super::budget::{Budget, Share};
use super::delta::Deltas;
use super::hybrid::{Hybrid, unpack};
use super::schema::{Column, Physical, Type};
use super::thrift::Fault;
use crate::error::Error;
use crate::format::encoding;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number of a column of [`Type::Unsigned`].
    Unsigned(u64),
    /// A floating-point number of any width.
    Float(f64),
    /// Bytes, or text, which has not been looked at.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The floating-point number, if it is one.
    #[must_use]
    pub fn to_f64(self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(number),
            _ => None,
        }
    }
}

/// Where the bytes of a value are.
pub(super) enum Place {
    Page(Range<usize>),
    Dictionary(Range<usize>),
    /// In the values' own memory.
    Own(Range<usize>),
    /// It is no bytes but a whole number.
    Number(i64),
    Truth(bool),
}

/// What is left of the values of a page.
#[derive(Debug)]
pub(super) enum Values {
    /// One after the other.
    Plain {
        at: usize,
        width: Option<usize>,
    },
    /// A bit each.
    Bits {
        bit: usize,
    },
    /// Truth values as runs.
    Runs(Hybrid),
    /// Places in the dictionary.
    Places(Hybrid),
    /// The first bytes of all values, then the second ones, and so on.
    Split {
        at: usize,
        next: usize,
        count: usize,
        width: usize,
        value: Vec<u8>,
    },
    Deltas(Deltas),
    /// The lengths of texts, then the texts.
    Lengths {
        lengths: Deltas,
        at: usize,
    },
    /// How much each text shares with the one before; the lengths of what follows, and that.
    Prefixes {
        prefixes: Deltas,
        lengths: Deltas,
        at: usize,
        value: Vec<u8>,
    },
}

/// A longer text that shares its beginning with another is refused: a page of such texts would take very long.
const LONGEST_SHARED: usize = 1 << 20;

impl Values {
    /// The values that begin at `at` in a page, at most `most`; `None` if the encoding is not one for such values.
    pub(super) fn new(
        number: i64,
        page: &[u8],
        at: usize,
        most: u64,
        physical: Physical,
    ) -> Result<Option<Values>, Error> {
        Ok(Some(match (number, physical) {
            (encoding::PLAIN, Physical::Boolean) => Values::Bits { bit: at * 8 },
            (encoding::PLAIN, _) => Values::Plain { at, width: physical.width() },
            (encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY, _) => match page.get(at) {
                Some(&width) => Values::Places(Hybrid::new(at + 1..page.len(), u32::from(width))?),
                // No value is there, or it ends too early, which is noticed when it is read.
                None => Values::Plain { at, width: Some(1) },
            },
            (encoding::RLE, Physical::Boolean) => {
                let length = page.get(at..).and_then(|bytes| bytes.first_chunk::<4>()).ok_or(Fault::Ends)?;
                let stop = (at + 4).checked_add(u32::from_le_bytes(*length) as usize).ok_or(Fault::Ends)?;
                Values::Runs(Hybrid::new(at + 4..stop, 1)?)
            }
            (encoding::BYTE_STREAM_SPLIT, _) => {
                let Some(width) = physical.width() else { return Ok(None) };
                let bytes = page.len().saturating_sub(at);
                if !bytes.is_multiple_of(width) {
                    return Err(Error::damaged("the values of a page are cut short"));
                }
                // The width is the schema's, and may be anything where there are no values.
                let value = vec![0; width.min(bytes)];
                Values::Split { at, next: 0, count: bytes.checked_div(width).unwrap_or_default(), width, value }
            }
            (encoding::DELTA_BINARY_PACKED, Physical::Int32 | Physical::Int64) => {
                Values::Deltas(Deltas::new(page, at, most)?)
            }
            (encoding::DELTA_LENGTH_BYTE_ARRAY, Physical::ByteArray) => {
                let (lengths, at) = lengths(page, at, most)?;
                Values::Lengths { lengths, at }
            }
            (encoding::DELTA_BYTE_ARRAY, Physical::ByteArray | Physical::Fixed(_)) => {
                let (prefixes, at) = lengths(page, at, most)?;
                let (lengths, at) = lengths(page, at, most)?;
                Values::Prefixes { prefixes, lengths, at, value: Vec::new() }
            }
            _ => return Ok(None),
        }))
    }

    /// Where the next value is.
    pub(super) fn next(&mut self, page: &[u8], dictionary: Option<&Dictionary>) -> Result<Place, Error> {
        match self {
            Values::Plain { at, width } => {
                let range = plain(page, *at, *width)?;
                *at = range.end;
                Ok(Place::Page(range))
            }
            Values::Bits { bit } => {
                if *bit / 8 >= page.len() {
                    return Err(Fault::Ends.into());
                }
                let value = unpack(page, *bit, 1);
                *bit += 1;
                Ok(Place::Truth(value == 1))
            }
            Values::Runs(runs) => Ok(Place::Truth(runs.next(page)? == 1)),
            Values::Places(places) => {
                let at = places.next(page)?;
                let found = dictionary.and_then(|dictionary| dictionary.get(at as usize));
                found.map(Place::Dictionary).ok_or_else(|| Error::damaged("a value is not in its dictionary"))
            }
            Values::Split { at, next, count, width, value } => {
                if next >= count {
                    return Err(Fault::Ends.into());
                }
                for (part, byte) in value.iter_mut().enumerate() {
                    *byte = *page.get(*at + part * *count + *next).ok_or(Fault::Ends)?;
                }
                *next += 1;
                Ok(Place::Own(0..*width))
            }
            Values::Deltas(deltas) => Ok(Place::Number(deltas.next(page)?)),
            Values::Lengths { lengths, at } => {
                let range = measured(page, *at, lengths.next(page)?)?;
                *at = range.end;
                Ok(Place::Page(range))
            }
            Values::Prefixes { prefixes, lengths, at, value } => {
                let shared = usize::try_from(prefixes.next(page)?).ok().filter(|&shared| shared <= value.len());
                let shared = shared.ok_or_else(|| Error::damaged("a text shares more than there is"))?;
                let range = measured(page, *at, lengths.next(page)?)?;
                *at = range.end;
                if shared > LONGEST_SHARED {
                    return Err(Error::TooLarge(format!("expected texts that share at most {LONGEST_SHARED} bytes")));
                }
                value.truncate(shared);
                value.extend(&page[range]);
                Ok(Place::Own(0..value.len()))
            }
        }
    }

    /// The memory of [`Place::Own`].
    pub(super) fn own(&self) -> &[u8] {
        match self {
            Values::Split { value, .. } | Values::Prefixes { value, .. } => value,
            _ => &[],
        }
    }
}

/// Numbers, and where what follows them begins.
fn lengths(page: &[u8], at: usize, most: u64) -> Result<(Deltas, usize), Error> {
    let lengths = Deltas::new(page, at, most)?;
    let end = lengths.clone().skip_all(page)?;
    Ok((lengths, end))
}

fn measured(page: &[u8], at: usize, length: i64) -> Result<Range<usize>, Error> {
    let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
    match end {
        Some(end) if end <= page.len() => Ok(at..end),
        _ => Err(Error::damaged("a text is longer than its page")),
    }
}

/// The value at `at`: `width` bytes, or as many as a number before them says.
fn plain(bytes: &[u8], at: usize, width: Option<usize>) -> Result<Range<usize>, Error> {
    let (at, width) = match width {
        Some(width) => (at, width),
        None => {
            let length = bytes.get(at..).and_then(|bytes| bytes.first_chunk::<4>()).ok_or(Fault::Ends)?;
            (at + 4, u32::from_le_bytes(*length) as usize)
        }
    };
    match at.checked_add(width) {
        Some(end) if end <= bytes.len() => Ok(at..end),
        _ => Err(Fault::Ends.into()),
    }
}

/// Values that pages name by their places.
#[derive(Debug)]
pub(super) struct Dictionary {
    pub(super) bytes: Vec<u8>,
    width: Option<usize>,
    /// Where each value is, if they are not all of one width.
    places: Vec<Range<u32>>,
    _shares: [Share; 2],
}

impl Dictionary {
    /// The values of a page of `count` of them. `share` is that of `bytes`.
    pub(super) fn new(
        bytes: Vec<u8>,
        count: u64,
        physical: Physical,
        budget: &Budget,
        share: Share,
    ) -> Result<Dictionary, Error> {
        let width = physical.width();
        let short = || Error::damaged("a dictionary has fewer values than it says");
        let count = usize::try_from(count).map_err(|_| short())?;
        // Before a text is its length.
        if count.checked_mul(width.unwrap_or(4)).is_none_or(|least| least > bytes.len()) {
            return Err(short());
        }
        let mut places = Vec::new();
        let needed = if width.is_some() { 0 } else { count * size_of::<Range<u32>>() };
        let shares = [share, budget.take(needed)?];
        if width.is_none() {
            places.reserve_exact(count);
            let mut at = 0;
            for _ in 0..count {
                let range = plain(&bytes, at, None)?;
                at = range.end;
                // A page has less than 4 GiB.
                places.push(range.start as u32..range.end as u32);
            }
        }
        Ok(Dictionary { bytes, width, places, _shares: shares })
    }

    fn get(&self, at: usize) -> Option<Range<usize>> {
        let Some(width) = self.width else {
            return self.places.get(at).map(|place| place.start as usize..place.end as usize);
        };
        let start = at.checked_mul(width)?;
        start.checked_add(width).filter(|&end| end <= self.bytes.len()).map(|end| start..end)
    }
}

/// Makes a value of its bytes.
pub(super) fn value<'a>(column: &Column, bytes: &'a [u8]) -> Option<Value<'a>> {
    Some(match column.physical {
        Physical::Int32 => number(column, i32::from_le_bytes(bytes.try_into().ok()?).into()),
        Physical::Int64 => number(column, i64::from_le_bytes(bytes.try_into().ok()?)),
        Physical::Float => Value::Float(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        Physical::Double => Value::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
        Physical::Fixed(2) if column.kind == Some(Type::Half) => {
            Value::Float(f16::from_le_bytes(bytes.try_into().ok()?).to_f64())
        }
        Physical::ByteArray | Physical::Fixed(_) => Value::Bytes(bytes),
        Physical::Boolean | Physical::Other => return None,
    })
}

/// A whole number as the column means it.
pub(super) fn number<'a>(column: &Column, number: i64) -> Value<'a> {
    match (column.kind, column.physical) {
        (Some(Type::Unsigned), Physical::Int32) => Value::Unsigned(u64::from(number as u32)),
        (Some(Type::Unsigned), _) => Value::Unsigned(number.cast_unsigned()),
        _ => Value::Integer(number),
    }
}
