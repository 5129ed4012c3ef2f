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
    /// Up to what inputs go, from zero on, where that is known: their range is then not looked for in [`Precision::Int8`].
    pub inputs_up_to: Option<f32>,
}

impl Packing {
    /// For some instructions.
    pub fn new(isa: Isa, precision: Precision) -> Self {
        Self { isa, precision, inputs_up_to: None }
    }

    /// For the best instructions that this processor has.
    pub fn best(precision: Precision) -> Self {
        Self::new(Isa::best(), precision)
    }

    /// For inputs from zero to `most`.
    pub fn up_to(self, most: f32) -> Self {
        Self { inputs_up_to: Some(most), ..self }
    }

    /// A linear map of weights `[columns, depth]`.
    pub fn rows(self, weights: &[f32], bias: &[f32], depth: usize) -> Box<dyn Linear> {
        let Self { isa, precision, .. } = self;
        match precision {
            Precision::F32 => Box::new(PackedLinear::new(weights, bias, depth, isa)),
            Precision::F16 => Box::new(PackedLinear::new(weights, bias, depth, isa).halved()),
            Precision::Int8 => self.quantised(QuantisedLinear::new(weights, bias, depth, isa)),
        }
    }

    /// A linear map of weights `[depth, columns]`.
    pub fn columns(self, weights: &[f32], bias: &[f32], depth: usize) -> Box<dyn Linear> {
        let Self { isa, precision, .. } = self;
        match precision {
            Precision::F32 => Box::new(PackedLinear::transposed(weights, bias, depth, isa)),
            Precision::F16 => Box::new(PackedLinear::transposed(weights, bias, depth, isa).halved()),
            Precision::Int8 => self.quantised(QuantisedLinear::transposed(weights, bias, depth, isa)),
        }
    }

    fn quantised(self, linear: QuantisedLinear) -> Box<dyn Linear> {
        Box::new(match self.inputs_up_to {
            Some(most) => linear.up_to(most),
            None => linear,
        })
    }

    /// The same in 32-bit floats, for what costs little and decides much.
    pub fn exact(self) -> Self {
        Self { precision: Precision::F32, ..self }
    }
}
