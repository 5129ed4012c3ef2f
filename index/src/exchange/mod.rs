//! Embeddings and records in formats that other programs read and write: `.npy` files, and JSON objects one a line.
//! `docs/exchange.md` describes them.

mod export;
mod import;
mod ndjson;
mod npy;

pub use export::{Exported, export};
pub use import::{Describe, ImportOptions, Imported, import};
#[cfg(any(test, fuzzing))]
pub(crate) use ndjson::check_line;
#[cfg(any(test, fuzzing))]
pub(crate) use npy::check_file as check_array;
