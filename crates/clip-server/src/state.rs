//! What all requests share.

use std::io;
use std::sync::Arc;

use clip_search::{Library, Record};
use tokio::sync::{Semaphore, watch};

use crate::decoding::Decoding;
use crate::indexing::Indexing;
use crate::news::News;
use crate::pictures::Pictures;
use crate::problem::Problem;
use crate::search::Searches;
use crate::settings::Settings;
use crate::thumbnails::Thumbnails;

/// Exports at a time: each holds a thread for as long as its client takes.
const EXPORTS: usize = 4;

/// Waits until the server is to stop.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Who could say so may be gone: then it is time as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What all requests share.
pub(crate) struct App {
    pub(crate) library: Arc<Library>,
    pub(crate) searches: Searches,
    pub(crate) decoding: Decoding,
    pub(crate) thumbnails: Thumbnails,
    pub(crate) pictures: Pictures,
    pub(crate) news: Arc<News>,
    pub(crate) indexing: Indexing,
    /// Streams of events that may be opened.
    pub(crate) streams: Arc<Semaphore>,
    /// KiB of pictures that may be received.
    pub(crate) uploads: Arc<Semaphore>,
    /// Exports that may be begun.
    pub(crate) exports: Arc<Semaphore>,
    /// True once the server is to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Whether only this machine can reach the server.
    pub(crate) is_local: bool,
    pub(crate) settings: Settings,
}

impl App {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system's, if it has no threads or randomness to give.
    pub(crate) fn new(
        library: Arc<Library>,
        settings: Settings,
        is_local: bool,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<App> {
        let bounds = settings.bounds;
        let news = Arc::new(News::new());
        Ok(App {
            searches: Searches::new(Arc::clone(&library), &bounds)?,
            decoding: Decoding::new(settings.decoder.clone(), &bounds)?,
            thumbnails: Thumbnails::new(
                settings.thumbnails.clone(),
                settings.thumbnail_bytes,
                settings.indexing.videos.clone(),
            ),
            pictures: Pictures::new()?,
            indexing: Indexing::new(Arc::clone(&library), Arc::clone(&news), settings.indexing.clone()),
            streams: Arc::new(Semaphore::new(bounds.streams)),
            uploads: Arc::new(Semaphore::new(usize::try_from(bounds.pictures_bytes >> 10).unwrap_or(usize::MAX >> 3))),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            library,
            news,
            stopping,
            is_local,
            settings,
        })
    }

    /// The record of a photo of the index.
    ///
    /// # Errors
    /// [`Problem`] if there is no such photo.
    pub(crate) fn record(&self, id: u64) -> Result<Record, Problem> {
        let searcher = self.searches.searcher()?;
        let record = searcher.reader().records(&[id])?.pop();
        // The id of a moment of a video is not that of the video.
        record.filter(|record| record.id == id).ok_or_else(|| Problem::no_photo(id))
    }

    /// Whether folders can be added through the server at all.
    pub(crate) fn can_add_folders(&self) -> bool {
        self.is_local && !self.settings.read_only
    }
}
