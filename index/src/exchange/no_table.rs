//! In the place of `table` where the feature `parquet` is missing: every Parquet file is refused.

use std::io;
use std::path::Path;

use super::options::ImportOptions;
use super::part::{Embeddings, Items};
use crate::error::IndexError;
use crate::model::ModelId;
use crate::reader::IndexReader;
use crate::watch::Watch;

/// There is none.
pub(super) enum Table {}

impl Table {
    pub(super) fn open(path: &Path) -> Result<Table, IndexError> {
        Err(IndexError::exchange("read", path)(missing()))
    }

    pub(super) fn rows(&self) -> usize {
        match *self {}
    }

    pub(super) fn items(&self, _: &ImportOptions<'_>) -> Result<Nothing, IndexError> {
        match *self {}
    }

    pub(super) fn embeddings(&self, _: &ImportOptions<'_>, _: usize) -> Result<Nothing, IndexError> {
        match *self {}
    }

    pub(super) fn check_embeddings(&self, _: &ModelId, _: &ImportOptions<'_>) -> Result<(), IndexError> {
        match *self {}
    }
}

pub(super) fn write(_: &IndexReader, path: &Path, _: &Watch<'_>) -> Result<(), IndexError> {
    Err(IndexError::exchange("write", path)(missing()))
}

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this program was built without Parquet files")
}

/// What would read one.
pub(super) enum Nothing {}

impl Items for Nothing {
    fn next(&mut self) -> Result<Option<super::part::Described>, IndexError> {
        match *self {}
    }

    fn file(&self) -> Option<std::sync::Arc<Path>> {
        match *self {}
    }
}

impl Embeddings for Nothing {
    fn next(&mut self, _: &mut Vec<f64>) -> Result<Option<Result<(), String>>, IndexError> {
        match *self {}
    }
}
