//! Small numbers as runs of equal ones and of packed ones: levels, and places in a dictionary.

use std::ops::Range;

use super::thrift::{Fault, varint};
use crate::error::Error;

/// Numbers of `width` bits in a range of a page.
#[derive(Debug, Clone)]
pub(super) struct Hybrid {
    range: Range<usize>,
    width: u32,
    run: Run,
}

#[derive(Debug, Clone)]
enum Run {
    Equal {
        value: u32,
        left: u64,
    },
    /// Where the next number begins, in bits from the page's beginning.
    Packed {
        bit: usize,
        left: u64,
    },
}

impl Hybrid {
    /// `range` lies within the page that [`Hybrid::next`] gets.
    ///
    /// # Errors
    /// If the numbers have more than 32 bits.
    pub(super) fn new(range: Range<usize>, width: u32) -> Result<Hybrid, Error> {
        if width > 32 {
            return Err(Error::damaged(format!("expected numbers of at most 32 bits, found {width}")));
        }
        Ok(Hybrid { range, width, run: Run::Equal { value: 0, left: 0 } })
    }

    /// The next number.
    pub(super) fn next(&mut self, page: &[u8]) -> Result<u32, Error> {
        loop {
            match &mut self.run {
                Run::Equal { value, left: left @ 1.. } => {
                    *left -= 1;
                    return Ok(*value);
                }
                Run::Packed { bit, left: left @ 1.. } => {
                    let value = unpack(page, *bit, self.width);
                    *bit += self.width as usize;
                    *left -= 1;
                    // At most 32 bits were asked for.
                    return Ok(value as u32);
                }
                _ => self.run = self.next_run(page)?,
            }
        }
    }

    fn next_run(&mut self, page: &[u8]) -> Result<Run, Error> {
        let mut bytes = page.get(self.range.clone()).ok_or(Fault::Ends)?;
        if self.width == 0 && bytes.is_empty() {
            // Some writers take no byte for numbers of no bits.
            return Ok(Run::Equal { value: 0, left: u64::MAX });
        }
        let header = varint(&mut bytes)?;
        self.range.start = self.range.end - bytes.len();
        if header & 1 == 0 {
            let size = self.width.div_ceil(8) as usize;
            let value = bytes.get(..size).ok_or(Fault::Ends)?;
            self.range.start += size;
            let value = value.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte));
            return Ok(Run::Equal { value, left: header >> 1 });
        }
        let count = (header >> 1).checked_mul(8).ok_or(Fault::Wrong("a run is too long"))?;
        let bit = self.range.start * 8;
        if self.width == 0 {
            return Ok(Run::Packed { bit, left: count });
        }
        // The last numbers of a page may be cut short.
        let there = bytes.len() as u64 * 8 / u64::from(self.width);
        if there == 0 && count > 0 {
            return Err(Fault::Ends.into());
        }
        let size = usize::try_from(count / 8).ok().and_then(|groups| groups.checked_mul(self.width as usize));
        self.range.start = self.range.start.saturating_add(size.unwrap_or(usize::MAX)).min(self.range.end);
        Ok(Run::Packed { bit, left: count.min(there) })
    }
}

/// The number of `width` bits, at most 64, that begins at a bit; what lies after the end is 0.
pub(super) fn unpack(bytes: &[u8], bit: usize, width: u32) -> u64 {
    let (at, shift) = (bit / 8, (bit % 8) as u32);
    let mut buffer = [0; 16];
    let there = bytes.get(at..).unwrap_or_default();
    let length = there.len().min(9);
    buffer[..length].copy_from_slice(&there[..length]);
    let number = u128::from_le_bytes(buffer) >> shift;
    (number & ((1u128 << width) - 1)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_both_kinds_are_read() {
        // The format's own example of packing: 0 to 7 in three bits; then five times 4.
        let page = [9, 9, 0x03, 0x88, 0xc6, 0xfa, 10, 4, 9];
        let mut hybrid = Hybrid::new(2..8, 3).unwrap();
        let found: Vec<u32> = (0..13).map(|_| hybrid.next(&page).unwrap()).collect();
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7, 4, 4, 4, 4, 4]);
        assert!(hybrid.next(&page).is_err());
    }

    #[test]
    fn what_is_cut_short_ends() {
        let page = [0x05, 0b0110_0101];
        let mut hybrid = Hybrid::new(0..2, 1).unwrap();
        let found: Vec<u32> = (0..8).map(|_| hybrid.next(&page).unwrap()).collect();
        assert_eq!(found, [1, 0, 1, 0, 0, 1, 1, 0]);
        assert!(hybrid.next(&page).is_err());
        assert!(Hybrid::new(0..1, 1).unwrap().next(&[0x03]).is_err());
        assert!(Hybrid::new(0..9, 1).unwrap().next(&[0x03]).is_err());
        assert!(Hybrid::new(0..1, 33).is_err());
    }

    #[test]
    fn numbers_of_no_bits_take_none() {
        let mut hybrid = Hybrid::new(0..0, 0).unwrap();
        assert_eq!(hybrid.next(&[]).unwrap(), 0);
        let mut hybrid = Hybrid::new(0..1, 0).unwrap();
        assert_eq!((hybrid.next(&[4]).unwrap(), hybrid.next(&[4]).unwrap()), (0, 0));
    }

    #[test]
    fn numbers_lie_across_bytes() {
        let bytes = [0xff, 0, 0, 0, 0, 0, 0, 0, 0x80, 1];
        assert_eq!(unpack(&bytes, 7, 64), 1);
        assert_eq!(unpack(&bytes, 8, 64), 0x80 << 56);
        assert_eq!(unpack(&bytes, 71, 8), 3);
        assert_eq!(unpack(&bytes, 800, 8), 0);
    }
}
