//! The range of values from black to white, if the sample type does not determine it.
//!
//! Floating-point samples should go from 0 to 1, and integers over all their bits. Scientific and mapping programs write
//! any values: 0 to 255 or 65,535 converted from integers, heights, temperatures. So:
//!
//! 1. Floating-point values that are mostly between 0 and 1 are taken as such. Larger values were brighter than white.
//! 2. Values from 0 to 255, 32,767, 65,535 or as many as their bits allow, if they go beyond a quarter of it, are
//!    taken as that. So are values from -1 to 1, or over all bits of signed numbers, that go below a quarter of it.
//! 3. The rest is stretched, from the least to the greatest value but for one of a thousand at either end.

use super::page::{Number, Sample};

/// Most values that are looked at.
const MOST: usize = 1 << 16;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    low: f64,
    high: f64,
}

impl Range {
    #[inline]
    pub(super) fn eight_bits(self, value: f64) -> u8 {
        // What is not a number counts as white, like what is transparent.
        let share = (value - self.low) / (self.high - self.low);
        let share = if share < 1.0 { share.max(0.0) } else { 1.0 };
        (share * 255.0).round() as u8
    }
}

/// Looks at some values of a picture, spread over all of it.
pub(super) struct Survey {
    sample: Sample,
    no_data: Option<f64>,
    values: Vec<f64>,
    step: u64,
    /// How many values come before the next one of the sample.
    skip: u64,
    least: f64,
    greatest: f64,
}

impl Survey {
    /// A survey of so many values, of which one may stand for "no value here".
    pub(super) fn new(sample: Sample, count: u64, no_data: Option<f64>) -> Self {
        // Odd, so that not all are of the same few columns.
        let step = (count / MOST as u64 + 1) | 1;
        let room = count.div_ceil(step).min(MOST as u64) as usize;
        let values = Vec::with_capacity(room);
        Self { sample, no_data, values, step, skip: 0, least: f64::INFINITY, greatest: f64::NEG_INFINITY }
    }

    /// Bytes that a survey takes.
    pub(super) const MEMORY: u64 = 8 * MOST as u64;

    pub(super) fn add(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            if !value.is_finite() || self.no_data == Some(value) {
                continue;
            }
            self.least = self.least.min(value);
            self.greatest = self.greatest.max(value);
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.values.len() < MOST {
                self.values.push(value);
                self.skip = self.step - 1;
            }
        }
    }

    /// The range of colours.
    pub(super) fn range(mut self) -> Range {
        if self.values.is_empty() {
            return Range { low: 0.0, high: 1.0 };
        }
        if self.sample.number == Number::Float && self.is_from_0_to_1() {
            return Range { low: 0.0, high: 1.0 };
        }
        if let Some(high) = self.full_range() {
            return Range { low: 0.0, high };
        }
        if let Some(range) = self.full_range_around_0() {
            return range;
        }
        // In place: a stable sort takes a copy.
        self.values.sort_unstable_by(f64::total_cmp);
        let rare = self.values.len() / 1000;
        let (low, high) = (self.values[rare], self.values[self.values.len() - 1 - rare]);
        let (low, high) = if low < high { (low, high) } else { (self.least, self.greatest) };
        // All are the same.
        if low < high { Range { low, high } } else { Range { low: low - 1.0, high: low + 1.0 } }
    }

    /// The range of transparency, of which there is all or nothing in most pixels.
    pub(super) fn range_of_alpha(self) -> Range {
        let high = if self.sample.number == Number::Float && self.greatest <= 1.0 { None } else { self.full_range() };
        let high = high.unwrap_or(self.greatest);
        Range {
            low: 0.0,
            high: if high > 0.0 && (self.sample.number != Number::Float || high > 1.0) { high } else { 1.0 },
        }
    }

    fn is_from_0_to_1(&self) -> bool {
        if self.least >= 0.0 && self.greatest <= 1.0 {
            return true;
        }
        let count = |is: fn(f64) -> bool| self.values.iter().filter(|value| is(**value)).count();
        let (inside, above, below) =
            (count(|value| value > 0.0 && value < 1.0), count(|value| value > 1.0), count(|value| value < 0.0));
        inside > above && below * 8 < self.values.len()
    }

    /// The greatest value of whole numbers as which these may have been written.
    fn full_range(&self) -> Option<f64> {
        let bits = match self.sample.number {
            Number::Float => 16,
            Number::Signed => self.sample.bits - 1,
            Number::Unsigned => self.sample.bits,
        };
        let all = f64::powi(2.0, bits.into()) - 1.0;
        let whole = [255.0, 32_767.0, 65_535.0, all].into_iter().filter(|whole| *whole <= all);
        let fits = |whole: &f64| self.greatest <= *whole && self.greatest > whole / 4.0;
        whole.into_iter().find(fits).filter(|_| self.least >= 0.0)
    }
}

impl Survey {
    /// The same for values on both sides of zero.
    fn full_range_around_0(&self) -> Option<Range> {
        let (low, high) = match self.sample.number {
            Number::Float => (-1.0, 1.0),
            Number::Signed => {
                let half = f64::powi(2.0, i32::from(self.sample.bits) - 1);
                (-half, half - 1.0)
            }
            Number::Unsigned => return None,
        };
        (self.least >= low && self.greatest <= high && self.least < low / 4.0).then_some(Range { low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(number: Number, bits: u16, values: &[f64]) -> (f64, f64) {
        let mut survey = Survey::new(Sample { bits, number }, values.len() as u64, Some(-9999.0));
        survey.add(values.iter().copied());
        let Range { low, high } = survey.range();
        (low, high)
    }

    #[test]
    fn of_floating_point_numbers() {
        let float = |values: &[f64]| range(Number::Float, 32, values);
        assert_eq!(float(&[0.0, 0.2, 0.4]), (0.0, 1.0));
        assert_eq!(float(&[0.1, 0.3, 0.5, 0.7, 40.0]), (0.0, 1.0), "highlights");
        assert_eq!(float(&[0.0, 12.0, 200.0]), (0.0, 255.0));
        assert_eq!(float(&[0.0, 12.0, 50_000.0]), (0.0, 65_535.0));
        assert_eq!(float(&[1200.0, 1900.0, f64::NAN, -9999.0]), (1200.0, 1900.0), "heights");
        assert_eq!(float(&[-1.0, -0.2, 0.4, 1.0]), (-1.0, 1.0));
        assert_eq!(float(&[7.0; 4]), (6.0, 8.0));
        assert_eq!(float(&[f64::NAN]), (0.0, 1.0));
    }

    #[test]
    fn a_few_strange_values_do_not_count() {
        let mut values: Vec<f64> = (0..5000).map(|i| 300.0 + f64::from(i) / 50.0).collect();
        values[77] = 3.4e38;
        let (low, high) = range(Number::Float, 32, &values);
        assert!((300.0..300.2).contains(&low) && (399.0..400.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn of_whole_numbers() {
        assert_eq!(range(Number::Unsigned, 32, &[0.0, 4e9]), (0.0, 4_294_967_295.0));
        assert_eq!(range(Number::Unsigned, 32, &[0.0, 3.0, 200.0]), (0.0, 255.0));
        assert_eq!(range(Number::Signed, 16, &[0.0, 30_000.0]), (0.0, 32_767.0));
        assert_eq!(range(Number::Signed, 8, &[-100.0, 30.0]), (-128.0, 127.0));
        assert_eq!(range(Number::Signed, 16, &[-1000.0, 3000.0]), (-1000.0, 3000.0));
    }

    #[test]
    fn what_is_no_number_is_white() {
        let range = Range { low: 10.0, high: 20.0 };
        assert_eq!([f64::NAN, f64::INFINITY, 5.0, 15.0].map(|value| range.eight_bits(value)), [255, 255, 0, 128]);
    }
}
