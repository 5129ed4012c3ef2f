//! The data of a scan: Huffman codes to coefficients (ITU-T T.81, F.2 and G.2).
//!
//! Damage is survived as in libjpeg: a code that is none counts as zero, and what is missing at the end of an interval stays
//! as it was. The next restart marker, or the next scan, finds the way again.

use super::super::bits::{BitReader, ScanData};
use super::super::header::NATURAL;
use super::super::huffman::Table;
use super::arithmetic::Conditioning;
use super::frame::Frame;
use super::planes::{Coefficients, Plane, Planes};

/// What segments before a scan have defined.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// MCUs between restart markers; 0 for none.
    pub(super) restart_interval: usize,
    pub(super) conditioning: Conditioning,
}

/// Which coefficients a scan tells about, and which of their bits.
pub(super) struct Band {
    pub(super) kind: Kind,
    /// Places in zigzag order.
    pub(super) first: usize,
    pub(super) last: usize,
    /// How many of the lowest bits it leaves to later scans.
    pub(super) low: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of each block.
    Sequential,
    /// The means of blocks, but for their lowest bits.
    Mean,
    /// One more bit of each mean.
    MeanBit,
    /// Other coefficients, but for their lowest bits.
    Coefficients,
    /// One more bit of each.
    Bit,
}

impl Band {
    pub(super) fn sequential() -> Self {
        Self { kind: Kind::Sequential, first: 0, last: 63, low: 0 }
    }

    /// What the header of a scan of this many components says. `None` for what may not be.
    pub(super) fn progressive(first: u8, last: u8, approximation: u8, components: usize) -> Option<Self> {
        let (high, low) = (approximation >> 4, approximation & 15);
        let kind = match (first, high) {
            (0, 0) => Kind::Mean,
            (0, _) => Kind::MeanBit,
            (_, 0) => Kind::Coefficients,
            _ => Kind::Bit,
        };
        let is_possible = if first == 0 { last == 0 } else { first <= last && last < 64 && components == 1 };
        let (first, last) = (usize::from(first), usize::from(last));
        (is_possible && low <= 13).then_some(Self { kind, first, last, low: u32::from(low) })
    }

    /// A bit for each place.
    pub(super) fn places(&self) -> u64 {
        places(self.first, self.last)
    }

    /// Whether the data cannot be read without knowing which coefficients are zero so far.
    pub(super) fn depends_on_zeros(&self) -> bool {
        self.kind == Kind::Bit
    }

    /// Whether it makes coefficients at these places more precise than a sample shows: without it, none changes a sample by
    /// more than one level. The steps are in natural order.
    pub(super) fn is_within_a_level(&self, places: u64, quantisation: &[u16; 64]) -> bool {
        /// A coefficient is at most four times as large as the largest change of a sample that it makes (T.81, A.3.3).
        const LEVEL: u32 = 4;

        let unknown = (2 << self.low) - 1;
        let is_fine = |place: usize| u32::from(quantisation[usize::from(NATURAL[place])]) * unknown <= LEVEL;
        self.kind == Kind::Bit && (0..64).all(|place| places & 1 << place == 0 || is_fine(place))
    }

    pub(super) fn needs_dc_table(&self) -> bool {
        matches!(self.kind, Kind::Sequential | Kind::Mean)
    }

    pub(super) fn needs_ac_table(&self) -> bool {
        matches!(self.kind, Kind::Sequential | Kind::Coefficients | Kind::Bit)
    }
}

/// A bit for each place from `first` to `last`.
#[inline(always)]
fn places(first: usize, last: usize) -> u64 {
    (u64::MAX << first) & (u64::MAX >> (63 - last))
}

/// Reads the data of a scan. Says whether they are all there and sound. Components come with the numbers of their DC and AC
/// table; where the band needs one that is missing, nothing is read.
pub(super) fn read(
    frame: &Frame,
    components: &[(usize, usize, usize)],
    band: &Band,
    tables: &Tables,
    data: &ScanData,
    planes: &mut Planes,
) -> bool {
    match (band.kind, components) {
        (Kind::Coefficients | Kind::Bit, [(component, _, ac)]) => {
            let Some(table) = &tables.ac[*ac] else { return false };
            let plane = planes.get_mut(*component);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("popcnt")
            {
                // SAFETY: the processor has them.
                return unsafe { read_band_bmi(plane, band, table, tables.restart_interval, data) };
            }
            read_band(plane, band, table, tables.restart_interval, data)
        }
        _ => read_mcus(frame, components, band, tables, data, planes),
    }
}

/// The blocks of a scan of means, or of a sequential scan.
fn read_mcus(
    frame: &Frame,
    components: &[(usize, usize, usize)],
    band: &Band,
    tables: &Tables,
    data: &ScanData,
    planes: &mut Planes,
) -> bool {
    let is_alone = components.len() == 1;
    let size = match components {
        // Not interleaved: block by block, and only those that belong to the picture.
        [(component, ..)] => planes.get_mut(*component).blocks,
        _ => frame.mcus(),
    };
    let mut mcus = Mcus::new(data, tables.restart_interval, size);
    let mut reader = data.interval(0);
    let mut means = [0; 4];
    while let Some(Mcu { row, column, piece }) = mcus.next(reader.is_within()) {
        if let Some(piece) = piece {
            (reader, means) = (data.interval(piece), [0; 4]);
        }
        for (mean, (component, dc, ac)) in means.iter_mut().zip(components) {
            let sampling = &frame.components[*component];
            let (wide, high) = if is_alone { (1, 1) } else { (sampling.across, sampling.down) };
            let plane = planes.get_mut(*component);
            for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
                let block = plane.block_mut((row * high + y) * plane.stride + column * wide + x);
                let reader = &mut reader;
                mcus.is_sound &= match (band.kind, &tables.dc[*dc], &tables.ac[*ac]) {
                    (Kind::Sequential, Some(dc), Some(ac)) => read_block(reader, dc, ac, mean, block),
                    (Kind::Mean, Some(dc), _) => read_mean(reader, dc, mean, band.low, block),
                    (Kind::MeanBit, ..) => {
                        reader.refill();
                        block.values[0] |= (reader.number(1) as i16) << band.low;
                        true
                    }
                    _ => false,
                };
            }
        }
    }
    mcus.were_sound()
}

/// Compiled for a processor that counts bits, finds them and shifts them quickly.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2,popcnt")]
fn read_band_bmi(plane: &mut Plane, band: &Band, table: &Table, restart_interval: usize, data: &ScanData) -> bool {
    read_band(plane, band, table, restart_interval, data)
}

/// Coefficients other than means, of one component.
#[inline(always)]
fn read_band(plane: &mut Plane, band: &Band, table: &Table, restart_interval: usize, data: &ScanData) -> bool {
    let mut mcus = Mcus::new(data, restart_interval, plane.blocks);
    let mut reader = data.interval(0);
    // How many blocks, from the next one on, have no further coefficient.
    let mut ended = 0;
    while let Some(Mcu { row, column, piece }) = mcus.next(reader.is_within()) {
        if let Some(piece) = piece {
            (reader, ended) = (data.interval(piece), 0);
        }
        let block = plane.block_mut(row * plane.stride + column);
        mcus.is_sound &= if band.kind == Kind::Bit {
            read_bits(&mut reader, table, band, &mut ended, block)
        } else {
            read_coefficients(&mut reader, table, band, &mut ended, block)
        };
    }
    mcus.were_sound()
}

/// The MCUs of a scan, one by one, across the intervals that its data are cut into.
pub(super) struct Mcus<'a> {
    data: &'a ScanData,
    /// MCUs across and down.
    size: (usize, usize),
    /// MCUs of an interval.
    interval: usize,
    /// The piece of the data that comes next, and the interval that it should be.
    piece: usize,
    expected: usize,
    /// What is left of the interval at hand.
    left: usize,
    row: usize,
    column: usize,
    /// Whether all was sound so far.
    is_sound: bool,
}

/// Where an MCU is.
pub(super) struct Mcu {
    pub(super) row: usize,
    pub(super) column: usize,
    /// If it is the first of its interval: the piece of the data that it is in.
    pub(super) piece: Option<usize>,
}

impl<'a> Mcus<'a> {
    /// Those of a picture of this many MCUs across and down.
    pub(super) fn new(data: &'a ScanData, restart_interval: usize, size: (usize, usize)) -> Self {
        let total = size.0 * size.1;
        let interval = if restart_interval == 0 { total } else { restart_interval };
        Self { data, size, interval, piece: 0, expected: 0, left: 0, row: 0, column: 0, is_sound: true }
    }

    /// The next one. What was read before has to lie in its interval; where it does not, the next interval follows.
    #[inline(always)]
    pub(super) fn next(&mut self, is_within: bool) -> Option<Mcu> {
        if self.left == 0 || !is_within {
            self.is_sound &= is_within;
            return self.begin();
        }
        self.left -= 1;
        self.column += 1;
        if self.column == self.size.0 {
            (self.row, self.column) = (self.row + 1, 0);
        }
        Some(Mcu { row: self.row, column: self.column, piece: None })
    }

    /// The first one of the next interval.
    fn begin(&mut self) -> Option<Mcu> {
        let index = self.data.index(self.piece)?;
        let start = index.saturating_mul(self.interval);
        let total = self.size.0 * self.size.1;
        if start >= total {
            // More data than there are blocks.
            self.is_sound = false;
            return None;
        }
        self.is_sound &= index == self.expected;
        self.expected = index + 1;
        let piece = self.piece;
        self.piece += 1;
        self.left = self.interval.min(total - start) - 1;
        (self.row, self.column) = (start / self.size.0, start % self.size.0);
        Some(Mcu { row: self.row, column: self.column, piece: Some(piece) })
    }

    /// Whether all intervals were there, and their data sound.
    pub(super) fn were_sound(&self) -> bool {
        self.is_sound && self.expected == (self.size.0 * self.size.1).div_ceil(self.interval)
    }
}

/// The next symbol; zero if there is none, which is noted.
#[inline(always)]
fn symbol(table: &Table, reader: &mut BitReader<'_>, is_sound: &mut bool) -> u8 {
    table.symbol(reader).unwrap_or_else(|| {
        *is_sound = false;
        reader.consume(16);
        0
    })
}

/// Adds what the mean differs by from the one before.
#[inline(always)]
fn next_mean(reader: &mut BitReader<'_>, table: &Table, mean: &mut i32, is_sound: &mut bool) {
    reader.refill();
    match u32::from(symbol(table, reader, is_sound)) {
        0 => (),
        size @ 1..=15 => *mean = mean.wrapping_add(reader.value(size)),
        _ => *is_sound = false,
    }
}

fn read_mean(reader: &mut BitReader<'_>, table: &Table, mean: &mut i32, low: u32, block: Coefficients<'_>) -> bool {
    let mut is_sound = true;
    next_mean(reader, table, mean, &mut is_sound);
    block.values[0] = (*mean << low) as i16;
    is_sound
}

/// All of a block.
fn read_block(reader: &mut BitReader<'_>, dc: &Table, ac: &Table, mean: &mut i32, mut block: Coefficients<'_>) -> bool {
    let mut is_sound = true;
    next_mean(reader, dc, mean, &mut is_sound);
    block.values[0] = *mean as i16;
    let mut place = 1;
    while place < 64 {
        reader.refill();
        let symbol = symbol(ac, reader, &mut is_sound);
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        match (run, size) {
            (15, 0) => place += 16,
            (_, 0) => break,
            _ => {
                place += run;
                is_sound &= block.set(place, reader.value(size));
                place += 1;
            }
        }
    }
    is_sound
}

/// What a block's coefficients are but for their lowest bits.
#[inline(always)]
fn read_coefficients(
    reader: &mut BitReader<'_>,
    table: &Table,
    band: &Band,
    ended: &mut u32,
    mut block: Coefficients<'_>,
) -> bool {
    if *ended > 0 {
        *ended -= 1;
        return true;
    }
    let mut is_sound = true;
    let mut place = band.first;
    while place <= band.last {
        reader.refill();
        let symbol = symbol(table, reader, &mut is_sound);
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (run, size) {
            (15, 0) => place += 16,
            (_, 0) => {
                // This block is one of them.
                *ended = (1 << run) + reader.number(run) - 1;
                break;
            }
            _ => {
                place += run as usize;
                is_sound &= block.set(place, reader.value(size) << band.low);
                place += 1;
            }
        }
    }
    is_sound
}

/// One more bit of each of a block's coefficients.
#[inline(always)]
fn read_bits(
    reader: &mut BitReader<'_>,
    table: &Table,
    band: &Band,
    ended: &mut u32,
    mut block: Coefficients<'_>,
) -> bool {
    let mut is_sound = true;
    let bit = 1 << band.low;
    let mut place = band.first;
    while *ended == 0 && place <= band.last {
        reader.refill();
        let symbol = symbol(table, reader, &mut is_sound);
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let value = match (run, size) {
            (15, 0) => 0,
            (_, 0) => {
                *ended = (1 << run) + reader.number(run);
                break;
            }
            // It can only be one step from zero.
            _ => {
                is_sound &= size == 1;
                if reader.number(1) == 1 { bit } else { -bit }
            }
        };
        // Of the coefficients that are zero so far, the one behind a run of others. A bit stands for each that is not zero
        // in between.
        let rest = places(place, band.last);
        let mut zeros = !*block.nonzero & rest;
        for _ in 0..run {
            zeros &= zeros.wrapping_sub(1);
        }
        let next = if zeros == 0 { band.last + 1 } else { zeros.trailing_zeros() as usize };
        let passed = if zeros == 0 { rest } else { rest & ((1 << next) - 1) };
        block.add_bits(passed, bit as i16, reader);
        if value != 0 && next <= band.last {
            block.set(next, value);
        }
        place = next + 1;
    }
    if *ended > 0 {
        if place <= band.last {
            block.add_bits(places(place, band.last), bit as i16, reader);
        }
        *ended -= 1;
    }
    is_sound
}

impl Coefficients<'_> {
    /// Reads a bit for each coefficient at these places that is not zero so far, and adds it to its magnitude. Of those that
    /// are not kept, the bits are passed over.
    #[inline(always)]
    fn add_bits(&mut self, places: u64, bit: i16, reader: &mut BitReader<'_>) {
        let mut places = *self.nonzero & places;
        while places != 0 {
            let place = places.trailing_zeros() as usize;
            if place >= self.values.len() {
                reader.skip(places.count_ones());
                return;
            }
            places &= places - 1;
            reader.refill();
            if reader.number(1) == 1 {
                self.add(place, bit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands() {
        assert_eq!(places(0, 0), 1);
        assert_eq!(places(0, 63), u64::MAX);
        assert_eq!(places(1, 5), 0b11_1110);
        assert_eq!(places(63, 63), 1 << 63);
        let progressive = |first, last, approximation| Band::progressive(first, last, approximation, 1);
        assert!(progressive(0, 5, 0).is_none(), "a mean and other coefficients");
        assert!(progressive(6, 5, 0).is_none() && progressive(1, 64, 0).is_none());
        assert!(Band::progressive(1, 5, 0, 3).is_none(), "of several components");
        assert!(progressive(1, 63, 0x21).unwrap().depends_on_zeros());
        assert!(!progressive(0, 0, 0x21).unwrap().depends_on_zeros());
    }
}
