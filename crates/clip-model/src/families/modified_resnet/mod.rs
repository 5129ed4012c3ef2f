//! OpenAI's residual networks.

mod cpu;
mod module;
pub(crate) mod weights;

pub use cpu::FastModifiedResnet;
pub use module::{AttentionPool, Bottleneck, ConvNorm, ModifiedResnet, ModifiedResnetConfig, Stage};
