//! From files to photos in the index: threads decode, others encode, the calling thread gathers and writes.
//!
//! ```text
//! work ──> decoding threads ──> bounded channel ──> batch ──> encoding threads ──> writer ──> checkpoints
//!          read, hash, decode,                      └─ calling ─┘                 └──── calling thread ────┘
//!          preprocess
//! ```
//!
//! A batch is gathered while others are encoded, and waits until the encoder has room for it. Memory is bounded by the
//! budget that the decoding threads share and by the batches, whatever the size of the library. One thread owns the
//! index, which needs no lock; a checkpoint is simply a commit between two photos.
//!
//! Files are written in the order of the work ([`InOrder`]), whatever order the threads finish them in. So ids, and with them
//! all that goes by ids, depend on the library alone: not on the number of threads, nor on how often a run was interrupted.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clip_encoder::{BoxedError, Encoder};
use clip_index::{Asset, Drive, IndexError, IndexReader, IndexWriter, Kind, NewItem, Stamp};
use clip_progress::Progress;
use crossbeam_channel::{Receiver, Sender};

use crate::bad::{Bad, Fault};
use crate::budget::Budget;
use crate::contents::Contents;
use crate::decode::{Decoded, Decoding, Finding, Frame, Message, Seen};
use crate::details::{self, Reading};
use crate::encode::{self, Batch, BatchOutcome, Encoded, Part, Waiting};
use crate::error::IndexerError;
use crate::found::FoundFile;
use crate::in_order::InOrder;
use crate::options::IndexOptions;
use crate::plan::{Gone, Work};
use crate::progress::{Event, Outcome};
use crate::report::{Report, SkipReason, Skipped, StageTimes};
use crate::text;
use crate::vanished::Vanished;

/// How long the calling thread waits for news before it looks at the clock and the cancel flag again.
const LOOK_UP: Duration = Duration::from_millis(100);

/// The calling thread's side: what it writes to and what it remembers.
pub(crate) struct Pipeline<'a> {
    writer: &'a mut IndexWriter,
    /// The index as it was before the run: where the embeddings of copies come from, even if the photo leaves the index.
    before: Option<IndexReader>,
    work: &'a [Work],
    /// What became of files whose turn to be written has not come yet.
    waiting: InOrder<Resolved>,
    /// Files whose place as the first of equal ones an earlier file has taken, and that file.
    firsts: HashMap<usize, usize>,
    /// For every file of the work that is a photo of its own, its id.
    ids: Vec<Option<u64>>,
    /// Bad files of earlier runs, and what is wrong with those of this run, by their places in the work.
    bad: &'a Bad,
    faults: HashMap<usize, Fault>,
    /// Videos whose frames have not all been encoded.
    videos: HashMap<usize, Frames>,
    /// Photos that were moved or copied, or whose files were rewritten, and whose details may have changed.
    said_anew: Vec<(u64, FoundFile)>,
    /// Files of the work that were dealt with.
    dealt_with: usize,
    /// Files that another run left unread, elsewhere.
    left_before: u64,
    /// Where these are.
    left_in: Vec<PathBuf>,
    /// The folders and files that this run looks at.
    scope: Vec<PathBuf>,
    vanished: Vanished,
    uncommitted: u64,
    committed_at: Instant,
    report: Report,
    progress: &'a dyn for<'e> Progress<Event<'e>>,
    options: &'a IndexOptions,
}

/// What became of a file of the work.
enum Resolved {
    Encoded {
        photo: Box<Seen>,
        items: Vec<NewItem>,
        /// The file that was read: of equal files, an earlier one may take its place.
        read_from: usize,
    },
    PartOfPhoto,
    Touched {
        id: u64,
    },
    Moved {
        id: u64,
    },
    /// It has the content of a photo that was in the index before the run.
    CopyOf {
        id: u64,
        hash: [u8; 16],
    },
    /// It has the content of another file of this run.
    SameAs {
        first: usize,
        hash: [u8; 16],
    },
    Skipped {
        hash: Option<[u8; 16]>,
        reason: SkipReason,
    },
}

impl<'a> Pipeline<'a> {
    pub fn new(
        writer: &'a mut IndexWriter,
        index: &'a Path,
        work: &'a [Work],
        bad: &'a Bad,
        report: Report,
        progress: &'a dyn for<'e> Progress<Event<'e>>,
        options: &'a IndexOptions,
    ) -> Result<Pipeline<'a>, IndexerError> {
        let before = if writer.is_empty() { None } else { Some(IndexReader::open(index)?) };
        Ok(Pipeline {
            writer,
            before,
            work,
            waiting: InOrder::new(),
            firsts: HashMap::new(),
            ids: vec![None; work.len()],
            bad,
            faults: HashMap::new(),
            videos: HashMap::new(),
            said_anew: Vec::new(),
            dealt_with: 0,
            left_before: 0,
            left_in: Vec::new(),
            scope: Vec::new(),
            vanished: Vanished::default(),
            uncommitted: 0,
            committed_at: Instant::now(),
            report,
            progress,
            options,
        })
    }

    /// Looks at these folders and files only, so that what another run left unread elsewhere is still to be read.
    pub fn within(mut self, scope: &[PathBuf], roots: &[PathBuf]) -> Pipeline<'a> {
        let (left, places) = self.writer.remaining();
        let is_elsewhere =
            |place: &PathBuf| roots.contains(place) && !scope.iter().any(|scope| place.starts_with(scope));
        self.left_in = places.into_iter().filter(is_elsewhere).collect();
        self.left_before = if self.left_in.is_empty() { 0 } else { left };
        self.scope = scope.to_vec();
        self
    }

    /// Notes what the system tells of photos that are unchanged and that the index does not have yet.
    pub fn restamp(&mut self, stamps: &[(u64, Stamp)], cancel: &AtomicBool) -> Result<(), IndexerError> {
        for &(id, stamp) in stamps {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            self.write(|writer| writer.touch(id, stamp))?;
            if self.checkpoint_due(0) {
                self.checkpoint()?;
            }
        }
        Ok(())
    }

    /// Commits what the run is about before anything is done, and how much that is.
    pub fn begin(&mut self) -> Result<(), IndexerError> {
        self.note_remaining();
        Ok(self.writer.commit()?)
    }

    /// Notes what is known of the file systems that the photos are on.
    pub fn note_drives(&mut self, drives: Vec<Drive>) {
        self.writer.set_drives(drives);
    }

    /// Does the work.
    pub fn run<E: Encoder>(
        &mut self,
        encoder: &E,
        contents: &Contents<'_>,
        cancel: &AtomicBool,
    ) -> Result<(), IndexerError> {
        let threads = self.options.decode_threads().min(self.work.len());
        let next = AtomicUsize::new(0);
        let limits = self.options.limits;
        let budget = Budget::new(self.options.memory, limits.max_memory);
        let text = self.options.ocr.as_ref().map(|ocr| &*ocr.reader);
        let decoding = Decoding {
            work: self.work,
            next: &next,
            contents,
            encoder,
            limits,
            decoder: &self.options.decoder,
            videos: self.options.videos.as_ref(),
            bad: self.bad,
            text,
            budget: &budget,
            cancel,
        };
        thread::scope(|scope| {
            // However this closure ends, its sides of the channels go away with it and before the scope waits for the
            // threads, so that none of them is left waiting for news or for room.
            let (sender, decoded) = crossbeam_channel::bounded(threads);
            let mut handles = Vec::with_capacity(threads);
            for number in 0..threads {
                let (sender, decoding) = (sender.clone(), &decoding);
                let thread = thread::Builder::new().name(format!("decode-{number}"));
                let handle =
                    thread.spawn_scoped(scope, move || decoding.run(&sender)).map_err(IndexerError::Threads)?;
                handles.push(handle);
            }
            drop(sender);
            let batch_size = self.options.batch.map_or_else(|| encoder.batch_size().max(1), NonZeroUsize::get);
            let at_once = encoder.batches_at_once().max(1);
            let (batches, waiting) = crossbeam_channel::bounded(at_once);
            let (sender, encoded) = crossbeam_channel::bounded(at_once);
            for number in 0..at_once {
                let (waiting, sender) = (waiting.clone(), sender.clone());
                let thread = thread::Builder::new().name(format!("encode-{number}"));
                thread
                    .spawn_scoped(scope, move || encode::run(encoder, &waiting, &sender))
                    .map_err(IndexerError::Threads)?;
            }
            drop((waiting, sender));
            self.gather(Stages { decoded, batches, encoded, batch_size, at_once }, cancel)?;
            for handle in handles {
                // A panic inside a file is caught there; one outside would have lost nothing but these times.
                self.report.stages.add(&handle.join().unwrap_or_default());
            }
            Ok(())
        })
    }

    /// Makes batches of what was decoded and writes what was encoded, until all is done or the run is cancelled.
    fn gather<P>(&mut self, stages: Stages<P>, cancel: &AtomicBool) -> Result<(), IndexerError> {
        let Stages { decoded, batches, encoded, batch_size, at_once } = stages;
        let (mut batch, mut with_encoder, mut all_decoded) = (Batch::new(), 0, false);
        let nothing = crossbeam_channel::never();
        loop {
            if cancel.load(Ordering::Relaxed) {
                // What was decoded but is not with the encoder is dropped, and so is in the end what comes after a file that is
                // not dealt with yet: the next run has it again in no time.
                self.report.cancelled = true;
                break;
            }
            let due = self.checkpoint_due(batch.len());
            let ready = batch.len() >= batch_size || due || all_decoded;
            if ready && !batch.is_empty() && with_encoder < at_once {
                // There is room for as many, and who receives them does not end before this side does.
                let _ = batches.send(std::mem::replace(&mut batch, Batch::new()));
                with_encoder += 1;
            }
            if due && self.uncommitted > 0 {
                self.checkpoint()?;
            }
            if all_decoded && batch.is_empty() && with_encoder == 0 {
                break;
            }
            let started = Instant::now();
            let idle = with_encoder == 0;
            crossbeam_channel::select! {
                recv(if all_decoded || batch.len() >= batch_size { &nothing } else { &decoded }) -> message => {
                    if idle {
                        self.report.stages.wait += started.elapsed();
                    }
                    match message {
                        Ok(message) => self.take(message, &mut batch)?,
                        Err(_) => all_decoded = true,
                    }
                }
                recv(encoded) -> message => {
                    // The encoding threads end after this side does.
                    let Ok(message) = message else { break };
                    with_encoder -= 1;
                    self.store(message)?;
                }
                default(LOOK_UP) => if idle {
                    self.report.stages.wait += started.elapsed();
                },
            }
        }
        // The decoding threads may have stopped for the flag before this thread looked at it.
        self.report.cancelled |= cancel.load(Ordering::Relaxed);
        drop((decoded, batches));
        // What the encoder has at hand is kept.
        for encoded in encoded {
            self.store(encoded)?;
        }
        Ok(())
    }

    /// Reads details again for photos whose details in the index are of an earlier version, or whose sidecars have changed.
    /// Embeddings stay. If a file cannot be read, the index keeps its details.
    pub fn read_details(&mut self, outdated: &[(u64, FoundFile)], cancel: &AtomicBool) -> Result<(), IndexerError> {
        if outdated.is_empty() || self.report.cancelled {
            return Ok(());
        }
        let total = outdated.len() as u64;
        self.progress.event(Event::Details { done: 0, total });
        let mut done = 0;
        self.read_again(outdated, cancel, |pipeline, has_read| {
            done += 1;
            pipeline.report.details_read += u64::from(has_read);
            pipeline.progress.event(Event::Details { done, total });
        })
    }

    fn read_again(
        &mut self,
        photos: &[(u64, FoundFile)],
        cancel: &AtomicBool,
        mut tell: impl FnMut(&mut Self, bool),
    ) -> Result<(), IndexerError> {
        let (threads, limits) = (self.options.decode_threads().min(photos.len()), self.options.limits);
        let videos = self.options.videos.as_ref();
        details::read(photos, threads, &limits, videos, cancel, |id, read| {
            let has_read = matches!(read, Reading::Details(_));
            match read {
                Reading::Details(asset) => self.write(|writer| writer.set_details(id, *asset))?,
                Reading::NoPhoto => self.write(|writer| writer.keep_details(id, clip_image::DETAILS_VERSION))?,
                Reading::Failed => {}
            }
            tell(self, has_read);
            if self.checkpoint_due(0) { self.checkpoint() } else { Ok(()) }
        })?;
        self.report.cancelled |= cancel.load(Ordering::Relaxed);
        Ok(())
    }

    /// Writes what can only be written at the end: details that may have changed, and removals.
    ///
    /// `is_gone` checks whether a photo is still gone: the run may have taken hours, and the folders of a share that was
    /// away for a moment look empty. Also returns the photos that were removed, and the places that went away.
    pub fn finish(
        mut self,
        contents: &Contents<'_>,
        is_gone: impl Fn(&Gone) -> bool,
        cancel: &AtomicBool,
    ) -> Result<(Report, Vec<Gone>, Vanished), IndexerError> {
        self.checkpoint()?;
        let said_anew = std::mem::take(&mut self.said_anew);
        if !(said_anew.is_empty() || self.report.cancelled) {
            self.read_again(&said_anew, cancel, |_, _| ())?;
        }
        // Only now is it known that none of these was moved.
        let mut gone = if self.report.cancelled { Vec::new() } else { contents.gone() };
        gone.retain(is_gone);
        for photo in &gone {
            self.remove(photo.id)?;
            self.report.removed += 1;
        }
        let remaining = self.remaining();
        self.report.remaining = Some(remaining);
        self.note_remaining();
        if self.uncommitted > 0 || self.writer.has_changes() {
            self.checkpoint()?;
        }
        Ok((self.report, gone, self.vanished))
    }

    fn note_remaining(&mut self) {
        let remaining = self.remaining();
        let scope = if remaining > 0 { self.scope.as_slice() } else { &[] };
        self.writer.set_remaining(remaining + self.left_before);
        self.writer.set_remaining_in(&[&self.left_in, scope].concat());
    }

    /// How many files of the work were not dealt with yet.
    fn remaining(&self) -> u64 {
        (self.work.len() - self.dealt_with) as u64
    }

    fn take<P>(&mut self, message: Message<P>, batch: &mut Batch<P>) -> Result<(), IndexerError> {
        let index = message.work;
        let resolved = match message.result {
            Ok(Finding::Decoded(decoded)) => {
                let Decoded { photo, pixels } = *decoded;
                batch.pixels.push(pixels);
                batch.photos.push(Waiting { work: index, part: Part::Photo(Box::new(photo)) });
                return Ok(());
            }
            Ok(Finding::Frame(frame)) => {
                let Frame { position, pixels } = *frame;
                batch.pixels.push(pixels);
                batch.photos.push(Waiting { work: index, part: Part::Frame(position) });
                self.videos.entry(index).or_default();
                return Ok(());
            }
            Ok(Finding::Video(seen, frames)) => {
                self.videos.entry(index).or_default().whole = Some((seen, frames));
                return self.video(index);
            }
            Ok(Finding::PartOfPhoto) => Resolved::PartOfPhoto,
            Ok(Finding::Touched { id }) => Resolved::Touched { id },
            Ok(Finding::Moved { id }) => Resolved::Moved { id },
            Ok(Finding::CopyOf { id, hash }) => Resolved::CopyOf { id, hash },
            Ok(Finding::SameAs { first, hash }) => Resolved::SameAs { first, hash },
            Err(reason) => {
                // Frames that are with the encoder are of no use any more.
                self.videos.remove(&index);
                Resolved::Skipped { hash: message.hash, reason }
            }
        };
        self.resolve(index, resolved)
    }

    /// Goes on with a video once all of its frames are encoded.
    fn video(&mut self, index: usize) -> Result<(), IndexerError> {
        let is_whole = |frames: &Frames| {
            frames.whole.as_ref().is_some_and(|(_, count)| frames.rows.len() + frames.errors.len() == *count)
        };
        if !self.videos.get(&index).is_some_and(is_whole) {
            return Ok(());
        }
        let Some(Frames { rows: mut items, errors, whole: Some((photo, _)) }) = self.videos.remove(&index) else {
            return Ok(());
        };
        // Batches may be done in another order.
        items.sort_by_key(|item| item.position);
        let hash = Some(photo.hash);
        let resolved = match errors.into_iter().next() {
            Some(error) if items.is_empty() => Resolved::Skipped { hash, reason: SkipReason::NotEncoded { error } },
            // A frame that upsets the model is one of many.
            _ => Resolved::Encoded { photo, items, read_from: index },
        };
        self.resolve(index, resolved)
    }

    /// Notes what became of a file, and writes all files whose turn has come.
    fn resolve(&mut self, index: usize, resolved: Resolved) -> Result<(), IndexerError> {
        self.waiting.put(index, resolved);
        while let Some((index, resolved)) = self.waiting.next() {
            // Of equal files, the first in the work counts, not the one that a thread happened to read first.
            let resolved = match resolved {
                Resolved::SameAs { first, hash } if first > index => match self.waiting.take(first) {
                    Some(resolved) => {
                        // An earlier one may have taken its place already.
                        let earliest = if let Resolved::SameAs { first, .. } = resolved { first } else { index };
                        self.waiting.put(first, Resolved::SameAs { first: earliest, hash });
                        self.firsts.insert(first, earliest);
                        resolved
                    }
                    None => {
                        self.waiting.put_back(index, Resolved::SameAs { first, hash });
                        break;
                    }
                },
                resolved => resolved,
            };
            self.settle(index, resolved)?;
        }
        Ok(())
    }

    /// Writes what became of a file.
    fn settle(&mut self, index: usize, resolved: Resolved) -> Result<(), IndexerError> {
        let work = &self.work[index];
        match resolved {
            Resolved::Encoded { photo, items, read_from } => {
                let Seen { hash, asset, may_hold_text } = *photo;
                let file = &work.file;
                let (path, stamp, sidecars) = (file.path.clone(), file.stamp, file.sidecars.stamp);
                // What looks like text is read in the end.
                let without_text = self.options.ocr.as_ref().filter(|_| may_hold_text == Some(false));
                let text = without_text.map(|ocr| text::nothing(&*ocr.reader));
                self.add(index, (Asset { path, stamp, hash, sidecars, text, ..asset }, items), Outcome::Encoded)?;
                if read_from != index {
                    // The other file has another name and sidecars of its own.
                    self.read_details_again(index);
                }
            }
            Resolved::PartOfPhoto => {
                if self.replace(index)? {
                    self.report.removed += 1;
                }
                self.report.parts_of_photos += 1;
                self.done(index, Outcome::PartOfPhoto);
            }
            Resolved::Touched { id } => {
                self.write(|writer| writer.touch(id, work.file.stamp))?;
                self.note_what_is_said(id, index)?;
                self.report.unchanged += 1;
                self.done(index, Outcome::Touched);
            }
            Resolved::Moved { id } => {
                self.replace(index)?;
                let stamp = work.file.stamp;
                self.write(|writer| writer.relocate(id, &work.file.path, stamp))?;
                self.note_what_is_said(id, index)?;
                self.report.moved += 1;
                self.done(index, Outcome::Moved);
            }
            Resolved::CopyOf { id, hash } => {
                let photo = self.before.as_ref().map(|before| copy(before, id, work, hash)).transpose()?;
                if let Some(photo) = photo {
                    self.add_copy(index, photo)?;
                }
            }
            Resolved::SameAs { first, hash } => self.add_same(index, first, hash)?,
            Resolved::Skipped { hash, reason } => self.skip(index, hash, reason)?,
        }
        Ok(())
    }

    /// Takes over what came of a batch.
    fn store(&mut self, encoded: Encoded) -> Result<(), IndexerError> {
        let Encoded { photos, outcome, time } = encoded;
        self.report.stages.encode += time;
        match outcome {
            BatchOutcome::Rows(rows) => {
                let dimension = rows.len() / photos.len().max(1);
                for (photo, row) in photos.into_iter().zip(rows.chunks_exact(dimension.max(1))) {
                    self.encoded(photo, row.to_vec())?;
                }
            }
            BatchOutcome::Apart { error, rows } => {
                if rows.len() > 1 && rows.iter().all(Result::is_err) {
                    // Not the photos but the model or its device: going on would skip the whole library.
                    self.checkpoint()?;
                    return Err(error);
                }
                for (photo, row) in photos.into_iter().zip(rows) {
                    match row {
                        Ok(row) => self.encoded(photo, row)?,
                        Err(error) => self.not_encoded(photo, error)?,
                    }
                }
            }
            BatchOutcome::Wrong(error) => return Err(error),
            BatchOutcome::Panicked(panic) => std::panic::resume_unwind(panic),
        }
        Ok(())
    }

    fn encoded(&mut self, Waiting { work, part }: Waiting, embedding: Vec<f32>) -> Result<(), IndexerError> {
        match part {
            Part::Photo(photo) => {
                let items = vec![NewItem { position: 0, embedding }];
                self.resolve(work, Resolved::Encoded { photo, items, read_from: work })
            }
            Part::Frame(position) => {
                if let Some(frames) = self.videos.get_mut(&work) {
                    frames.rows.push(NewItem { position, embedding });
                }
                self.video(work)
            }
        }
    }

    fn not_encoded(&mut self, Waiting { work, part }: Waiting, error: BoxedError) -> Result<(), IndexerError> {
        match part {
            Part::Photo(photo) => {
                let reason = SkipReason::NotEncoded { error };
                self.resolve(work, Resolved::Skipped { hash: Some(photo.hash), reason })
            }
            Part::Frame(_) => {
                if let Some(frames) = self.videos.get_mut(&work) {
                    frames.errors.push(error);
                }
                self.video(work)
            }
        }
    }

    fn add(&mut self, index: usize, photo: (Asset, Vec<NewItem>), outcome: Outcome) -> Result<(), IndexerError> {
        self.replace(index)?;
        if photo.0.kind == Kind::Video {
            self.report.videos += 1;
            self.report.frames += photo.1.len() as u64;
        }
        let id = self.write(|writer| writer.add_items(photo.0, &photo.1))?;
        self.ids[index] = Some(id);
        self.report.indexed += 1;
        self.report.copied += u64::from(outcome == Outcome::Copied);
        self.done(index, outcome);
        Ok(())
    }

    fn add_copy(&mut self, index: usize, copied: Copied) -> Result<(), IndexerError> {
        self.add(index, copied.photo, Outcome::Copied)?;
        if copied.is_said_anew {
            self.read_details_again(index);
        }
        Ok(())
    }

    /// Has the details of a photo of this run read once more, at its end.
    fn read_details_again(&mut self, index: usize) {
        self.said_anew.extend(self.ids[index].map(|id| (id, self.work[index].file.clone())));
    }

    /// Adds a file with the content of one that was written before.
    fn add_same(&mut self, index: usize, first: usize, hash: [u8; 16]) -> Result<(), IndexerError> {
        // Others may have been told of a file that an earlier one has taken the place of since.
        let first = self.firsts.get(&first).copied().unwrap_or(first);
        let Some(id) = self.ids[first] else {
            // What is wrong with the other one is wrong with this one.
            self.faults.extend(self.faults.get(&first).cloned().map(|fault| (index, fault)));
            let other = self.work[first].file.path.clone();
            return self.skip(index, Some(hash), SkipReason::SameAs { other });
        };
        let (asset, items) = self.writer.asset(id)?.ok_or(IndexError::UnknownId { id })?;
        let photo = Copied::of(asset, items, &self.work[index], hash);
        self.add_copy(index, photo)
    }

    /// Notes a photo whose file was moved or rewritten, if its details may have changed.
    fn note_what_is_said(&mut self, id: u64, index: usize) -> Result<(), IndexerError> {
        let before = self.before.as_ref().map(|before| before.records(&[id])).transpose()?;
        let file = &self.work[index].file;
        if before.iter().flatten().any(|record| is_said_anew(&record.asset, file)) {
            self.said_anew.push((id, file.clone()));
        }
        Ok(())
    }

    /// Removes the photo that the index has under the path of a file that holds something else now.
    fn replace(&mut self, index: usize) -> Result<bool, IndexerError> {
        match self.work[index].known {
            Some((id, _)) => self.remove(id).map(|()| true),
            None => Ok(false),
        }
    }

    fn skip(&mut self, index: usize, hash: Option<[u8; 16]>, reason: SkipReason) -> Result<(), IndexerError> {
        let may_have_vanished = hash.is_none() || matches!(reason, SkipReason::Video(_));
        if may_have_vanished && self.vanished.takes(&self.work[index].file, &reason, &self.scope) {
            // If the index knows it, the next run finds out what has become of it.
            self.done(index, Outcome::Gone);
            return Ok(());
        }
        // What cannot be read this time may be there next time. What holds no photo any more is gone for good.
        if reason.is_about_content() && self.replace(index)? {
            self.report.removed += 1;
        }
        self.dealt_with += 1;
        let file = &self.work[index].file;
        let fault = self.faults.entry(index).or_insert_with(|| Fault::of(&reason)).clone();
        let is_known = self.bad.is_known(&file.path, &file.stamp, hash, &fault);
        self.writer.remember_bad_file(self.bad.record(&file.path, file.stamp, hash, fault));
        self.uncommitted += 1;
        let skipped = Skipped { path: file.path.clone(), reason };
        self.progress.event(Event::Skipped(&skipped));
        if is_known {
            self.report.skipped_before.push(skipped)
        } else {
            self.report.skipped.push(skipped)
        }
        Ok(())
    }

    fn done(&mut self, index: usize, outcome: Outcome) {
        self.dealt_with += 1;
        self.progress.event(Event::Photo { path: &self.work[index].file.path, outcome });
    }

    fn remove(&mut self, id: u64) -> Result<(), IndexerError> {
        self.write(|writer| if writer.remove(id)? { Ok(()) } else { Err(IndexError::UnknownId { id }) })
    }

    fn write<T>(&mut self, change: impl FnOnce(&mut IndexWriter) -> Result<T, IndexError>) -> Result<T, IndexerError> {
        let started = Instant::now();
        let result = change(self.writer);
        self.report.stages.write += started.elapsed();
        self.uncommitted += 1;
        Ok(result?)
    }

    fn checkpoint_due(&self, waiting: usize) -> bool {
        let pending = self.uncommitted + waiting as u64;
        self.uncommitted >= self.options.checkpoint_every.max(1)
            || pending > 0 && self.committed_at.elapsed() >= self.options.checkpoint_interval
    }

    fn checkpoint(&mut self) -> Result<(), IndexerError> {
        let started = Instant::now();
        self.note_remaining();
        self.writer.commit()?;
        self.report.stages.write += started.elapsed();
        self.uncommitted = 0;
        // What was decoded and what a commit merged is of many sizes; the heap would grow with every peak of either.
        clip_memory::give_back();
        self.committed_at = Instant::now();
        self.progress.event(Event::Checkpoint { indexed: self.report.indexed });
        Ok(())
    }
}

/// The calling thread's sides of the channels.
struct Stages<P> {
    decoded: Receiver<Message<P>>,
    batches: Sender<Batch<P>>,
    encoded: Receiver<Encoded>,
    /// Photos of a batch.
    batch_size: usize,
    /// Batches that the encoder takes at a time.
    at_once: usize,
}

/// The frames of a video that were encoded so far.
#[derive(Default)]
struct Frames {
    rows: Vec<NewItem>,
    /// What came of frames that could not be encoded.
    errors: Vec<BoxedError>,
    /// What is known of the video, and how many frames it has, once all of them were told.
    whole: Option<(Box<Seen>, usize)>,
}

/// A photo as another one with the same content has it.
struct Copied {
    photo: (Asset, Vec<NewItem>),
    is_said_anew: bool,
}

/// Whether a file's name or sidecars may give other details than the index has.
fn is_said_anew(asset: &Asset, file: &FoundFile) -> bool {
    asset.sidecars != file.sidecars.stamp || asset.path.file_name() != file.path.file_name()
}

/// The photo with the content of the photo `id`, for a file of its own, and its items.
fn copy(reader: &IndexReader, id: u64, work: &Work, hash: [u8; 16]) -> Result<Copied, IndexerError> {
    let unknown = || IndexError::UnknownId { id };
    let record = reader.records(&[id])?.into_iter().next().ok_or_else(unknown)?;
    let item = |(item, &position)| Some(NewItem { position, embedding: reader.embedding(item)? });
    let items: Option<Vec<NewItem>> = record.items().zip(&record.positions).map(item).collect();
    Ok(Copied::of(record.asset, items.ok_or_else(unknown)?, work, hash))
}

impl Copied {
    fn of(asset: Asset, items: Vec<NewItem>, work: &Work, hash: [u8; 16]) -> Copied {
        let is_said_anew = is_said_anew(&asset, &work.file);
        let (path, stamp) = (work.file.path.clone(), work.file.stamp);
        Copied { photo: (Asset { path, stamp, hash, ..asset }, items), is_said_anew }
    }
}

impl StageTimes {
    /// Adds what a decoding thread measured.
    fn add(&mut self, thread: &StageTimes) {
        self.read += thread.read;
        self.hash += thread.hash;
        self.decode += thread.decode;
        self.preprocess += thread.preprocess;
    }
}
