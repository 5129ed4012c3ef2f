//! Videos: their frames, what is known of them, and which of them are only halves of Live Photos.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clip_files::holes;
use clip_files::regular::{OpenError, open_with_metadata};
use clip_image::{ContentHash, DETAILS_VERSION, ImageError, VideoDetails, hash_bytes, hash_reader};
use clip_index::{Asset, Kind, Related};
use clip_video::{Description, Video, VideoError};

use crate::found::{FoundFile, Known};
use crate::options::VideoOptions;
use crate::report::SkipReason;
use crate::sidecars::is_video;
use crate::wall_clock::now;

/// Stands for how frames are chosen, besides the version of ffmpeg. To be raised when videos that could not be read may be read.
const DECODER_VERSION: &str = "1";

/// What this module reads of videos that photos do not have: raised when that becomes more.
const OWN_DETAILS: u32 = 1;

/// The version of what reads the details of videos. It ascends whenever either part does.
pub(crate) const VIDEO_DETAILS_VERSION: u32 = DETAILS_VERSION + OWN_DETAILS;

/// Stands for what decodes videos: where it is another, those that failed are tried again. `None` if nobody has asked the program
/// yet which it is.
pub(crate) fn decoder_id(videos: &VideoOptions) -> Option<u64> {
    let hash = hash_bytes(format!("{DECODER_VERSION} {}", videos.ffmpeg.known_version()?).as_bytes()).0;
    Some(u64::from_le_bytes(std::array::from_fn(|at| hash[at])))
}

/// What is wrong with the program that is to read videos, if there are some for it to read. It is not started otherwise.
pub(crate) fn fault(videos: Option<&VideoOptions>, known: &[Known], found: &[FoundFile]) -> Option<VideoError> {
    let videos = videos?;
    if has_news(known, found) { videos.ffmpeg.version().err() } else { None }
}

/// Whether there is a video among these files that the index does not have as it is.
fn has_news(known: &[Known], found: &[FoundFile]) -> bool {
    let known: HashMap<&Path, &Known> =
        known.iter().filter(|known| known.kind == Kind::Video).map(|known| (known.path.as_path(), known)).collect();
    let is_known =
        |file: &FoundFile| known.get(file.path.as_path()).is_some_and(|known| known.stamp.same_content(&file.stamp));
    found.iter().any(|file| is_video(&file.path) && !file.in_cloud && !is_known(file))
}

/// How many videos of an index that is to be replaced are still there, and would be missing in the new one if it is made without
/// anything that reads videos.
pub(crate) fn at_stake(known: &[Known], scope: &[PathBuf]) -> u64 {
    let is_there = |known: &&Known| {
        known.kind == Kind::Video
            && scope.iter().any(|root| known.path.starts_with(root))
            && known.path.symlink_metadata().is_ok()
    };
    known.iter().filter(is_there).count() as u64
}

/// Videos that the index has as parts of photos, where the photos are as it knows them.
pub(crate) fn companions(known: &[Known], found: &[FoundFile]) -> HashSet<PathBuf> {
    let with_companions: HashMap<&Path, &Known> =
        known.iter().filter(|known| !known.companions.is_empty()).map(|known| (known.path.as_path(), known)).collect();
    if with_companions.is_empty() {
        return HashSet::new();
    }
    let is_same = |file: &FoundFile, known: &Known| {
        known.sidecars == file.sidecars.stamp && (file.in_cloud || known.stamp.same_content(&file.stamp))
    };
    let unchanged = found.iter().filter_map(|file| {
        let known = with_companions.get(file.path.as_path())?;
        is_same(file, known).then_some(known)
    });
    unchanged.flat_map(|known| known.companions.iter().map(|name| known.path.with_file_name(name))).collect()
}

/// Whether a video is the moving half of a photo beside it.
pub(crate) fn is_part_of_photo(file: &FoundFile, limits: &clip_image::Limits) -> bool {
    let is_half = |photo: &PathBuf| clip_image::is_moving_half(&file.path, photo, &[], limits, now());
    file.photos.iter().any(is_half)
}

/// Smaller files are read whatever they are.
const MUCH: u64 = 1 << 30;
/// A video of which less than this part is there is not read: a download that has room reserved and little in it, or a file that
/// only claims to be large. Reading zeros for hours would hold up all others.
const MOSTLY_HOLES: u64 = 16;

/// The hash of a video's content. It is read piece by piece.
///
/// # Errors
/// [`SkipReason::MostlyHoles`] for a large file of which hardly anything is there, [`SkipReason::Image`] if it cannot be read, and
/// [`VideoError::Cancelled`].
pub(crate) fn hash(path: &Path, cancel: &AtomicBool) -> Result<ContentHash, SkipReason> {
    let (mut file, metadata) = open_with_metadata(path).map_err(|error| match error {
        OpenError::NotRegular(kind) => ImageError::NotARegularFile { found: clip_files::kind::name(kind) },
        OpenError::System(error) => ImageError::Io(error),
    })?;
    if metadata.len() == 0 {
        return Err(ImageError::Empty.into());
    }
    let length = metadata.len();
    if length > MUCH
        && let Some(there) = holes::bytes_there(&file, length)
    {
        if there < length / MOSTLY_HOLES {
            return Err(SkipReason::MostlyHoles { there, length });
        }
        file.rewind().map_err(ImageError::Io)?;
    }
    let hash = hash_reader(Interruptible { file, cancel });
    hash.map_err(|error| {
        if cancel.load(Ordering::Relaxed) { VideoError::Cancelled.into() } else { ImageError::Io(error).into() }
    })
}

/// A file of which no more is read once nobody wants it.
struct Interruptible<'a, R> {
    file: R,
    cancel: &'a AtomicBool,
}

impl<R: Read> Read for Interruptible<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Other.into());
        }
        self.file.read(buffer)
    }
}

/// The frames of a video that are worth looking at.
///
/// # Errors
/// Those of ffmpeg.
pub(crate) fn frames(
    videos: &VideoOptions,
    path: &Path,
    shorter_side: Option<u32>,
    reserve: &dyn Fn(u64),
    cancel: &AtomicBool,
) -> Result<Video, VideoError> {
    let VideoOptions { ffmpeg, sampling, limits } = videos;
    ffmpeg.frames(path, shorter_side, sampling, limits, reserve, cancel)
}

/// What is known of a video besides its frames, in an asset without path, stamp and hash.
pub(crate) fn to_asset(file: &FoundFile, description: &Description) -> Asset {
    let created_at = description.created_at.as_deref();
    let read = VideoDetails::read(&file.path, created_at, &file.sidecars.paths, now());
    Asset {
        kind: Kind::Video,
        width: description.width,
        height: description.height,
        duration: description.duration.and_then(|duration| u64::try_from(duration.as_millis()).ok()),
        rotation: (description.rotation != 0).then_some(description.rotation),
        taken_at: read.taken_at,
        utc_offset: read.utc_offset,
        camera: read.camera,
        gps: read.gps.map(|place| (place.latitude, place.longitude)),
        related: Related { live_photo: read.live_photo, ..Related::default() },
        rating: read.rating,
        title: read.title,
        description: read.description,
        tags: read.tags,
        people: read.people,
        label: read.label,
        places: read.places,
        details_version: VIDEO_DETAILS_VERSION,
        sidecars: file.sidecars.stamp,
        ..Asset::default()
    }
}

#[cfg(test)]
mod tests {
    use clip_index::Stamp;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_large_file_of_holes_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        let cancel = AtomicBool::new(false);
        let file = std::fs::File::create(&path).unwrap();
        let length = 500 << 30;
        // Not all file systems have files of that size, or holes.
        if file.set_len(length).is_ok() && holes::bytes_there(&file, length) == Some(0) {
            let refused = hash(&path, &cancel);
            assert!(matches!(refused, Err(SkipReason::MostlyHoles { there: 0, .. })), "{refused:?}");
        }
        // Small ones are read as ever.
        file.set_len(1 << 20).unwrap();
        assert_eq!(hash(&path, &cancel).unwrap().0, hash_bytes(&vec![0; 1 << 20]).0);
    }

    #[test]
    fn companions_are_those_of_photos_that_are_as_they_were() {
        let stamp = |size| Stamp { size, ..Stamp::default() };
        let known = |path: &str, size| Known {
            path: path.into(),
            stamp: stamp(size),
            sidecars: Some(1),
            companions: vec!["a.mov".into()],
            ..Known::default()
        };
        let found = |path: &str, sidecars| FoundFile {
            path: path.into(),
            stamp: stamp(5),
            sidecars: crate::sidecars::Sidecars { stamp: sidecars, ..Default::default() },
            ..FoundFile::default()
        };
        let known = [known("/same/a.jpg", 5), known("/changed/a.jpg", 6), known("/new-video/a.jpg", 5)];
        let found =
            [found("/same/a.jpg", Some(1)), found("/changed/a.jpg", Some(1)), found("/new-video/a.jpg", Some(2))];
        assert_eq!(companions(&known, &found), [PathBuf::from("/same/a.mov")].into());
        assert_eq!(companions(&[], &found), HashSet::new());
    }

    #[test]
    fn no_more_is_read_once_nobody_wants_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = |cancel| hash(file.path(), &AtomicBool::new(cancel)).unwrap_err();
        assert!(matches!(error(false), SkipReason::Image(ImageError::Empty)));
        std::fs::write(file.path(), "abc").unwrap();
        assert!(matches!(error(true), SkipReason::Video(VideoError::Cancelled)));
        assert_eq!(hash(file.path(), &AtomicBool::new(false)).unwrap(), hash_bytes(b"abc"));
    }
}
