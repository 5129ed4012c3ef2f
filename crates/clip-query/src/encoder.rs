//! What a searcher needs of a model, and nothing more.

use std::error::Error;

use clip_index::ModelId;
use clip_model::Model;
use image::RgbImage;

/// An error of whatever kind an encoder has.
pub type BoxedError = Box<dyn Error + Send + Sync + 'static>;

/// Turns words and pictures into unit vectors of one space. [`Model`] is one; tests and programs that keep their model
/// elsewhere bring their own.
pub trait Encoder {
    /// What an index must have stored to be searched with this encoder.
    fn id(&self) -> ModelId;

    /// Embeds texts: row-major `texts x dimension`, every row of length 1.
    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError>;

    /// To how many pixels the encoder shrinks the shorter side of a picture at least. Must be what the photos of the
    /// index were decoded for, so that an example from the index finds itself first; `None` stands for full size.
    fn shorter_side(&self) -> Option<u32> {
        None
    }

    /// Embeds upright pictures: row-major `images x dimension`, every row of length 1.
    fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError>;
}

impl Encoder for Model {
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

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        Ok(Model::embed_texts(self, texts)?.into_vec())
    }

    fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
        Ok(Model::embed_images(self, images)?.into_vec())
    }
}
