//! MobileCLIP-B's vision transformer.

mod cpu;
mod module;

pub use cpu::FastConvStemVit;
pub use module::{ConvStemVit, ConvStemVitConfig};
