//! What the pipeline needs of a model, and nothing more.

use std::error::Error;

use clip_index::ModelId;
use clip_model::{Model, Pixels};
use image::RgbImage;

/// An error of whatever kind an encoder has.
pub type BoxedError = Box<dyn Error + Send + Sync + 'static>;

/// Turns photos into unit vectors, in two steps: one that many threads do side by side, and one that takes batches.
/// [`Model`] is one.
pub trait Encoder: Sync {
    /// A photo made ready for the second step; thousands of photos pass through, so it should be small.
    type Pixels: Send;

    /// What the index stores to recognise the model.
    fn id(&self) -> ModelId;

    /// To how many pixels [`preprocess`](Encoder::preprocess) shrinks the shorter side of a photo at least. A large JPEG
    /// is then decoded at a fraction of its size, though never below twice this; `None` asks for all pixels.
    fn shorter_side(&self) -> Option<u32> {
        None
    }

    /// How many photos a batch has best.
    fn batch_size(&self) -> usize {
        32
    }

    /// How many batches are embedded at a time, each called for from a thread of its own. One, unless the encoder has a
    /// device that can compute one batch while others are on their way to it and back.
    fn batches_at_once(&self) -> usize {
        1
    }

    /// Makes one photo ready. Called from many threads.
    fn preprocess(&self, image: &RgbImage) -> Self::Pixels;

    /// Embeds a batch: row-major `photos x dimension`, every row of length 1.
    fn embed(&self, batch: &[Self::Pixels]) -> Result<Vec<f32>, BoxedError>;
}

impl Encoder for Model {
    type Pixels = Pixels;

    fn id(&self) -> ModelId {
        ModelId {
            name: self.name().to_owned(),
            fingerprint: self.fingerprint().to_string(),
            dimension: self.dimension(),
        }
    }

    fn shorter_side(&self) -> Option<u32> {
        u32::try_from(self.config().preprocess.size).ok()
    }

    fn batch_size(&self) -> usize {
        Model::batch_size(self)
    }

    fn batches_at_once(&self) -> usize {
        Model::batches_at_once(self)
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        Model::preprocess(self, image)
    }

    fn embed(&self, batch: &[Pixels]) -> Result<Vec<f32>, BoxedError> {
        Ok(self.embed_pixels(batch)?.into_vec())
    }
}
