//! Quantisation of rows to bytes, with a scale and a zero point for each row (dynamic and asymmetric), and of weights.

mod portable;
mod ranges;
pub mod weights;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::ranges::Ranges;
use crate::Isa;
use crate::f32_tile::MAX_ROWS;
use crate::int8_tile::{CHUNK, Int8Kernel, RowQuantisation};
#[cfg(target_arch = "x86_64")]
use crate::isa::Instructions;

/// Quantises a tile's rows: the 256 codes of a row cover its numbers and zero. `parameters` has an entry for each row,
/// `values` are `[rows, depth]`, `codes` `[chunks, rows, chunk]`; the codes after the last number have any value. The scale
/// of a row that holds NaN or an infinity is NaN.
///
/// With `ranges`, the codes cover these instead, and numbers outside are clamped.
///
/// Every instruction set gives the same codes and zero points, less [`Int8Kernel::code_offset`].
pub fn quantise_rows(
    isa: Isa,
    kernel: Int8Kernel,
    ranges: Option<&Ranges>,
    values: &[f32],
    codes: &mut [u8],
    parameters: &mut [RowQuantisation],
) {
    let rows = parameters.len();
    assert!(rows > 0 && rows <= MAX_ROWS && values.len().is_multiple_of(rows), "values are [rows, depth]");
    let depth = values.len() / rows;
    assert!(codes.len() >= depth.div_ceil(CHUNK) * rows * CHUNK, "codes are [chunks, rows, chunk]");
    // All ranges first: each is a chain of dependent steps, and those of several rows can overlap.
    let found;
    let ranges = match ranges {
        Some(ranges) => ranges,
        None => {
            found = match isa.instructions() {
                // SAFETY: the variant proves AVX-512, of which these are parts.
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512(_) => unsafe { x86::ranges_avx512(values, depth) },
                // SAFETY: the variant proves AVX2.
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2(_) => unsafe { x86::ranges_avx2(values, depth) },
                _ => portable::ranges(values, depth),
            };
            &found
        }
    };
    match isa.instructions() {
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => unsafe { x86::codes_avx512(values, depth, rows, ranges, codes) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => unsafe { x86::codes_avx2(values, depth, rows, ranges, codes) },
        _ => portable::codes(values, depth, rows, ranges, codes, kernel.code_offset()),
    }
    let of_rows = ranges.zero_point.iter().zip(&ranges.scale);
    for (row, (zero_point, scale)) in parameters.iter_mut().zip(of_rows) {
        *row = RowQuantisation { scale: *scale, zero_point: zero_point - i32::from(kernel.code_offset()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use proptest::prelude::*;

    /// Rows' codes in their order.
    fn codes(isa: Isa, kernel: Int8Kernel, values: &[f32], rows: usize) -> (Vec<RowQuantisation>, Vec<Vec<u8>>) {
        let depth = values.len() / rows;
        let chunks = depth.div_ceil(CHUNK);
        let (mut tile, mut parameters) = (vec![99; chunks * rows * CHUNK], vec![RowQuantisation::default(); rows]);
        quantise_rows(isa, kernel, None, values, &mut tile, &mut parameters);
        let mut found = vec![Vec::new(); rows];
        for (place, chunk) in tile.chunks_exact(CHUNK).enumerate() {
            found[place % rows].extend(chunk.iter().map(|code| code.wrapping_add(kernel.code_offset())));
        }
        found.iter_mut().for_each(|row| row.truncate(depth));
        (parameters, found)
    }

    proptest! {
        #[test]
        fn instruction_sets_agree(
            rows in 1usize..7, depth in 1usize..100, shift in -2f32..2.0, size in -40i32..30, seed: u64,
        ) {
            let factor = 10f32.powi(size);
            let values: Vec<f32> = noise(seed, rows * depth).iter().map(|x| (x + shift) * factor).collect();
            let (expected, reference) = codes(Isa::portable(), Int8Kernel::Portable, &values, rows);
            for isa in Isa::available() {
                let (parameters, found) = codes(isa, Int8Kernel::of(isa), &values, rows);
                let offset = i32::from(Int8Kernel::of(isa).code_offset());
                for (found, expected) in parameters.iter().zip(&expected) {
                    let (found, expected) = ((found.scale, found.zero_point + offset), (expected.scale, expected.zero_point));
                    prop_assert_eq!(found, expected, "{:?}", isa);
                }
                prop_assert_eq!(&found, &reference, "{:?}", isa);
            }
        }

        #[test]
        fn codes_are_no_further_off_than_half_a_step(values in prop::collection::vec(-100f32..100.0, 1..100)) {
            let min = values.iter().copied().fold(0.0, f32::min);
            let max = values.iter().copied().fold(0.0, f32::max);
            let step = f64::from(max - min) / 255.0;
            let (parameters, found) = codes(Isa::portable(), Int8Kernel::Portable, &values, 1);
            for (value, code) in values.iter().zip(&found[0]) {
                let found = f64::from(i32::from(*code) - parameters[0].zero_point) * f64::from(parameters[0].scale);
                // Zero's own place is rounded too, which may move an end of the range.
                prop_assert!((found - f64::from(*value)).abs() <= 1.01 * step, "{found} for {value}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_poisons_its_row() {
        for isa in Isa::available() {
            for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in [0, 17, 39] {
                    let mut values = vec![1.0; 80];
                    values[at] = wrong;
                    let (parameters, _) = codes(isa, Int8Kernel::of(isa), &values, 2);
                    assert!(
                        parameters[0].scale.is_nan() && parameters[1].scale.is_finite(),
                        "{isa:?}: {wrong} at {at}"
                    );
                }
            }
        }
    }
}
