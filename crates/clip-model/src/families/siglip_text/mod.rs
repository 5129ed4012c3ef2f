//! SigLIP's text tower.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::SiglipTextConfig;
pub use module::SiglipText;
