//! Activations that products apply as they are stored.

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// Negative values become 0.
    Relu,
    /// Negative values become 0, of what is added too: the end of a residual block.
    SumRelu,
    /// Clamped to 0..=6.
    Relu6,
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
    /// `x * Phi(x)`, exact to 1e-6.
    Gelu,
    /// `x * Phi(x)` with its approximation by a hyperbolic tangent.
    GeluTanh,
}

impl Activation {
    /// Least and most of what it makes of a sum, if it does no more than keep that within bounds.
    pub(crate) fn bounds(self) -> Option<(f32, f32)> {
        match self {
            Self::None => Some((f32::NEG_INFINITY, f32::INFINITY)),
            Self::Relu => Some((0.0, f32::INFINITY)),
            Self::Relu6 => Some((0.0, 6.0)),
            Self::SumRelu | Self::QuickGelu | Self::Gelu | Self::GeluTanh => None,
        }
    }
}
