//! Activations that products apply as they store their results.

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// Negative values become 0.
    Relu,
    /// Negative values become 0 after the residual is added: the end of a residual block.
    SumRelu,
    /// Clamped to 0..=6.
    Relu6,
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
    /// `x * Phi(x)`, exact to 1e-6.
    Gelu,
    /// `x * Phi(x)` approximated with a hyperbolic tangent.
    GeluTanh,
}

impl Activation {
    /// The smallest and the largest result, if the activation does nothing but clamp.
    pub(crate) fn bounds(self) -> Option<(f32, f32)> {
        match self {
            Self::None => Some((f32::NEG_INFINITY, f32::INFINITY)),
            Self::Relu => Some((0.0, f32::INFINITY)),
            Self::Relu6 => Some((0.0, 6.0)),
            Self::SumRelu | Self::QuickGelu | Self::Gelu | Self::GeluTanh => None,
        }
    }
}
