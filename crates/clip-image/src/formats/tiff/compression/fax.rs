//! Fax compression (T.4 and T.6), with the tables of the crate `fax`: its own decoders support only two of the four
//! codings, and require end-of-line marks that many files lack.

use std::convert::Infallible;
use std::io::{self, Read};

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};

use crate::formats::tiff::method::Coding;

/// Bytes of a chunk, each with its first bit highest, and then zeros: the last code may be shorter than what is looked at.
struct Bytes<'a> {
    rest: std::slice::Iter<'a, u8>,
    zeros: u8,
    is_reversed: bool,
}

impl Iterator for Bytes<'_> {
    type Item = Result<u8, Infallible>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(byte) = self.rest.next() {
            return Some(Ok(if self.is_reversed { byte.reverse_bits() } else { *byte }));
        }
        self.zeros = self.zeros.checked_sub(1)?;
        Some(Ok(0))
    }
}

/// Decodes rows of bits, where 1 is black.
pub(super) struct Fax<'a> {
    bits: ByteReader<Bytes<'a>>,
    coding: Coding,
    width: u32,
    /// The changing elements of the row above and of this one, starting with white.
    above: Vec<u32>,
    row: Vec<u32>,
    packed: Vec<u8>,
    /// How much of the packed row has been read.
    read: usize,
    /// Whether the row is one of runs, where rows may be of either kind.
    is_of_runs: bool,
    /// Whether the end mark has been found: what is missing is white.
    is_over: bool,
}

/// Bytes that a reader takes for rows of this width.
pub(super) fn memory(width: u32) -> u64 {
    // Two vectors of four bytes a change, which may have room for twice as many, and one of them while it grows.
    u64::from(width).saturating_add(16).saturating_mul(3 * 2 * 4 + 1)
}

enum Stop {
    Damaged,
    Unsupported,
}

impl<'a> Fax<'a> {
    pub(super) fn new(chunk: &'a [u8], coding: Coding, width: u32, is_reversed: bool) -> Self {
        let bytes = Bytes { rest: chunk.iter(), zeros: 8, is_reversed };
        let bits = match ByteReader::new(bytes) {
            Ok(bits) => bits,
            Err(never) => match never {},
        };
        let (above, row, packed) = (Vec::new(), Vec::new(), Vec::new());
        Self { bits, coding, width, above, row, packed, read: 0, is_of_runs: true, is_over: false }
    }

    fn take(&mut self, count: u8) {
        let Ok(()) = self.bits.consume(count);
    }

    /// Decodes the next row.
    fn next_row(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.above, &mut self.row);
        self.row.clear();
        if !self.is_over {
            self.codes_of_row().map_err(|stop| match stop {
                Stop::Unsupported => io::ErrorKind::Unsupported.into(),
                // Behind the last byte are only the zeros.
                Stop::Damaged if self.bits.peek(16).is_none_or(|bits| bits == 0) => {
                    io::Error::from(io::ErrorKind::UnexpectedEof)
                }
                Stop::Damaged => super::damaged(),
            })?;
        }
        self.pack();
        Ok(())
    }

    fn codes_of_row(&mut self) -> Result<(), Stop> {
        match self.coding {
            Coding::Rle => {
                self.runs()?;
                let to_byte = self.bits.bits_to_byte_boundary();
                self.take(to_byte);
                Ok(())
            }
            Coding::Group3 => {
                // Six in a row end the picture. Where it begins there may be none.
                self.is_over = self.marks() >= 6;
                if self.is_over { Ok(()) } else { self.runs() }
            }
            Coding::Group3TwoDimensional => {
                self.is_over = self.marks() >= 6;
                match (self.is_over, self.is_of_runs) {
                    (true, _) => Ok(()),
                    (false, true) => self.runs(),
                    (false, false) => self.differences(),
                }
            }
            Coding::Group4 => self.differences(),
        }
    }

    /// Whether there are more zeros than any code begins with: a mark between rows, perhaps with zeros before it.
    fn is_at_mark(&self) -> bool {
        self.bits.peek(11) == Some(0)
    }

    /// Passes over the marks before a row, and counts them.
    fn marks(&mut self) -> u32 {
        let mut count = 0;
        while self.is_at_mark() {
            while self.bits.peek(1) == Some(0) {
                self.take(1);
            }
            if self.bits.peek(1).is_none() {
                break;
            }
            self.take(1);
            count += 1;
            if self.coding == Coding::Group3TwoDimensional {
                self.is_of_runs = self.bits.peek(1) == Some(1);
                self.take(1);
            }
        }
        count
    }

    /// A one-dimensional row: runs of white and black in turn.
    fn runs(&mut self) -> Result<(), Stop> {
        let (mut at, mut is_black) = (0, false);
        while at < self.width {
            // A row that ends too early is white from there on.
            if at > 0 && self.coding != Coding::Rle && self.is_at_mark() {
                break;
            }
            at = self.run(at, is_black)?;
            self.change(at)?;
            is_black = !is_black;
        }
        Ok(())
    }

    /// Where a run ends that begins at a place.
    fn run(&mut self, start: u32, is_black: bool) -> Result<u32, Stop> {
        let mut end = start;
        loop {
            let decode = if is_black { black::decode } else { white::decode };
            let length = decode(&mut self.bits).ok_or(Stop::Damaged)?;
            end = end.saturating_add(length.into()).min(self.width);
            // Longer runs have a multiple of 64 before the rest.
            if length < 64 {
                return Ok(end);
            }
        }
    }

    fn change(&mut self, at: u32) -> Result<(), Stop> {
        // Runs of no pixels are allowed, but not any number of them.
        if self.row.len() as u64 > u64::from(self.width) + 8 {
            return Err(Stop::Damaged);
        }
        self.row.push(at);
        Ok(())
    }

    /// A two-dimensional row, with the names of T.4: the row is decoded up to `a0`, `b1` is the next change above to the
    /// other colour, and `b2` the change after it.
    fn differences(&mut self) -> Result<(), Stop> {
        let (mut a0, mut is_black) = (-1_i64, false);
        let mut above = 0;
        while a0 < i64::from(self.width) {
            while above > 0 && i64::from(self.above[above - 1]) > a0 {
                above -= 1;
            }
            while self.above.get(above).is_some_and(|change| i64::from(*change) <= a0) {
                above += 1;
            }
            // Every other change is to black.
            if (above % 2 == 1) != is_black {
                above += 1;
            }
            let change = |index: usize| self.above.get(index).copied().unwrap_or(self.width);
            let (b1, b2) = (change(above), change(above + 1));
            above = above.min(self.above.len());
            match mode::decode(&mut self.bits).ok_or(Stop::Damaged)? {
                Mode::Pass => a0 = b2.into(),
                Mode::Vertical(difference) => {
                    let a1 = i64::from(b1) + i64::from(difference);
                    let a1 = u32::try_from(a1.max(a0)).unwrap_or(0).min(self.width);
                    self.change(a1)?;
                    is_black = !is_black;
                    a0 = a1.into();
                }
                Mode::Horizontal => {
                    let start = u32::try_from(a0).unwrap_or(0);
                    let a1 = self.run(start, is_black)?;
                    self.change(a1)?;
                    let a2 = self.run(a1, !is_black)?;
                    self.change(a2)?;
                    a0 = a2.into();
                }
                Mode::EOF if a0 < 0 => {
                    self.is_over = true;
                    return Ok(());
                }
                Mode::EOF => return Err(Stop::Damaged),
                Mode::Extension => return Err(Stop::Unsupported),
            }
        }
        Ok(())
    }

    /// Eight pixels a byte.
    fn pack(&mut self) {
        self.read = 0;
        self.packed.clear();
        self.packed.resize(self.width.div_ceil(8) as usize, 0);
        for black in self.row.chunks(2) {
            let (start, end) = (black[0] as usize, *black.get(1).unwrap_or(&self.width) as usize);
            set_bits(&mut self.packed, start, end);
        }
    }
}

/// Sets the bits from one up to another, the highest bit of a byte first.
fn set_bits(bytes: &mut [u8], start: usize, end: usize) {
    if start >= end {
        return;
    }
    let (first, last) = (start / 8, (end - 1) / 8);
    let (from, to) = (0xff_u8 >> (start % 8), 0xff_u8 << (7 - (end - 1) % 8));
    if first == last {
        bytes[first] |= from & to;
    } else {
        bytes[first] |= from;
        bytes[first + 1..last].fill(0xff);
        bytes[last] |= to;
    }
}

impl Read for Fax<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.packed.len() {
            self.next_row()?;
        }
        let count = buffer.len().min(self.packed.len() - self.read);
        buffer[..count].copy_from_slice(&self.packed[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}
