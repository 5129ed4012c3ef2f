//! What a decoding thread does: from a file to pixels, or to the news that they are not needed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use clip_encoder::Encoder;
use clip_image::{Decoder, Limits, PictureHash};
use clip_index::{Asset, Position};
use clip_ocr::ReadText;
use clip_video::VideoError;
use crossbeam_channel::Sender;

use crate::bad::Bad;
use crate::budget::Budget;
use crate::clock::Stopwatch;
use crate::contents::{Contents, Verdict};
use crate::details;
use crate::options::VideoOptions;
use crate::plan::Work;
use crate::report::{SkipReason, StageTimes};
use crate::sidecars::is_video;
use crate::video;
use crate::wall_clock::now;

/// What became of one file of the work.
pub(crate) struct Message<P> {
    /// Its place in the work.
    pub work: usize,
    /// The hash of its content, if that was read.
    pub hash: Option<[u8; 16]>,
    pub result: Result<Finding<P>, SkipReason>,
}

pub(crate) enum Finding<P> {
    /// A frame of a video that nobody has yet. It is not the last that is told of the file.
    Frame(Box<Frame<P>>),
    /// The video with the frames that were told before, and how many there are.
    Video(Box<Seen>, usize),
    /// A video that is the moving half of a photo.
    PartOfPhoto,
    /// Nobody has this content yet; here it is, ready for the encoder.
    Decoded(Box<Decoded<P>>),
    Touched {
        id: u64,
    },
    Moved {
        id: u64,
    },
    CopyOf {
        id: u64,
        hash: [u8; 16],
    },
    SameAs {
        first: usize,
        hash: [u8; 16],
    },
}

/// A photo on its way to the encoder. The full picture is gone by now: what waits in the channel is small.
pub(crate) struct Decoded<P> {
    pub photo: Seen,
    pub pixels: P,
}

/// A frame of a video on its way to the encoder.
pub(crate) struct Frame<P> {
    pub position: Position,
    pub pixels: P,
}

/// What is known of a photo or video once its pixels were looked at.
pub(crate) struct Seen {
    /// Of its content.
    pub hash: [u8; 16],
    /// The asset without path, stamps and hash.
    pub asset: Asset,
    /// Whether it looks as if it held text, if that is asked.
    pub may_hold_text: Option<bool>,
}

/// The work, shared by the threads that do it.
pub(crate) struct Decoding<'a, E> {
    pub work: &'a [Work],
    /// The next file that no thread has taken yet.
    pub next: &'a AtomicUsize,
    pub contents: &'a Contents<'a>,
    pub encoder: &'a E,
    pub limits: Limits,
    pub decoder: &'a Decoder,
    pub videos: Option<&'a VideoOptions>,
    pub bad: &'a Bad,
    /// What reads text in the end. Whether there may be some is cheap to tell while the pixels are at hand.
    pub text: Option<&'a dyn ReadText>,
    /// Memory for the photos at hand.
    pub budget: &'a Budget,
    pub cancel: &'a AtomicBool,
}

impl<E: Encoder> Decoding<'_, E> {
    /// Takes file after file until none is left, nobody listens any more or the run is cancelled. Returns how long the
    /// stages took in this thread.
    pub fn run(&self, out: &Sender<Message<E::Pixels>>) -> StageTimes {
        let mut times = StageTimes::default();
        while !self.cancel.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(work) = self.work.get(index) else { break };
            // A fault met in one file must not end a run over a million. All that the closure changes outside itself
            // are times, the hash and the shared contents, which are whole at every moment.
            let mut hash = None;
            let result = catch_unwind(AssertUnwindSafe(|| match self.videos.filter(|_| is_video(&work.file.path)) {
                Some(videos) => self.video(videos, index, work, &mut hash, &mut times, out),
                None => self.file(index, work, &mut hash, &mut times),
            }));
            let result = result.unwrap_or_else(|panic| Err(SkipReason::Panicked { message: message(panic.as_ref()) }));
            if matches!(result, Err(SkipReason::Video(VideoError::Cancelled))) {
                break;
            }
            if out.send(Message { work: index, hash, result }).is_err() {
                break;
            }
        }
        times
    }

    fn file(
        &self,
        index: usize,
        work: &Work,
        read: &mut Option<[u8; 16]>,
        times: &mut StageTimes,
    ) -> Result<Finding<E::Pixels>, SkipReason> {
        // What is refused for its size is not read.
        let mut share = self.budget.share(work.file.stamp.size.min(self.limits.max_file_bytes));
        let opened = Instant::now();
        let bytes = clip_image::read_file(&work.file.path, &self.limits);
        times.read += opened.elapsed();
        let bytes = bytes?;
        // It may have changed since the folders were listed.
        share.set_file(bytes.len() as u64);

        let mut watch = Stopwatch::start();
        let hash = clip_image::hash_bytes(&bytes).0;
        times.hash += watch.lap();
        *read = Some(hash);
        if let Some(finding) = self.known(index, work, hash)? {
            return Ok(finding);
        }
        let reserve = |bytes| share.decode_with(bytes);
        let photo = self.decoder.decode_bytes(&bytes, &self.limits, self.encoder.shorter_side(), &reserve);
        times.decode += watch.lap();
        let mut photo = photo?;
        photo.metadata.complete(&work.file.path, &work.file.sidecars.paths, now());
        drop(bytes);
        share.set_file(0);
        share.decode_with(photo.image.len() as u64);
        let picture_hash = PictureHash::to_bytes(PictureHash::of(&photo.image).as_ref());
        let may_hold_text = self.text.map(|reader| reader.may_hold_text(&photo.image));
        let pixels = self.encoder.preprocess(&photo.image);
        times.preprocess += watch.lap();
        let pixels = pixels.map_err(|error| SkipReason::NotEncoded { error })?;
        let asset = Asset { picture_hash, sidecars: work.file.sidecars.stamp, ..details::to_asset(photo.metadata) };
        Ok(Finding::Decoded(Box::new(Decoded { photo: Seen { hash, asset, may_hold_text }, pixels })))
    }

    /// What there is to do about a file by its content alone; `None` if it has to be decoded.
    fn known(&self, index: usize, work: &Work, hash: [u8; 16]) -> Result<Option<Finding<E::Pixels>>, SkipReason> {
        match self.contents.claim(index, &work.file, hash, work.known) {
            Verdict::Touched { id } => Ok(Some(Finding::Touched { id })),
            Verdict::Moved { id } => Ok(Some(Finding::Moved { id })),
            Verdict::CopyOf { id } => Ok(Some(Finding::CopyOf { id, hash })),
            Verdict::SameAs { first } => Ok(Some(Finding::SameAs { first, hash })),
            Verdict::Encode => self.bad.settled_content(&hash).map_or(Ok(None), Err),
        }
    }

    /// The same for a video, whose frames are told one by one: made ready for the encoder, they may be larger than they
    /// were, and only as many as there is room for wait for it.
    fn video(
        &self,
        videos: &VideoOptions,
        index: usize,
        work: &Work,
        read: &mut Option<[u8; 16]>,
        times: &mut StageTimes,
        out: &Sender<Message<E::Pixels>>,
    ) -> Result<Finding<E::Pixels>, SkipReason> {
        let (file, started) = (&work.file, Instant::now());
        if video::is_part_of_photo(file, &self.limits) {
            return Ok(Finding::PartOfPhoto);
        }
        let hash = video::hash(&file.path, self.cancel)?.0;
        times.read += started.elapsed();
        *read = Some(hash);
        if let Some(finding) = self.known(index, work, hash)? {
            return Ok(finding);
        }
        let share = self.budget.share(0);
        let reserve = |bytes: u64| share.decode_with(bytes.min(self.limits.max_memory));
        let decoding = Instant::now();
        let found = video::frames(videos, &file.path, self.encoder.shorter_side(), &reserve, self.cancel);
        // Another process takes this time.
        times.decode += decoding.elapsed();
        let found = found?;
        let mut description = found.description;
        if let Some(first) = found.frames.first().filter(|_| description.width == 0) {
            (description.width, description.height) = first.picture.dimensions();
        }
        let asset = video::to_asset(file, &description);
        let mut watch = Stopwatch::start();
        let frames = found.frames.len();
        for clip_video::Frame { at, picture } in found.frames {
            let pixels = self.encoder.preprocess(&picture);
            times.preprocess += watch.lap();
            let pixels = pixels.map_err(|error| SkipReason::NotEncoded { error })?;
            let frame = Finding::Frame(Box::new(Frame { position: at, pixels }));
            // If nobody listens any more, nobody wants the rest either.
            out.send(Message { work: index, hash: Some(hash), result: Ok(frame) })
                .map_err(|_| VideoError::Cancelled)?;
        }
        Ok(Finding::Video(Box::new(Seen { hash, asset, may_hold_text: None }), frames))
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
