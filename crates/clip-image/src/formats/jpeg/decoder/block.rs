//! The blocks of a sequential scan.

use super::bits::BitReader;
use super::header::NATURAL;
use super::huffman::{Steps, Table};

/// A block's coefficients, row by row.
pub(super) struct Block {
    pub(super) coefficients: [i16; 64],
    /// Bit `v` is set if row `v` has a coefficient other than the mean, which is always taken. Most
    /// blocks are smooth: only a few rows have any.
    pub(super) rows: u8,
}

impl Default for Block {
    fn default() -> Self {
        Self { coefficients: [0; 64], rows: 0 }
    }
}

/// Decodes one component's blocks, each from the difference to the one before.
pub(super) struct BlockDecoder<'a> {
    dc_table: &'a Table,
    ac_table: &'a Table,
    /// Where not all coefficients are wanted: the place in zigzag order behind the last one that is, and how to step over
    /// those that follow.
    wanted: Option<(usize, Steps)>,
    last_dc: i32,
}

impl<'a> BlockDecoder<'a> {
    /// A decoder of all coefficients.
    pub(super) fn new((dc_table, ac_table): (&'a Table, &'a Table)) -> Self {
        Self { dc_table, ac_table, wanted: None, last_dc: 0 }
    }

    /// A decoder that steps over coefficients from the place `wanted` in zigzag order on.
    pub(super) fn stepping((dc_table, ac_table): (&'a Table, &'a Table), wanted: usize) -> Self {
        Self { wanted: Some((wanted, Steps::new(ac_table))), ..Self::new((dc_table, ac_table)) }
    }

    /// Begins a restart interval.
    pub(super) fn restart(&mut self) {
        self.last_dc = 0;
    }

    /// Makes `block`, whatever it was, the next one; `None` if the data are no block.
    ///
    /// There are hundreds of thousands in a photo, and to hand each over by value takes a fifth of the time to decode it.
    #[inline(always)]
    pub(super) fn decode(&mut self, reader: &mut BitReader<'_>, block: &mut Block) -> Option<()> {
        if block.rows != 0 {
            *block = Block::default();
        }
        reader.refill();
        let size = u32::from(self.dc_table.symbol(reader)?);
        match size {
            0 => (),
            1..=11 => self.last_dc += reader.value(size),
            _ => return None,
        }
        block.coefficients[0] = i16::try_from(self.last_dc).ok()?;

        let mut place = 1;
        while place < 64 {
            reader.refill();
            if let Some((wanted, steps)) = &self.wanted
                && place >= *wanted
            {
                let step = steps.step(reader);
                let next = place + usize::from(step.places);
                // A step must not reach into the next block. One that goes to the last place
                // exactly may not end with an end of block: there is none then.
                if step.bits > 0 && (next < 64 || next == 64 && !step.ends_block) {
                    reader.consume(u32::from(step.bits));
                    if step.ends_block {
                        break;
                    }
                    place = next;
                    continue;
                }
            }
            let symbol = self.ac_table.symbol(reader)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (0, 0) => break,
                (15, 0) => place += 16,
                (_, 0) => return None,
                _ => {
                    let natural = *NATURAL.get(place + run)?;
                    block.coefficients[usize::from(natural)] = reader.value(size) as i16;
                    block.rows |= 1 << (natural / 8);
                    place += run + 1;
                }
            }
        }
        if place > 64 {
            return None;
        }
        Some(())
    }
}
