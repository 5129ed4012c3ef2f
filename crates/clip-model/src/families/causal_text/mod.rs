//! CLIP's text transformer.

mod module;

pub use module::CausalText;
