//! CLIP's text transformer.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::CausalTextConfig;
pub use module::CausalText;
