//! The encoders' inner loops on a CPU.
//!
//! Nothing here knows about models or burn: slices go in and slices come out, with their shapes in the documentation. So
//! the kernels build in seconds and are tested alone. Weights are packed once. Vectorised code exists for several
//! instruction sets, chosen at run time by an [`Isa`], and in plain Rust; tests hold all of them to naive versions.
//!
//! | module | computes |
//! | --- | --- |
//! | [`gemm`] | matrix products with packed `f32` or `f16` weights |
//! | [`quantised`] | the same with `int8` weights |
//! | [`gemv`] | products of a few rows with weights as a file stores them |
//! | [`convolution`], [`depthwise`], [`patches`] | convolutions |
//! | [`attention`], [`norm`], [`transformer`] | transformer layers |
//! | [`similarity`] | dot products of vectors as an index stores them |
//! | [`epilogue`] | what follows a product: bias, activation, residual |
//!
//! Each kernel with vector instructions is a folder: its types, a file for each form (`portable`, `x86`, `neon`) and
//! `mod.rs`, which checks lengths and chooses a form. These files import in that direction only.
//!
//! All `unsafe` code of the CPU path is in this crate. Two things make it sound: an [`Isa`] proves that the processor has
//! the instructions, and lengths are checked, without overflow, before a kernel reads without checks.

mod activation;
pub mod attention;
pub mod buffer;
pub mod convolution;
pub mod depthwise;
pub mod epilogue;
mod f32_tile;
pub mod gemm;
pub mod gemv;
mod int8_tile;
mod isa;
mod linear;
mod math;
pub mod norm;
mod output;
pub mod patches;
mod prefetch;
mod quantise;
pub mod quantised;
mod row_tiles;
mod shape;
pub mod similarity;
#[cfg(test)]
mod testing;
mod threads;
pub mod transformer;

pub use activation::Activation;
pub use isa::Isa;
pub use linear::Linear;
