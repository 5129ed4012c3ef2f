//! Indexing folders that are added through the server.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use clip_files::system_error;
use clip_search::json::JsonReport;
use clip_search::{Event, IndexOptions, Library, Progress, UpdateOptions};
use serde_json::json;

use crate::news::News;
use crate::problem::Problem;

/// Progress is told so often.
const OFTEN: Duration = Duration::from_millis(250);

/// At most one update at a time.
pub(crate) struct Indexing {
    library: Arc<Library>,
    news: Arc<News>,
    options: IndexOptions,
    cancel: Arc<AtomicBool>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Indexing {
    pub(crate) fn new(library: Arc<Library>, news: Arc<News>, options: IndexOptions) -> Indexing {
        Indexing { library, news, options, cancel: Arc::default(), running: Mutex::default() }
    }

    fn running(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to index a folder, which listeners to the news hear of.
    ///
    /// # Errors
    /// [`Problem`] if it is no folder, or another one is being indexed.
    pub(crate) fn begin(&self, folder: &Path) -> Result<(), Problem> {
        if !folder.is_absolute() {
            return Err(Problem::bad("expected the absolute path of a folder"));
        }
        match folder.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(Problem::bad("expected the path of a folder, found something else")),
            Err(error) => {
                return Err(Problem::bad(format!("cannot open the folder: {}", system_error::describe(&error))));
            }
        }
        let mut running = self.running();
        if running.as_ref().is_some_and(|running| !running.is_finished()) || self.cancel.load(Ordering::Relaxed) {
            let detail = "photos are being indexed; wait until that is done";
            return Err(Problem::new(StatusCode::CONFLICT, "indexing", detail));
        }
        let folder: PathBuf = folder.to_owned();
        let (library, news, cancel) = (Arc::clone(&self.library), Arc::clone(&self.news), Arc::clone(&self.cancel));
        let options = UpdateOptions { indexing: self.options.clone(), rebuild: false };
        let update = move || {
            news.progress("walking", 0, None);
            let teller = Teller::new(&news, &library);
            let update = library.update(&[folder], &options, &teller, &cancel);
            teller.tell_index();
            news.done(match &update {
                Ok(update) => json!({ "report": JsonReport::from(&update.report) }),
                Err(error) => json!({ "error": error.to_string() }),
            });
        };
        let thread = thread::Builder::new().name("indexing".into()).spawn(update);
        *running = Some(thread.map_err(Problem::internal)?);
        Ok(())
    }

    /// Ends an update that is running; what it has done is kept. Waits for it.
    pub(crate) fn end(&self) {
        self.cancel.store(true, Ordering::Relaxed);
        if let Some(running) = self.running().take() {
            let _ = running.join();
        }
    }
}

/// Tells the news what an update does.
struct Teller<'n> {
    news: &'n News,
    library: &'n Library,
    read: AtomicU64,
    to_read: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl<'n> Teller<'n> {
    fn new(news: &'n News, library: &'n Library) -> Teller<'n> {
        Teller { news, library, read: AtomicU64::new(0), to_read: AtomicU64::new(0), told: Mutex::new(None) }
    }

    fn tell(&self, stage: &'static str, done: u64, total: Option<u64>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_last = total == Some(done);
        if is_last || told.is_none_or(|told| told.elapsed() >= OFTEN) {
            *told = Some(Instant::now());
            self.news.progress(stage, done, total);
        }
    }

    /// Takes up what was committed.
    fn tell_index(&self) {
        if self.library.reload().is_ok()
            && let Ok(searcher) = self.library.searcher()
        {
            self.news.index(searcher.reader().generation(), searcher.reader().len() as u64);
        }
    }
}

impl Progress<Event<'_>> for Teller<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Walking { found } => self.tell("walking", found, None),
            Event::Planned { to_read, .. } => {
                self.to_read.store(to_read, Ordering::Relaxed);
                self.read.store(0, Ordering::Relaxed);
                self.tell("reading", 0, Some(to_read));
            }
            Event::Photo { .. } | Event::Skipped(_) => {
                let total = self.to_read.load(Ordering::Relaxed);
                // What is skipped during the walk does not count.
                if total > 0 {
                    let read = self.read.fetch_add(1, Ordering::Relaxed) + 1;
                    self.tell("reading", read.min(total), Some(total));
                }
            }
            Event::Checkpoint { .. } => self.tell_index(),
            Event::Details { done, total } => self.tell("details", done, Some(total)),
            Event::Bank { done, total } => self.tell("texts", done, Some(total)),
            Event::Hubness { done, total } => self.tell("measuring", done, Some(total)),
            Event::Graph { done, total } => self.tell("graph", done, Some(total)),
            Event::Text { done, total } => self.tell("text", done, Some(total)),
            _ => {}
        }
    }
}
