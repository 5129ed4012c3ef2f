//! Activations.

use serde::{Deserialize, Serialize};

/// Activation of a transformer's MLP. A matter of the checkpoint: OpenAI's weights need
/// [`QuickGelu`](Self::QuickGelu), most of open_clip's own [`Gelu`](Self::Gelu), and the wrong one
/// gives plausible but worse embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
    /// The exact `x * Phi(x)`.
    Gelu,
    /// `x * Phi(x)` with its approximation by a hyperbolic tangent, as JAX has it and transformers' SigLIP.
    GeluTanh,
}
