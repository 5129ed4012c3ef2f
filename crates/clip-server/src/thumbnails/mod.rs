//! Small pictures of photos, made when they are asked for and kept on disk.

mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::http::StatusCode;
use clip_files::system_error;
use clip_search::{Kind, Limits, Record, VideoOptions, hash_bytes, open_indexed, thumbnail_of};

use self::store::Store;
use crate::decoding::{self, Decoding};
use crate::problem::Problem;

/// The heights that there are, in pixels. Others would be as good, but each would be made and kept by itself.
pub(crate) const SIZES: [u32; 5] = [120, 240, 480, 960, 1920];
/// A panorama is at most so many times as wide as it is high.
const WIDEST: u32 = 4;

/// Makes thumbnails and keeps them.
pub(crate) struct Thumbnails {
    /// `None` keeps nothing.
    store: Option<Arc<Store>>,
    /// What reads videos.
    videos: Option<VideoOptions>,
}

impl Thumbnails {
    /// Keeps thumbnails in this folder.
    pub(crate) fn new(folder: Option<PathBuf>, most_bytes: u64, videos: Option<VideoOptions>) -> Thumbnails {
        Thumbnails { store: folder.map(|folder| Arc::new(Store::new(folder, most_bytes))), videos }
    }

    /// What is the same for thumbnails that are the same.
    pub(crate) fn tag(record: &Record, size: u32, at: u64) -> String {
        format!("\"{}\"", store::name(&key(record), size, at))
    }

    /// A JPEG file of a photo, upright and at most `size` pixels high; of a video, of the moment `at`, in milliseconds.
    ///
    /// # Errors
    /// [`Problem`] if the photo cannot be read or decoded, or too many thumbnails are waiting.
    pub(crate) async fn get(
        &self,
        record: Record,
        size: u32,
        at: u64,
        decoding: &Decoding,
    ) -> Result<Vec<u8>, Problem> {
        let (store, decoder, videos) = (self.store.clone(), decoding.decoder(), self.videos.clone());
        if let Some(store) = &self.store {
            let (store, name) = (Arc::clone(store), store::name(&key(&record), size, at));
            // Most are there, and reading one takes no decoding thread.
            let known = tokio::task::spawn_blocking(move || store.get(&name)).await;
            if let Ok(Some(known)) = known {
                return Ok(known);
            }
        }
        let make = move || {
            let hash = record.asset.content();
            let (thumbnail, is_as_indexed) = if record.asset.kind == Kind::Video {
                (moment(videos.as_ref(), &record, size, at)?, hash.is_some())
            } else {
                let bytes = decoding::read(&record.asset).map_err(|error| unreadable(&error))?;
                let made = clip_search::thumbnail(&decoder, &bytes, &Limits::default(), (WIDEST * size, size));
                // The file may have other content than when it was indexed.
                (made.map_err(|error| Problem::from(&error))?, hash.is_none_or(|hash| hash_bytes(&bytes).0 == hash))
            };
            if let Some(store) = store.filter(|_| is_as_indexed) {
                store.put(&store::name(&key(&record), size, at), &thumbnail);
            }
            Ok(thumbnail)
        };
        decoding.thumbnails.run(make).await?
    }
}

/// A JPEG file of a moment of a video.
fn moment(videos: Option<&VideoOptions>, record: &Record, size: u32, at: u64) -> Result<Vec<u8>, Problem> {
    let no_picture = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "picture", detail);
    let Some(videos) = videos else {
        return Err(no_picture("this server has no ffmpeg, which reads videos".to_owned()));
    };
    // Whether it may be shown; ffmpeg opens it by itself.
    open_indexed(&record.asset).map_err(|error| unreadable(&error))?;
    let never = AtomicBool::new(false);
    let frame = videos.ffmpeg.frame_at(&record.asset.path, at, size, &videos.limits, &never);
    // The error has the path, which is no business of whoever has only an id.
    let frame = frame.map_err(|error| {
        log::info!("no frame of a video: {error}");
        no_picture("the video has no frame at this moment that can be read".to_owned())
    })?;
    thumbnail_of(frame, (WIDEST * size, size)).map_err(|error| no_picture(error.to_string()))
}

/// Why a file of the index is not there. The path is not told: it is no business of whoever has only an id.
pub(crate) fn unreadable(error: &std::io::Error) -> Problem {
    let status = if error.kind() == std::io::ErrorKind::NotFound { StatusCode::NOT_FOUND } else { StatusCode::GONE };
    Problem::new(status, "file", format!("the photo's file cannot be read: {}", system_error::describe(error)))
}

/// Stands for the content of a photo; where that is not known, for its file as it was.
fn key(record: &Record) -> [u8; 16] {
    if let Some(hash) = record.asset.content() {
        return hash;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&clip_files::path_bytes::lossy(&record.asset.path));
    hasher.update(&record.asset.stamp.size.to_le_bytes());
    hasher.update(&record.asset.stamp.mtime_ns.to_le_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}
