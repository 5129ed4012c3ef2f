//! What a run tells while it works, and how it is stopped.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_classify::retrieval::Retrieval;
use clip_progress::Progress;

use crate::error::TrainError;

/// Something that happened during a run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The data sets were read.
    Data {
        /// Photos to train on.
        photos: usize,
        /// Distinct texts.
        texts: usize,
        /// Dev photos.
        dev_photos: usize,
    },
    /// Activations of the frozen parts are being computed.
    Caching {
        /// Of what: `photos`, `dev photos` or `texts`.
        what: &'static str,
        /// How many are done.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// A batch is done.
    Batch {
        /// The stage.
        stage: &'a str,
        /// The epoch, from 1.
        epoch: usize,
        /// Photos done in this epoch.
        done: usize,
        /// Photos in this epoch.
        total: usize,
        /// Loss of the batch.
        loss: f32,
    },
    /// An epoch is done and measured.
    Epoch {
        /// The stage.
        stage: &'a str,
        /// The epoch, from 1.
        epoch: usize,
        /// Maximum number of epochs of the stage.
        epochs: usize,
        /// Mean loss.
        loss: f32,
        /// The learned inverse temperature.
        scale: f32,
        /// Photos trained on per second, however many captions each has; without the time for measuring.
        photos_per_second: f64,
        /// Dev recall of the averaged weights.
        recall: &'a Retrieval,
        /// Whether it is the stage's best so far.
        best: bool,
    },
    /// The model is written; its recall is that of the file as it will be used.
    Written {
        /// The file.
        path: &'a Path,
        /// Its size in bytes.
        bytes: u64,
        /// Dev recall with the weights as trained.
        trained: &'a Retrieval,
        /// Dev recall with the weights as stored.
        stored: &'a Retrieval,
    },
}

/// The caller's side of a run: whom to tell, and whether to stop.
#[derive(Clone, Copy)]
pub(crate) struct Control<'a> {
    pub(crate) progress: &'a dyn for<'e> Progress<Event<'e>>,
    pub(crate) cancel: &'a AtomicBool,
}

impl Control<'_> {
    pub(crate) fn tell(&self, event: Event<'_>) {
        self.progress.event(event);
    }

    /// # Errors
    /// [`TrainError::Stopped`] if the run was cancelled.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if self.cancel.load(Ordering::Relaxed) { Err(TrainError::Stopped) } else { Ok(()) }
    }
}
