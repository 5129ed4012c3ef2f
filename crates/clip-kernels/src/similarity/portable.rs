//! Plain Rust, which compilers vectorise.

use half::f16;

/// Sums side by side, enough to hide the latency of additions.
const LANES: usize = 32;

pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

/// The body that is compiled for each instruction set.
#[inline(always)]
pub fn dot_f32<const FUSED: bool>(a: &[f32], b: &[f32]) -> f32 {
    let add = |x: f32, y: f32, sum: f32| if FUSED { x.mul_add(y, sum) } else { x * y + sum };
    let mut sums = [0f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] = add(a[lane], b[lane], sums[lane]);
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    a_rest.iter().zip(b_rest).fold(sums[0], |sum, (&x, &y)| add(x, y, sum))
}

pub fn dot_f16(query: &[f32], row: &[u16]) -> f32 {
    query.iter().zip(row).fold(0.0, |sum, (&x, &y)| sum + x * f16::from_bits(y).to_f32())
}
