//! A small bidirectional text encoder.

mod config;
mod cpu;
mod module;
mod weights;

pub use config::BertConfig;
pub use cpu::CpuBert;
pub use module::{Bert, BertLayer, TokenStates, mean_of_tokens};
