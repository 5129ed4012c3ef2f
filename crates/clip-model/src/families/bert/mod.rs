//! A small bidirectional text encoder.

mod cpu;
mod module;

pub use cpu::FastBert;
pub use module::{Bert, BertConfig, BertLayer, TokenStates, mean_of_tokens};
