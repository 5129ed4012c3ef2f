//! Inference on the CPU, round burn where burn's own CPU path is slow.
//!
//! burn's modules stay the one definition of every tower. For photos, what is here reads their weights once and lays
//! them out for the kernels of [`clip_kernels`]; for texts, it finds their tensors by the modules' names and leaves them
//! where they are mapped. It computes the same function with fewer passes over memory: bias and activation
//! are applied as a product is stored, and a block's wide intermediate rows never leave the cache. Tests hold it to
//! burn's result.

pub mod map;
pub mod packing;
pub(crate) mod projection;
pub(crate) mod share;
pub(crate) mod stem;
pub(crate) mod stored;
pub mod text;
pub mod transformer;
pub mod transformer_text;
pub(crate) mod weights;
