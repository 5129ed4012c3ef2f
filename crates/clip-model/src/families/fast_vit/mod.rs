//! FastViT, MobileCLIP's convolutional image tower.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::{FastVitConfig, FastVitStageConfig, TokenMixer};
pub use cpu::CpuFastVit;
pub use module::{AttentionBlock, Block, Downsample, FastVit, SqueezeExcite, Stage};
