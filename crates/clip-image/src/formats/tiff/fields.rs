//! The file as it stands: byte order, directories and the values of their fields, read where they lie.

use crate::formats::library::Fault;

/// Most fields of a directory that are looked at. Real ones have less than two hundred.
const MOST_FIELDS: usize = 4096;

/// A field's number.
pub(super) type Tag = u16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }
}

/// A TIFF or BigTIFF file.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: Order,
    is_big: bool,
}

impl<'a> File<'a> {
    /// The file, and where its first directory is.
    pub(super) fn of(bytes: &'a [u8]) -> Result<(Self, u64), Fault> {
        let order = if bytes.starts_with(b"MM") { Order::Big } else { Order::Little };
        let version = bytes.get(2..).and_then(<[u8]>::first_chunk).map(|version| order.u16(*version));
        let file = Self { bytes, order, is_big: version == Some(43) };
        let first = file.number(if file.is_big { 8 } else { 4 }, file.offset_bytes()).ok_or(Fault::Truncated)?;
        if first == 0 {
            return Err(Fault::damaged("it has no page"));
        }
        Ok((file, first))
    }

    /// The directory at a place in the file.
    pub(super) fn directory(&self, at: u64) -> Result<Directory<'a>, Fault> {
        let (count_bytes, entry) = if self.is_big { (8, 20) } else { (2, 12) };
        let count = self.number(at, count_bytes).ok_or(Fault::Truncated)?;
        let start = at.saturating_add(count_bytes);
        let end = count.checked_mul(entry).and_then(|length| start.checked_add(length)).ok_or(Fault::Truncated)?;
        let entries = self.slice(start, end).ok_or(Fault::Truncated)?;
        let entries = &entries[..entries.len().min(MOST_FIELDS * entry as usize)];
        // A file may end with its last directory.
        let next = self.number(end, self.offset_bytes()).unwrap_or(0);
        Ok(Directory { file: *self, entries, next })
    }

    /// The bytes from a place to the end of the file, or none.
    pub(super) fn from(&self, start: u64) -> &'a [u8] {
        usize::try_from(start).ok().and_then(|start| self.bytes.get(start..)).unwrap_or_default()
    }

    fn slice(&self, start: u64, end: u64) -> Option<&'a [u8]> {
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    fn offset_bytes(&self) -> u64 {
        if self.is_big { 8 } else { 4 }
    }

    /// The whole number of this many bytes at a place.
    fn number(&self, at: u64, bytes: u64) -> Option<u64> {
        let bytes = self.slice(at, at.checked_add(bytes)?)?;
        number(self.order, bytes)
    }
}

fn number(order: Order, bytes: &[u8]) -> Option<u64> {
    Some(match bytes {
        [byte] => u64::from(*byte),
        [a, b] => u64::from(order.u16([*a, *b])),
        [a, b, c, d] => u64::from(order.u32([*a, *b, *c, *d])),
        _ => order.u64(bytes.try_into().ok()?),
    })
}

/// The fields of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory<'a> {
    pub(super) file: File<'a>,
    entries: &'a [u8],
    /// Where the next page is, or zero.
    pub(super) next: u64,
}

impl<'a> Directory<'a> {
    pub(super) fn get(&self, tag: Tag) -> Option<Field<'a>> {
        let File { order, is_big, .. } = self.file;
        let (entry, inline) = if is_big { (20, 12) } else { (12, 8) };
        let is_it = |entry: &&[u8]| entry.first_chunk().is_some_and(|found| order.u16(*found) == tag);
        let found = self.entries.chunks_exact(entry).find(is_it)?;
        let kind = order.u16(*found.get(2..)?.first_chunk()?);
        let count = number(order, &found[4..inline])?;
        let value = &found[inline..];
        let length = count.saturating_mul(Field::size_of(kind) as u64);
        let bytes = if length <= value.len() as u64 {
            &value[..length as usize]
        } else {
            let rest = self.file.from(number(order, value)?);
            &rest[..usize::try_from(length).unwrap_or(usize::MAX).min(rest.len())]
        };
        Some(Field { order, kind, count, bytes })
    }

    /// The first value of a field of whole numbers.
    pub(super) fn uint(&self, tag: Tag) -> Option<u64> {
        self.get(tag)?.uint(0)
    }
}

/// The values of a field. Those that lie outside the file are missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    order: Order,
    kind: u16,
    /// How many values there should be.
    pub(super) count: u64,
    pub(super) bytes: &'a [u8],
}

impl Field<'_> {
    /// Bytes of a value of a kind; none of an unknown one.
    const fn size_of(kind: u16) -> usize {
        match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 0,
        }
    }

    fn value(&self, index: u64) -> Option<&[u8]> {
        let size = Self::size_of(self.kind);
        let start = usize::try_from(index).ok()?.checked_mul(size)?;
        self.bytes.get(start..start.checked_add(size)?).filter(|value| !value.is_empty())
    }

    /// A value that is a whole number and not negative.
    pub(super) fn uint(&self, index: u64) -> Option<u64> {
        let value = number(self.order, self.value(index)?)?;
        match self.kind {
            1 | 3 | 4 | 7 | 13 | 16 | 18 => Some(value),
            6 => u64::try_from(value as i8).ok(),
            8 => u64::try_from(value as i16).ok(),
            9 => u64::try_from(value as i32).ok(),
            17 => u64::try_from(value.cast_signed()).ok(),
            _ => None,
        }
    }

    /// All values that are whole numbers.
    pub(super) fn uints(&self) -> impl Iterator<Item = u64> {
        (0..self.count).map_while(|index| self.uint(index))
    }

    /// A value that is any number.
    pub(super) fn float(&self, index: u64) -> Option<f64> {
        let value = self.value(index)?;
        let half = |at: usize| Some(self.order.u32(*value.get(at..)?.first_chunk()?));
        Some(match self.kind {
            5 => f64::from(half(0)?) / f64::from(half(4)?),
            10 => f64::from(half(0)?.cast_signed()) / f64::from(half(4)?.cast_signed()),
            11 => f64::from(f32::from_bits(half(0)?)),
            12 => f64::from_bits(number(self.order, value)?),
            _ => self.uint(index)? as f64,
        })
    }
}
