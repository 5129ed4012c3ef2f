//! Embeddings and records in formats that other programs read and write: `.npy` files, JSON objects one a line, and Parquet
//! files. `docs/exchange.md` describes them.

mod export;
mod import;
mod ndjson;
#[cfg(not(feature = "parquet"))]
mod no_table;
mod npy;
mod options;
mod part;
mod source;
#[cfg(feature = "parquet")]
mod table;

#[cfg(not(feature = "parquet"))]
use no_table as table;

pub use export::{ExportFormat, Exported, export};
pub use import::{ImportPlace, Imported, import};
#[cfg(any(test, fuzzing))]
pub(crate) use ndjson::check_line;
#[cfg(any(test, fuzzing))]
pub(crate) use npy::check_file as check_array;
pub use options::{Describe, ImportOptions};
pub use source::ImportSource;
#[cfg(all(any(test, fuzzing), feature = "parquet"))]
pub(crate) use table::check_file as check_table;
