//! Numbers to bytes, a row at a time: a factor and a zero for each (dynamic, asymmetric quantisation).

mod portable;
mod ranges;
pub mod weights;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::ranges::Ranges;
use crate::Isa;
use crate::f32_tile::MOST_ROWS;
use crate::int8_tile::{CHUNK, Dots, Map};
#[cfg(target_arch = "x86_64")]
use crate::isa::Instructions;

/// Spreads the numbers of each of a tile's rows, and zero, over the 256 codes; `maps` has a place for each row. `values`
/// are `[rows, depth]`, `codes` `[chunks, rows, chunk]`; those of a last chunk that is not full are of any value. A row that
/// holds a number that is not finite becomes NaN.
///
/// With `ranges` given, the codes are spread over these, and numbers outside become the nearest inside.
///
/// Every instruction set gives the same codes, stored less [`Dots::offset`], as is the zero.
pub fn quantise(isa: Isa, dots: Dots, ranges: Option<&Ranges>, values: &[f32], codes: &mut [u8], maps: &mut [Map]) {
    let rows = maps.len();
    assert!(rows > 0 && rows <= MOST_ROWS && values.len().is_multiple_of(rows), "values are [rows, depth]");
    let depth = values.len() / rows;
    assert!(codes.len() >= depth.div_ceil(CHUNK) * rows * CHUNK, "codes are [chunks, rows, chunk]");
    // All ranges first: each is a chain of steps that wait for one another, and those of several rows can go side by side.
    let found;
    let ranges = match ranges {
        Some(ranges) => ranges,
        None => {
            found = match isa.instructions() {
                // SAFETY: the variant proves AVX-512, of which these are parts.
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512(_) => unsafe { x86::ranges512(values, depth) },
                // SAFETY: the variant proves AVX2.
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2(_) => unsafe { x86::ranges256(values, depth) },
                _ => portable::ranges(values, depth),
            };
            &found
        }
    };
    match isa.instructions() {
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => unsafe { x86::bytes512(values, depth, rows, ranges, codes) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => unsafe { x86::bytes256(values, depth, rows, ranges, codes) },
        _ => portable::bytes(values, depth, rows, ranges, codes, dots.offset()),
    }
    let zeros = ranges.zero.iter().zip(&ranges.scale);
    for (map, (zero, scale)) in maps.iter_mut().zip(zeros) {
        *map = Map { scale: *scale, zero: zero - i32::from(dots.offset()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use proptest::prelude::*;

    /// Rows' codes in their order.
    fn codes(isa: Isa, dots: Dots, values: &[f32], rows: usize) -> (Vec<Map>, Vec<Vec<u8>>) {
        let depth = values.len() / rows;
        let chunks = depth.div_ceil(CHUNK);
        let (mut tile, mut maps) = (vec![99; chunks * rows * CHUNK], vec![Map::default(); rows]);
        quantise(isa, dots, None, values, &mut tile, &mut maps);
        let mut found = vec![Vec::new(); rows];
        for (place, chunk) in tile.chunks_exact(CHUNK).enumerate() {
            found[place % rows].extend(chunk.iter().map(|code| code.wrapping_add(dots.offset())));
        }
        found.iter_mut().for_each(|row| row.truncate(depth));
        (maps, found)
    }

    proptest! {
        #[test]
        fn instruction_sets_agree(
            rows in 1usize..7, depth in 1usize..100, shift in -2f32..2.0, size in -40i32..30, seed: u64,
        ) {
            let factor = 10f32.powi(size);
            let values: Vec<f32> = noise(seed, rows * depth).iter().map(|x| (x + shift) * factor).collect();
            let (expected, reference) = codes(Isa::portable(), Dots::Portable, &values, rows);
            for isa in Isa::available() {
                let (maps, found) = codes(isa, Dots::of(isa), &values, rows);
                let offset = i32::from(Dots::of(isa).offset());
                let same = |(a, b): (&Map, &Map)| (a.scale, a.zero + offset) == (b.scale, b.zero);
                prop_assert!(maps.iter().zip(&expected).all(same), "{:?}: {:?}, not {:?}", isa, maps, expected);
                prop_assert_eq!(&found, &reference, "{:?}", isa);
            }
        }

        #[test]
        fn codes_are_no_further_off_than_half_a_step(values in prop::collection::vec(-100f32..100.0, 1..100)) {
            let least = values.iter().copied().fold(0.0, f32::min);
            let most = values.iter().copied().fold(0.0, f32::max);
            let step = f64::from(most - least) / 255.0;
            let (maps, found) = codes(Isa::portable(), Dots::Portable, &values, 1);
            for (value, code) in values.iter().zip(&found[0]) {
                let found = f64::from(i32::from(*code) - maps[0].zero) * f64::from(maps[0].scale);
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
                    let (maps, _) = codes(isa, Dots::of(isa), &values, 2);
                    assert!(maps[0].scale.is_nan() && maps[1].scale.is_finite(), "{isa:?}: {wrong} at {at}");
                }
            }
        }
    }
}
