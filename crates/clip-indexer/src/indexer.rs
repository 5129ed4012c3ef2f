//! The builder that callers see, and the order of a run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clip_encoder::Encoder;
use clip_index::{IndexError, IndexReader, IndexWriter, ModelId, ModelOrigin, Record};

use crate::bad::{self, Bad};
use crate::contents::Contents;
use crate::error::IndexerError;
use crate::excluded::{self, Excluded};
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

    /// Indexes the folders `roots`, or all that the index knows if none is given. The index remembers them.
    ///
    /// Photos that the index knows outside `roots` are left as they are. A root that the index knows may be missing, as
    /// an unmounted drive's is: its photos are kept and [`Report::unreachable`] tells of it.
    ///
    /// # Errors
    /// [`IndexerError`] tells when a root cannot be used, the index cannot be opened or written, or the model fails.
    /// All that was committed before stays. A file that cannot be indexed is no error: [`Report::skipped`] names it, once.
    pub fn run(self, roots: &[PathBuf]) -> Result<Report, IndexerError> {
        let started = Instant::now();
        let mut report = self.go(roots)?;
        report.elapsed = started.elapsed();
        Ok(report)
    }

    fn go(self, given: &[PathBuf]) -> Result<Report, IndexerError> {
        // Roots are looked at before the index is created, so that a misspelt folder leaves nothing behind.
        let (remembered, excludes) = match IndexReader::open(self.index) {
            Ok(reader) => (reader.roots(), reader.excluded().to_vec()),
            Err(IndexError::NotFound { .. }) => (Vec::new(), Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let excludes = excluded::changed(&excludes, &self.options.exclude, &self.options.include)?;
        let mut roots = roots::resolve(given, &remembered, self.index)?;
        let all_roots = roots.remembered(&remembered);
        let named = excluded::leave_out(&mut roots, &excludes, &all_roots)?;
        let model = ModelId {
            name: self.encoder.name().to_owned(),
            fingerprint: self.encoder.fingerprint().to_owned(),
            dimension: self.encoder.dimension(),
        };
        let mut writer = IndexWriter::open_or_create(self.index, &model)?;

        let walking = Instant::now();
        let excluded = Excluded::new(&excludes, &all_roots);
        let mut walked = walk(&roots.walk, &excluded, self.options.follow_links, self.progress, self.cancel);
        let mut report = Report { excluded: named, ..Report::default() };
        report.stages.walk = walking.elapsed();
        if walked.cancelled {
            report.skipped = walked.skipped;
            report.cancelled = true;
            return Ok(report);
        }

        // What is excluded is not away but to leave the index, wherever it is.
        let (mut known, mut left_out): (Vec<_>, Vec<_>) =
            known_files(&writer)?.into_iter().partition(|photo| !excluded.covers(&photo.path, false));
        let blind = [roots.blind.as_slice(), &walked.blind].concat();
        let looked = |path: &Path| {
            let is_in = |folder: &Path| path.starts_with(folder);
            roots.scope.iter().any(|root| is_in(root)) && !blind.iter().any(|spot| is_in(&spot.path))
        };
        let decoder = clip_image::decoder_id(&self.options.limits);
        let bad = Bad::new(writer.bad_files().cloned(), decoder, &walked.files, looked);
        bad::sort_out_walk(&bad, std::mem::take(&mut walked.skipped), &mut writer, &mut report);
        let mut plan = plan(&known, walked.files, &roots.scope, &blind, self.options.forget_unreachable);
        plan.gone.extend(left_out.iter().map(|photo| (photo.id, photo.hash)));
        plan.work.retain(|work| match bad.settled(&work.file) {
            Some(skipped) => {
                report.skipped_before.push(skipped);
                false
            }
            None => true,
        });
        report.unchanged = plan.unchanged;
        report.unreachable = std::mem::take(&mut plan.unreachable);
        self.progress.event(Event::Planned { unchanged: plan.unchanged, to_read: plan.work.len() as u64 });
        known.append(&mut left_out);
        let contents = Contents::new(&known, &plan);
        drop(known);

        // Remembered before the first photo is, so that an interrupted run can be taken up without naming the folders.
        let mut remembered = roots.remembered(&writer.roots());
        if self.options.forget_unreachable {
            remembered.retain(|root| !roots.blind.iter().any(|spot| spot.root && spot.path == *root));
        }
        writer.set_roots(&remembered)?;
        writer.set_excluded(excludes);
        if let Some(origin) = self.origin {
            writer.set_origin(Some(origin));
        }
        let mut pipeline =
            Pipeline::new(&mut writer, self.index, &plan.work, &bad, report, self.progress, &self.options)?;
        pipeline.run(self.encoder, &contents, self.cancel)?;
        let mut report = pipeline.finish(&contents, self.cancel)?;
        if !report.cancelled {
            let is_away = |path: &Path| report.unreachable.iter().any(|place| path.starts_with(&place.path));
            let is_kept = |path: &Path| {
                remembered.iter().any(|root| path.starts_with(root))
                    && !excluded.covers(path, false)
                    && (!looked(path) || is_away(path))
            };
            bad::forget_gone(&bad, &report, is_kept, &mut writer);
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
        report.skipped_before.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(report)
    }
}

fn known_files(writer: &IndexWriter) -> Result<Vec<Known>, IndexerError> {
    let known = |Record { id, asset, .. }| Known { id, path: asset.path, hash: asset.hash, stamp: asset.stamp };
    Ok(writer.records()?.into_iter().map(known).collect())
}
