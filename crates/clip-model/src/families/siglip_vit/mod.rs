//! SigLIP's vision transformer.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::SiglipVitConfig;
pub use cpu::CpuSiglipVit;
pub use module::{AttentionPool, SiglipVit};
