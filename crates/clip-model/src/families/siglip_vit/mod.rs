//! SigLIP's vision transformer.

mod cpu;
mod module;
pub(crate) mod weights;

pub use cpu::FastSiglipVit;
pub use module::{AttentionPool, SiglipVit, SiglipVitConfig};
