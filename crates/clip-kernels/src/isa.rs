//! Which instructions the processor has, asked once at run time.

use std::sync::OnceLock;

/// The instruction sets that the kernels come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// AVX-512F.
    Avx512,
    /// AVX2 with fused multiply-add.
    Avx2,
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
        {
            if is_x86_feature_detected!("avx512f") {
                isas.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                isas.push(Self::Avx2);
            }
        }
        isas.push(Self::Portable);
        isas
    }
}
