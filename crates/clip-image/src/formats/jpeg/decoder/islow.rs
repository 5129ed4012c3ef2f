//! The inverse cosine transform of libjpeg's default, "islow", to the bit: after Loeffler, Ligtenberg & Moschytz (1989)
//! with 13 bits behind the point, 2 of which the rows' pass gets to see. Eight columns, then eight rows, are transformed at
//! once.

use super::block::Block;

const CONST_BITS: u32 = 13;
const PASS1_BITS: u32 = 2;

const fn fixed(factor: f64) -> i32 {
    (factor * (1 << CONST_BITS) as f64 + 0.5) as i32
}

type Lanes = [i32; 8];

/// Writes a block's 8 x 8 samples, rows `stride` apart.
pub(super) fn inverse(block: &Block, quantisation: &[u16; 64], out: &mut [u8], stride: usize) {
    if block.rows == 0 {
        let mean = dequantised(block.coefficients[0], quantisation[0]);
        let mean = sample(descale(mean << PASS1_BITS, PASS1_BITS + 3));
        for line in out.chunks_mut(stride).take(8) {
            line[..8].fill(mean);
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { all_avx2(block, quantisation, out, stride) };
    }
    all(block, quantisation, out, stride);
}

/// Compiled for eight lanes in a register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn all_avx2(block: &Block, quantisation: &[u16; 64], out: &mut [u8], stride: usize) {
    all(block, quantisation, out, stride);
}

#[inline(always)]
fn all(block: &Block, quantisation: &[u16; 64], out: &mut [u8], stride: usize) {
    let mut rows = [[0; 8]; 8];
    for ((row, coefficients), steps) in
        rows.iter_mut().zip(block.coefficients.as_chunks::<8>().0).zip(quantisation.as_chunks::<8>().0)
    {
        for ((value, coefficient), step) in row.iter_mut().zip(coefficients).zip(steps) {
            *value = dequantised(*coefficient, *step);
        }
    }
    let rows = transposed(&pass::<{ CONST_BITS - PASS1_BITS }>(&rows));
    let rows = transposed(&pass::<{ CONST_BITS + PASS1_BITS + 3 }>(&rows));
    for (line, row) in out.chunks_mut(stride).zip(&rows) {
        for (to, value) in line[..8].iter_mut().zip(row) {
            *to = sample(*value);
        }
    }
}

/// 16 bits are what libjpeg's vectorised form keeps, and all that valid files need; so no sum below overflows.
#[inline(always)]
fn dequantised(coefficient: i16, step: u16) -> i32 {
    i32::from(coefficient.wrapping_mul(step as i16))
}

#[inline(always)]
fn sample(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

#[inline(always)]
fn descale(value: i32, bits: u32) -> i32 {
    value.wrapping_add(1 << (bits - 1)) >> bits
}

#[inline(always)]
fn transposed(rows: &[Lanes; 8]) -> [Lanes; 8] {
    std::array::from_fn(|y| std::array::from_fn(|x| rows[x][y]))
}

/// The transform of eight values in each of eight lanes; `SHIFT` is how many bits the result loses.
#[inline(always)]
fn pass<const SHIFT: u32>(input: &[Lanes; 8]) -> [Lanes; 8] {
    let mut out = [[0; 8]; 8];
    for lane in 0..8 {
        let at = |row: usize| input[row][lane];
        let times = |value: i32, factor: i32| value.wrapping_mul(factor);

        // Even part.
        let shared = times(at(2) + at(6), fixed(0.541196100));
        let low = shared - times(at(6), fixed(1.847759065));
        let high = shared + times(at(2), fixed(0.765366865));
        let sum = (at(0) + at(4)) << CONST_BITS;
        let difference = (at(0) - at(4)) << CONST_BITS;
        let even = [
            sum.wrapping_add(high),
            difference.wrapping_add(low),
            difference.wrapping_sub(low),
            sum.wrapping_sub(high),
        ];

        // Odd part.
        let (a, b, c, d) = (at(7), at(5), at(3), at(1));
        let shared = times(a + c + b + d, fixed(1.175875602));
        let ad = times(a + d, -fixed(0.899976223));
        let bc = times(b + c, -fixed(2.562915447));
        let ac = times(a + c, -fixed(1.961570560)).wrapping_add(shared);
        let bd = times(b + d, -fixed(0.390180644)).wrapping_add(shared);
        let odd = [
            times(d, fixed(1.501321110)).wrapping_add(ad).wrapping_add(bd),
            times(c, fixed(3.072711026)).wrapping_add(bc).wrapping_add(ac),
            times(b, fixed(2.053119869)).wrapping_add(bc).wrapping_add(bd),
            times(a, fixed(0.298631336)).wrapping_add(ad).wrapping_add(ac),
        ];

        for (row, (even, odd)) in even.into_iter().zip(odd).enumerate() {
            out[row][lane] = descale(even.wrapping_add(odd), SHIFT).clamp(-32768, 32767);
            out[7 - row][lane] = descale(even.wrapping_sub(odd), SHIFT).clamp(-32768, 32767);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::jpeg::decoder::idct;

    #[test]
    fn within_rounding_of_the_definition() {
        let coefficients: [i16; 64] = std::array::from_fn(|i| (i as i16 * 29) % 41 - 20);
        let quantisation: [u16; 64] = std::array::from_fn(|i| 1 + i as u16 / 8);
        let block = Block { coefficients, rows: 255 };
        let (mut exact, mut real) = ([0; 64], [0.0; 64]);
        inverse(&block, &quantisation, &mut exact, 8);
        idct::transform(8, 8).unwrap()(&block, &idct::scale_factors(&quantisation), &mut real, 8);
        for (exact, real) in exact.iter().zip(real) {
            assert!((f32::from(*exact) - real).abs() < 0.6, "{exact}, expected {real}");
        }
        assert!(exact.iter().max().unwrap() - exact.iter().min().unwrap() > 100);
    }

    #[test]
    fn a_mean_alone_is_a_special_case_only_in_speed() {
        for mean in [-2000, -1024, -300, -1, 0, 1, 7, 333, 1023, 2000] {
            let mut coefficients = [0; 64];
            coefficients[0] = mean;
            let (mut short, mut long) = ([0; 64], [1; 64]);
            inverse(&Block { coefficients, rows: 0 }, &[3; 64], &mut short, 8);
            inverse(&Block { coefficients, rows: 1 }, &[3; 64], &mut long, 8);
            assert_eq!(short, long, "mean {mean}");
        }
    }

    #[test]
    fn absurd_coefficients_do_not_overflow() {
        for sign in [1, -1] {
            let coefficients = std::array::from_fn(|i| if i % 3 == 0 { sign * i16::MAX } else { i16::MIN });
            inverse(&Block { coefficients, rows: 255 }, &[u16::MAX; 64], &mut [0; 64], 8);
        }
    }
}
