//! How much memory the prefix codes of lossless WebP data take.
//!
//! A picture may be cut into blocks with up to 65,536 groups of codes, of five codes each. In the file a code takes a
//! few bytes, as a table in memory up to 80 KB: in the smallest of pictures, a megabyte becomes gigabytes. How many
//! groups there are stands in a small picture of its own, so that one is stepped through here, and then all codes.

use super::codec::size_of_lossless;

/// Bytes that the codes of a picture take as tables. `payload` is a chunk of lossless data with its header.
/// Counts hardly further than `most`.
pub(super) fn memory(payload: &[u8], most: u64) -> u64 {
    // Behind the size come a bit for transparency and three for the version.
    memory_of_data(payload.get(5..).unwrap_or_default(), size_of_lossless(payload), most)
}

/// The same of data without a header, as transparency of lossy pictures is stored.
pub(super) fn memory_of_data(data: &[u8], size: (u32, u32), most: u64) -> u64 {
    let mut reader = Reader { bits: Bits { data, position: 0 }, memory: 0, most };
    // Where the data end or make no sense, the decoder gets no further either.
    let _ = reader.picture(size);
    reader.memory
}

/// Symbols of a code for green (and lengths, without the colour cache), red, blue, alpha and distances.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];

/// Bytes of five codes in a list that has just grown.
const GROUP: u64 = 640;

struct Reader<'a> {
    bits: Bits<'a>,
    /// Bytes so far.
    memory: u64,
    most: u64,
}

impl Reader<'_> {
    /// A picture up to its pixels.
    fn picture(&mut self, (mut width, height): (u32, u32)) -> Option<()> {
        let mut seen = [false; 4];
        while self.bits.read(1)? == 1 {
            let kind = self.bits.read(2)?;
            // Each transform comes once at most.
            if std::mem::replace(seen.get_mut(kind as usize)?, true) {
                return None;
            }
            match kind {
                // Predictors, or colours that depend on one another: a value for each block.
                0 | 1 => {
                    let block = self.bits.read(3)? + 2;
                    self.small_picture(blocks((width, height), block))?;
                }
                2 => (),
                _ => {
                    let colours = self.bits.read(8)? + 1;
                    self.small_picture((colours, 1))?;
                    // Several numbers of colours become one pixel.
                    let together = match colours {
                        0..=2 => 3,
                        3..=4 => 2,
                        5..=16 => 1,
                        _ => 0,
                    };
                    width = width.div_ceil(1 << together);
                }
            }
        }
        let cache = self.cache()?;
        let mut groups = 1;
        if self.bits.read(1)? == 1 {
            let block = self.bits.read(3)? + 2;
            groups = self.small_picture(blocks((width, height), block))? + 1;
        }
        for _ in 0..groups {
            self.memory += GROUP;
            for (i, alphabet) in ALPHABETS.into_iter().enumerate() {
                let code = self.code(alphabet + if i == 0 { cache } else { 0 })?;
                self.memory += code.memory();
            }
            if self.memory > self.most {
                return None;
            }
        }
        Some(())
    }

    /// Colours of the cache, which have codes of their own.
    fn cache(&mut self) -> Option<usize> {
        if self.bits.read(1)? == 0 {
            return Some(0);
        }
        let bits = self.bits.read(4)?;
        (1..=11).contains(&bits).then(|| 1 << bits)
    }

    /// Steps through a picture without transforms and with one group of codes. Returns the largest number that red and
    /// green make together: that of a group of codes, if that is what the picture is about. Pixels that are copied have
    /// been there before.
    fn small_picture(&mut self, (width, height): (u32, u32)) -> Option<u32> {
        let cache = self.cache()?;
        let codes: Vec<Code> = ALPHABETS
            .into_iter()
            .enumerate()
            .map(|(i, alphabet)| self.code(alphabet + if i == 0 { cache } else { 0 }))
            .collect::<Option<_>>()?;
        let [green, red, blue, alpha, distances] = &codes[..] else { return None };
        let mut left = u64::from(width) * u64::from(height);
        // One symbol each: the same pixel throughout, and no bits.
        if let [Some(pixel), Some(red), Some(_), Some(_)] = [green, red, blue, alpha].map(Code::only_symbol)
            && pixel < 256
        {
            return Some(u32::from(red) << 8 | u32::from(pixel));
        }
        let mut largest = 0;
        while left > 0 {
            let symbol = green.read(&mut self.bits)?;
            let length = match symbol {
                0..256 => {
                    let group = u32::from(red.read(&mut self.bits)?) << 8 | u32::from(symbol);
                    largest = largest.max(group);
                    blue.read(&mut self.bits)?;
                    alpha.read(&mut self.bits)?;
                    1
                }
                256..280 => {
                    let length = self.bits.number(symbol - 256)?;
                    let distance = distances.read(&mut self.bits)?;
                    self.bits.number(distance)?;
                    length
                }
                // From the cache.
                _ => 1,
            };
            left = left.saturating_sub(u64::from(length));
        }
        Some(largest)
    }

    fn code(&mut self, alphabet: usize) -> Option<Code> {
        if self.bits.read(1)? == 1 {
            let two = self.bits.read(1)? == 1;
            let long = self.bits.read(1)? == 1;
            let first = self.bits.read(if long { 8 } else { 1 })? as u16;
            let second = if two { Some(self.bits.read(8)? as u16) } else { None };
            return Some(match second {
                None => Code { single: Some(first), ..Code::default() },
                // In this order, whatever they are.
                Some(second) => {
                    let mut counts = [0; 16];
                    counts[1] = 2;
                    Code { counts, symbols: vec![first, second], single: None }
                }
            });
        }
        const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut lengths = [0; 19];
        let count = 4 + self.bits.read(4)? as usize;
        for place in ORDER.get(..count)? {
            lengths[*place] = self.bits.read(3)? as u8;
        }
        let code = Code::new(&lengths)?;
        let mut left = alphabet;
        if self.bits.read(1)? == 1 {
            let width = 2 + 2 * self.bits.read(3)?;
            left = 2 + self.bits.read(width)? as usize;
            if left > alphabet {
                return None;
            }
        }
        let mut lengths = vec![0; alphabet];
        let (mut place, mut last) = (0, 8);
        while place < alphabet && left > 0 {
            left -= 1;
            let symbol = code.read(&mut self.bits)?;
            let (length, repeat) = match symbol {
                0..16 => {
                    if symbol > 0 {
                        last = symbol as u8;
                    }
                    (symbol as u8, 1)
                }
                16 => (last, 3 + self.bits.read(2)? as usize),
                17 => (0, 3 + self.bits.read(3)? as usize),
                _ => (0, 11 + self.bits.read(7)? as usize),
            };
            lengths.get_mut(place..place + repeat)?.fill(length);
            place += repeat;
        }
        Code::new(&lengths)
    }
}

fn blocks((width, height): (u32, u32), bits: u32) -> (u32, u32) {
    (width.div_ceil(1 << bits), height.div_ceil(1 << bits))
}

/// A canonical prefix code.
#[derive(Default)]
struct Code {
    /// Codes of each length.
    counts: [u16; 16],
    /// In the order of their codes.
    symbols: Vec<u16>,
    /// The only symbol, which takes no bits.
    single: Option<u16>,
}

impl Code {
    /// From the length of each symbol's code; `None` if they do not make a code.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; 16];
        let mut symbols: Vec<u16> =
            (0..lengths.len() as u16).filter(|symbol| lengths[usize::from(*symbol)] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        for symbol in &symbols {
            *counts.get_mut(usize::from(lengths[usize::from(*symbol)]))? += 1;
        }
        if let [only] = symbols[..] {
            return Some(Self { single: Some(only), ..Self::default() });
        }
        let room = (1..16).map(|length| u32::from(counts[length]) << (15 - length)).sum::<u32>();
        (room == 1 << 15).then_some(Self { counts, symbols, single: None })
    }

    fn only_symbol(&self) -> Option<u16> {
        self.single
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<u16> {
        if let Some(symbol) = self.single {
            return Some(symbol);
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.read(1)?;
            let count = u32::from(*count);
            if code < first + count {
                return self.symbols.get((index + code - first) as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }

    /// As the decoder keeps it: a table by the first ten bits, and a tree for what is longer.
    fn memory(&self) -> u64 {
        const TABLE_BITS: usize = 10;
        let Some(longest) = self.counts.iter().rposition(|count| *count > 0) else { return 0 };
        let long: u64 = self.counts[TABLE_BITS + 1..].iter().map(|count| u64::from(*count)).sum();
        (4 << longest.min(TABLE_BITS)) + 64 * long
    }
}

struct Bits<'a> {
    data: &'a [u8],
    /// In bits.
    position: usize,
}

impl Bits<'_> {
    /// Up to 24 bits, the first in the lowest place.
    fn read(&mut self, count: u32) -> Option<u32> {
        let end = self.position + count as usize;
        if end > self.data.len() * 8 {
            return None;
        }
        let byte = self.position / 8;
        let mut word = [0; 4];
        let available = &self.data[byte..self.data.len().min(byte + 4)];
        word[..available.len()].copy_from_slice(available);
        let value = u32::from_le_bytes(word) >> (self.position % 8) & ((1 << count) - 1);
        self.position = end;
        Some(value)
    }

    /// A length or distance by its symbol and the bits behind it.
    fn number(&mut self, symbol: u16) -> Option<u32> {
        let symbol = u32::from(symbol);
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let more = (symbol - 2) >> 1;
        let bits = self.read(more)?;
        Some(((2 + (symbol & 1)) << more) + bits + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(lengths: &[u8]) -> Code {
        Code::new(lengths).unwrap()
    }

    #[test]
    fn codes_are_read_as_they_are_written() {
        // a 0, b 10, c 11.
        let code = code_of(&[1, 2, 2]);
        // From the lowest bit on: 0, 10, 11, 0.
        let mut bits = Bits { data: &[0b0001_1010], position: 0 };
        let read: Vec<_> = (0..4).map(|_| code.read(&mut bits).unwrap()).collect();
        assert_eq!(read, [0, 1, 2, 0]);
        assert!(Code::new(&[1, 1, 1]).is_none() && Code::new(&[2, 2]).is_none() && Code::new(&[]).is_none());
        assert_eq!(code_of(&[0, 7]).single, Some(1));
    }

    #[test]
    fn numbers_have_their_bits_behind_them() {
        let mut bits = Bits { data: &[0b101], position: 0 };
        assert_eq!(bits.number(3), Some(4));
        assert_eq!(bits.number(4), Some(4 + 1 + 1));
        assert_eq!(bits.position, 1);
        assert_eq!(bits.number(10), Some(32 + 0b10 + 1));
        assert_eq!(Bits { data: &[], position: 0 }.number(4), None);
    }

    /// Lossless files of real encoders have few codes, and all of their headers are understood.
    #[test]
    fn a_real_file_is_understood() {
        let file = include_bytes!("../../../tests/fixtures/lossless.webp");
        let start = file.windows(4).position(|kind| kind == b"VP8L").unwrap() + 8;
        let payload = &file[start..];
        let mut reader = Reader { bits: Bits { data: &payload[5..], position: 0 }, memory: 0, most: u64::MAX };
        assert_eq!(reader.picture((96, 64)), Some(()));
        assert!((1..1 << 20).contains(&reader.memory), "{}", reader.memory);
        assert_eq!(memory(payload, u64::MAX), reader.memory);
    }
}
