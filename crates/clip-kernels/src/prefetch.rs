//! Fetching memory into the cache before it is read.

/// Bytes of a cache line, on most processors.
pub const CACHE_LINE: usize = 64;

/// What a loop fetches ahead of its use.
#[derive(Debug, Clone, Copy)]
pub struct Prefetch {
    /// Any address.
    pub from: *const u8,
    /// Cache lines to fetch in each step.
    pub lines: usize,
}

impl Prefetch {
    /// Fetches a step's lines into the second-level cache. The first-level cache must keep what is in use.
    #[inline(always)]
    pub fn fetch(self, step: usize) {
        for line in 0..self.lines {
            prefetch(self.from.wrapping_add((step * self.lines + line) * CACHE_LINE));
        }
    }
}

/// Fetches one line into all caches, for a read that comes soon.
#[inline(always)]
pub fn fetch_line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect on memory, whatever the address, and all 64-bit processors have it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    prefetch(at);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch(at: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a prefetch has no effect on memory, whatever the address, and all 64-bit processors have it.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn prefetch(at: *const u8) {
    // SAFETY: as above.
    unsafe { std::arch::asm!("prfm pldl2keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn prefetch(_: *const u8) {}
