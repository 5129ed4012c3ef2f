//! Checks everything that can be checked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use crate::asset::Record;
use crate::error::IndexError;
use crate::graph::Graph;
use crate::layout::Layout;
use crate::reader::open_commit;
use crate::segment::Segment;
use crate::snapshot::{self, Snapshot};
use crate::words::{ReadDirectory, Words};
use crate::writer::UNIT_TOLERANCE;

/// Something that is wrong with an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong, in one line.
    pub message: String,
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// The generation that was checked; `None` if it could not be opened.
    pub generation: Option<u64>,
    /// Photos in it.
    pub photos: u64,
    /// All that is wrong; empty if the index is whole.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// True if nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads every file of the index in `dir` and checks checksums, lengths, that vectors are of unit length, that metadata
/// and vectors know the same photos, and that the search graph loads. Takes no lock.
///
/// # Errors
/// [`IndexError::NotFound`] if there is no index, [`IndexError::NewerFormat`] if it is not for this version to judge,
/// [`IndexError::Io`] if the system refuses to read a file. Damage is no error but a [`Problem`].
pub fn verify(dir: impl AsRef<Path>) -> Result<VerifyReport, IndexError> {
    let layout = Layout::new(dir.as_ref());
    loop {
        let before = commit_point(&layout);
        let report = verify_once(&layout)?;
        // A writer may have replaced files while they were read: what seemed wrong may only have been gone.
        if report.is_clean() || commit_point(&layout) == before {
            return Ok(report);
        }
    }
}

fn verify_once(layout: &Layout) -> Result<VerifyReport, IndexError> {
    let mut report = VerifyReport { generation: None, photos: 0, problems: Vec::new() };
    let (snapshot, words_files) = match open_commit(layout) {
        Ok(opened) => opened,
        Err(error) => {
            report.add(layout.root(), error)?;
            return Ok(report);
        }
    };
    report.generation = Some(snapshot.manifest().generation);
    report.photos = snapshot.live();
    for segment in snapshot.segments() {
        check_segment(segment, &mut report)?;
    }
    if let Some(entry) = &snapshot.manifest().graph
        && let Err(error) = Graph::verify(&snapshot, entry)
    {
        report.add(&layout.graphs(), error)?;
    }
    let records = check_records(layout, &snapshot, &mut report)?;
    if let Some(files) = &words_files {
        check_words(files, &records, &mut report)?;
    }
    Ok(report)
}

impl VerifyReport {
    /// Notes damage. What is none is an error of the check itself: a file that the system refuses to read may be whole.
    fn add(&mut self, path: &Path, error: IndexError) -> Result<(), IndexError> {
        let (path, message) = match error {
            IndexError::Corrupt { path, reason } => (path, reason),
            IndexError::Graph { dir, reason } | IndexError::Metadata { dir, reason } => (dir, reason),
            IndexError::Io { ref path, .. } if error.is_missing_file() => (path.clone(), error.to_string()),
            IndexError::Io { .. } | IndexError::NotFound { .. } | IndexError::NewerFormat { .. } => return Err(error),
            other => (path.to_path_buf(), other.to_string()),
        };
        self.note(&path, message);
        Ok(())
    }

    fn note(&mut self, path: &Path, message: impl Into<String>) {
        self.problems.push(Problem { path: path.to_path_buf(), message: message.into() });
    }
}

fn check_segment(segment: &Segment, report: &mut VerifyReport) -> Result<(), IndexError> {
    if let Err(error) = segment.verify() {
        return report.add(segment.path(), error);
    }
    let mut wrong = rows_not_of_unit_length(segment);
    if let Some((row, length)) = wrong.next() {
        let (id, others) = (segment.ids()[row], wrong.count());
        let message = format!("expected vectors of length 1, found {length} for the photo {id} (and {others} others)");
        report.note(segment.path(), message);
    }
    Ok(())
}

/// Rows that are no embeddings, and their lengths.
pub(crate) fn rows_not_of_unit_length(segment: &Segment) -> impl Iterator<Item = (usize, f32)> {
    let mut numbers = vec![0.0; segment.dimension()];
    let tolerance = UNIT_TOLERANCE + segment.format().rounding();
    (0..segment.len()).filter_map(move |row| {
        segment.row(row).to_f32(&mut numbers);
        let length = snapshot::length(&numbers);
        // Written so that NaN is found too.
        (length.is_nan() || (length - 1.0).abs() > tolerance).then_some((row, length))
    })
}

/// The bytes of the file that says what was committed.
fn commit_point(layout: &Layout) -> Option<Vec<u8>> {
    fs::read(layout.manifest()).or_else(|_| fs::read(layout.v1_commit_point())).ok()
}

/// Reads all records and compares them with the vectors. Gives those that can be read.
fn check_records(layout: &Layout, snapshot: &Snapshot, report: &mut VerifyReport) -> Result<Vec<Record>, IndexError> {
    let is_v1 = snapshot.manifest().version == 1;
    let dir = if is_v1 { layout.v1_meta() } else { layout.records() };
    for file in snapshot.records().files() {
        if let Err(error) = file.verify() {
            report.add(file.path(), error)?;
        }
    }
    let records = match snapshot.all_records() {
        Ok(records) => records,
        Err(error) => {
            // What cannot be read was named above.
            if report.is_clean() {
                report.add(&dir, error)?;
            }
            return Ok(Vec::new());
        }
    };
    let mut items = RoaringTreemap::new();
    let mut paths = HashMap::with_capacity(records.len());
    for record in &records {
        for item in record.items() {
            if !items.insert(item) {
                report.note(&dir, format!("the item {item} has more than one record"));
            }
        }
        let path = &record.asset.path;
        if let Some(other) = paths.insert(path, record.id) {
            report.note(&dir, format!("the assets {other} and {} have the same path, {}", record.id, path.display()));
        }
    }
    let live: RoaringTreemap = snapshot.live_from(0).map(|(id, _)| id).collect();
    let (no_record, no_vector) = (&live - &items, &items - &live);
    if let Some(id) = no_record.min() {
        report.note(&dir, format!("{} items have a vector but no record, the item {id} for one", no_record.len()));
    }
    if let Some(id) = no_vector.min() {
        report.note(&dir, format!("{} items have a record but no vector, the item {id} for one", no_vector.len()));
    }
    Ok(records)
}

/// Is the word index that of these records?
pub(crate) fn has_words_of(records: &[Record], files: &ReadDirectory) -> Result<bool, IndexError> {
    let mut report = VerifyReport { generation: None, photos: 0, problems: Vec::new() };
    check_words(files, records, &mut report)?;
    Ok(report.is_clean())
}

/// Compares the word index with the records.
fn check_words(files: &ReadDirectory, records: &[Record], report: &mut VerifyReport) -> Result<(), IndexError> {
    let dir = files.root();
    let words = match Words::open(files) {
        Ok(words) => words,
        Err(error) => return report.add(dir, error),
    };
    let ids = match words.ids() {
        Ok(ids) => ids,
        Err(error) => return report.add(dir, error),
    };
    let known: RoaringTreemap = records.iter().map(|record| record.id).collect();
    let found: RoaringTreemap = ids.iter().copied().collect();
    if found.len() != ids.len() as u64 {
        report.note(dir, "an asset is in the word index more than once");
    }
    if known != found {
        let (lacks, has) = ((&known - &found).len(), (&found - &known).len());
        report.note(dir, format!("the word index lacks {lacks} assets, and has {has} that the index lacks"));
    }
    // A fault in the words shows in some as well as in all.
    for record in records.iter().step_by(1024) {
        match words.finds(record) {
            Ok(true) => {}
            Ok(false) => report.note(dir, format!("the asset {} is not found by its own words", record.id)),
            Err(error) => return report.add(dir, error),
        }
    }
    Ok(())
}
