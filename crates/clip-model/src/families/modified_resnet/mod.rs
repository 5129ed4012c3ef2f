//! OpenAI's residual networks.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::ModifiedResnetConfig;
pub use cpu::CpuModifiedResnet;
pub use module::{AttentionPool, BatchNorm, Bottleneck, ConvNorm, ModifiedResnet, Stage};
