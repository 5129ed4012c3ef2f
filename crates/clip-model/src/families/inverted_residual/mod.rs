//! Inverted residual networks: the image tower of `pocket`.

mod config;
mod cpu;
mod cpu_backbone;
mod module;
mod weights;

pub use config::{BackboneConfig, InvertedResidualConfig, StageConfig};
pub use cpu::CpuInvertedResidual;
pub use cpu_backbone::CpuBackbone;
pub use module::{Backbone, Block, InvertedResidual};
