//! Which instructions the processor has, asked once at run time, and proofs of the answer.

use std::fmt;
use std::sync::OnceLock;

/// An instruction set that this processor has.
///
/// A value is a proof: it comes from detection ([`best`](Self::best), [`available`](Self::available)), or is the set that
/// needs none ([`portable`](Self::portable)), and the kernels run its instructions without asking again. So there is no
/// other way to make one. There are no variants to name:
///
/// ```compile_fail,E0599
/// let isa = clip_kernels::Isa::Avx512;
/// ```
///
/// and what is inside is private, to construct and to change:
///
/// ```compile_fail,E0423
/// let isa = clip_kernels::Isa(todo!());
/// ```
/// ```compile_fail,E0616
/// let mut isa = clip_kernels::Isa::portable();
/// isa.0 = todo!();
/// ```
///
/// Nor is there a default, or a conversion from a name or a number:
///
/// ```compile_fail,E0277
/// let isa: clip_kernels::Isa = Default::default();
/// ```
/// ```compile_fail,E0277
/// let isa: clip_kernels::Isa = "Avx512".parse().unwrap();
/// ```
/// ```compile_fail,E0277
/// let isa: clip_kernels::Isa = 0u8.into();
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Isa(Instructions);

/// What an [`Isa`] stands for. Each variant but the last holds a proof, which only this module can make, so that the
/// crate's own safe code cannot claim instructions either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// Plain Rust, but for products of bytes.
    #[cfg(target_arch = "aarch64")]
    Neon(NeonDotProduct),
    /// Plain Rust, vectorised by the compiler for the target's baseline (NEON on 64-bit Arm).
    Portable,
}

macro_rules! proofs {
    ($($(#[$attribute:meta])* $name:ident if $detected:expr;)*) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(());

        $(#[$attribute])*
        impl $name {
            /// Asks the processor.
            pub fn detect() -> Option<Self> {
                $detected.then_some(Self(()))
            }
        }
    )*};
}

proofs! {
    /// Proof of AVX2 with fused multiply-add and the conversion of half precision, which all processors with AVX2 have.
    #[cfg(target_arch = "x86_64")]
    Avx2 if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
    /// Proof of AVX-512 (F, VL, DQ and BW, which come together on everything but long-gone coprocessors) and of what
    /// [`Avx2`] proves.
    #[cfg(target_arch = "x86_64")]
    Avx512 if Avx2::detect().is_some()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw");
    /// Proof of AVX-512's dot products of bytes, and of what [`Avx512`] proves.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni if Avx512::detect().is_some() && is_x86_feature_detected!("avx512vnni");
    /// Proof of the same dot products in vectors of 256 bits, which processors without AVX-512 have, and of what
    /// [`Avx2`] proves.
    #[cfg(target_arch = "x86_64")]
    AvxVnni if Avx2::detect().is_some() && is_x86_feature_detected!("avxvnni");
    /// Proof of NEON with Armv8.2's dot products of bytes.
    #[cfg(target_arch = "aarch64")]
    NeonDotProduct if std::arch::is_aarch64_feature_detected!("neon")
        && std::arch::is_aarch64_feature_detected!("dotprod");
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// The part of the proof that is about AVX2.
    pub fn avx2(self) -> Avx2 {
        Avx2(())
    }
}

impl Isa {
    /// The best that this processor has.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All that this processor has, best first; the last one is [`portable`](Self::portable).
    pub fn available() -> Vec<Self> {
        let all = [
            #[cfg(target_arch = "x86_64")]
            Avx512::detect().map(Instructions::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx2::detect().map(Instructions::Avx2),
            #[cfg(target_arch = "aarch64")]
            NeonDotProduct::detect().map(Instructions::Neon),
            Some(Instructions::Portable),
        ];
        all.into_iter().flatten().map(Self).collect()
    }

    /// The one that every processor has.
    pub const fn portable() -> Self {
        Self(Instructions::Portable)
    }

    /// Its name: `Avx512`, `Avx2`, `Neon` or `Portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512(_) => "Avx512",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2(_) => "Avx2",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon(_) => "Neon",
            Instructions::Portable => "Portable",
        }
    }

    /// What it stands for, to choose a kernel by.
    #[inline]
    pub(crate) fn instructions(self) -> Instructions {
        self.0
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Function multiversioning: runs `body::<M>(arguments)`, `M` a [`MultiplyAdd`](crate::math::MultiplyAdd), in the version
/// that is compiled for an instruction set.
///
/// `body` must be `#[inline(always)]`, as must be what it calls in its loops, or it is compiled for the baseline.
macro_rules! multiversion {
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
        match $crate::Isa::instructions($isa) {
            // SAFETY: the variant proves the features.
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Instructions::Avx512(_) => unsafe { avx512($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Instructions::Avx2(_) => unsafe { avx2($($argument),*) },
            _ => $body::<$crate::math::Baseline>($($argument),*),
        }
    }};
}
pub(crate) use multiversion;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_the_first_of_those_that_are_there() {
        let available = Isa::available();
        assert_eq!(available.first(), Some(&Isa::best()));
        assert_eq!(available.last(), Some(&Isa::portable()));
        for (index, isa) in available.iter().enumerate() {
            assert!(!available[..index].contains(isa), "{isa:?} is there twice");
            assert_eq!(format!("{isa:?}"), isa.name());
        }
    }
}
