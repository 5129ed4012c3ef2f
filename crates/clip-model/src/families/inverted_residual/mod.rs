//! Inverted residual networks: the image tower of `pocket`.

mod cpu;
mod cpu_backbone;
mod module;

pub use cpu::FastInvertedResidual;
pub use cpu_backbone::{FastBackbone, Map};
pub use module::{Backbone, BackboneConfig, Block, InvertedResidual, InvertedResidualConfig, StageConfig};
