//! Details of photos that are read again, without their pixels.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use clip_image::{DETAILS_VERSION, ImageError, Limits, Metadata, read_details};
use clip_index::{Asset, Exposure, Kind, Related};

use crate::error::IndexerError;
use crate::found::FoundFile;
use crate::options::VideoOptions;
use crate::sidecars::is_video;
use crate::video;
use crate::wall_clock::now;

/// More threads would only make a disk seek.
const MOST_THREADS: usize = 8;

/// What a second look at a file gave.
pub(crate) enum Reading {
    /// The details, in an asset without path, stamp and hash.
    Details(Box<Asset>),
    /// It is no photo any more that this program reads. Another look is of no use until the file changes.
    NoPhoto,
    /// It could not be read this time.
    Failed,
}

/// An asset with these details, without path, hash and stamps.
pub(crate) fn to_asset(metadata: Metadata) -> Asset {
    Asset {
        kind: Kind::Photo,
        width: metadata.width,
        height: metadata.height,
        taken_at: metadata.taken_at,
        camera: metadata.camera,
        lens: metadata.lens,
        gps: metadata.gps.map(|place| (place.latitude, place.longitude)),
        utc_offset: metadata.utc_offset,
        iso: metadata.iso,
        focal_length: metadata.focal_length,
        exposure: Exposure {
            time: metadata.exposure.time,
            aperture: metadata.exposure.aperture,
            compensation: metadata.exposure.compensation,
            flash: metadata.exposure.flash,
        },
        related: Related {
            burst: metadata.related.burst,
            is_burst_primary: metadata.related.is_burst_primary,
            live_photo: metadata.related.live_photo,
            has_motion: metadata.related.has_motion,
        },
        rating: metadata.rating,
        title: metadata.title,
        description: metadata.description,
        tags: metadata.tags,
        people: metadata.people,
        label: metadata.label,
        places: metadata.places,
        companions: metadata.companions.iter().filter_map(|path| path.file_name()).map(PathBuf::from).collect(),
        details_version: DETAILS_VERSION,
        ..Asset::default()
    }
}

/// Reads files in several threads and tells `take`, on this thread, what they gave. Ends soon after `cancel` was set; what
/// was read until then is told.
///
/// # Errors
/// Those of `take`, and [`IndexerError::Threads`].
pub(crate) fn read(
    photos: &[(u64, FoundFile)],
    threads: usize,
    limits: &Limits,
    videos: Option<&VideoOptions>,
    cancel: &AtomicBool,
    mut take: impl FnMut(u64, Reading) -> Result<(), IndexerError>,
) -> Result<(), IndexerError> {
    let next = &AtomicUsize::new(0);
    thread::scope(|scope| {
        // If this side ends early, sending fails, and the threads end.
        let (sender, readings) = crossbeam_channel::bounded(64);
        for number in 0..threads.clamp(1, MOST_THREADS) {
            let sender = sender.clone();
            let run = move || {
                while !cancel.load(Ordering::Relaxed)
                    && let Some((id, file)) = photos.get(next.fetch_add(1, Ordering::Relaxed))
                    && sender.send((*id, one(file, limits, videos, cancel))).is_ok()
                {}
            };
            let thread = thread::Builder::new().name(format!("details-{number}"));
            thread.spawn_scoped(scope, run).map_err(IndexerError::Threads)?;
        }
        drop(sender);
        readings.into_iter().try_for_each(|(id, reading)| take(id, reading))
    })
}

fn one(file: &FoundFile, limits: &Limits, videos: Option<&VideoOptions>, cancel: &AtomicBool) -> Reading {
    if is_video(&file.path) {
        let described = videos.map(|videos| videos.ffmpeg.describe(&file.path, &videos.limits, cancel));
        return match described {
            Some(Ok(description)) => Reading::Details(Box::new(video::to_asset(file, &description))),
            _ => Reading::Failed,
        };
    }
    // The size does not change with what is understood, and stays as the index has it.
    match read_details(&file.path, (0, 0), limits) {
        Ok(mut metadata) => {
            metadata.complete(&file.path, &file.sidecars.paths, now());
            Reading::Details(Box::new(Asset { sidecars: file.sidecars.stamp, ..to_asset(metadata) }))
        }
        Err(ImageError::UnknownFormat | ImageError::Unsupported { .. } | ImageError::Empty) => Reading::NoPhoto,
        Err(_) => Reading::Failed,
    }
}
