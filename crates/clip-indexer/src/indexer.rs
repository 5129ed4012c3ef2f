//! The builder that callers see, and the order of a run.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clip_encoder::Encoder;
use clip_image::DETAILS_VERSION;
use clip_index::{
    Bank, Catalogue, Drive, IndexError, IndexReader, IndexWriter, Kind, ModelId, ModelOrigin, Record, Stamp,
};
use clip_progress::{Progress, Silent, Steps};

use crate::bad::{self, Bad};
use crate::contents::Contents;
use crate::error::IndexerError;
use crate::excluded::{self, Excluded};
use crate::file_system::{Disk, FileSystem, Folder};
use crate::found::Known;
use crate::ignore_file::{IGNORE_FILE, IgnoreFault, IgnoreFiles};
use crate::mounted::{self, News};
use crate::options::IndexOptions;
use crate::pipeline::Pipeline;
use crate::plan::{Gone, Kept, Spot, UpdatePlan, lost, plan};
use crate::presence::{Departures, Drives};
use crate::progress::Event;
use crate::region::{Changes, Region, photos_at};
use crate::report::{Forgotten, Report, SkipReason, Skipped, Unreachable};
use crate::roots;
use crate::session::{Found, Session};
use crate::sidecars::is_video;
use crate::text;
use crate::vanished::Vanished;
use crate::video::{self, VIDEO_DETAILS_VERSION};
use crate::walk::{Selection, walk, walk_region};

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
    progress: &'a dyn for<'e> Progress<Event<'e>>,
    cancel: &'a AtomicBool,
    origin: Option<ModelOrigin>,
    replaced: Option<&'a IndexReader>,
    bank: Option<Arc<Bank>>,
    session: Option<&'a mut Session>,
}

impl<'a, E: Encoder> Indexer<'a, E> {
    /// An indexer for the index in the folder `index`, which need not exist yet.
    pub fn new(encoder: &'a E, index: &'a Path) -> Indexer<'a, E> {
        Indexer {
            encoder,
            index,
            options: IndexOptions::default(),
            progress: &Silent,
            cancel: &NEVER,
            origin: None,
            replaced: None,
            bank: None,
            session: None,
        }
    }

    /// Sets the texts that the hubness of photos is measured with, so that searches can correct scores: see
    /// [`clip_index::Bank`]. Photos that were indexed before are measured too.
    pub fn bank(mut self, bank: Option<Arc<Bank>>) -> Indexer<'a, E> {
        self.bank = bank;
        self
    }

    /// Sets how the run goes about its work.
    pub fn options(mut self, options: IndexOptions) -> Indexer<'a, E> {
        self.options = options;
        self
    }

    /// Sets who is told of what happens.
    pub fn progress(mut self, progress: &'a dyn for<'e> Progress<Event<'e>>) -> Indexer<'a, E> {
        self.progress = progress;
        self
    }

    /// Sets where the model came from, for the index to remember.
    pub fn origin(mut self, origin: ModelOrigin) -> Indexer<'a, E> {
        self.origin = Some(origin);
        self
    }

    /// Sets the index whose place the one that is made is to take. [`Report::unreachable`] then also tells of the photos
    /// that only that index has, and that would be lost with it though they may not be gone.
    pub fn in_place_of(mut self, index: &'a IndexReader) -> Indexer<'a, E> {
        self.replaced = Some(index);
        self
    }

    /// Sets what is remembered between runs, for [`Indexer::run_changes`].
    pub fn session(mut self, session: &'a mut Session) -> Indexer<'a, E> {
        self.session = Some(session);
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
    /// All that was committed before stays. A file that cannot be indexed is no error: [`Report::skipped`] names it, once.
    pub fn run(self, roots: &[PathBuf]) -> Result<Report, IndexerError> {
        let started = Instant::now();
        let mut report = self.go(roots, None)?;
        report.elapsed = started.elapsed();
        Ok(report)
    }

    /// Brings the index up to date after changes that are known, in the folders that it knows. What has changed comes to be in
    /// the index as a run of everything would have it; the rest of the folders is not looked at.
    ///
    /// Everything is walked nevertheless if the [session](Indexer::session) has not been used for a run of everything yet, or
    /// since a run was broken off; if the index has got other folders or the options other excludes since; or if a symbolic
    /// link has changed that may matter elsewhere.
    ///
    /// # Errors
    /// Those of [`Indexer::run`].
    pub fn run_changes(self, changes: &Changes) -> Result<Report, IndexerError> {
        let started = Instant::now();
        let mut report = self.go(&[], Some(changes))?;
        report.elapsed = started.elapsed();
        Ok(report)
    }

    fn go(mut self, given: &[PathBuf], changes: Option<&Changes>) -> Result<Report, IndexerError> {
        // Roots are looked at before the index is created, so that a misspelt folder leaves nothing behind.
        let (remembered, excluded_before, told) = match IndexReader::open(self.index) {
            Ok(reader) => (reader.roots(), reader.excluded().to_vec(), reader.told().to_vec()),
            Err(IndexError::NotFound { .. }) => (Vec::new(), Vec::new(), Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let excludes = excluded::changed(&excluded_before, &self.options)?;
        let mut nothing_remembered = Session::default();
        let session = self.session.take().unwrap_or(&mut nothing_remembered);
        let changes = changes.filter(|_| excludes == excluded_before);
        let mut region = session.begin(changes, &remembered, self.options.follow_links);
        if region.as_ref().is_some_and(Region::is_empty) {
            session.leave();
            return Ok(Report { remaining: Some(0), ..Report::default() });
        }
        let mut roots = roots::resolve(given, &remembered, self.index)?;
        let all_roots = roots.remembered(&remembered);
        let named = roots.leave_out(&excludes, &all_roots)?;
        let mut ignore_files = IgnoreFiles::default();
        let ignored = roots.leave_out_ignored(&mut ignore_files, &all_roots)?;
        let model = ModelId {
            name: self.encoder.name().to_owned(),
            fingerprint: self.encoder.fingerprint().to_owned(),
            dimension: self.encoder.dimension(),
        };
        let mut writer = IndexWriter::open_or_create(self.index, &model)?;
        if let Some(bank) = self.bank {
            writer.set_bank(bank)?;
        }
        if let Some(format) = self.options.row_format {
            writer.set_row_format(format);
        }

        let walking = Instant::now();
        let index_folder = self.index.canonicalize().unwrap_or_else(|_| self.index.to_path_buf());
        let excluded = Excluded::new(&excludes, &all_roots);
        let selection = |ignore_files| Selection {
            excluded: Excluded::new(&excludes, &all_roots),
            ignore_files,
            follow_links: self.options.follow_links,
            download: self.options.download,
            videos: self.options.videos.is_some(),
        };
        let mut walked = match &region {
            None => walk(&roots.walk, selection(ignore_files), self.progress, self.cancel),
            Some(region) => {
                let selection = selection(ignore_files);
                walk_region(&roots.walk, region, session.links(), selection, self.progress, self.cancel)
            }
        };
        if walked.links_have_changed && !walked.cancelled {
            region = None;
            let mut ignore_files = IgnoreFiles::default();
            roots.leave_out_ignored(&mut ignore_files, &all_roots)?;
            walked = walk(&roots.walk, selection(ignore_files), self.progress, self.cancel);
        }
        let found = Found::of(&mut walked);
        let left_out: HashSet<PathBuf> =
            walked.left_out.drain().chain(ignored.iter().map(|root| root.path.clone())).collect();
        let is_left_out = |path: &Path| {
            excluded.covers(path, false)
                || !left_out.is_empty() && path.ancestors().any(|folder| left_out.contains(folder))
        };
        roots.linked.retain(|root| roots.walk.contains(&root.target));
        let (ignore_faults_before, ignore_faults) = std::mem::take(&mut walked.ignore_faults)
            .into_iter()
            .partition::<Vec<_>, _>(|fault| told.contains(&fault.known_as()));
        let mut report = Report {
            excluded: named,
            ignored,
            linked_roots: std::mem::take(&mut roots.linked),
            ignore_faults,
            ignore_faults_before,
            ..Report::default()
        };
        report.stages.walk = walking.elapsed();
        if walked.cancelled {
            report.skipped = walked.skipped;
            report.passed_over = walked.passed_over.into_list();
            report.cancelled = true;
            return Ok(report);
        }

        let disk = Disk::default();
        // Excluded photos leave the index, even if they cannot be reached.
        let reader = region.as_ref().map(|_| IndexReader::open(self.index)).transpose()?;
        let mut known = match region.as_ref().zip(reader.as_ref()) {
            None => known_files(writer.records()?),
            Some((region, reader)) => {
                session.catalogue.refresh(reader)?;
                let mut known = known_files(region.records(&session.catalogue, reader)?);
                region.leave_out_others(&mut known, &mut walked.files);
                known
            }
        };
        let known_ids = known.iter().map(|photo| photo.id).collect::<HashSet<_>>();
        // The moving half of a photo is no video of its own, even if it was one before its photo came.
        let companions = video::companions(&known, &walked.files);
        walked.files.retain(|file| !companions.contains(&file.path));
        let is_no_more = |photo: &mut Known| is_left_out(&photo.path) || companions.contains(&photo.path);
        let mut to_leave: Vec<Known> = known.extract_if(.., is_no_more).collect();
        let deleted = roots.deleted_files(|path| known.iter().any(|known| known.path == path));
        let blind = [roots.blind.as_slice(), &walked.blind].concat();
        if let Some(fault) = video::fault(self.options.videos.as_ref(), &known, &walked.files) {
            // As if there were nothing that reads them: what the index has of them stays.
            self.options.videos = None;
            report.video_fault = Some(fault);
            let videos = walked.files.extract_if(.., |file| is_video(&file.path));
            videos.for_each(|video| walked.passed_over.file(&video.path));
        }
        report.passed_over = std::mem::take(&mut walked.passed_over).into_list();
        let looked = |path: &Path| {
            let is_in = |folder: &Path| path.starts_with(folder);
            roots.scope.iter().any(|root| is_in(root))
                && !blind.iter().any(|spot| is_in(&spot.path))
                && region.as_ref().is_none_or(|region| region.covers(path))
        };
        let decoder = clip_image::decoder_id(&self.options.limits);
        // Where it is not known, there is no video to be read.
        let video_decoder = self.options.videos.as_ref().and_then(video::decoder_id);
        let bad = Bad::new(writer.bad_files().cloned(), (decoder, video_decoder), &walked.files, looked);
        let bad = if self.options.retry { bad.trying_all_again() } else { bad };
        bad::sort_out_walk(&bad, std::mem::take(&mut walked.skipped), &mut writer, &mut report);
        let forget = self.options.forget_unreachable;
        let is_whole = |root: &&PathBuf| region.as_ref().is_none_or(|region| region.covers(root));
        let drives = Drives::of(self.index, roots.scope.iter().filter(is_whole).cloned().collect(), &disk);
        let among = |known: &[Drive]| drives.clone().among(known, &all_roots, &walked.files, &disk);
        let lost = match self.replaced {
            Some(replaced) if !forget => {
                let mut known = known_files(replaced.all_records()?);
                known.retain(|photo| !is_left_out(&photo.path));
                if self.options.videos.is_none() {
                    let videos = video::at_stake(&known, &roots.scope);
                    if videos > 0 {
                        let fault = report.video_fault.take();
                        return Err(IndexerError::VideosAtStake { videos, fault });
                    }
                }
                lost(&known, &walked.files, &roots.scope, &blind, &among(replaced.drives()), &disk)
            }
            _ => Default::default(),
        };
        // Videos that were not looked for are not gone.
        let passes_videos = self.options.videos.is_none();
        let passed: Vec<Known> = known.extract_if(.., |photo| passes_videos && photo.kind == Kind::Video).collect();
        let drives = among(writer.drives());
        let plan = plan(&known, walked.files, &roots.scope, &blind, forget, &drives, &disk);
        known.extend(passed);
        let UpdatePlan {
            unchanged,
            in_cloud,
            restamped,
            outdated,
            mut work,
            mut gone,
            kept,
            spots,
            devices,
            renumbered,
            writes,
        } = plan;
        let may_be_back = gone.iter().filter(|gone| gone.spot.is_none()).map(|gone| gone.id).collect::<HashSet<_>>();
        let may_be_back: HashMap<u64, PathBuf> = known
            .iter()
            .filter(|photo| may_be_back.contains(&photo.id))
            .map(|photo| (photo.id, photo.path.clone()))
            .collect();
        gone.extend(to_leave.iter().map(|photo| Gone { id: photo.id, hash: photo.hash, spot: None }));
        work.retain(|work| match bad.settled(&work.file) {
            Some(skipped) => {
                report.skipped_before.push(skipped);
                false
            }
            None => true,
        });
        report.unchanged = unchanged;
        report.in_cloud = in_cloud;
        self.progress.event(Event::Planned { unchanged, to_read: work.len() as u64 });
        let before = writer.roots();
        let mut remembered = roots.remembered(&before);
        remembered.retain(|root| !deleted.contains(root));
        if forget {
            let is_forgotten = |root: &Path| region.as_ref().is_none_or(|region| region.covers(root));
            // One that is there and cannot be read is still wanted.
            let is_away = |root: &Path| {
                roots.blind.iter().any(|spot| spot.root && spot.path == *root) && is_no_folder(root, &disk)
            };
            remembered.retain(|root| !(is_away(root) && is_forgotten(root)));
        }
        let photos = |root: &Path| match &reader {
            Some(reader) => Ok(photos_at(&session.catalogue, reader, root)?),
            None => Ok(known.iter().filter(|known| known.path.starts_with(root)).count()),
        };
        let missing = missing_roots(&remembered, &roots.walk, photos, &disk)?;
        let is_in_run = |root: &Path| {
            self.replaced.is_none()
                && roots.blind.iter().any(|spot| spot.root && spot.path == root)
                && region.as_ref().is_none_or(|region| region.covers(root))
        };
        let never_used: Vec<PathBuf> = missing
            .iter()
            .filter(|(root, photos)| *photos == 0 && is_in_run(root) && !bad.knows_in(root))
            .filter(|(root, _)| mounted::is_deleted(root, writer.drives(), &index_folder, &disk))
            .map(|(root, _)| root.clone())
            .collect();
        remembered.retain(|root| !never_used.contains(root));
        let used = numbers_below(writer.drives(), &known, &restamped);
        let drives_now = News {
            mounted: &drives.mounted,
            system: &disk,
            recognised: &|device| devices.recognised(device),
            written: &|device| if writes { devices.present(device) } else { HashSet::new() },
            renumbered: &renumbered,
            roots: &remembered,
            used: region.is_none().then_some(&used),
        }
        .update(writer.drives());
        let departures = Departures { devices, system: &disk, roots: remembered.clone() };
        known.append(&mut to_leave);
        let catalogue = &session.catalogue;
        let others = reader.as_ref().map(|reader| move |hash: &[u8; 16]| same_content(catalogue, reader, hash));
        let mut contents = Contents::new(&known, gone, kept, departures);
        if let Some(others) = &others {
            contents = contents.and_others(known_ids, others);
        }
        drop(known);

        // Remembered before the first photo is, so that an interrupted run can be taken up without naming the folders. Those that
        // are no roots any more still are until all is done that follows from that.
        let at_first = roots.remembered(&before);
        writer.set_roots(&at_first)?;
        writer.set_excluded(excludes);
        // A look at some folders says nothing of the others.
        let is_elsewhere =
            |text: &String| changes.is_some() || !roots.walk.iter().any(|root| Path::new(text).starts_with(root));
        let faults = report.ignore_faults_before.iter().chain(&report.ignore_faults).map(IgnoreFault::known_as);
        let told: BTreeSet<String> = told.into_iter().filter(is_elsewhere).chain(faults).collect();
        writer.set_told(told.into_iter().collect());
        if let Some(origin) = self.origin {
            writer.set_origin(Some(origin));
        }
        if let Some(ocr) = &self.options.ocr {
            writer.set_text_languages(Some(ocr.reader.languages().to_owned()));
        } else if self.options.forget_text_languages {
            writer.set_text_languages(None);
        }
        let mut pipeline = Pipeline::new(&mut writer, self.index, &work, &bad, report, self.progress, &self.options)?
            .within(&roots.scope, &remembered);
        if at_first != before {
            pipeline.begin()?;
        }
        pipeline.restamp(&restamped, self.cancel)?;
        if !self.cancel.load(Ordering::Relaxed) {
            // Not before: the number of a drive that is away may be that of another one from now on.
            pipeline.note_drives(drives_now);
        }
        pipeline.run(self.encoder, &contents, self.cancel)?;
        pipeline.read_details(&outdated, self.cancel)?;
        let is_gone = |photo: &Gone| may_be_back.get(&photo.id).is_none_or(|path| is_still_gone(path, &disk));
        let (mut report, removed, vanished) = pipeline.finish(&contents, is_gone, self.cancel)?;

        let departed = contents.departed();
        report.moved_roots = moved_roots(missing, &departed);
        tell_of_places(&mut report, spots, forget, &departed, &removed);
        report.unreachable.retain(|place| !never_used.contains(&place.path));
        report.forgotten.extend(never_used.into_iter().map(|path| Forgotten { path, photos_removed: 0 }));
        if let Some(region) = &region {
            // Other folders that are away were told of when they went.
            report.unreachable.retain(|place| place.photos_kept > 0 || region.covers(&place.path));
        }
        add_vanished(&mut report, vanished, &writer)?;
        if !lost.0.is_empty() {
            add_lost(&mut report, lost, &writer)?;
        }
        // A single file that turned out to be no photo is not looked at again. A folder that could not be read whole is.
        let is_bad = |root: &PathBuf| {
            let mut skipped = report.skipped.iter().chain(&report.skipped_before);
            !before.contains(root) && !root.is_dir() && skipped.any(|file| file.path == *root)
        };
        remembered.retain(|root| !report.moved_roots.contains(root) && !is_bad(root));
        writer.set_roots(&remembered)?;
        if !report.cancelled {
            let is_away = |path: &Path| report.unreachable.iter().any(|place| path.starts_with(&place.path));
            let is_kept = |path: &Path| {
                remembered.iter().any(|root| path.starts_with(root))
                    && !is_left_out(path)
                    && (!looked(path) || is_away(path) || passes_videos && is_video(path))
            };
            bad::forget_gone(&bad, &report, is_kept, &mut writer);
        }
        writer.commit()?;
        leave_out_told_of(&mut report);

        if !report.cancelled {
            let tell = |Steps { done, total }| self.progress.event(Event::Hubness { done, total });
            report.cancelled = !writer.update_hubness(&tell, self.cancel)?;
        }
        if let Some(options) = self.options.graph.as_ref().filter(|_| !report.cancelled) {
            let building = Instant::now();
            let tell = |Steps { done, total }| self.progress.event(Event::Graph { done, total });
            writer.update_graph(options, &tell, self.cancel)?;
            report.stages.graph = building.elapsed();
            report.cancelled = self.cancel.load(Ordering::Relaxed);
        }
        if let Some(replaced) = self.replaced.filter(|_| !report.cancelled) {
            match replaced.all_records() {
                Ok(records) => text::carry_over(records, &mut writer)?,
                // A damaged index is replaced for that.
                Err(error) => log::warn!("no text is carried over: {error}"),
            }
        }
        if let Some(ocr) = self.options.ocr.as_ref().filter(|_| !report.cancelled) {
            let reading = Instant::now();
            let records = match region.as_ref() {
                None => writer.records()?,
                Some(region) => {
                    let reader = IndexReader::open(self.index)?;
                    session.catalogue.refresh(&reader)?;
                    region.records(&session.catalogue, &reader)?
                }
            };
            let is_in_scope = |path: &Path| roots.scope.iter().any(|root| path.starts_with(root));
            let records = records.into_iter().filter(|record| is_in_scope(&record.asset.path)).collect();
            let unread = text::unread(records, &*ocr.reader);
            report.text = Some(text::read(&mut writer, &unread, ocr, &self.options, self.progress, self.cancel)?);
            report.stages.text = reading.elapsed();
            report.cancelled = self.cancel.load(Ordering::Relaxed);
        }
        if !report.cancelled {
            writer.close()?;
            session.end(found, region.as_ref(), &roots.scope, &remembered);
            session.set_follow_links(self.options.follow_links);
        }
        // Whoever names a file wants to know what is the matter with it.
        if !given.is_empty() {
            let before = std::mem::take(&mut report.skipped_before);
            let (named, others) = before.into_iter().partition(|file: &Skipped| roots.walk.contains(&file.path));
            report.skipped.extend::<Vec<_>>(named);
            report.skipped_before = others;
        }
        report.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        report.skipped_before.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(report)
    }
}

/// The device numbers that photos below the topmost folders of drives have in the index, once these are `restamped`.
fn numbers_below(drives: &[Drive], known: &[Known], restamped: &[(u64, Stamp)]) -> HashMap<PathBuf, HashSet<u64>> {
    let restamped: HashMap<u64, &Stamp> = restamped.iter().map(|(id, stamp)| (*id, stamp)).collect();
    let number = |photo: &Known| Some(restamped.get(&photo.id).copied().unwrap_or(&photo.stamp).inode?.device);
    let below =
        |folder: &Path| known.iter().filter(|photo| photo.path.starts_with(folder)).filter_map(number).collect();
    let folders = drives.iter().map(|drive| drive.folder.path());
    folders.map(|folder| (folder.clone(), below(&folder))).collect()
}

/// Roots that may turn out to have moved, and how many photos the index knows in them.
fn missing_roots(
    remembered: &[PathBuf],
    walked: &[PathBuf],
    photos: impl Fn(&Path) -> Result<usize, IndexerError>,
    disk: &Disk,
) -> Result<Vec<(PathBuf, usize)>, IndexerError> {
    let is_missing = |root: &&PathBuf| !walked.contains(root) && is_no_folder(root, disk);
    remembered.iter().filter(is_missing).map(|root| Ok((root.clone(), photos(root)?))).collect()
}

/// Whether it is certain that there is no folder of this name.
fn is_no_folder(path: &Path, disk: &Disk) -> bool {
    matches!(disk.folder(path), Folder::Missing | Folder::Other { .. })
}

/// Whether a photo that was not found is not back. A folder or a link in its place is not the photo: where a link leads to one
/// that is reached in no other way, that was found.
fn is_still_gone(path: &Path, disk: &Disk) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => !metadata.is_file(),
        Err(_) => disk.is_missing(path),
    }
}

/// The photos that the index has with a content. One whose record cannot be read is not found, and so neither moved nor copied.
fn same_content(catalogue: &Catalogue, reader: &IndexReader, hash: &[u8; 16]) -> Vec<Known> {
    catalogue.with_content(reader, hash).map(known_files).unwrap_or_default()
}

/// Those of the `missing` roots all of whose photos turned up elsewhere.
fn moved_roots(missing: Vec<(PathBuf, usize)>, departed: &[Kept]) -> Vec<PathBuf> {
    let departed_of = |root: &Path| departed.iter().filter(|photo| photo.path.starts_with(root)).count();
    let has_moved = |(root, photos): &(PathBuf, usize)| *photos > 0 && *photos == departed_of(root);
    missing.into_iter().filter(has_moved).map(|(root, _)| root).collect()
}

/// Tells of the places that could not be reached, now that it is known which of their photos turned up elsewhere.
fn tell_of_places(report: &mut Report, spots: Vec<Spot>, forgotten: bool, departed: &[Kept], removed: &[Gone]) {
    let departed = by_spot(spots.len(), departed.iter().map(|photo| photo.spot));
    let removed = by_spot(spots.len(), removed.iter().map(|photo| photo.spot));
    for (number, Spot { path, reason, root, photos }) in spots.into_iter().enumerate() {
        let photos_kept = photos - departed[number];
        if forgotten {
            if removed[number] > 0 {
                report.forgotten.push(Forgotten { path, photos_removed: removed[number] });
            }
        } else if photos_kept > 0 || root && !report.moved_roots.contains(&path) {
            // A root that cannot be walked is worth a word even if the index knows no photo there.
            report.unreachable.push(Unreachable { path, reason, photos_kept });
        }
    }
}

/// Tells of the places that went away during the run.
fn add_vanished(report: &mut Report, vanished: Vanished, writer: &IndexWriter) -> Result<(), IndexerError> {
    if vanished.is_empty() {
        return Ok(());
    }
    let records = writer.records()?;
    let photos = |place: &Path| records.iter().filter(|record| record.asset.path.starts_with(place)).count() as u64;
    let vanished = vanished.into_unreachable(photos);
    // What was found out about such a place before does not matter any more.
    report.unreachable.retain(|place| !vanished.iter().any(|vanished| place.path == vanished.path));
    report.unreachable.extend(vanished);
    Ok(())
}

/// Leaves out of the skipped what the unreachable places tell of: one fault is told once.
fn leave_out_told_of(report: &mut Report) {
    let told: HashSet<&Path> =
        report.unreachable.iter().filter(|place| place.photos_kept > 0).map(|place| place.path.as_path()).collect();
    let is_news = |skipped: &Skipped| {
        let of_folder = skipped.path.parent().filter(|_| skipped.path.ends_with(IGNORE_FILE));
        let is_unreadable = matches!(skipped.reason, SkipReason::Unreadable { .. });
        !told.contains(skipped.path.as_path())
            && !of_folder.is_some_and(|folder| is_unreadable && told.contains(folder))
    };
    report.skipped.retain(is_news);
    report.skipped_before.retain(is_news);
}

/// How many photos are in each spot.
fn by_spot(spots: usize, photos: impl Iterator<Item = Option<usize>>) -> Vec<u64> {
    let mut counts = vec![0; spots];
    photos.flatten().for_each(|spot| counts[spot] += 1);
    counts
}

/// Adds the places of photos that only the index has which is to be replaced. What has the same content as a photo of the
/// new index is not lost: it would not be encoded again.
fn add_lost(
    report: &mut Report,
    (photos, spots): (Vec<Kept>, Vec<Spot>),
    writer: &IndexWriter,
) -> Result<(), IndexerError> {
    let contents: HashSet<[u8; 16]> = writer.records()?.into_iter().map(|record| record.asset.hash).collect();
    let lost = photos.iter().filter(|photo| !contents.contains(&photo.hash)).map(|photo| photo.spot);
    let lost = by_spot(spots.len(), lost);
    for (Spot { path, reason, .. }, photos_kept) in spots.into_iter().zip(lost) {
        match report.unreachable.iter_mut().find(|place| place.path == path) {
            Some(place) => place.photos_kept = place.photos_kept.max(photos_kept),
            None if photos_kept > 0 => report.unreachable.push(Unreachable { path, reason, photos_kept }),
            None => {}
        }
    }
    Ok(())
}

/// What a run has to know of records.
fn known_files(records: Vec<Record>) -> Vec<Known> {
    let known = |Record { id, asset, .. }| Known {
        id,
        is_outdated: match asset.kind {
            Kind::Photo => asset.details_version < DETAILS_VERSION,
            Kind::Video => asset.details_version < VIDEO_DETAILS_VERSION,
            _ => false,
        },
        path: asset.path,
        hash: asset.hash,
        stamp: asset.stamp,
        kind: asset.kind,
        sidecars: asset.sidecars,
        companions: asset.companions,
    };
    records.into_iter().map(known).collect()
}
