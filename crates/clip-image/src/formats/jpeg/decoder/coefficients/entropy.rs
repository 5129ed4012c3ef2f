//! The data of a scan: Huffman codes to coefficients (ITU-T T.81, F.2 and G.2).
//!
//! Damage is handled as in libjpeg: an invalid code counts as zero, and coefficients missing at the end of an interval stay
//! as they were. Decoding resynchronises at the next restart marker or scan.

use super::super::bits::{BitReader, ScanData};
use super::super::huffman::Table;
use super::band::{Band, Kind, places};
use super::frame::Frame;
use super::mcus::{Mcu, Mcus, size_of_scan};
use super::planes::{Coefficients, Plane, Planes};
use super::tables::Tables;

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
    let size = size_of_scan(frame, planes, components);
    let mut mcus = Mcus::new(data, tables.restart_interval, size);
    let mut reader = data.interval(0);
    let mut means = [0; 4];
    while let Some(mcu) = mcus.next(reader.is_within()) {
        if let Some(piece) = mcu.piece {
            (reader, means) = (data.interval(piece), [0; 4]);
        }
        for (mean, (component, dc, ac)) in means.iter_mut().zip(components) {
            let plane = planes.get_mut(*component);
            for index in mcu.blocks(&frame.components[*component], plane.stride, is_alone) {
                let block = plane.block_mut(index);
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

/// AC coefficients of one component.
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

/// The next symbol; zero if there is none, which is noted.
#[inline(always)]
fn symbol(table: &Table, reader: &mut BitReader<'_>, is_sound: &mut bool) -> u8 {
    table.symbol(reader).unwrap_or_else(|| {
        *is_sound = false;
        reader.consume(16);
        0
    })
}

/// Adds the difference to the previous DC coefficient.
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
