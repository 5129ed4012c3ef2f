//! Whole numbers as differences, packed in blocks: the encoding `DELTA_BINARY_PACKED`.

use super::hybrid::unpack;
use super::thrift::{Fault, varint};
use crate::error::Error;

/// Numbers of which each block says by how much each is greater than the one before.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    /// Where the next block begins.
    at: usize,
    /// Numbers in a part of a block, all packed in as many bits.
    part: u64,
    parts: usize,
    /// Numbers that are left.
    left: u64,
    /// The next number, unless it is found in a block.
    next: Option<i64>,
    last: i64,
    /// What is added to each difference of the block.
    least: i64,
    /// Where the widths of the parts are that follow in the block.
    widths: std::ops::Range<usize>,
    width: u32,
    /// Numbers that are left in the part, and the bit at which the next begins.
    in_part: u64,
    bit: usize,
}

impl Deltas {
    /// Reads the head, at `at` in the page. There may be at most `most` numbers.
    pub(super) fn new(page: &[u8], at: usize, most: u64) -> Result<Deltas, Error> {
        let mut bytes = page.get(at..).ok_or(Fault::Ends)?;
        let (block, parts) = (varint(&mut bytes)?, varint(&mut bytes)?);
        let (left, first) = (varint(&mut bytes)?, zigzag(varint(&mut bytes)?));
        let is_valid = (1..=512).contains(&parts) && (1..=1 << 20).contains(&block) && block % (parts * 8) == 0;
        if !is_valid {
            return Err(Error::damaged(format!("expected blocks of packed numbers, found {block} in {parts} parts")));
        }
        if left > most {
            return Err(Error::damaged("a page has more values than it says"));
        }
        Ok(Deltas {
            at: page.len() - bytes.len(),
            part: block / parts,
            parts: parts as usize,
            left,
            next: Some(first),
            last: first,
            least: 0,
            widths: 0..0,
            width: 0,
            in_part: 0,
            bit: 0,
        })
    }

    /// Passes over all numbers, and tells where what follows them begins.
    pub(super) fn skip_all(mut self, page: &[u8]) -> Result<usize, Error> {
        let mut left = self.left.saturating_sub(u64::from(self.next.is_some()));
        while left > 0 {
            // As if the first number of the part had been asked for.
            self.left = left - 1;
            self.next_part(page)?;
            left = left.saturating_sub(self.part);
        }
        Ok(self.at)
    }

    /// The next number.
    pub(super) fn next(&mut self, page: &[u8]) -> Result<i64, Error> {
        self.left = self.left.checked_sub(1).ok_or(Fault::Ends)?;
        if let Some(first) = self.next.take() {
            return Ok(first);
        }
        if self.in_part == 0 {
            self.next_part(page)?;
        }
        self.in_part -= 1;
        let difference = unpack(page, self.bit, self.width).cast_signed();
        self.bit += self.width as usize;
        self.last = self.last.wrapping_add(self.least).wrapping_add(difference);
        Ok(self.last)
    }

    fn next_part(&mut self, page: &[u8]) -> Result<(), Error> {
        if self.widths.is_empty() {
            let mut bytes = page.get(self.at..).ok_or(Fault::Ends)?;
            self.least = zigzag(varint(&mut bytes)?);
            let start = page.len() - bytes.len();
            self.widths = start..start + self.parts;
            self.at = self.widths.end;
        }
        let width = *self.widths.next().and_then(|at| page.get(at)).ok_or(Fault::Ends)?;
        self.width = u32::from(width);
        if self.width > 64 {
            return Err(Error::damaged("expected numbers of at most 64 bits"));
        }
        self.bit = self.at * 8;
        self.in_part = self.part;
        // Parts of which no number is used are not there.
        self.at += self.part as usize / 8 * self.width as usize;
        let used = self.part.min(self.left + 1) as usize * self.width as usize;
        if (self.bit + used).div_ceil(8) > page.len() { Err(Fault::Ends.into()) } else { Ok(()) }
    }
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_format_are_read() {
        // 1, 2, 3, 4, 5: all differences are the same.
        let page = [128, 1, 4, 5, 2, 2, 0, 0, 0, 0];
        let mut deltas = Deltas::new(&page, 0, 5).unwrap();
        let found: Vec<i64> = (0..5).map(|_| deltas.next(&page).unwrap()).collect();
        assert_eq!(found, [1, 2, 3, 4, 5]);
        assert_eq!(Deltas::new(&page, 0, 5).unwrap().skip_all(&page).unwrap(), page.len());
        assert!(deltas.next(&page).is_err());
        // 7, 5, 3, 1, 2, 3, 4, 5: the least difference is -2.
        let mut page = vec![128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f];
        page.extend([0; 6]);
        let mut deltas = Deltas::new(&page, 0, 8).unwrap();
        let found: Vec<i64> = (0..8).map(|_| deltas.next(&page).unwrap()).collect();
        assert_eq!(found, [7, 5, 3, 1, 2, 3, 4, 5]);
        assert_eq!(Deltas::new(&page, 0, 8).unwrap().skip_all(&page).unwrap(), page.len());
    }

    #[test]
    fn heads_that_are_none_are_refused() {
        assert!(Deltas::new(&[128, 1, 0, 5, 2], 0, 5).is_err());
        assert!(Deltas::new(&[1, 4, 5, 2], 0, 5).is_err());
        assert!(Deltas::new(&[128, 1, 4, 6, 2], 0, 5).is_err());
        assert!(Deltas::new(&[128, 1, 4], 0, 5).is_err());
        let page = [128, 1, 4, 5, 2, 2, 65, 0, 0, 0];
        let mut deltas = Deltas::new(&page, 0, 5).unwrap();
        deltas.next(&page).unwrap();
        assert!(deltas.next(&page).is_err());
    }
}
