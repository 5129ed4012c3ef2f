//! The model as the crates that index and search see it.

use clip_encoder::{BoxedError, Encoder};
use image::RgbImage;

use crate::Model;
use crate::preprocess::Pixels;

impl Encoder for Model {
    type Pixels = Pixels;

    fn name(&self) -> &str {
        Model::name(self)
    }

    fn fingerprint(&self) -> &str {
        Model::fingerprint(self).as_str()
    }

    fn dimension(&self) -> usize {
        Model::dimension(self)
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

    fn preprocess(&self, image: &RgbImage) -> Result<Pixels, BoxedError> {
        Ok(Model::preprocess(self, image))
    }

    fn embed_pixels(&self, batch: &[Pixels]) -> Result<Vec<f32>, BoxedError> {
        Ok(Model::embed_pixels(self, batch)?.into_vec())
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        Ok(Model::embed_texts(self, texts)?.into_vec())
    }

    fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
        Ok(Model::embed_images(self, images)?.into_vec())
    }
}
