//! `watch`: keeps the index in agreement with folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clip_search::json::JsonReport;
use clip_search::{
    Changes, Concern, Event, IndexError, IndexOptions, IndexReader, IndexerError, Library, LibraryError, Progress,
    Report, Session, Silent, Unreachable, Update, UpdateOptions,
};
use clip_watch::{Batch, Interest, Timing, Watcher, is_on_network};

use crate::args::WatchArgs;
use crate::commands::index::{refuse_withheld, tell, tell_what_went_wrong};
use crate::decoder::decoder;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::interrupt;
use crate::ocr;
use crate::output::{Results, count, is_quiet, notice, warning};
use crate::progress::IndexProgress;
use crate::settings::{library, start_threads};
use crate::videos::videos;

/// How soon Ctrl-C takes effect.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often another process that writes to the index is asked whether it is done.
const LOCKED: Duration = Duration::from_secs(5);
/// How often the folders that the index knows are compared with those that are watched.
const ROOTS_EVERY: Duration = Duration::from_secs(30);
/// Minutes between two lists of all folders, and where changes are not told of.
const RESCAN: (u64, u64) = (30, 5);

pub(crate) fn run(index: &Path, args: &WatchArgs) -> Result<Exit> {
    let library = library(index, &args.model)?.open_or_create()?;
    let cancel = interrupt::listen()?;
    if let Some(threads) = args.work.threads {
        start_threads(threads)?;
    }
    let indexing = IndexOptions {
        threads: args.work.threads,
        batch: args.work.batch,
        download: args.download_photos,
        decoder: decoder(),
        videos: if args.no_video { None } else { videos() },
        ocr: ocr::options(index, None, args.work.threads),
        ..IndexOptions::default()
    };
    let watcher = Watcher::new(Timing::default(), |path| match Concern::of(path) {
        Concern::Nothing => Interest::No,
        Concern::Folder => Interest::AsFolder,
        Concern::Photo => Interest::Yes,
    })?;
    let watch = Watch {
        library,
        options: UpdateOptions { indexing, rebuild: false },
        session: Session::default(),
        watcher,
        rescan: Rescan { asked: args.rescan, last: Instant::now(), is_short: false },
        json: args.json,
        has_warned: false,
        away: Away::default(),
        cancel: &cancel,
    };
    watch.run(&args.folders)?;
    Ok(Exit::Done)
}

struct Watch<'a> {
    library: Library,
    options: UpdateOptions,
    session: Session,
    watcher: Watcher,
    rescan: Rescan,
    json: bool,
    /// That there are too many folders.
    has_warned: bool,
    away: Away,
    cancel: &'a AtomicBool,
}

impl Watch<'_> {
    fn run(mut self, folders: &[PathBuf]) -> Result<()> {
        let mut all = self.roots()?;
        all.extend_from_slice(folders);
        let progress = IndexProgress::new();
        let update = self.update(&all, &progress);
        progress.clear();
        let Some(update) = update? else { return Ok(()) };
        self.away.news(&update.report.unreachable, None);
        let mut results = Results::new();
        if self.json {
            results.json(&JsonReport::from(&update.report))?
        } else {
            tell(&update.report, &mut results)?
        }
        results.finish()?;
        refuse_withheld(&update)?;
        self.follow(true);
        let mut looked_at_roots = Instant::now();
        while !self.is_over() {
            if let Some(batch) = self.watcher.next(PATIENCE) {
                self.take(batch)?;
            } else if self.rescan.is_due() {
                self.rescan_all()?;
            } else if looked_at_roots.elapsed() >= ROOTS_EVERY {
                // Another process may have indexed another folder, or removed one.
                looked_at_roots = Instant::now();
                if self.roots()? != self.session.roots() {
                    self.rescan_all()?;
                }
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The folders that the index knows.
    fn roots(&self) -> Result<Vec<PathBuf>> {
        match IndexReader::open(self.library.index()) {
            Ok(reader) => Ok(reader.roots()),
            Err(IndexError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Without the index, nobody knows the folders, and a new one in its place would not be the one that was meant.
    fn expect_index(&self) -> Result<()> {
        match IndexReader::open(self.library.index()) {
            Err(IndexError::NotFound { dir }) => bail!(
                "the index in {} is gone; if it is on a drive, mount the drive, then start `clip-search watch` again",
                escaped(&dir)
            ),
            // What else is wrong with it shows when it is used.
            _ => Ok(()),
        }
    }

    /// Watches the folders that the last update went into.
    fn follow(&mut self, is_first: bool) {
        let roots = self.session.roots();
        let coverage = self.watcher.follow(roots, self.session.folders());
        let is_short = coverage.unwatched > 0 || roots.iter().any(|root| is_on_network(root));
        if coverage.is_full && !std::mem::replace(&mut self.has_warned, true) {
            warning(format_args!(
                "the system watches no more than {} for this user; {} only listed from time to time: raise the limit with \
                 `sudo sysctl fs.inotify.max_user_watches=1048576`",
                count(coverage.watched as u64, "folder"),
                match coverage.unwatched {
                    1 => "1 folder is".to_owned(),
                    folders => format!("{folders} folders are"),
                }
            ));
        }
        self.rescan.is_short = is_short;
        if is_first {
            notice(format_args!("watching {}; press Ctrl-C to stop", count(coverage.watched as u64, "folder")));
        }
    }

    #[expect(clippy::result_large_err, reason = "the library's errors are what they are")]
    fn take(&mut self, batch: Batch) -> Result<()> {
        if batch.is_incomplete {
            return self.rescan_all();
        }
        self.expect_index()?;
        let changes = Changes { paths: batch.paths, unsettled: batch.unsettled };
        let Self { library, options, session, cancel, .. } = self;
        let update = unless_locked(cancel, || library.update_changes(session, &changes, options, &Silent, cancel))?;
        self.tell(update, Some(&changes.paths))
    }

    fn rescan_all(&mut self) -> Result<()> {
        self.expect_index()?;
        self.rescan.last = Instant::now();
        let update = self.update(&[], &Silent)?;
        self.tell(update, None)
    }

    #[expect(clippy::result_large_err, reason = "the library's errors are what they are")]
    fn update(&mut self, folders: &[PathBuf], progress: &dyn for<'e> Progress<Event<'e>>) -> Result<Option<Update>> {
        let Self { library, options, session, cancel, .. } = self;
        unless_locked(cancel, || library.update_in_session(session, folders, options, progress, cancel))
    }

    /// Tells of a batch that has changed something, and goes on with what is there now. `changed` are the paths that it was
    /// about, if it was not about all folders.
    fn tell(&mut self, update: Option<Update>, changed: Option<&[PathBuf]>) -> Result<()> {
        let Some(Update { mut report, .. }) = update else { return Ok(()) };
        report.unreachable = self.away.news(&report.unreachable, changed);
        let mut results = Results::new();
        if self.json {
            if has_news(&report) {
                results.json(&JsonReport::from(&report))?;
            }
        } else {
            tell_what_went_wrong(&report);
            if let Some(line) = summary(&report).filter(|_| !is_quiet()) {
                results.line(format_args!("{line}"))?;
            }
        }
        results.finish()?;
        self.follow(false);
        Ok(())
    }
}

/// The places that were told of because they cannot be reached. A drive that is unplugged is often several batches, and all
/// folders are listed again from time to time.
#[derive(Default)]
struct Away(BTreeSet<(PathBuf, String)>);

impl Away {
    /// Those of the places that have not been told of since they could be reached. `changed` are the paths that the update looked
    /// at; `None` if it looked at all folders.
    fn news(&mut self, unreachable: &[Unreachable], changed: Option<&[PathBuf]>) -> Vec<Unreachable> {
        let key = |place: &Unreachable| (place.path.clone(), place.reason.clone());
        let now: BTreeSet<_> = unreachable.iter().map(key).collect();
        let was_looked_at = |place: &Path| {
            let is_about = |path: &PathBuf| path.starts_with(place) || place.starts_with(path);
            changed.is_none_or(|changed| changed.iter().any(is_about))
        };
        self.0.retain(|told| now.contains(told) || !was_looked_at(&told.0));
        unreachable.iter().filter(|place| self.0.insert(key(place))).cloned().collect()
    }
}

/// When all folders are to be listed again.
struct Rescan {
    /// Minutes.
    asked: Option<u64>,
    last: Instant,
    /// There are changes that nobody tells of.
    is_short: bool,
}

impl Rescan {
    fn is_due(&self) -> bool {
        let minutes = self.asked.unwrap_or(if self.is_short { RESCAN.1 } else { RESCAN.0 });
        minutes > 0 && self.last.elapsed() >= Duration::from_secs(minutes.saturating_mul(60))
    }
}

/// Runs an update, and waits while another process writes to the index; `None` if it was interrupted while it waited.
fn unless_locked(
    cancel: &AtomicBool,
    mut update: impl FnMut() -> Result<Update, LibraryError>,
) -> Result<Option<Update>> {
    let mut has_told = false;
    loop {
        match update() {
            Err(error) if is_locked(&error) => {
                if !has_told {
                    notice(format_args!("{error}; waiting until it is done"));
                    has_told = true;
                }
            }
            result => return Ok(Some(result?)),
        }
        let until = Instant::now() + LOCKED;
        while Instant::now() < until {
            if cancel.load(Ordering::Relaxed) {
                return Ok(None);
            }
            thread::sleep(PATIENCE);
        }
    }
}

fn is_locked(error: &LibraryError) -> bool {
    let is_lock = |error: &IndexError| matches!(error, IndexError::Locked { .. } | IndexError::LockedBy { .. });
    match error {
        LibraryError::Index(error) | LibraryError::Indexer(IndexerError::Index(error)) => is_lock(error),
        _ => false,
    }
}

fn has_news(report: &Report) -> bool {
    summary(report).is_some()
        || !(report.skipped.is_empty()
            && report.unreachable.is_empty()
            && report.forgotten.is_empty()
            && report.moved_roots.is_empty()
            && report.ignore_faults.is_empty())
}

/// "3 photos indexed, 1 video indexed, 1 moved"; `None` if nothing has changed.
fn summary(report: &Report) -> Option<String> {
    let parts = [
        (report.indexed.saturating_sub(report.videos), "photo", "indexed"),
        (report.videos, "video", "indexed"),
        (report.moved, "photo", "moved"),
        (report.removed, "photo", "removed"),
        (report.details_read, "photo", "with other details"),
        (report.skipped.len() as u64, "photo", "skipped"),
    ];
    let mut words = String::new();
    for (files, noun, what) in parts.into_iter().filter(|(files, _, _)| *files > 0) {
        if words.is_empty() {
            words = format!("{} {what}", count(files, noun));
        } else if noun == "video" {
            words.push_str(&format!(", {} {what}", count(files, noun)));
        } else {
            words.push_str(&format!(", {files} {what}"));
        }
    }
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_summed_up_in_a_few_words() {
        let report = |indexed, moved, removed| {
            let mut report = Report::default();
            (report.indexed, report.moved, report.removed) = (indexed, moved, removed);
            report
        };
        let summary = |report: Report| summary(&report);
        assert_eq!(summary(report(0, 0, 0)), None);
        assert_eq!(summary(report(1, 0, 0)).as_deref(), Some("1 photo indexed"));
        assert_eq!(summary(report(0, 2, 1)).as_deref(), Some("2 photos moved, 1 removed"));
        let with_videos = |indexed, videos| {
            let mut report = report(indexed, 0, 0);
            report.videos = videos;
            summary(report)
        };
        assert_eq!(with_videos(3, 2).as_deref(), Some("1 photo indexed, 2 videos indexed"));
        assert_eq!(with_videos(1, 1).as_deref(), Some("1 video indexed"));
    }

    #[test]
    fn what_is_away_is_told_of_once_until_it_is_back() {
        let away = |path: &str, photos_kept| Unreachable { path: path.into(), reason: "is empty".into(), photos_kept };
        let changed = |path: &str| vec![PathBuf::from(path)];
        let mut told = Away::default();
        assert_eq!(told.news(&[away("/a", 3)], Some(&changed("/a/1.jpg"))), [away("/a", 3)]);
        // The next batch of the same event, one about another folder, and all folders.
        assert_eq!(told.news(&[away("/a", 5)], Some(&changed("/a"))), []);
        assert_eq!(told.news(&[], Some(&changed("/b/1.jpg"))), []);
        assert_eq!(told.news(&[away("/a", 5), away("/b", 1)], None), [away("/b", 1)]);
        // It is back, and goes away again.
        assert_eq!(told.news(&[], Some(&changed("/a/1.jpg"))), []);
        assert_eq!(told.news(&[away("/a", 3)], Some(&changed("/a"))), [away("/a", 3)]);
        assert_eq!(told.news(&[], None), []);
        assert_eq!(told.news(&[away("/b", 1)], None), [away("/b", 1)]);
    }

    #[test]
    fn folders_are_listed_again_more_often_where_changes_are_not_told() {
        let due = |asked, is_short, minutes: u64| {
            let last = Instant::now().checked_sub(Duration::from_secs(minutes * 60)).unwrap();
            Rescan { asked, last, is_short }.is_due()
        };
        assert!(due(None, false, 31) && !due(None, false, 29) && due(None, true, 6) && !due(None, true, 4));
        assert!(due(Some(1), true, 2) && !due(Some(0), true, 59));
    }
}
