//! What is at a file's end: the columns, and where their data are.

use std::fs::File;

use super::at::At;
use super::schema::{self, Column};
use super::thrift::{Input, Kind};
use crate::error::Error;
use crate::format::MAGIC;

/// The values of a column for a range of rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chunk {
    pub(super) codec: i64,
    /// Number of values, those counted that are not there.
    pub(super) values: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// A range of rows.
pub(super) struct RowGroup {
    pub(super) rows: u64,
    /// One for each column.
    pub(super) chunks: Vec<Chunk>,
}

pub(super) struct Footer {
    pub(super) columns: Vec<Column>,
    pub(super) rows: u64,
    pub(super) groups: Vec<RowGroup>,
    /// Texts that were put beside the data.
    pub(super) texts: Vec<(String, String)>,
}

/// The length of the footer, and the magic number after it.
const TAIL: u64 = 8;

/// Reads the footer of a file of `length` bytes, which may take `limit` bytes.
pub(super) fn read(file: &File, length: u64, limit: usize) -> Result<Footer, Error> {
    let mut start = [0; 4];
    let mut tail = [0; TAIL as usize];
    if length < MAGIC.len() as u64 + TAIL {
        return Err(Error::NotParquet);
    }
    file.at(0, &mut start)?;
    file.at(length - TAIL, &mut tail)?;
    let [a, b, c, d, magic @ ..] = tail;
    if start == *b"PARE" || magic == *b"PARE" {
        return Err(Error::Unsupported("it is encrypted".into()));
    }
    if start != MAGIC || magic != MAGIC {
        return Err(Error::NotParquet);
    }
    let size = u32::from_le_bytes([a, b, c, d]);
    let end = length - TAIL;
    let start = end
        .checked_sub(u64::from(size))
        .filter(|&start| start >= MAGIC.len() as u64)
        .ok_or_else(|| Error::damaged(format!("its footer of {size} bytes is longer than the file")))?;
    let size = size as usize;
    if size > limit {
        return Err(Error::TooLarge(format!("expected a footer of at most {limit} bytes, found one of {size}")));
    }
    let mut bytes = vec![0; size];
    file.at(start, &mut bytes)?;
    parse(&bytes, start)
}

/// Reads a footer. Data end where it begins, at `end`.
fn parse(bytes: &[u8], end: u64) -> Result<Footer, Error> {
    let (mut columns, mut rows, mut groups, mut texts) = (None, None, Vec::new(), Vec::new());
    Input::new(bytes).fields(|input, id, kind| -> Result<bool, Error> {
        match id {
            2 => columns = Some(schema::read(input, kind)?),
            3 => rows = Some(count(input.int(kind)?)?),
            4 => input.structures(kind, |input| {
                groups.push(row_group(input, end)?);
                Ok::<_, Error>(())
            })?,
            5 => input.structures(kind, |input| {
                texts.extend(text(input)?);
                Ok::<_, Error>(())
            })?,
            8 => return Err(Error::Unsupported("it is encrypted".into())),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let columns: Vec<Column> = columns.ok_or_else(|| Error::damaged("it has no schema"))?;
    let rows = rows.ok_or_else(|| Error::damaged("it does not say how many rows it has"))?;
    if let Some(group) = groups.iter().find(|group: &&RowGroup| group.chunks.len() != columns.len()) {
        let found = group.chunks.len();
        return Err(Error::damaged(format!("expected data of {} columns, found {found}", columns.len())));
    }
    let found = groups.iter().try_fold(0u64, |sum, group| sum.checked_add(group.rows));
    if found != Some(rows) {
        return Err(Error::damaged(format!("its parts do not have {rows} rows")));
    }
    Ok(Footer { columns, rows, groups, texts })
}

fn row_group(input: &mut Input<'_>, end: u64) -> Result<RowGroup, Error> {
    let (mut rows, mut chunks) = (None, Vec::new());
    input.fields(|input, id, kind| -> Result<bool, Error> {
        match id {
            1 => input.structures(kind, |input| {
                chunks.push(chunk(input, end)?);
                Ok::<_, Error>(())
            })?,
            3 => rows = Some(count(input.int(kind)?)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(RowGroup { rows: rows.ok_or_else(|| Error::damaged("a part does not say how many rows it has"))?, chunks })
}

fn chunk(input: &mut Input<'_>, end: u64) -> Result<Chunk, Error> {
    let mut found = None;
    input.fields(|input, id, kind| -> Result<bool, Error> {
        match id {
            1 if !input.bytes(kind)?.is_empty() => {
                return Err(Error::Unsupported("expected the data in the file, found them in another".into()));
            }
            1 => {}
            3 => found = Some(metadata(input, kind, end)?),
            8 => return Err(Error::Unsupported("it is encrypted".into())),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    found.ok_or_else(|| Error::damaged("it does not say where a column is"))
}

fn metadata(input: &mut Input<'_>, kind: Kind, end: u64) -> Result<Chunk, Error> {
    let (mut codec, mut values, mut size, mut data, mut dictionary) = (0, None, None, None, None);
    input.structure(kind, |input, id, kind| -> Result<bool, Error> {
        match id {
            4 => codec = input.int(kind)?,
            5 => values = Some(count(input.int(kind)?)?),
            7 => size = Some(count(input.int(kind)?)?),
            9 => data = Some(count(input.int(kind)?)?),
            11 => dictionary = Some(count(input.int(kind)?)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let (Some(values), Some(size), Some(data)) = (values, size, data) else {
        return Err(Error::damaged("it does not say where a column is"));
    };
    // Some writers say 0 where there is no dictionary.
    let start = dictionary.filter(|&at| at > 0).map_or(data, |at| at.min(data));
    match start.checked_add(size) {
        Some(stop) if stop <= end => Ok(Chunk { codec, values, start, end: stop }),
        _ => Err(Error::damaged("the data of a column go on after the file's end")),
    }
}

fn text(input: &mut Input<'_>) -> Result<Option<(String, String)>, Error> {
    let (mut key, mut value) = (None, None);
    input.fields(|input, id, kind| -> Result<bool, Error> {
        match id {
            1 => key = Some(String::from_utf8_lossy(input.bytes(kind)?).into_owned()),
            2 => value = Some(String::from_utf8_lossy(input.bytes(kind)?).into_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(key.zip(value))
}

fn count(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::damaged("a number of things is negative"))
}
