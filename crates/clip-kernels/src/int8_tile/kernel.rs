//! Which instructions multiply bytes, and what shapes they take.

use super::operands::GROUP;
use crate::Isa;
use crate::isa::Instructions;
#[cfg(target_arch = "aarch64")]
use crate::isa::NeonDotProduct;
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512Vnni, AvxVnni};

/// How sums are computed. All but the last hold a proof of their instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dots {
    /// By AVX-512's instruction for just this.
    #[cfg(target_arch = "x86_64")]
    Vnni(Avx512Vnni),
    /// By the same in half as long vectors, which processors without AVX-512 have.
    #[cfg(target_arch = "x86_64")]
    Vnni256(AvxVnni),
    /// By AVX2, whose instruction adds up pairs in 16 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// By Arm's instruction for the same, whose left side has signs as well.
    #[cfg(target_arch = "aarch64")]
    Neon(NeonDotProduct),
    /// In plain Rust.
    Portable,
}

impl Dots {
    /// The best way within an instruction set.
    pub fn of(isa: Isa) -> Self {
        match isa.instructions() {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512(proof) => {
                Avx512Vnni::detect().map_or_else(|| Self::of_256_bits(proof.avx2()), Self::Vnni)
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
        AvxVnni::detect().map_or(Self::Avx2(proof), Self::Vnni256)
    }

    /// Positions of the depth that lie side by side.
    pub fn group(self) -> usize {
        if matches!(self, Self::Portable) { 1 } else { GROUP }
    }

    /// Whether the products of two neighbours are added up in 16 bits. These have no room for two of 8 bits each, so that the
    /// weights must be smaller: see [`MOST_PAIR`](super::MOST_PAIR). To give them 16 bits instead takes half as long again.
    pub fn adds_pairs(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => true,
            _ => false,
        }
    }

    /// What codes of the left side, 0 to 255, are stored less of.
    pub fn offset(self) -> u8 {
        match self {
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => 128,
            _ => 0,
        }
    }

    /// Columns of a panel.
    pub fn panel(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni(_) => 32,
            _ => 16,
        }
    }

    /// Rows of a full tile.
    pub fn rows(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni(_) => 14,
            Self::Portable => 4,
            #[allow(unreachable_patterns)]
            _ => 6,
        }
    }
}
