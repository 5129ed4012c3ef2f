//! Writing all embeddings and records for other programs.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_files::private;
use clip_progress::{Progress, Steps};

use super::ndjson::Line;
use super::{npy, table};
use crate::asset::Record;
use crate::cast;
use crate::error::IndexError;
use crate::files;
use crate::reader::IndexReader;
use crate::watch::Watch;

/// What kind of files [`export`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExportFormat {
    /// A NumPy array of the embeddings, and lines of JSON.
    #[default]
    Npy,
    /// A Parquet file of both. A program may have been built without them.
    Parquet,
}

/// What [`export`] has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Number of items.
    pub items: usize,
    /// The embeddings.
    pub embeddings: PathBuf,
    /// The items. In Parquet, this is the same file.
    pub records: PathBuf,
    /// The model.
    pub model: PathBuf,
}

/// Writes what the index holds into the directory `dir`, which is created if it is missing:
///
/// - `embeddings.npy`, a NumPy array of 32-bit floating-point numbers, one row for each item;
/// - `items.ndjson`, a JSON object for each item on a line of its own, in the same order;
/// - or, in place of both, `items.parquet`, with a row for each item;
/// - `model.json`, which says what model made the embeddings.
///
/// Nothing is kept in memory but one item, or some thousands for Parquet: 16 MiB. `progress` gets the steps done and in all,
/// two for each item. `None` if `cancel` was set: nothing is left of what was written then, nor after an error.
///
/// # Errors
/// [`IndexError::Exchange`] if one of the files is there already or cannot be written; [`IndexError::Corrupt`] or
/// [`IndexError::Metadata`] if the index is damaged: all checksums are compared first.
pub fn export(
    reader: &IndexReader,
    dir: &Path,
    format: ExportFormat,
    progress: &dyn Progress<Steps>,
    cancel: &AtomicBool,
) -> Result<Option<Exported>, IndexError> {
    let (embeddings, records) = match format {
        ExportFormat::Npy => ("embeddings.npy", "items.ndjson"),
        ExportFormat::Parquet => ("items.parquet", "items.parquet"),
    };
    let exported = Exported {
        items: reader.len(),
        embeddings: dir.join(embeddings),
        records: dir.join(records),
        model: dir.join("model.json"),
    };
    let paths = [&exported.embeddings, &exported.records, &exported.model];
    for path in paths {
        if path.symlink_metadata().is_ok() {
            let error = io::Error::new(io::ErrorKind::AlreadyExists, "a file of this name already exists");
            return Err(IndexError::exchange("write", path)(error));
        }
    }
    create_folder(dir)?;
    let watch = Watch::new(2 * exported.items, progress, cancel);
    // A copy has no checksums: damage must not be passed on in it.
    let result = reader.snapshot().check_checksums().and_then(|()| {
        match format {
            ExportFormat::Npy => {
                write_embeddings(reader, &exported.embeddings, &watch)?;
                write_records(reader, &exported.records, &watch)?;
            }
            ExportFormat::Parquet => table::write(reader, &exported.records, &watch)?,
        }
        write_model(reader, &exported.model)
    });
    if result.is_err() {
        for path in paths {
            // None of them was there before.
            let _ = fs::remove_file(path);
        }
    }
    watch.outcome(result.map(|()| exported))
}

fn write_embeddings(reader: &IndexReader, path: &Path, watch: &Watch<'_>) -> Result<(), IndexError> {
    let snapshot = reader.snapshot();
    let mut row = vec![0.0f32; reader.dimension()];
    files::write(path, |out| {
        npy::write_header(out, reader.len(), reader.dimension())?;
        for (_, place) in snapshot.live_from(0) {
            snapshot.row(place).to_f32(&mut row);
            out.write_all(cast::to_bytes(&row))?;
            watch.step()?;
        }
        Ok(())
    })
}

fn write_records(reader: &IndexReader, path: &Path, watch: &Watch<'_>) -> Result<(), IndexError> {
    let mut records = Records::new(reader);
    let written = files::write(path, |out| {
        for id in reader.ids() {
            let (position, record) = records.next(id)?;
            serde_json::to_writer(&mut *out, &Line::new(id, position, record))?;
            out.write_all(b"\n")?;
            watch.step()?;
        }
        Ok(())
    });
    records.outcome(written)
}

/// Creates the folder, unless it is there.
fn create_folder(dir: &Path) -> Result<(), IndexError> {
    private::create_dir(dir).map_err(|error| match files::not_a_directory(dir) {
        Some(found) => IndexError::exchange("export to", dir)(io::Error::new(
            io::ErrorKind::NotADirectory,
            format!("it is {found}"),
        )),
        None => IndexError::exchange("create the directory", dir)(error),
    })
}

/// The records of items, in the order of their ids.
pub(super) struct Records<'a> {
    reader: &'a IndexReader,
    current: Option<Record>,
    /// What is wrong with the index: what writes a file has other errors.
    error: Option<IndexError>,
}

impl<'a> Records<'a> {
    pub(super) fn new(reader: &'a IndexReader) -> Records<'a> {
        Records { reader, current: None, error: None }
    }

    /// The position of an item in its file, and the record of that.
    pub(super) fn next(&mut self, id: u64) -> io::Result<(u64, &Record)> {
        // The items of an asset follow each other.
        let is_known = self.current.as_ref().is_some_and(|record| record.position(id).is_some());
        if !is_known {
            self.current = self.reader.snapshot().record(id).map_err(|error| {
                self.error = Some(error);
                io::Error::other("a record cannot be read")
            })?;
        }
        match self.current.as_ref().and_then(|record| Some((record.position(id)?, record))) {
            Some(found) => Ok(found),
            None => {
                let reason = format!("there is no record of the item {id}");
                self.error = Some(IndexError::corrupt(self.reader.dir(), reason));
                Err(io::Error::other("a record is missing"))
            }
        }
    }

    /// What came of writing them.
    pub(super) fn outcome(self, written: Result<(), IndexError>) -> Result<(), IndexError> {
        self.error.map_or(written, Err)
    }
}

fn write_model(reader: &IndexReader, path: &Path) -> Result<(), IndexError> {
    files::write(path, |out| {
        serde_json::to_writer_pretty(&mut *out, reader.model())?;
        out.write_all(b"\n")
    })
}
