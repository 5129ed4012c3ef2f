//! The micro-kernel with Arm's dot products. Relies on what `check` asserts.

use std::arch::aarch64::*;
use std::arch::asm;

use super::operands::{Accumulators, CHUNK, GROUP_SIZE, GROUPS_PER_CHUNK, Operands};

/// `ROWS` x 16 sums.
#[target_feature(enable = "neon,dotprod")]
pub unsafe fn neon<const ROWS: usize>(tile: Operands<'_>, out: &mut Accumulators) {
    const VECTORS: usize = 4;
    const STEP: usize = 16;
    let mut sums = [[vdupq_n_s32(0); VECTORS]; ROWS];
    let mut right = tile.panel.as_ptr();
    for (chunk, first) in (0..tile.groups).step_by(GROUPS_PER_CHUNK).enumerate() {
        let left = tile.left.as_ptr().wrapping_add(chunk * ROWS * CHUNK);
        for group in 0..GROUPS_PER_CHUNK.min(tile.groups - first) {
            // SAFETY: the panel has `groups` times as many bytes as are read here.
            let columns: [int8x16_t; VECTORS] = std::array::from_fn(|v| unsafe { vld1q_s8(right.add(STEP * v)) });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: every chunk of the left side has `ROWS` times `CHUNK` bytes.
                let bytes = unsafe { left.add(row * CHUNK + group * GROUP_SIZE).cast::<i32>().read_unaligned() };
                let values = vreinterpretq_s8_s32(vdupq_n_s32(bytes));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = dot(*sum, values, column);
                }
            }
            right = right.wrapping_add(STEP * VECTORS);
        }
    }
    let out = out.0.as_mut_ptr();
    for (row, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: `Accumulators` has room for the largest tile.
            unsafe { vst1q_s32(out.add((row * VECTORS + v) * 4), *sum) };
        }
    }
}

/// Adds the sums of four products each. The compiler's own name for it is not stable yet.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction touches these registers alone, and is one of the enabled features.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}
