//! Embeddings and records in formats that other programs read and write: `.npy` files, and JSON objects one a line.
//! `docs/exchange.md` describes them.

mod export;
mod ndjson;
mod npy;

pub use export::{Exported, export};
