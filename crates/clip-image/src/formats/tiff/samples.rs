//! Samples of any kind in eight bits.

use super::page::{Colours, Number, Sample};
use super::range::Range;

/// How a sample becomes eight bits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scale {
    /// As it is: the number of a colour, or eight bits already.
    Keep { bits: u16 },
    /// All bits set is 255.
    Bits { bits: u16 },
    /// The high byte of two.
    High,
    /// The range of values is stretched.
    Range { sample: Sample, range: Range },
}

impl Scale {
    /// The scale of a page's samples; none if it depends on what values there are.
    pub(super) fn of(colours: Colours, sample: Sample) -> Option<Self> {
        let bits = sample.bits;
        match (colours, sample.number) {
            (Colours::Palette, _) | (_, Number::Unsigned) if bits == 8 || colours == Colours::Palette => {
                Some(Self::Keep { bits })
            }
            (Colours::Lab(_), _) => Some(Self::High),
            (_, Number::Unsigned) if bits <= 16 => Some(Self::Bits { bits }),
            _ => None,
        }
    }

    /// Reads one of every `step` samples of a row, from the one at `first` on.
    pub(super) fn convert(
        &self,
        row: &[u8],
        first: usize,
        step: usize,
        to: &mut [u8],
        to_first: usize,
        to_step: usize,
    ) {
        let to = to.iter_mut().skip(to_first).step_by(to_step);
        match *self {
            Self::Keep { bits: 8 } => {
                row.iter().skip(first).step_by(step).zip(to).for_each(|(from, to)| *to = *from);
            }
            Self::Bits { bits: 16 } => {
                let from = row.as_chunks::<2>().0.iter().skip(first).step_by(step);
                // Rounds to the nearest: 257 * 255 is 65,535.
                from.zip(to).for_each(|(from, to)| *to = ((u32::from(u16::from_ne_bytes(*from)) + 128) / 257) as u8);
            }
            Self::High => {
                let from = row.as_chunks::<2>().0.iter().skip(first).step_by(step);
                from.zip(to).for_each(|(from, to)| *to = (u16::from_ne_bytes(*from) >> 8) as u8);
            }
            Self::Keep { bits } => {
                to.enumerate().for_each(|(i, to)| *to = bits_at(row, first + i * step, bits) as u8);
            }
            Self::Bits { bits } => {
                let most = (1_u32 << bits) - 1;
                to.enumerate().for_each(|(i, to)| {
                    *to = ((bits_at(row, first + i * step, bits) * 255 + most / 2) / most) as u8;
                });
            }
            Self::Range { sample, range } => {
                let values = values(row, sample).skip(first).step_by(step);
                values.zip(to).for_each(|(value, to)| *to = range.eight_bits(value));
            }
        }
    }
}

/// A number of up to 16 bits, the highest first, without regard to bytes.
fn bits_at(row: &[u8], index: usize, bits: u16) -> u32 {
    let start = index * usize::from(bits);
    let byte = |i: usize| u32::from(row.get(start / 8 + i).copied().unwrap_or(0));
    let three = byte(0) << 16 | byte(1) << 8 | byte(2);
    (three >> (24 - start % 8 - usize::from(bits))) & ((1 << bits) - 1)
}

/// The numbers of a row, in the byte order of the machine.
pub(super) fn values(row: &[u8], sample: Sample) -> Box<dyn Iterator<Item = f64> + '_> {
    fn each<const N: usize>(row: &[u8], value: fn([u8; N]) -> f64) -> Box<dyn Iterator<Item = f64> + '_> {
        Box::new(row.as_chunks::<N>().0.iter().map(move |bytes| value(*bytes)))
    }
    match (sample.number, sample.bits) {
        (Number::Float, 16) => each(row, |bytes| half(u16::from_ne_bytes(bytes))),
        (Number::Float, 32) => each(row, |bytes| f32::from_ne_bytes(bytes).into()),
        (Number::Float, _) => each(row, f64::from_ne_bytes),
        (Number::Signed, 8) => each(row, |bytes| i8::from_ne_bytes(bytes).into()),
        (Number::Signed, 16) => each(row, |bytes| i16::from_ne_bytes(bytes).into()),
        (Number::Signed, 32) => each(row, |bytes| i32::from_ne_bytes(bytes).into()),
        (Number::Signed, _) => each(row, |bytes| i64::from_ne_bytes(bytes) as f64),
        (Number::Unsigned, 32) => each(row, |bytes| u32::from_ne_bytes(bytes).into()),
        (Number::Unsigned, _) => each(row, |bytes| u64::from_ne_bytes(bytes) as f64),
    }
}

/// A floating-point number of 16 bits.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * f64::powi(2.0, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * f64::powi(2.0, exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        assert_eq!([0x3c00, 0xc000, 0x0001, 0x7bff].map(half), [1.0, -2.0, 5.960_464_477_539_063e-8, 65504.0]);
        assert!(half(0x7e00).is_nan() && half(0xfc00) == f64::NEG_INFINITY);
    }

    #[test]
    fn numbers_that_do_not_end_with_bytes() {
        let row = [0xab, 0xcd, 0xef, 0x12, 0x34, 0x56];
        assert_eq!([0, 1, 2, 3].map(|i| bits_at(&row, i, 12)), [0xabc, 0xdef, 0x123, 0x456]);
        assert_eq!([0, 1, 11].map(|i| bits_at(&row, i, 4)), [0xa, 0xb, 6]);
        let mut eight = [0; 4];
        Scale::Bits { bits: 12 }.convert(&row, 0, 1, &mut eight, 0, 1);
        assert_eq!(eight, [0xab, 0xde, 0x12, 0x45]);
    }
}
