//! SigLIP's text tower.

mod module;

pub use module::{SiglipText, SiglipTextConfig};
