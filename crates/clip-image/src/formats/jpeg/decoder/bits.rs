//! The bits of a scan.

use std::ops::Range;

use super::markers::{END_OF_IMAGE, RESTART_0, RESTART_7, next_marker};
use super::restarts::Restarts;

/// The entropy-coded data of a scan without the zeros stuffed behind each 0xff, cut at the restart
/// markers. Removing them first is one fast pass, and spares the bit reader a look at every byte.
pub(super) struct ScanData {
    bytes: Vec<u8>,
    /// Where each piece ends in `bytes`.
    ends: Vec<usize>,
    /// The number of the restart marker before each piece but the first.
    numbers: Vec<u8>,
    /// Whether the end marker was there.
    is_ended: bool,
}

impl ScanData {
    /// Takes the data that begins at `start`. `None` unless restart markers count up as they should
    /// and the end marker or the end of the file follows: anything else is left to the tolerant
    /// decoder.
    pub(super) fn read(jpeg: &[u8], start: usize) -> Option<Self> {
        jpeg.len().checked_sub(start)?;
        let (data, end) = Self::read_to_marker(jpeg, start);
        if data.numbers.iter().enumerate().any(|(marker, number)| marker % 8 != usize::from(*number)) {
            return None;
        }
        match end.map(|marker| jpeg[marker]) {
            Some(END_OF_IMAGE) => Some(Self { is_ended: true, ..data }),
            Some(_) => None,
            None => Some(data),
        }
    }

    /// Takes the data that begins at `start`, up to any marker but a restart: the position of its code comes with them,
    /// if the file does not end before. Restart markers may have any numbers.
    pub(super) fn read_to_marker(jpeg: &[u8], start: usize) -> (Self, Option<usize>) {
        let mut bytes = Vec::with_capacity(scan_bytes(jpeg, start));
        let (mut ends, mut numbers) = (Vec::new(), Vec::new());
        let mut position = start;
        let end = loop {
            // The marker's code; its 0xff, and perhaps fill bytes, come before.
            let Some(marker) = next_marker(jpeg, position) else {
                unstuff(jpeg.get(position..).unwrap_or_default(), &mut bytes);
                ends.push(bytes.len());
                break None;
            };
            unstuff(&jpeg[position..marker - 1], &mut bytes);
            ends.push(bytes.len());
            position = marker + 1;
            match jpeg[marker] {
                code @ RESTART_0..=RESTART_7 => numbers.push(code - RESTART_0),
                _ => break Some(marker),
            }
        };
        bytes.resize(bytes.len() + PADDING, 0);
        (Self { bytes, ends, numbers, is_ended: false }, end)
    }

    /// Whether the end marker was there.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Number of intervals; one where there are no restart markers.
    pub(super) fn intervals(&self) -> usize {
        self.ends.len()
    }

    /// The pieces of use, each with the interval that it is, if there should be this many of them.
    pub(super) fn pieces(&self, intervals: usize) -> Restarts<'_> {
        Restarts::new(&self.numbers, intervals)
    }

    /// A reader of one piece.
    pub(super) fn interval(&self, index: usize) -> BitReader<'_> {
        let Range { start, end } = self.place(index);
        BitReader { bytes: &self.bytes, position: start, end, buffer: 0, bits: 0 }
    }

    /// The bytes of one piece.
    pub(super) fn piece(&self, index: usize) -> &[u8] {
        &self.bytes[self.place(index)]
    }

    fn place(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }
}

/// The most bytes that the data of the scan that begins at `start` take without stuffing.
pub(super) fn scan_bytes(jpeg: &[u8], start: usize) -> usize {
    /// Below this size it is not worth a look where the scan ends.
    const SMALL: usize = 64 << 20;

    let rest = jpeg.len().saturating_sub(start);
    // What follows the picture may be longer than it: a film, in a moving photo.
    let end = || {
        let mut position = start;
        loop {
            match next_marker(jpeg, position) {
                Some(at) if matches!(jpeg[at], RESTART_0..=RESTART_7) => position = at + 1,
                Some(at) => break at - start,
                None => break rest,
            }
        }
    };
    if rest > SMALL { end() + PADDING } else { rest + PADDING }
}

/// Zeros behind the last interval, for whole words to be read there.
const PADDING: usize = 16;

/// Copies without the zero behind each 0xff; further 0xff are fill and dropped.
fn unstuff(mut stuffed: &[u8], to: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(0xff, stuffed) {
        to.extend_from_slice(&stuffed[..at]);
        if stuffed.get(at + 1) == Some(&0) {
            to.push(0xff);
            stuffed = &stuffed[at + 2..];
        } else {
            stuffed = &stuffed[at + 1..];
        }
    }
    to.extend_from_slice(stuffed);
}

/// Reads bits, the first in the highest place. It may be led past the end of its interval, into
/// whatever follows; [`BitReader::is_within`] tells afterwards.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Next byte to take.
    position: usize,
    /// Behind the interval's last byte.
    end: usize,
    /// The next bits, left-aligned. Below the valid ones lie more of the same stream, or zeros.
    buffer: u64,
    /// How many are valid.
    bits: u32,
}

impl BitReader<'_> {
    /// Makes at least 32 bits available, enough for a code (16) and its value (15).
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.bits < 32 {
            let word = self.bytes.get(self.position..self.position + 8);
            let word = word.map_or(0, |word| u64::from_be_bytes(word.try_into().unwrap_or_default()));
            self.buffer |= word >> self.bits;
            // Whole bytes only. The rest of the word stays in the buffer uncounted and is or'ed
            // onto itself the next time.
            let taken = (63 - self.bits) / 8;
            self.position += taken as usize;
            self.bits += taken * 8;
        }
    }

    /// The next 16 bits.
    #[inline(always)]
    pub(super) fn peek(&self) -> u32 {
        (self.buffer >> 48) as u32
    }

    /// Drops bits, no more than a refill guarantees.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        self.buffer <<= count;
        self.bits -= count;
    }

    /// A value of 1 to 15 bits: RECEIVE and EXTEND of ITU-T T.81, F.2.2.1.
    #[inline(always)]
    pub(super) fn value(&mut self, size: u32) -> i32 {
        let raw = (self.buffer >> (64 - size)) as i32;
        self.consume(size);
        // Values whose first bit is 0 are negative.
        if raw < 1 << (size - 1) { raw - (1 << size) + 1 } else { raw }
    }

    /// A number of up to 31 bits.
    #[inline(always)]
    pub(super) fn number(&mut self, size: u32) -> u32 {
        // In two steps, since none may shift by 64.
        let number = (self.buffer >> 1 >> (63 - size)) as u32;
        self.consume(size);
        number
    }

    /// Drops any number of bits.
    #[inline(always)]
    pub(super) fn skip(&mut self, mut count: u32) {
        while count > 0 {
            self.refill();
            let some = count.min(32);
            self.consume(some);
            count -= some;
        }
    }

    /// Whether less than a byte of the interval is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_within() && self.end * 8 + (self.bits as usize) < self.position * 8 + 8
    }

    /// Whether all that was read lay in the interval.
    pub(super) fn is_within(&self) -> bool {
        self.position * 8 <= self.end * 8 + self.bits as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Option<ScanData> {
        ScanData::read(bytes, 0)
    }

    #[test]
    fn removes_stuffing_and_cuts_at_restarts() {
        let data = scan(b"\x12\xff\x00\x34\xff\xd0\x56\xff\xff\xd1\xff\xd9").unwrap();
        assert_eq!(data.bytes[..data.bytes.len() - PADDING], *b"\x12\xff\x34\x56");
        assert_eq!(data.ends, [3, 4, 4]);
    }

    #[test]
    fn refuses_what_is_out_of_order() {
        assert!(scan(b"\x12\xff\xd1\x56\xff\xd9").is_none(), "restart 1 before 0");
        assert!(scan(b"\x12\xff\xda\0\x03\0\xff\xd9").is_none(), "another scan");
        assert!(!scan(b"\x12\x34").unwrap().is_ended(), "no end");
    }

    #[test]
    fn reads_values_and_knows_its_end() {
        // 101 -> 5, 0 -> -1, 0011 -> -12, 16 bits of ones.
        let data = scan(&[0b1010_0011, 0xff, 0, 0xff, 0, 0xff, 0xd9]).unwrap();
        let mut reader = data.interval(0);
        reader.refill();
        assert_eq!([reader.value(3), reader.value(1), reader.value(4)], [5, -1, -12]);
        assert_eq!(reader.peek(), 0xffff);
        assert!(!reader.is_at_end());
        reader.consume(16);
        assert!(reader.is_within() && reader.is_at_end());
        reader.refill();
        reader.consume(1);
        assert!(!reader.is_within());
    }

    #[test]
    fn reads_the_same_bits_in_steps_of_any_size() {
        let bytes: Vec<u8> = (0..200_u32).map(|i| (i * 37 % 251) as u8).collect();
        let jpeg = [&bytes[..], &[0xff, 0xd9]].concat();
        let data = scan(&jpeg).unwrap();
        for step in 1..=16_u32 {
            let mut reader = data.interval(0);
            for at in (0..1500).step_by(step as usize) {
                reader.refill();
                let expected = (0..step).fold(0, |all, i| {
                    let bit = at + i as usize;
                    all << 1 | u32::from(bytes[bit / 8] >> (7 - bit % 8) & 1)
                });
                assert_eq!(reader.peek() >> (16 - step), expected, "step {step} at {at}");
                reader.consume(step);
            }
        }
    }
}
