//! The inner loops of the encoders on a CPU.
//!
//! Nothing here knows of models or of burn: slices go in and come out, with shapes in the documentation, so that the
//! kernels build in seconds and are tested alone. Weights are laid out once. What is vectorised comes in several
//! instruction sets, chosen at run time by [`Isa`], and in plain Rust, which tests hold the others to.
//!
//! All that is `unsafe` in the CPU path is in this crate.

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
#[cfg(test)]
mod testing;
pub mod transformer;

pub use activation::Activation;
pub use isa::Isa;
pub use linear::Linear;
