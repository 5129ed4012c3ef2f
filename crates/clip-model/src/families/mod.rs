//! The families of towers: each has a folder with its sizes, its definition in burn, its form for the CPU kernels and
//! what other people's checkpoints call its tensors.

pub mod bert;
pub mod causal_text;
pub mod conv_stem_vit;
mod cpu_image;
mod cpu_text;
pub mod fast_vit;
mod image;
pub mod inverted_residual;
pub mod mobile_text;
pub mod modified_resnet;
pub mod siglip_text;
pub mod siglip_vit;
mod text;
pub mod vit;

pub use cpu_image::FastImageTower;
pub use cpu_text::FastTextTower;
pub use image::ImageTower;
pub use text::TextTower;
