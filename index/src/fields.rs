//! Fields one after the other, each with its tag, its length and its value: what records and entries of bad files are made
//! of.
//!
//! Tags that are not known are passed over, so later versions can add fields.

use crate::asset::{Inode, Stamp};

const NANOS: i128 = 1_000_000_000;

/// The tags that records and entries of bad files share. They are part of the format.
pub(crate) mod tag {
    pub(crate) const PATH: u8 = 1;
    pub(crate) const HASH: u8 = 2;
    pub(crate) const SIZE: u8 = 3;
    pub(crate) const MODIFIED: u8 = 4;
    pub(crate) const CHANGED: u8 = 5;
    pub(crate) const INODE: u8 = 6;
}

/// Appends a field whose value is these parts.
pub(crate) fn push(tag: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    out.push(tag);
    push_length(parts.iter().map(|part| part.len()).sum(), out);
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Appends the fields of a stamp.
pub(crate) fn push_stamp(stamp: &Stamp, out: &mut Vec<u8>) {
    push(tag::SIZE, &[&stamp.size.to_le_bytes()], out);
    let mut time = |tag, nanos: i128| {
        // Times beyond the range of 64-bit seconds do not occur on any file system.
        let seconds = nanos.div_euclid(NANOS).clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        push(tag, &[&seconds.to_le_bytes(), &(nanos.rem_euclid(NANOS) as u32).to_le_bytes()], out);
    };
    time(tag::MODIFIED, stamp.mtime_ns);
    if let Some(nanos) = stamp.ctime_ns {
        time(tag::CHANGED, nanos);
    }
    if let Some(inode) = stamp.inode {
        push(tag::INODE, &[&inode.device.to_le_bytes(), &inode.number.to_le_bytes()], out);
    }
}

/// Puts a field into a stamp, if it is one of a stamp's; `None` if its value is none.
pub(crate) fn take_stamp(tag: u8, value: &[u8], stamp: &mut Stamp) -> Option<()> {
    match tag {
        tag::SIZE => stamp.size = u64::from_le_bytes(value.try_into().ok()?),
        tag::MODIFIED => stamp.mtime_ns = time(value)?,
        tag::CHANGED => stamp.ctime_ns = Some(time(value)?),
        tag::INODE => {
            let (device, number) = halves(value)?;
            stamp.inode = Some(Inode { device: u64::from_le_bytes(device), number: u64::from_le_bytes(number) });
        }
        _ => {}
    }
    Some(())
}

/// Appends a length: seven bits in each byte, the lowest first; the eighth says that more follow.
pub(crate) fn push_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Takes what comes after a length and is that long off the beginning; `None` if the bytes are none.
pub(crate) fn take_counted<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(bytes)?;
    let (value, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(value)
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let mut length = 0;
    for shift in (0..usize::BITS - 7).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

/// Fields, one after the other; an error item where the bytes are none.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u8, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, mut rest) = self.0.split_first()?;
        let value = take_counted(&mut rest);
        self.0 = if value.is_some() { rest } else { &[] };
        Some(value.map(|value| (tag, value)))
    }
}

/// A value as two of the same size.
pub(crate) fn halves<const N: usize>(value: &[u8]) -> Option<([u8; N], [u8; N])> {
    let (first, second) = value.split_at_checked(N)?;
    Some((first.try_into().ok()?, second.try_into().ok()?))
}

fn time(value: &[u8]) -> Option<i128> {
    let (seconds, nanos) = value.split_at_checked(8)?;
    let nanos = u32::from_le_bytes(nanos.try_into().ok()?);
    let seconds = i128::from(i64::from_le_bytes(seconds.try_into().ok()?));
    (i128::from(nanos) < NANOS).then_some(seconds * NANOS + i128::from(nanos))
}
