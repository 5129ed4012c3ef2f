//! Inference on the CPU, round burn where burn's own CPU path is slow.
//!
//! burn's modules stay the one definition of every tower; what is here reads their weights once, lays them out for
//! the kernels of [`clip_kernels`], and computes the same function with fewer passes over memory: bias and activation
//! are applied as a product is stored, and a block's wide intermediate rows never leave the cache. Tests hold it to
//! burn's result.

pub mod backbone;
pub mod conv_stem_vit;
pub mod image;
pub mod inverted_residual;
mod share;
pub mod siglip;
pub mod transformer;
pub mod vit;
mod weights;
