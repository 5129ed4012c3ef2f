//! CLIP's vision transformer.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::VitConfig;
pub use cpu::CpuVit;
pub use module::Vit;
