//! The encoder's own threads: from batches of pixels to embeddings.
//!
//! There is a thread for each batch that the encoder takes at a time ([`Encoder::batches_at_once`]). With two, a GPU
//! computes one batch while the next is on its way to it and the one before on its way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use clip_encoder::{BoxedError, Encoder};
use clip_index::Position;
use crossbeam_channel::{Receiver, Sender};

use crate::decode::Seen;
use crate::error::IndexerError;

/// What the encoder has: a photo, or a frame of a video.
pub(crate) struct Waiting {
    /// The place of the file in the work.
    pub work: usize,
    pub part: Part,
}

/// Which part of a file it is.
pub(crate) enum Part {
    /// All of it: a photo, with what is known of it.
    Photo(Box<Seen>),
    /// A moment of a video.
    Frame(Position),
}

/// A batch being gathered: pixels by themselves, as the encoder takes them, and the rest beside.
pub(crate) struct Batch<P> {
    pub pixels: Vec<P>,
    pub photos: Vec<Waiting>,
}

impl<P> Batch<P> {
    pub fn new() -> Self {
        Self { pixels: Vec::new(), photos: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.photos.len()
    }

    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }
}

/// What came of a batch.
pub(crate) struct Encoded {
    pub photos: Vec<Waiting>,
    pub outcome: BatchOutcome,
    /// How long the encoder took.
    pub time: Duration,
}

pub(crate) enum BatchOutcome {
    /// The rows of all photos, one behind the other.
    Rows(Vec<f32>),
    /// The batch failed, and then its photos were tried one at a time.
    Apart {
        /// What the batch failed with.
        error: IndexerError,
        /// What came of each.
        rows: Vec<Result<Vec<f32>, BoxedError>>,
    },
    /// The encoder does not do what it says.
    Wrong(IndexerError),
    /// The encoder panicked.
    Panicked(Box<dyn Any + Send>),
}

/// Encodes batch after batch until there are no more, or nobody listens.
pub(crate) fn run<E: Encoder>(encoder: &E, batches: &Receiver<Batch<E::Pixels>>, out: &Sender<Encoded>) {
    let dimension = encoder.dimension();
    for Batch { pixels, photos } in batches {
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| encode(encoder, &pixels, dimension)));
        let outcome = outcome.unwrap_or_else(BatchOutcome::Panicked);
        if out.send(Encoded { photos, outcome, time: started.elapsed() }).is_err() {
            break;
        }
    }
}

fn encode<E: Encoder>(encoder: &E, pixels: &[E::Pixels], dimension: usize) -> BatchOutcome {
    let error = match embed(encoder, pixels, dimension) {
        Ok(rows) => return BatchOutcome::Rows(rows),
        Err(error) => error,
    };
    // Perhaps one photo of the batch upsets the model: one at a time tells which.
    let mut rows = Vec::with_capacity(pixels.len());
    for pixels in pixels {
        match embed(encoder, std::slice::from_ref(pixels), dimension) {
            Ok(row) => rows.push(Ok(row)),
            Err(IndexerError::Encoder { source, .. }) => rows.push(Err(source)),
            Err(error) => return BatchOutcome::Wrong(error),
        }
    }
    BatchOutcome::Apart { error, rows }
}

fn embed<E: Encoder>(encoder: &E, pixels: &[E::Pixels], dimension: usize) -> Result<Vec<f32>, IndexerError> {
    let rows = encoder.embed_pixels(pixels).map_err(|source| IndexerError::Encoder { photos: pixels.len(), source })?;
    let expected = pixels.len() * dimension;
    if rows.len() != expected {
        return Err(IndexerError::EncoderOutput { expected, found: rows.len() });
    }
    Ok(rows)
}
