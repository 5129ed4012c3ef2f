//! Which instructions multiply bytes, and the shapes that they work on.

use super::operands::GROUP_SIZE;
use crate::Isa;
use crate::isa::Instructions;
#[cfg(target_arch = "aarch64")]
use crate::isa::NeonDotProduct;
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512Vnni, AvxVnni};

/// A form of the micro-kernel. All but the last hold a proof that the processor has its instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Int8Kernel {
    /// With AVX-512 VNNI, vectors of 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    /// With AVX-VNNI, vectors of 256 bits, on processors without AVX-512 VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    /// With AVX2, whose instruction adds up pairs of products in 16 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// With Arm's dot products, whose left side is signed as well.
    #[cfg(target_arch = "aarch64")]
    Neon(NeonDotProduct),
    /// In plain Rust.
    Portable,
}

impl Int8Kernel {
    /// The best form for an instruction set.
    pub fn of(isa: Isa) -> Self {
        match isa.instructions() {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512(proof) => {
                Avx512Vnni::detect().map_or_else(|| Self::of_256_bits(proof.avx2()), Self::Avx512Vnni)
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2(proof) => Self::of_256_bits(proof),
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon(proof) => Self::Neon(proof),
            Instructions::Portable => Self::Portable,
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn of_256_bits(proof: Avx2) -> Self {
        AvxVnni::detect().map_or(Self::Avx2(proof), Self::AvxVnni)
    }

    /// Positions of the depth in a group.
    pub fn group_size(self) -> usize {
        if matches!(self, Self::Portable) { 1 } else { GROUP_SIZE }
    }

    /// Whether the products of two neighbours are added up in 16 bits. These have no room for two products of 8 bits by 8, so
    /// the weights must be smaller: see [`MAX_PAIR_SUM`](super::MAX_PAIR_SUM). Weights of 16 bits instead would take half as
    /// long again.
    pub fn adds_pairs(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => true,
            _ => false,
        }
    }

    /// What is subtracted from the codes of the left side, 0 to 255, when they are stored.
    pub fn code_offset(self) -> u8 {
        match self {
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => 128,
            _ => 0,
        }
    }

    /// Columns of a panel.
    pub fn panel_width(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => 32,
            _ => 16,
        }
    }

    /// Rows of a full tile.
    pub fn max_rows(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => 14,
            Self::Portable => 4,
            #[allow(unreachable_patterns)]
            _ => 6,
        }
    }
}
