//! MobileCLIP-B's vision transformer.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::ConvStemVitConfig;
pub use cpu::CpuConvStemVit;
pub use module::ConvStemVit;
