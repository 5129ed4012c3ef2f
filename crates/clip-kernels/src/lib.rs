//! The inner loops of the encoders on a CPU.
//!
//! Nothing here knows of models or of burn: slices go in and come out, with shapes in the documentation, so that the
//! kernels build in seconds and are tested alone. Weights are laid out once. What is vectorised comes in several
//! instruction sets, chosen at run time by [`Isa`], and in plain Rust, which tests hold the others to.
//!
//! All that is `unsafe` in the CPU path is in this crate.

mod activation;
mod ahead;
pub mod attention;
pub mod buffer;
mod codes;
#[cfg(target_arch = "x86_64")]
mod codes_x86;
pub mod convolution;
pub mod depthwise;
#[cfg(target_arch = "x86_64")]
mod depthwise_x86;
mod dots;
#[cfg(target_arch = "x86_64")]
mod dots_x86;
pub mod gemm;
mod isa;
mod kernels;
mod linear;
mod math;
pub mod norm;
pub mod patches;
pub mod quantised;
pub mod rows;
#[cfg(target_arch = "x86_64")]
mod rows_x86;
mod shape;
mod store;
#[cfg(test)]
mod testing;
mod tiles;
pub mod transformer;
mod weights;

pub use activation::Activation;
pub use isa::Isa;
pub use linear::Linear;
