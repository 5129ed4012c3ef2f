//! Huffman tables that decode one symbol, or step over several at once.

use super::bits::BitReader;

/// Bits looked up at once. Codes are up to 16 long, but long ones are rare.
const PEEK: u32 = 12;
const ENTRIES: usize = 1 << PEEK;

/// A Huffman table (ITU-T T.81, annexes C and F).
pub(super) struct Table {
    /// By the next [`PEEK`] bits: the code's length and symbol, length 0 where the code is longer.
    lookup: Box<[(u8, u8); ENTRIES]>,
    /// By length: one more than the last code of that length or less, left-aligned to 16 bits.
    limits: [u32; 17],
    /// By length: what to add to a code to get the place of its symbol.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

/// How to step over AC coefficients, by the next [`PEEK`] bits.
pub(super) struct Steps(Box<[Step]>);

/// A step over one or more AC coefficients whose values are of no interest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Bits to drop; 0 where no step is possible.
    pub(super) bits: u8,
    /// Places in zigzag order passed.
    pub(super) places: u8,
    /// Whether the end of the block comes then.
    pub(super) ends_block: bool,
}

impl Table {
    /// Builds a table from the number of codes of each length and their symbols in order. `None`
    /// if there are more codes of some length than bits can tell apart.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut lookup = Box::new([(0, 0); ENTRIES]);
        let (mut limits, mut offsets) = ([0; 17], [0; 17]);
        let mut code = 0_u32;
        let mut place = 0;
        for length in 1..=16_u32 {
            offsets[length as usize] = place as i32 - code as i32;
            for _ in 0..counts[length as usize - 1] {
                // The code of all ones is reserved by the standard, but harmless.
                if code >= 1 << length {
                    return None;
                }
                let symbol = *symbols.get(place)?;
                if length <= PEEK {
                    let first = (code << (PEEK - length)) as usize;
                    lookup[first..first + (1 << (PEEK - length))].fill((length as u8, symbol));
                }
                code += 1;
                place += 1;
            }
            limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(Self { lookup, limits, offsets, symbols: symbols.to_vec() })
    }

    /// Reads a symbol. `None` if no code begins with the next bits.
    #[inline(always)]
    pub(super) fn symbol(&self, reader: &mut BitReader<'_>) -> Option<u8> {
        let bits = reader.peek();
        let (length, symbol) = self.lookup[(bits >> (16 - PEEK)) as usize % ENTRIES];
        if length > 0 {
            reader.consume(u32::from(length));
            return Some(symbol);
        }
        self.long_symbol(reader, bits)
    }

    #[cold]
    fn long_symbol(&self, reader: &mut BitReader<'_>, bits: u32) -> Option<u8> {
        let length = (PEEK as usize + 1..=16).find(|length| bits < self.limits[*length])?;
        let code = (bits >> (16 - length)) as i32;
        reader.consume(length as u32);
        self.symbols.get(usize::try_from(code + self.offsets[length]).ok()?).copied()
    }
}

impl Steps {
    /// For data that this table encodes.
    pub(super) fn new(table: &Table) -> Self {
        Self((0..ENTRIES as u32).map(|bits| step(&table.lookup, bits)).collect())
    }

    /// How to step over the AC coefficients that begin in the next bits.
    #[inline(always)]
    pub(super) fn step(&self, reader: &BitReader<'_>) -> Step {
        self.0[(reader.peek() >> (16 - PEEK)) as usize % ENTRIES]
    }
}

/// Steps over as many symbols as lie in the given [`PEEK`] bits. The value bits of the last one
/// need not: it does not matter what they are.
fn step(lookup: &[(u8, u8); ENTRIES], bits: u32) -> Step {
    let mut all = Step::default();
    while u32::from(all.bits) < PEEK {
        let rest = (bits << all.bits) as usize % ENTRIES;
        let (length, symbol) = lookup[rest];
        if length == 0 || u32::from(all.bits + length) > PEEK {
            break;
        }
        let (run, size) = (symbol >> 4, symbol & 15);
        match (run, size) {
            (0, 0) => return Step { bits: all.bits + length, ends_block: true, ..all },
            (15, _) | (_, 1..) => {
                all.bits += length + size;
                all.places += run + 1;
            }
            // Not defined for sequential files; left to the reader of single symbols.
            _ => break,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::jpeg::decoder::bits::ScanData;

    /// The luminance AC table of T.81, K.3.3.2, begins like this: 00 -> 01, 01 -> 02, 100 -> 03,
    /// 1010 -> 00 (end of block), 1011 -> 04, 1100 -> 11. One code of 16 bits is added.
    fn table() -> Table {
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[3], counts[15]) = (2, 1, 3, 1);
        Table::new(&counts, &[0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0xf0]).unwrap()
    }

    fn data(bits: &str) -> ScanData {
        let padded = format!("{bits:1<64}");
        let mut bytes: Vec<u8> =
            (0..64).step_by(8).map(|at| u8::from_str_radix(&padded[at..at + 8], 2).unwrap()).collect();
        bytes = bytes.iter().flat_map(|b| if *b == 255 { vec![255, 0] } else { vec![*b] }).collect();
        bytes.extend([0xff, 0xd9]);
        ScanData::read(&bytes, 0).unwrap()
    }

    #[test]
    fn decodes_short_and_long_codes() {
        let data = data("00 01 100 1010 1100 1101000000000000".replace(' ', "").as_str());
        let mut reader = data.interval(0);
        let mut next = || {
            reader.refill();
            table().symbol(&mut reader)
        };
        assert_eq!([next(), next(), next()], [Some(1), Some(2), Some(3)]);
        assert_eq!([next(), next()], [Some(0), Some(0x11)]);
        // 1101 0000 0000 0000 is the code of 16 bits; what follows it is none.
        assert_eq!(next(), Some(0xf0));
        assert_eq!(next(), None);
    }

    #[test]
    fn refuses_too_many_codes() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(Table::new(&counts, &[1]).is_none());
    }

    #[test]
    fn steps_over_what_it_would_decode() {
        let table = table();
        let steps = Steps::new(&table);
        for bits in 0..ENTRIES as u32 {
            let step = steps.0[bits as usize];
            // Ones behind, as the values that a step may reach into do not matter.
            let data = data(&format!("{bits:012b}"));
            let mut reader = data.interval(0);
            let (mut used, mut places, mut ended) = (0, 0, false);
            while used < u32::from(step.bits) {
                reader.refill();
                let symbol = table.symbol(&mut reader).unwrap();
                let length = match symbol {
                    1 | 2 => 2,
                    3 => 3,
                    _ => 4,
                };
                used += length;
                if symbol == 0 {
                    ended = true;
                    continue;
                }
                let size = u32::from(symbol & 15);
                reader.refill();
                reader.consume(size);
                used += size;
                places += u32::from(symbol >> 4) + 1;
            }
            assert_eq!(
                (used, places, ended),
                (u32::from(step.bits), u32::from(step.places), step.ends_block),
                "{bits:012b}"
            );
        }
    }
}
