//! The data of a scan with arithmetic coding (ITU-T T.81, F.2.4 and G.2).
//!
//! There is no telling where damage begins: it makes noise up to the next restart.

mod coder;

use self::coder::{Bin, Coder};
use super::super::bits::ScanData;
use super::band::{Band, Kind};
use super::frame::Frame;
use super::mcus::{Mcus, size_of_scan};
use super::planes::{Coefficients, Planes};
use super::tables::{Conditioning, Tables};

/// What was learned of a component's decisions since the last restart.
struct Component {
    /// The plane, and the numbers of its tables.
    index: usize,
    dc: usize,
    ac: usize,
    mean: i32,
    /// What kind of difference the last one was: the first of the bins that the next one's decisions have.
    context: usize,
}

/// What decisions have been like, by the number of a table.
struct Statistics {
    means: [[Bin; 64]; 4],
    coefficients: [[Bin; 256]; 4],
    fixed: Bin,
}

impl Statistics {
    fn new() -> Self {
        Self { means: [[Bin::default(); 64]; 4], coefficients: [[Bin::default(); 256]; 4], fixed: Bin::FIXED }
    }
}

/// Reads the data of a scan. Says whether they are all there and sound. Components come with the numbers of their tables.
pub(super) fn read(
    frame: &Frame,
    components: &[(usize, usize, usize)],
    band: &Band,
    tables: &Tables,
    data: &ScanData,
    planes: &mut Planes,
) -> bool {
    let is_alone = components.len() == 1;
    let size = size_of_scan(frame, planes, components);
    let mut components: Vec<_> = components
        .iter()
        .map(|(index, dc, ac)| Component { index: *index, dc: *dc, ac: *ac, mean: 0, context: 0 })
        .collect();
    let mut statistics = Statistics::new();
    let mut coder = Coder::new(&[]);
    let mut mcus = Mcus::new(data, tables.restart_interval, size);
    // Whether the interval at hand makes sense so far.
    let mut makes_sense = true;
    while let Some(mcu) = mcus.next(makes_sense && coder.is_within()) {
        if let Some(piece) = mcu.piece {
            coder = Coder::new(data.piece(piece));
            statistics = Statistics::new();
            components.iter_mut().for_each(|component| (component.mean, component.context) = (0, 0));
            makes_sense = true;
        }
        for component in &mut components {
            let plane = planes.get_mut(component.index);
            for index in mcu.blocks(&frame.components[component.index], plane.stride, is_alone) {
                let block = plane.block_mut(index);
                let conditioning = &tables.conditioning;
                let mut decoder = Decoder { coder: &mut coder, statistics: &mut statistics, conditioning, component };
                makes_sense &= decoder.read_block(band, block).is_some();
            }
        }
    }
    mcus.were_sound()
}

/// The first bin of magnitudes, of a kind of coefficient.
const MAGNITUDES_OF_MEANS: usize = 20;
const MAGNITUDES_OF_LOW: usize = 189;
const MAGNITUDES_OF_HIGH: usize = 217;
/// From the bin of a magnitude to that of its further bits.
const FURTHER_BITS: usize = 14;

/// Reads what a component has in a block.
struct Decoder<'a, 'b> {
    coder: &'a mut Coder<'b>,
    statistics: &'a mut Statistics,
    conditioning: &'a Conditioning,
    component: &'a mut Component,
}

impl Decoder<'_, '_> {
    /// `None` if the data make no sense.
    fn read_block(&mut self, band: &Band, mut block: Coefficients<'_>) -> Option<()> {
        match band.kind {
            Kind::Sequential => {
                block.values[0] = self.next_mean()? as i16;
                self.read_coefficients(1, 63, 0, &mut block)
            }
            Kind::Mean => {
                block.values[0] = (self.next_mean()? << band.low) as i16;
                Some(())
            }
            Kind::MeanBit => {
                block.values[0] |= i16::from(self.coder.decide(&mut self.statistics.fixed)) << band.low;
                Some(())
            }
            Kind::Coefficients => self.read_coefficients(band.first, band.last, band.low, &mut block),
            Kind::Bit => self.read_bits(band, &mut block),
        }
    }

    fn decide_mean(&mut self, bin: usize) -> bool {
        self.coder.decide(&mut self.statistics.means[self.component.dc][bin])
    }

    fn decide(&mut self, bin: usize) -> bool {
        self.coder.decide(&mut self.statistics.coefficients[self.component.ac][bin])
    }

    fn decide_sign(&mut self) -> bool {
        self.coder.decide(&mut self.statistics.fixed)
    }

    /// The mean of the next block (F.1.4.1 and F.1.4.4.1).
    fn next_mean(&mut self) -> Option<i32> {
        let context = self.component.context;
        if !self.decide_mean(context) {
            self.component.context = 0;
            return Some(self.component.mean);
        }
        let is_negative = self.decide_mean(context + 1);
        let bin = context + 2 + usize::from(is_negative);
        let mut bits = 0;
        let mut last = bin;
        if self.decide_mean(bin) {
            bits = 1;
            last = MAGNITUDES_OF_MEANS;
            while self.decide_mean(last) {
                bits += 1;
                last += 1;
                if bits > 15 {
                    return None;
                }
            }
        }
        let (none, large) = self.conditioning.means[self.component.dc];
        // The highest bit of what the magnitude, less one, is.
        let magnitude = if bits == 0 { 0 } else { 1 << (bits - 1) };
        self.component.context = match magnitude {
            _ if magnitude < (1 << none) >> 1 => 0,
            _ if magnitude > (1 << large) >> 1 => 12 + 4 * usize::from(is_negative),
            _ => 4 + 4 * usize::from(is_negative),
        };
        let rest = (0..i32::max(bits - 1, 0))
            .rev()
            .fold(magnitude, |all, bit| all | i32::from(self.decide_mean(last + FURTHER_BITS)) << bit);
        let difference = if is_negative { -(rest + 1) } else { rest + 1 };
        self.component.mean = self.component.mean.wrapping_add(difference);
        Some(self.component.mean)
    }

    /// Coefficients from place `first` to `last`, but for their `low` lowest bits (F.1.4.2 and F.1.4.4.2).
    fn read_coefficients(&mut self, first: usize, last: usize, low: u32, block: &mut Coefficients<'_>) -> Option<()> {
        let mut place = first;
        while place <= last {
            // The end of the block.
            if self.decide(3 * (place - 1)) {
                break;
            }
            while !self.decide(3 * (place - 1) + 1) {
                place += 1;
                if place > last {
                    return None;
                }
            }
            let is_negative = self.decide_sign();
            let magnitude = self.magnitude(place)?;
            block.set(place, (if is_negative { -magnitude } else { magnitude }) << low);
            place += 1;
        }
        Some(())
    }

    fn magnitude(&mut self, place: usize) -> Option<i32> {
        let bin = 3 * (place - 1) + 2;
        if !self.decide(bin) {
            return Some(1);
        }
        if !self.decide(bin) {
            return Some(2);
        }
        let is_low = place <= usize::from(self.conditioning.low[self.component.ac]);
        let mut last = if is_low { MAGNITUDES_OF_LOW } else { MAGNITUDES_OF_HIGH };
        let mut bits = 1;
        while self.decide(last) {
            bits += 1;
            last += 1;
            if bits > 14 {
                return None;
            }
        }
        let magnitude =
            (0..bits).rev().fold(1 << bits, |all, bit| all | i32::from(self.decide(last + FURTHER_BITS)) << bit);
        Some(magnitude + 1)
    }

    /// One more bit of each coefficient (G.1.3.3).
    fn read_bits(&mut self, band: &Band, block: &mut Coefficients<'_>) -> Option<()> {
        let bit = 1 << band.low;
        // The end may come only behind the last coefficient that is not zero so far.
        let told = *block.nonzero & (u64::MAX >> (63 - band.last)) & !1;
        let last_told = told.checked_ilog2().map_or(0, |place| place as usize);
        let mut place = band.first;
        while place <= band.last {
            if place > last_told && self.decide(3 * (place - 1)) {
                break;
            }
            loop {
                let bin = 3 * (place - 1);
                if *block.nonzero & 1 << place != 0 {
                    if self.decide(bin + 2) {
                        block.add(place, bit);
                    }
                    break;
                }
                if self.decide(bin + 1) {
                    let is_negative = self.decide_sign();
                    block.set(place, if is_negative { -i32::from(bit) } else { i32::from(bit) });
                    break;
                }
                place += 1;
                if place > band.last {
                    return None;
                }
            }
            place += 1;
        }
        Some(())
    }
}
