//! The last pass of a run: text in photos is read, once everything can be searched already.
//!
//! What was looked at is noted in the index with what looked, be there text or not, so that a run that was broken off goes on where it
//! was, and a better reader begins anew.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use clip_image::Photo;
use clip_index::{IndexWriter, Kind, PictureText, Record, Stamp};
use clip_ocr::{OcrError, ReadText, Text};
use clip_progress::Progress;

use crate::budget::Budget;
use crate::error::IndexerError;
use crate::options::{IndexOptions, OcrOptions};
use crate::placeholder::is_placeholder;
use crate::progress::Event;
use crate::report::TextReport;
use crate::stamp::stamp_of;

/// As many failures in a row are no longer the pictures'.
const MOST_FAILURES: usize = 8;
/// What a picture is decoded for to see whether it looks like text at all.
const AT_FIRST: u32 = 224;

/// The same content in one file or several.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The photos that have it.
    ids: Vec<u64>,
    path: PathBuf,
    stamp: Stamp,
}

/// What is noted of a picture without text.
pub(crate) fn nothing(reader: &dyn ReadText) -> PictureText {
    PictureText { version: reader.version(), languages: reader.languages().to_owned(), ..PictureText::default() }
}

/// Whether this was read by something as good.
fn is_current(text: &PictureText, reader: &dyn ReadText) -> bool {
    text.version >= reader.version() && text.languages == reader.languages()
}

/// The photos in which nobody has looked for text yet, or something of an earlier version or for other languages has, in the order of
/// their ids.
pub(crate) fn unread(records: Vec<Record>, reader: &dyn ReadText) -> Vec<Unread> {
    let mut unread: Vec<Unread> = Vec::new();
    let mut places: HashMap<[u8; 16], usize> = HashMap::new();
    for Record { id, asset, .. } in records {
        let is_read = asset.text.as_ref().is_some_and(|text| is_current(text, reader));
        if asset.kind != Kind::Photo || is_read {
            continue;
        }
        let place = asset.content().and_then(|hash| places.get(&hash));
        match place {
            Some(&place) => unread[place].ids.push(id),
            None => {
                places.insert(asset.hash, unread.len());
                unread.push(Unread { ids: vec![id], path: asset.path, stamp: asset.stamp });
            }
        }
    }
    unread
}

/// Carries over what the index that is to be replaced has of the same contents, whatever read it: a rebuild on a machine that cannot
/// read text must not cost what was read. What something better could read is read again later, as it would be there.
///
/// # Errors
/// Those of the writer.
pub(crate) fn carry_over(replaced: Vec<Record>, writer: &mut IndexWriter) -> Result<(), IndexerError> {
    let of_content = |Record { asset, .. }: Record| Some((asset.content()?, asset.text?));
    let known: HashMap<[u8; 16], PictureText> = replaced.into_iter().filter_map(of_content).collect();
    if known.is_empty() {
        return Ok(());
    }
    for Record { id, asset, .. } in writer.records()? {
        if asset.text.is_none()
            && let Some(text) = asset.content().and_then(|hash| known.get(&hash))
        {
            writer.set_text(id, text.clone())?;
        }
    }
    if writer.has_changes() {
        writer.commit()?;
    }
    Ok(())
}

/// What a look at a photo gave.
enum Reading {
    Text(Text),
    /// What reads text was not asked.
    NoText,
    /// The file is away, has changed or is only in the cloud: the next run sees to it.
    Away,
    Failed(OcrError),
}

/// Reads photos in several threads and commits every so often. Ends soon after `cancel` was set; what was read until then is committed.
///
/// # Errors
/// Those of the writer, and [`IndexerError::Threads`]. What reads text may fail without that: [`TextReport::fault`].
pub(crate) fn read(
    writer: &mut IndexWriter,
    photos: &[Unread],
    ocr: &OcrOptions,
    options: &IndexOptions,
    progress: &dyn for<'e> Progress<Event<'e>>,
    cancel: &AtomicBool,
) -> Result<TextReport, IndexerError> {
    let total = photos.len() as u64;
    let mut pass =
        Pass { writer, reader: &*ocr.reader, failures: Vec::new(), report: TextReport::default(), uncommitted: 0 };
    if photos.is_empty() {
        return Ok(pass.report);
    }
    progress.event(Event::Text { done: 0, total });
    let (next, is_over) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    let budget = &Budget::new(options.memory, options.limits.max_memory);
    let threads = ocr.threads.map_or_else(|| options.decode_threads(), NonZeroUsize::get).min(photos.len());
    let mut committed_at = Instant::now();
    thread::scope(|scope| {
        // However this closure ends, sending fails from then on, and the threads end.
        let (sender, readings) = crossbeam_channel::bounded(threads);
        for number in 0..threads {
            let sender = sender.clone();
            let run = move || {
                while !(cancel.load(Ordering::Relaxed) || is_over.load(Ordering::Relaxed)) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(photo) = photos.get(place) else { break };
                    let reading = look_at(photo, &*ocr.reader, options, budget, cancel);
                    if sender.send((place, reading)).is_err() {
                        break;
                    }
                }
            };
            let thread = thread::Builder::new().name(format!("text-{number}"));
            thread.spawn_scoped(scope, run).map_err(IndexerError::Threads)?;
        }
        drop(sender);
        for (done, (place, reading)) in (1..).zip(readings) {
            if pass.take(&photos[place], reading)? {
                is_over.store(true, Ordering::Relaxed);
            }
            progress.event(Event::Text { done, total });
            let is_due = committed_at.elapsed() >= options.checkpoint_interval;
            if pass.uncommitted > 0 && (is_due || pass.uncommitted >= options.checkpoint_every.max(1)) {
                pass.commit()?;
                committed_at = Instant::now();
            }
        }
        Ok::<_, IndexerError>(())
    })?;
    if pass.report.fault.is_none() {
        pass.settle_failures()?;
    }
    pass.commit()?;
    pass.report.remaining = total.saturating_sub(pass.report.looked_at);
    Ok(pass.report)
}

/// The calling thread's side.
struct Pass<'a> {
    writer: &'a mut IndexWriter,
    reader: &'a dyn ReadText,
    /// Photos that could not be read, one after the other. The next that can be shows that it was for them.
    failures: Vec<Vec<u64>>,
    report: TextReport,
    uncommitted: u64,
}

impl Pass<'_> {
    /// Takes over a reading; true if no more can be read.
    fn take(&mut self, photo: &Unread, reading: Reading) -> Result<bool, IndexerError> {
        match reading {
            Reading::Text(text) => {
                self.settle_failures()?;
                self.report.with_words += u64::from(!text.is_empty());
                let read =
                    PictureText { words: text.to_text(), confidences: text.confidences(), ..nothing(self.reader) };
                self.note(&photo.ids, &read)?;
            }
            Reading::NoText => self.note(&photo.ids, &nothing(self.reader))?,
            Reading::Away | Reading::Failed(OcrError::Cancelled) => {}
            Reading::Failed(error) => {
                let is_hopeless = !error.is_about_picture() || self.failures.len() + 1 >= MOST_FAILURES;
                if is_hopeless {
                    self.report.fault.get_or_insert(error);
                    return Ok(true);
                }
                self.failures.push(photo.ids.clone());
            }
        }
        Ok(false)
    }

    fn note(&mut self, ids: &[u64], text: &PictureText) -> Result<(), IndexerError> {
        for &id in ids {
            self.writer.set_text(id, text.clone())?;
        }
        self.report.looked_at += 1;
        self.uncommitted += 1;
        Ok(())
    }

    /// Notes of photos that could not be read that they were looked at.
    fn settle_failures(&mut self) -> Result<(), IndexerError> {
        for ids in std::mem::take(&mut self.failures) {
            self.report.failed += 1;
            self.note(&ids, &nothing(self.reader))?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), IndexerError> {
        self.writer.commit()?;
        self.uncommitted = 0;
        clip_memory::give_back();
        Ok(())
    }
}

fn look_at(
    photo: &Unread,
    reader: &dyn ReadText,
    options: &IndexOptions,
    budget: &Budget,
    cancel: &AtomicBool,
) -> Reading {
    let Ok(metadata) = photo.path.metadata() else { return Reading::Away };
    let is_same = photo.stamp.same_content(&stamp_of(&metadata));
    if !is_same || is_placeholder(&metadata) && !options.download {
        return Reading::Away;
    }
    // A fault met in one photo must not end a run over a million.
    catch_unwind(AssertUnwindSafe(|| decode_and_read(photo, reader, options, budget, cancel)))
        .unwrap_or_else(|_| Reading::Failed(OcrError::Died { how: "a panic".to_owned() }))
}

fn decode_and_read(
    photo: &Unread,
    reader: &dyn ReadText,
    options: &IndexOptions,
    budget: &Budget,
    cancel: &AtomicBool,
) -> Reading {
    let share = budget.share(photo.stamp.size.min(options.limits.max_file_bytes));
    let Ok(bytes) = clip_image::read_file(&photo.path, &options.limits) else { return Reading::Away };
    let decode = |shorter_side| {
        let reserve = |bytes| share.decode_with(bytes);
        options.decoder.decode_bytes(&bytes, &options.limits, Some(shorter_side), &reserve)
    };
    let Ok(first) = decode(AT_FIRST.min(reader.shorter_side())) else { return Reading::Away };
    if !reader.may_hold_text(&first.image) {
        return Reading::NoText;
    }
    let picture = if is_whole(&first) {
        first.image
    } else {
        drop(first);
        match decode(reader.shorter_side()) {
            Ok(photo) => photo.image,
            Err(_) => return Reading::Away,
        }
    };
    share.decode_with(picture.len() as u64);
    match reader.read(&picture, cancel) {
        Ok(text) => Reading::Text(text),
        Err(error) => Reading::Failed(error),
    }
}

/// Whether it was decoded at its full size.
fn is_whole(photo: &Photo) -> bool {
    photo.image.dimensions() == (photo.metadata.width, photo.metadata.height)
}
