//! Training: from captioned and labelled photos to a model file.
//!
//! A [`Recipe`](recipe::Recipe) says what is learned from what; [`run`] carries it out in stages. Each stage trains
//! some tensors and freezes the rest; what the frozen start of a tower computes is cached. Every random
//! choice follows from the recipe's seed, the stage and the epoch, so a run that is resumed from a checkpoint goes
//! on as it would have.

mod average;
mod cache;
mod checkpoint;
mod cut;
mod dataset;
mod evaluate;
mod export;
mod frozen;
mod inputs;
pub mod loss;
mod names;
mod optimizer;
pub mod recipe;
mod run;
mod stage;
mod start;
mod teacher;
mod views;

use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::ModelError;
use crate::retrieval::Retrieval;

pub use run::{Outcome, run};

/// Why training could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file could not be read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The recipe is not understood.
    #[error("the recipe {} is not understood: {reason}", path.display())]
    Recipe {
        /// The recipe's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A data set cannot be used.
    #[error("the data in {} cannot be used: {reason}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A photo cannot be read. Training stops: a recipe names its photos, and a missing one would change the result.
    #[error("the photo {} cannot be read: {reason}; mend it or take it out of the CSV", path.display())]
    Photo {
        /// The photo.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A stage of the recipe does not fit the model.
    #[error("stage {stage:?} does not fit the model: {reason}")]
    Stage {
        /// The stage.
        stage: String,
        /// Why not.
        reason: String,
    },
    /// There is nothing to resume, or it belongs to another recipe.
    #[error("cannot go on from the checkpoint in {}: {reason}; start anew without resuming", path.display())]
    Checkpoint {
        /// The checkpoint's folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The loss is no number any more.
    #[error("the loss became {loss} in stage {stage:?}, epoch {epoch}; lower the learning rates")]
    Diverged {
        /// The stage.
        stage: String,
        /// The epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f32,
    },
    /// The observer asked to stop. The last checkpoint is there to resume from.
    #[error("stopped; the last checkpoint can be resumed")]
    Stopped,
    /// The model could not be built, read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
}

fn stopped() -> TrainError {
    TrainError::Stopped
}

/// What a run tells while it works.
#[derive(Debug, Clone)]
pub enum TrainEvent<'a> {
    /// What was read.
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
        /// Of what.
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
        /// Pairs done in this epoch.
        done: usize,
        /// Pairs in this epoch.
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
        /// Most epochs of the stage.
        epochs: usize,
        /// Mean loss.
        loss: f32,
        /// The learned inverse temperature.
        scale: f32,
        /// Pairs a second, measuring left out.
        pairs_per_second: f64,
        /// Dev recall of the averaged weights.
        recall: &'a Retrieval,
        /// Whether it is the stage's best so far.
        best: bool,
    },
    /// The model is written; its recall is that of the file as it will be used.
    Written {
        /// The file.
        path: &'a Path,
        /// Its size.
        bytes: u64,
        /// Dev recall with the weights as trained.
        trained: &'a Retrieval,
        /// Dev recall with the weights as stored.
        stored: &'a Retrieval,
    },
}

/// Receives progress and may stop the run.
pub trait TrainObserver {
    /// Called often; returning false stops the run at the next safe point.
    fn event(&mut self, event: TrainEvent<'_>) -> bool;
}

/// Reads an image file to upright RGB pixels; the caller chooses the decoder.
pub type Decode<'a> = dyn Fn(&Path) -> Result<RgbImage, String> + Sync + 'a;
