//! Sizes of the bidirectional text encoder.

use serde::{Deserialize, Serialize};

use crate::families::interface::TextSizes;
use crate::projection::ProjectionHeadConfig;

/// Sizes of a [`Bert`](super::Bert).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BertConfig {
    /// Rows of the word table.
    pub vocab_size: usize,
    /// Most tokens a text may have, the special ones included.
    pub context_length: usize,
    /// Width of a token state.
    pub width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Hidden width of a layer's MLP.
    pub intermediate: usize,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
    /// Maps the pooled state to the embedding.
    pub head: ProjectionHeadConfig,
}

impl TextSizes for BertConfig {
    fn context_length(&self) -> usize {
        self.context_length
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn width(&self) -> usize {
        self.width
    }

    fn validate(&self) -> Result<(), String> {
        for (what, value, max) in [
            ("vocab_size", self.vocab_size, 2_000_000),
            ("context_length", self.context_length, 8192),
            ("width", self.width, 16384),
            ("layers", self.layers, 256),
            ("heads", self.heads, 256),
            ("intermediate", self.intermediate, 65536),
        ] {
            if value == 0 || value > max {
                return Err(format!("the text tower's {what} is {value}, expected 1 to {max}"));
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(format!("the text tower's {} heads do not divide its width {}", self.heads, self.width));
        }
        self.head.validate()
    }

    fn output_width(&self) -> Option<usize> {
        Some(self.head.output)
    }
}
