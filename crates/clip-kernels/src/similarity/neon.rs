//! With Arm's dot products of bytes.

use std::arch::aarch64::*;
use std::arch::asm;

/// The sum of products.
///
/// # Safety
/// `row` must be as long as `query`, a multiple of 64.
#[target_feature(enable = "neon,dotprod")]
pub unsafe fn dot(query: &[i8], row: &[i8]) -> i32 {
    let mut sums = [vdupq_n_s32(0); 4];
    for at in (0..query.len()).step_by(64) {
        for (index, sum) in sums.iter_mut().enumerate() {
            let at = at + 16 * index;
            // SAFETY: 64 codes from the outer `at` on are within both slices.
            let (a, b) =
                unsafe { (vld1q_s8(query.as_ptr().wrapping_add(at)), vld1q_s8(row.as_ptr().wrapping_add(at))) };
            // The intrinsic is not stable yet.
            // SAFETY: the instruction has no effect but on its first register.
            unsafe {
                asm!("sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b", sum = inout(vreg) *sum, a = in(vreg) a, b = in(vreg) b,
                     options(pure, nomem, nostack, preserves_flags));
            }
        }
    }
    vaddvq_s32(vaddq_s32(vaddq_s32(sums[0], sums[1]), vaddq_s32(sums[2], sums[3])))
}
