//! The builder that callers see, and the order of a run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clip_encoder::Encoder;
use clip_index::{IndexError, IndexReader, IndexWriter, ModelId, ModelOrigin, Record};

use crate::contents::Contents;
use crate::error::IndexerError;
use crate::options::IndexOptions;
use crate::pipeline::Pipeline;
use crate::plan::{Known, plan};
use crate::progress::{Event, Progress, Silent};
use crate::report::Report;
use crate::roots;
use crate::walk::walk;

static NEVER: AtomicBool = AtomicBool::new(false);

/// Makes an index agree with folders.
///
/// One run lists the folders, compares them with the index, and reads only what is new or changed. The same bytes are
/// encoded once, however often they lie on the disk and wherever they are moved. Memory does not grow with the photos,
/// only (by some hundred bytes each) with their number.
///
/// ```no_run
/// # fn index(model: &impl clip_indexer::Encoder) -> Result<(), Box<dyn std::error::Error>> {
/// use std::path::Path;
/// use clip_indexer::{Event, Indexer};
///
/// let listen = |event: Event<'_>| {
///     if let Event::Skipped(photo) = event {
///         eprintln!("{}: {}", photo.path.display(), photo.reason);
///     }
/// };
/// let report = Indexer::new(model, Path::new("my-index")).progress(&listen).run(&["/photos".into()])?;
/// println!("{} new, {} unchanged", report.indexed, report.unchanged);
/// # Ok(())
/// # }
/// ```
#[must_use = "an indexer does nothing until it is run"]
pub struct Indexer<'a, E> {
    encoder: &'a E,
    index: &'a Path,
    options: IndexOptions,
    progress: &'a dyn Progress,
    cancel: &'a AtomicBool,
    origin: Option<ModelOrigin>,
}

impl<'a, E: Encoder> Indexer<'a, E> {
    /// An indexer for the index in the folder `index`, which need not exist yet.
    pub fn new(encoder: &'a E, index: &'a Path) -> Indexer<'a, E> {
        Indexer { encoder, index, options: IndexOptions::default(), progress: &Silent, cancel: &NEVER, origin: None }
    }

    /// Sets how the run goes about its work.
    pub fn options(mut self, options: IndexOptions) -> Indexer<'a, E> {
        self.options = options;
        self
    }

    /// Sets who is told of what happens.
    pub fn progress(mut self, progress: &'a dyn Progress) -> Indexer<'a, E> {
        self.progress = progress;
        self
    }

    /// Sets where the model came from, for the index to remember.
    pub fn origin(mut self, origin: ModelOrigin) -> Indexer<'a, E> {
        self.origin = Some(origin);
        self
    }

    /// Sets the flag that ends the run early once it is true. What was done until then is committed.
    pub fn cancel(mut self, cancel: &'a AtomicBool) -> Indexer<'a, E> {
        self.cancel = cancel;
        self
    }

    /// Indexes the folders and single files `roots`, or all that the index knows if none is given. The index remembers them.
    ///
    /// Photos that the index knows outside `roots` are left as they are. A root that the index knows may be missing, as
    /// an unmounted drive's is: its photos are kept and [`Report::unreachable`] tells of it.
    ///
    /// # Errors
    /// [`IndexerError`] tells when a root cannot be used, the index cannot be opened or written, or the model fails.
    /// All that was committed before stays. A file that cannot be indexed is no error: [`Report::skipped`] names it.
    pub fn run(self, roots: &[PathBuf]) -> Result<Report, IndexerError> {
        let started = Instant::now();
        let mut report = self.go(roots)?;
        report.elapsed = started.elapsed();
        Ok(report)
    }

    fn go(self, given: &[PathBuf]) -> Result<Report, IndexerError> {
        // Roots are looked at before the index is created, so that a misspelt folder leaves nothing behind.
        let remembered = match IndexReader::open(self.index) {
            Ok(reader) => reader.roots(),
            Err(IndexError::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut roots = roots::resolve(given, &remembered, self.index)?;
        let model = ModelId {
            name: self.encoder.name().to_owned(),
            fingerprint: self.encoder.fingerprint().to_owned(),
            dimension: self.encoder.dimension(),
        };
        let mut writer = IndexWriter::open_or_create(self.index, &model)?;

        let walking = Instant::now();
        let mut walked = walk(&roots.walk, self.options.follow_links, self.progress, self.cancel);
        let mut report = Report { skipped: std::mem::take(&mut walked.skipped), ..Report::default() };
        report.stages.walk = walking.elapsed();
        if walked.cancelled {
            report.cancelled = true;
            return Ok(report);
        }

        let known = known_files(&writer)?;
        let deleted = roots.deleted_files(|path| known.iter().any(|photo| photo.path == path));
        let blind = [roots.blind.as_slice(), &walked.blind].concat();
        let mut plan = plan(&known, walked.files, &roots.scope, &blind, self.options.forget_unreachable);
        report.unchanged = plan.unchanged;
        report.unreachable = std::mem::take(&mut plan.unreachable);
        self.progress.event(Event::Planned { unchanged: plan.unchanged, to_read: plan.work.len() as u64 });
        let contents = Contents::new(&known, &plan);
        drop(known);

        // Remembered before the first photo is, so that an interrupted run can be taken up without naming the folders.
        let before = writer.roots();
        let mut remembered = roots.remembered(&before);
        if self.options.forget_unreachable {
            remembered.retain(|root| !roots.blind.iter().any(|spot| spot.root && spot.path == *root));
        }
        remembered.retain(|root| !deleted.contains(root));
        writer.set_roots(&remembered)?;
        if let Some(origin) = self.origin {
            writer.set_origin(Some(origin));
        }
        let mut pipeline = Pipeline::new(&mut writer, self.index, &plan.work, report, self.progress, &self.options)?;
        pipeline.run(self.encoder, &contents, self.cancel)?;
        let mut report = pipeline.finish(&contents, self.cancel)?;
        // A single file that turned out to be no photo is not looked at again.
        let is_bad = |root: &PathBuf| !before.contains(root) && report.skipped.iter().any(|file| file.path == *root);
        if roots.walk.iter().any(is_bad) {
            remembered.retain(|root| !is_bad(root));
            writer.set_roots(&remembered)?;
            writer.commit()?;
        }

        if let Some(options) = self.options.graph.as_ref().filter(|_| !report.cancelled) {
            let building = Instant::now();
            let mut tell = |done, total| self.progress.event(Event::Graph { done: done as u64, total: total as u64 });
            writer.update_graph(options, &mut tell, self.cancel)?;
            report.stages.graph = building.elapsed();
            report.cancelled = self.cancel.load(Ordering::Relaxed);
        }
        if !report.cancelled {
            writer.close()?;
        }
        report.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(report)
    }
}

fn known_files(writer: &IndexWriter) -> Result<Vec<Known>, IndexerError> {
    let known = |Record { id, asset, .. }| Known { id, path: asset.path, hash: asset.hash, stamp: asset.stamp };
    Ok(writer.records()?.into_iter().map(known).collect())
}
