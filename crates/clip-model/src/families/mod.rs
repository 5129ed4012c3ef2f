//! The families of towers.
//!
//! Each has a folder with its sizes (`config`), its definition in burn (`module`), its form for the CPU kernels (`cpu`) and
//! what other people's checkpoints say of it (`weights`). The table in `table.rs` lists them all; from it come the enums
//! below, and nothing else in the crate knows one family from another.

pub mod bert;
pub mod causal_text;
pub mod conv_stem_vit;
#[cfg(test)]
mod cpu_tests;
pub mod fast_vit;
pub mod interface;
pub mod inverted_residual;
pub mod mobile_text;
pub mod modified_resnet;
pub mod siglip_text;
pub mod siglip_vit;
mod table;
pub mod vit;

pub use table::{CpuImageTower, ImageTower, ImageTowerConfig, TextTower, TextTowerConfig};
