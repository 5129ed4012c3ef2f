//! How an image tower's products are laid out for the kernels.

use clip_kernels::gemm::PackedLinear;
use clip_kernels::quantised::QuantisedLinear;
use clip_kernels::{Isa, Linear};

use crate::Precision;

/// How weights are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// For which instructions.
    pub isa: Isa,
    /// As what numbers.
    pub precision: Precision,
}

impl Packing {
    /// For the best instructions that this processor has.
    pub fn best(precision: Precision) -> Self {
        Self { isa: Isa::best(), precision }
    }

    /// A linear map of weights `[columns, depth]`.
    pub fn rows(self, weights: &[f32], bias: &[f32], depth: usize) -> Box<dyn Linear> {
        let Self { isa, precision } = self;
        match precision {
            Precision::F32 => Box::new(PackedLinear::new(weights, bias, depth, isa)),
            Precision::F16 => Box::new(PackedLinear::new(weights, bias, depth, isa).halved()),
            Precision::Int8 => Box::new(QuantisedLinear::new(weights, bias, depth, isa)),
        }
    }

    /// A linear map of weights `[depth, columns]`.
    pub fn columns(self, weights: &[f32], bias: &[f32], depth: usize) -> Box<dyn Linear> {
        let Self { isa, precision } = self;
        match precision {
            Precision::F32 => Box::new(PackedLinear::transposed(weights, bias, depth, isa)),
            Precision::F16 => Box::new(PackedLinear::transposed(weights, bias, depth, isa).halved()),
            Precision::Int8 => Box::new(QuantisedLinear::transposed(weights, bias, depth, isa)),
        }
    }

    /// The same in 32-bit floats, for what costs little and decides much.
    pub fn exact(self) -> Self {
        Self { precision: Precision::F32, ..self }
    }
}
