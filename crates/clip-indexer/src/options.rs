//! How a run goes about its work.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clip_image::{Decoder, Limits};
use clip_index::{GraphOptions, RowFormat};
use clip_ocr::ReadText;
use clip_video::{Ffmpeg, Sampling};

/// The most threads that decode, whatever was asked for: more than machines have cores, and few enough for any system to
/// start.
const MAX_DECODE_THREADS: usize = 1024;

/// How many levels of folders are indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All levels.
    Any,
    /// This many levels, where files directly in the root are on level 1.
    UpTo(NonZeroU32),
}

/// How text in photos is read.
#[derive(Debug, Clone)]
pub struct OcrOptions {
    /// What reads it.
    pub reader: Arc<dyn ReadText>,
    /// How many photos are read at a time; `None` stands for as many as are decoded at a time.
    pub threads: Option<NonZeroUsize>,
}

/// How videos are read.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoOptions {
    /// What decodes them.
    pub ffmpeg: Ffmpeg,
    /// Which of their frames become items.
    pub sampling: Sampling,
    /// What decoding one may take.
    pub limits: clip_video::Limits,
}

impl VideoOptions {
    /// With the default sampling and limits.
    pub fn new(ffmpeg: Ffmpeg) -> VideoOptions {
        VideoOptions { ffmpeg, sampling: Sampling::default(), limits: clip_video::Limits::default() }
    }
}

/// Settings of a run; the default suits a desktop machine.
#[derive(Debug, Clone)]
pub struct IndexOptions {
    /// Commit after this many photos. What lies between two commits is lost if the machine or the program dies.
    pub checkpoint_every: u64,
    /// Commit at the latest after this long, if there is anything to commit.
    pub checkpoint_interval: Duration,
    /// How many photos the encoder takes at a time; `None` stands for what suits it ([`Encoder::batch_size`]). More need
    /// more memory and gain little once the device is busy.
    ///
    /// [`Encoder::batch_size`]: crate::Encoder::batch_size
    pub batch: Option<NonZeroUsize>,
    /// How many threads read and decode; `None` stands for one per core, and 1024 is the most that are started. Each
    /// holds one picture, as large as [`memory`](Self::memory) lets it.
    ///
    /// The encoder has threads of its own, in its library's care. Where it is the slower side, the decoding threads
    /// wait for it and cost nothing; where decoding is, the encoder waits and leaves them the cores.
    pub threads: Option<NonZeroUsize>,
    /// Which files are refused as too large.
    pub limits: Limits,
    /// Decodes photos in this process, or in workers for files that may crash it.
    pub decoder: Decoder,
    /// How videos are read; `None` passes them over. What the index has of videos then stays as it is.
    pub videos: Option<VideoOptions>,
    /// Whether to try files again that could not be decoded before, although neither they nor the decoders have changed.
    pub retry: bool,
    /// How many bytes of files and of pictures all decoding threads together may have in memory. A photo that does not
    /// fit waits while smaller ones go on; one that needs more than all of it, within the limits, is decoded alone.
    pub memory: u64,
    /// Whether symbolic links are followed.
    pub follow_links: bool,
    /// Whether photos that cannot be reached leave the index, and roots that are missing with them: those in a folder that
    /// is missing, unreadable, or empty or on another file system though it held photos.
    ///
    /// Off by default: an unmounted drive looks exactly like this, and encoding its photos again takes hours.
    pub forget_unreachable: bool,
    /// What is left out of the folders from now on, besides what the index leaves out already. Each is a file or folder, or
    /// a pattern such as `*.png`, which `docs/index-format.md` describes. Photos that match leave the index.
    pub exclude: Vec<PathBuf>,
    /// Excludes to remove, named as they were excluded. A path or pattern that names no exclude becomes an exception: it is
    /// indexed whatever is excluded before or with it.
    pub include: Vec<PathBuf>,
    /// The maximum depth from now on; `None` leaves it as the index has it. Deeper photos leave the index.
    pub max_depth: Option<Depth>,
    /// Whether to stay on the file system of each root from now on; `None` leaves that as the index has it. Photos on other
    /// file systems leave the index. On systems without device numbers, drives are compared.
    pub one_file_system: Option<bool>,
    /// Whether to read, and so download, files that are only in the cloud. What the index has of such a file stays in it
    /// either way.
    pub download: bool,
    /// Whether it is measured how near photos are to texts in general, so that searches can correct scores by it. Takes a tenth
    /// of a millisecond a photo, and the first time as long as embedding some thousand texts takes.
    pub correct_scores: bool,
    /// How embeddings are stored from now on: in 16 or in 32 bits. `None` leaves that as the index has it, which is 16 bits in a
    /// new one. What was stored before stays as it is until its vector file is merged with others, or compacted.
    pub row_format: Option<RowFormat>,
    /// How text in photos is read, once everything can be searched; the index then remembers the languages
    /// ([`IndexReader::text_languages`](clip_index::IndexReader::text_languages)). `None` reads none and leaves what was read.
    pub ocr: Option<OcrOptions>,
    /// Whether the index forgets the languages, for programs that read text if it has some.
    pub forget_text_languages: bool,
    /// How the search graph is built and when it is brought up to date; `None` leaves it as it is.
    pub graph: Option<GraphOptions>,
}

impl Default for IndexOptions {
    /// 1.25 GiB of memory for photos: one of the largest with small ones beside it, or some twenty PNG files of 12
    /// megapixels; a JPEG takes a tenth of that. With a small model, the process then stays below 2 GiB.
    fn default() -> IndexOptions {
        IndexOptions {
            checkpoint_every: 1_000,
            checkpoint_interval: Duration::from_secs(30),
            batch: None,
            threads: None,
            limits: Limits::default(),
            decoder: Decoder::default(),
            videos: None,
            retry: false,
            memory: 5 << 28,
            follow_links: true,
            forget_unreachable: false,
            exclude: Vec::new(),
            include: Vec::new(),
            max_depth: None,
            one_file_system: None,
            download: false,
            correct_scores: true,
            row_format: None,
            ocr: None,
            forget_text_languages: false,
            graph: Some(GraphOptions::default()),
        }
    }
}

impl IndexOptions {
    /// How many threads read and decode.
    pub(crate) fn decode_threads(&self) -> usize {
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok());
        threads.map_or(1, NonZeroUsize::get).min(MAX_DECODE_THREADS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_threads_are_bounded() {
        let threads =
            |count| IndexOptions { threads: NonZeroUsize::new(count), ..IndexOptions::default() }.decode_threads();
        assert_eq!(threads(3), 3);
        assert_eq!(threads(100_000), MAX_DECODE_THREADS);
        assert_eq!(threads(usize::MAX), MAX_DECODE_THREADS);
        assert!(threads(0) >= 1, "one per core");
    }
}
