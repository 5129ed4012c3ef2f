//! Checks everything that can be checked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use crate::error::IndexError;
use crate::graph::Graph;
use crate::layout::Layout;
use crate::metadata::{MetadataReader, ReadDirectory};
use crate::reader::open_commit;
use crate::record::PhotoRecord;
use crate::segment::Segment;
use crate::snapshot::{self, Snapshot};
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
        let before = fs::read(layout.commit_point()).ok();
        let report = verify_once(&layout)?;
        // A writer may have replaced files while they were read: what seemed wrong may only have been gone.
        if report.is_clean() || fs::read(layout.commit_point()).ok() == before {
            return Ok(report);
        }
    }
}

fn verify_once(layout: &Layout) -> Result<VerifyReport, IndexError> {
    let mut report = VerifyReport { generation: None, photos: 0, problems: Vec::new() };
    let (snapshot, metadata_files) = match open_commit(layout) {
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
    check_metadata(layout, &snapshot, &metadata_files, &mut report)?;
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
    let mut row = vec![0.0; segment.dimension()];
    let tolerance = UNIT_TOLERANCE + segment.format().rounding();
    let mut wrong = segment.ids().iter().enumerate().filter_map(|(index, id)| {
        segment.row(index).to_f32(&mut row);
        let length = snapshot::length(&row);
        // Written so that NaN is found too.
        (length.is_nan() || (length - 1.0).abs() > tolerance).then_some((id, length))
    });
    if let Some((id, length)) = wrong.next() {
        let others = wrong.count();
        let message = format!("expected vectors of length 1, found {length} for the photo {id} (and {others} others)");
        report.note(segment.path(), message);
    }
    Ok(())
}

fn check_metadata(
    layout: &Layout,
    snapshot: &Snapshot,
    files: &ReadDirectory,
    report: &mut VerifyReport,
) -> Result<(), IndexError> {
    let dir = layout.meta();
    match MetadataReader::damaged_files(files) {
        Ok(damaged) if damaged.is_empty() => {}
        // Reading what is known to be damaged would tell nothing more.
        Ok(damaged) => {
            for file in damaged {
                report.note(&dir.join(file), "the checksum does not match");
            }
            return Ok(());
        }
        Err(error) => return report.add(&dir, error),
    }
    let read = || {
        let metadata = MetadataReader::open(files)?;
        let records = metadata.all()?;
        metadata.check(&records)?;
        Ok(records)
    };
    let records: Vec<PhotoRecord> = match read() {
        Ok(records) => records,
        Err(error) => return report.add(&dir, error),
    };
    let mut ids = RoaringTreemap::new();
    let mut paths = HashMap::with_capacity(records.len());
    for record in &records {
        if !ids.insert(record.id) {
            report.note(&dir, format!("the photo {} has more than one record", record.id));
        }
        if let Some(other) = paths.insert(&record.path, record.id) {
            report.note(
                &dir,
                format!("the photos {other} and {} have the same path, {}", record.id, record.path.display()),
            );
        }
    }
    let live: RoaringTreemap = snapshot.live_from(0).map(|(id, _)| id).collect();
    let (no_record, no_vector) = (&live - &ids, &ids - &live);
    if let Some(id) = no_record.min() {
        report.note(&dir, format!("{} photos have a vector but no record, the photo {id} for one", no_record.len()));
    }
    if let Some(id) = no_vector.min() {
        report.note(&dir, format!("{} photos have a record but no vector, the photo {id} for one", no_vector.len()));
    }
    Ok(())
}
