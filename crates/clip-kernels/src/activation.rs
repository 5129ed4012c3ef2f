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
