//! FastViT, MobileCLIP's convolutional image tower.

mod cpu;
mod module;

pub use cpu::FastFastVit;
pub use module::{
    AttentionBlock, Block, Downsample, FastVit, FastVitConfig, FastVitStageConfig, SqueezeExcite, Stage, TokenMixer,
};
