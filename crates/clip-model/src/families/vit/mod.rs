//! CLIP's vision transformer.

mod cpu;
mod module;

pub use cpu::FastClassVit;
pub use module::Vit;
