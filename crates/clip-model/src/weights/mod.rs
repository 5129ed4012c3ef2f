//! Weights: from files to modules and back.
//!
//! [`module`] knows burn's modules and the one native naming; [`safetensors`] knows files;
//! a [`TensorSource`] and a [`TensorLayout`] connect them. `derived` computes tensors from several stored ones. `places` finds a
//! module's tensors without reading them, for code that computes with them as they are stored.

pub(crate) mod derived;
mod file_bytes;
mod layout;
pub mod module;
pub(crate) mod places;
pub mod safetensors;
mod source;
pub mod stored_matrix;
mod stored_tensor;

pub use layout::{Location, Native, TensorLayout};
pub use source::TensorSource;
pub use stored_tensor::StoredTensor;
