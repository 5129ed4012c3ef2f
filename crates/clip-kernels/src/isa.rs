//! Which instructions the processor has, asked once at run time.

use std::sync::OnceLock;

/// The instruction sets that the kernels come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// AVX-512 (F, VL, DQ and BW, which come together on everything but long-gone coprocessors) and what is below.
    Avx512,
    /// AVX2 with fused multiply-add and the conversion of half precision, which all processors with AVX2 have.
    Avx2,
    /// Plain Rust as below, and Armv8.2's dot products of bytes.
    Neon,
    /// Plain Rust, vectorised by the compiler for the target's baseline (NEON on 64-bit Arm).
    Portable,
}

impl Isa {
    /// The best that this processor has.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All that this processor has, best first.
    pub fn available() -> Vec<Self> {
        let mut isas = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
            {
                isas.push(Self::Avx512);
            }
            isas.push(Self::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            isas.push(Self::Neon);
        }
        isas.push(Self::Portable);
        isas
    }
}

/// Runs `body::<M>(arguments)`, `M` a [`Multiply`](crate::math::Multiply), compiled for an instruction set.
///
/// `body` must be `#[inline(always)]`, as must be what it calls in its loops, or it is compiled for the baseline.
macro_rules! vectorised {
    ($isa:expr, $body:ident($($argument:ident: $type:ty),* $(,)?)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")]
        fn avx512($($argument: $type),*) {
            $body::<$crate::math::Fused>($($argument),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c")]
        fn avx2($($argument: $type),*) {
            $body::<$crate::math::Fused>($($argument),*)
        }
        match $isa {
            // SAFETY: this processor has these features, or there would be no such `Isa`.
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx512 => unsafe { avx512($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx2 => unsafe { avx2($($argument),*) },
            _ => $body::<$crate::math::Baseline>($($argument),*),
        }
    }};
}
pub(crate) use vectorised;
