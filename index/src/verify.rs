//! Checks everything that can be checked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_files::regular;
use clip_kernels::similarity;
use clip_progress::{Progress, Steps};
use roaring::RoaringTreemap;

use crate::asset::Record;
use crate::bad_files;
use crate::commit_point::CommitPoint;
use crate::error::{IndexError, Remedy};
use crate::files;
use crate::graph::Graph;
use crate::hubness;
use crate::layout::Layout;
use crate::manifest::{MOST_BYTES, Manifest};
use crate::reader::{Opened, open_commit};
use crate::records::RecordFile;
use crate::segment::Segment;
use crate::snapshot::{self, Snapshot};
use crate::spare;
use crate::status::Counts;
use crate::unit::{self, UNIT_TOLERANCE};
use crate::watch::Watch;
use crate::words::{self, ReadDirectory, Words};

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
    /// What is in it. Where it cannot be read which items are frames, all count as photos.
    pub counts: Counts,
    /// All that is wrong; empty if the index is whole.
    pub problems: Vec<Problem>,
    /// What can be done about it, if anything is wrong with the index itself.
    pub remedy: Option<Remedy>,
}

impl VerifyReport {
    /// True if nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads every file of the index in `dir` and checks checksums, lengths, that vectors are of unit length and codes are
/// theirs, that records and vectors know the same items, and that graph and words are of them. Takes no lock.
///
/// # Errors
/// [`IndexError::NotFound`] or [`IndexError::NotAnIndex`] if there is no index, [`IndexError::NewerFormat`] if it is not for this version to judge,
/// [`IndexError::Io`] if the system refuses to read a file. Damage is no error but a [`Problem`].
pub fn verify(dir: impl AsRef<Path>) -> Result<VerifyReport, IndexError> {
    let report = verify_with(dir, &clip_progress::Silent, &AtomicBool::new(false))?;
    // Nobody has cancelled it.
    Ok(report.unwrap_or_else(VerifyReport::new))
}

/// As [`verify`]. `progress` gets the bytes of vectors and records that were read so far and in all; where a writer
/// replaces them meanwhile, it begins again. `None` if `cancel` was set.
///
/// # Errors
/// Those of [`verify`].
pub fn verify_with(
    dir: impl AsRef<Path>,
    progress: &dyn Progress<Steps>,
    cancel: &AtomicBool,
) -> Result<Option<VerifyReport>, IndexError> {
    let layout = Layout::new(dir.as_ref());
    loop {
        let before = commit_point(&layout);
        let watch = Watch::new(total_bytes(&layout), progress, cancel);
        let Some(mut report) = watch.outcome(verify_once(&layout, &watch))? else { return Ok(None) };
        report.remedy = (!report.is_clean()).then(|| remedy(&layout));
        // A writer may have replaced files while they were read: what seemed wrong may only have been gone.
        if report.is_clean() || commit_point(&layout) == before {
            return Ok(Some(report));
        }
    }
}

/// What can be done about damage: a repair needs a manifest of this version to begin with, or a spare one.
fn remedy(layout: &Layout) -> Remedy {
    match CommitPoint::read(layout) {
        Ok(CommitPoint::Version2(_)) => Remedy::RepairOrRebuild,
        Err(_) if matches!(spare::usable(layout), Ok(Some(_))) => Remedy::RestoreManifest,
        _ => Remedy::Rebuild,
    }
}

/// Bytes of the files of vectors and records.
fn total_bytes(layout: &Layout) -> usize {
    let files = [layout.vectors(), layout.records()].into_iter().flat_map(|dir| files::list(&dir).unwrap_or_default());
    let bytes = files.filter_map(|path| Some(path.metadata().ok()?.len())).sum::<u64>();
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn verify_once(layout: &Layout, watch: &Watch<'_>) -> Result<VerifyReport, IndexError> {
    let mut report = VerifyReport::new();
    let Opened { snapshot, words_files, .. } = match open_commit(Segment::open, layout) {
        Ok(opened) => opened,
        Err(error) => {
            report.add(layout.root(), error)?;
            check_one_by_one(layout, watch, &mut report)?;
            return Ok(report);
        }
    };
    report.generation = Some(snapshot.manifest().generation);
    report.counts = Counts { photos: snapshot.live(), ..Counts::default() };
    check_numbers(layout, snapshot.manifest(), &mut report);
    for segment in snapshot.segments() {
        check_segment(segment, &mut report)?;
        step(watch, segment.byte_len(), segment.path())?;
    }
    check_hubness(layout, snapshot.manifest(), watch, &mut report)?;
    for file in snapshot.records().files() {
        check_record_file(file, &mut report)?;
        step(watch, file.byte_len(), file.path())?;
    }
    if let Some(entry) = &snapshot.manifest().graph
        && let Err(error) = Graph::verify(&snapshot, entry)
    {
        report.add(&layout.graphs(), error)?;
    }
    if let Some(error) = spare::damage(layout) {
        report.add(&layout.spare_manifest(), error)?;
    }
    check_bad_files(layout, snapshot.manifest(), watch, &mut report)?;
    let records = check_records(layout, &snapshot, &mut report)?;
    let counts = Counts::of(&records);
    // Damaged records tell less than there is.
    if counts.items() == snapshot.live() {
        report.counts = counts;
    }
    if let Some(files) = &words_files {
        check_words(files, &records, &mut report)?;
    }
    Ok(report)
}

fn step(watch: &Watch<'_>, bytes: u64, path: &Path) -> Result<(), IndexError> {
    let steps = watch.steps(usize::try_from(bytes).unwrap_or(usize::MAX));
    steps.and_then(|()| watch.check()).map_err(IndexError::io("verify", path))
}

/// Checks each file by itself, where they do not make up an index: how much is damaged says what can be saved.
fn check_one_by_one(layout: &Layout, watch: &Watch<'_>, report: &mut VerifyReport) -> Result<(), IndexError> {
    let Ok(CommitPoint::Version2(manifest)) = CommitPoint::read(layout) else { return Ok(()) };
    check_numbers(layout, &manifest, report);
    for entry in &manifest.segments {
        match snapshot::open_segment(Segment::open, layout, entry) {
            Ok(segment) => check_segment(&segment, report)?,
            Err(error) => report.add(&layout.segment(entry.file), error)?,
        }
        step(watch, 0, layout.root())?;
    }
    for entry in &manifest.records {
        match snapshot::open_records(layout, entry) {
            Ok(file) => check_record_file(&file, report)?,
            Err(error) => report.add(&layout.record_file(entry.file), error)?,
        }
        step(watch, 0, layout.root())?;
    }
    if let Some(entry) = &manifest.deleted
        && let Err(error) = snapshot::read_deleted(&layout.deleted(entry.file), entry.crc32)
    {
        report.add(layout.root(), error)?;
    }
    check_hubness(layout, &manifest, watch, report)?;
    check_bad_files(layout, &manifest, watch, report)?;
    if let Some(files) = ReadDirectory::of(layout, &manifest)?
        && !name_damaged_words(&files, report)?
        && let Err(error) = Words::open(&files)
    {
        report.add(&layout.words(), error)?;
    }
    Ok(())
}

/// Compares the numbers that a manifest says are not in use yet with those that it uses.
fn check_numbers(layout: &Layout, manifest: &Manifest, report: &mut VerifyReport) {
    let is_v1 = manifest.version == 1;
    if !is_v1 && manifest.files().any(|file| file >= manifest.next_file) {
        report.note(&layout.manifest(), "the next file number is already in use");
    }
    let mut files: Vec<u64> = manifest.files().collect();
    files.sort_unstable();
    if files.windows(2).any(|pair| pair[0] == pair[1]) {
        report.note(&layout.manifest(), "it names two files with one number");
    }
}

impl VerifyReport {
    fn new() -> VerifyReport {
        VerifyReport { generation: None, counts: Counts::default(), problems: Vec::new(), remedy: None }
    }

    /// Notes damage. What is none is an error of the check itself: a file that the system refuses to read may be whole, unless
    /// nobody can read it.
    fn add(&mut self, path: &Path, error: IndexError) -> Result<(), IndexError> {
        let (path, message) = match error {
            IndexError::Corrupt { path, reason } | IndexError::ManifestLost { path, reason } => (path, reason),
            IndexError::Graph { dir, reason } | IndexError::Metadata { dir, reason } => (dir, reason),
            IndexError::Io { ref path, .. } if error.is_missing_file() || error.is_unreadable_file() => {
                (path.clone(), error.to_string())
            }
            IndexError::Io { .. }
            | IndexError::NotFound { .. }
            | IndexError::NotAnIndex { .. }
            | IndexError::NotADirectory { .. }
            | IndexError::NewerFormat { .. } => return Err(error),
            other => (path.to_path_buf(), other.to_string()),
        };
        self.note(&path, message);
        Ok(())
    }

    fn note(&mut self, path: &Path, message: impl Into<String>) {
        let problem = Problem { path: path.to_path_buf(), message: message.into() };
        // What keeps the index from being opened shows again when its file is looked at by itself.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

fn check_segment(segment: &Segment, report: &mut VerifyReport) -> Result<(), IndexError> {
    if let Err(error) = segment.verify() {
        return report.add(segment.path(), error);
    }
    let mut wrong = rows_not_of_unit_length(segment);
    if let Some((row, length)) = wrong.next() {
        let (id, others) = (segment.ids()[row], wrong.count());
        let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
        let message = format!("expected unit vectors, found norm {length} for item {id}{more}");
        report.note(segment.path(), message);
    } else if let Some(row) = rows_with_other_codes(segment).next() {
        report.note(segment.path(), format!("the codes of item {} do not match its vector", segment.ids()[row]));
    }
    Ok(())
}

/// Checks the files of hubness that a manifest names; one of a vector file that is no more is of no use, but no harm.
fn check_hubness(
    layout: &Layout,
    manifest: &Manifest,
    watch: &Watch<'_>,
    report: &mut VerifyReport,
) -> Result<(), IndexError> {
    for segment in &manifest.segments {
        let Some(entry) = manifest.hubness_of(segment.file) else { continue };
        let path = layout.hubness(entry.file);
        match hubness::open_of(layout, entry, segment.rows) {
            Ok(file) => {
                if let Err(error) = file.verify() {
                    report.add(&path, error)?;
                }
                step(watch, file.byte_len(), file.path())?;
            }
            Err(error) => report.add(&path, error)?,
        }
    }
    Ok(())
}

fn check_bad_files(
    layout: &Layout,
    manifest: &Manifest,
    watch: &Watch<'_>,
    report: &mut VerifyReport,
) -> Result<(), IndexError> {
    let Some(entry) = &manifest.bad_files else { return Ok(()) };
    let path = layout.bad_files(entry.file);
    match bad_files::read(&path, entry) {
        Ok(files) if files.len() as u64 == entry.files => {}
        Ok(files) => {
            report.note(&path, format!("it has {} files, the manifest says {}", files.len(), entry.files));
        }
        Err(error) => report.add(&path, error)?,
    }
    step(watch, path.metadata().map_or(0, |metadata| metadata.len()), &path)
}

fn check_record_file(file: &RecordFile, report: &mut VerifyReport) -> Result<(), IndexError> {
    file.verify().or_else(|error| report.add(file.path(), error))
}

/// Rows whose codes are not what these rows give.
pub(crate) fn rows_with_other_codes(segment: &Segment) -> impl Iterator<Item = usize> {
    let mut numbers = vec![0.0; segment.dimension()];
    let mut codes = vec![0; similarity::code_len(segment.dimension())];
    (0..segment.len()).filter(move |&row| {
        segment.codes(row).is_some_and(|(found, scale)| {
            segment.row(row).to_f32(&mut numbers);
            let expected = similarity::quantise(&numbers, &mut codes);
            found != codes || scale.to_bits() != expected.to_bits()
        })
    })
}

/// Rows that are no embeddings, and their lengths.
pub(crate) fn rows_not_of_unit_length(segment: &Segment) -> impl Iterator<Item = (usize, f32)> {
    let mut numbers = vec![0.0; segment.dimension()];
    let tolerance = UNIT_TOLERANCE + segment.format().rounding();
    (0..segment.len()).filter_map(move |row| {
        segment.row(row).to_f32(&mut numbers);
        let length = unit::length(&numbers);
        // Written so that NaN is found too.
        (length.is_nan() || (length - 1.0).abs() > tolerance).then_some((row, length))
    })
}

/// The bytes of the file that says what was committed.
fn commit_point(layout: &Layout) -> Option<Vec<u8>> {
    let read = |path: PathBuf| regular::read(&path, MOST_BYTES).ok();
    read(layout.manifest()).or_else(|| read(layout.v1_commit_point()))
}

/// Reads all records and compares them with the vectors. Gives those that can be read.
fn check_records(layout: &Layout, snapshot: &Snapshot, report: &mut VerifyReport) -> Result<Vec<Record>, IndexError> {
    let is_v1 = snapshot.manifest().version == 1;
    let dir = if is_v1 { layout.v1_meta() } else { layout.records() };
    let records = match snapshot.all_records() {
        Ok(records) => records,
        Err(error) => {
            // What cannot be read was named before.
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
        report.note(&dir, format!("items with a vector but no record: {}, for example item {id}", no_record.len()));
    }
    if let Some(id) = no_vector.min() {
        report.note(&dir, format!("items with a record but no vector: {}, for example item {id}", no_vector.len()));
    }
    Ok(records)
}

/// Is the word index that of these records?
pub(crate) fn has_words_of(records: &[Record], files: &ReadDirectory) -> Result<bool, IndexError> {
    let mut report = VerifyReport::new();
    check_words(files, records, &mut report)?;
    Ok(report.is_clean())
}

/// Names the files of a word index that are damaged or missing; `false` if there is none.
fn name_damaged_words(files: &ReadDirectory, report: &mut VerifyReport) -> Result<bool, IndexError> {
    let damaged = match words::damaged_files(files) {
        Ok(damaged) => damaged,
        Err(error) => return report.add(files.root(), error).map(|()| true),
    };
    for (path, message) in &damaged {
        report.note(path, message);
    }
    Ok(!damaged.is_empty())
}

/// Compares the word index with the records.
fn check_words(files: &ReadDirectory, records: &[Record], report: &mut VerifyReport) -> Result<(), IndexError> {
    let dir = files.root();
    if name_damaged_words(files, report)? {
        return Ok(());
    }
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
