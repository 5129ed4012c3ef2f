//! Items and embeddings in the columns of a Parquet file.

mod columns;
mod export;
mod import;

pub(super) use export::write;
pub(super) use import::Table;
#[cfg(any(test, fuzzing))]
pub(crate) use import::check_file;

/// Under this key, a file that was exported says which model has made its embeddings, as JSON.
const MODEL: &str = "clip-search.model";
/// What the column of embeddings is called in such a file.
const EMBEDDING: &str = "embedding";
