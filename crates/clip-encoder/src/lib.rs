//! What indexing and searching need of a model, and nothing more.
//!
//! [`Encoder`] is the seam between the index and the models: the crates that index and search know it and no model.
//! `clip-model` implements it; tests, and programs that run their models elsewhere, bring their own.

use std::error::Error;
use std::sync::Arc;

use image::RgbImage;

/// An error of whatever kind an encoder has.
pub type BoxedError = Box<dyn Error + Send + Sync + 'static>;

/// Turns photos and texts into unit vectors of one space, whose dot products say how well they match (Radford et al.
/// 2021, "Learning Transferable Visual Models From Natural Language Supervision").
///
/// Photos take two steps: [`preprocess`](Encoder::preprocess), which many threads do side by side, and
/// [`embed_pixels`](Encoder::embed_pixels), which takes batches. An encoder may be shared: references and [`Arc`]s to
/// one are encoders too.
///
/// ```
/// use clip_encoder::{BoxedError, Encoder};
/// use image::RgbImage;
///
/// /// Knows nothing but how red a photo is.
/// struct Redness;
///
/// impl Encoder for Redness {
///     type Pixels = f32;
///
///     fn name(&self) -> &str {
///         "redness"
///     }
///
///     fn fingerprint(&self) -> &str {
///         "redness-1"
///     }
///
///     fn dimension(&self) -> usize {
///         2
///     }
///
///     fn preprocess(&self, image: &RgbImage) -> Result<f32, BoxedError> {
///         let red: f32 = image.pixels().map(|pixel| f32::from(pixel.0[0])).sum();
///         Ok(red / (255.0 * (image.width() * image.height()).max(1) as f32))
///     }
///
///     fn embed_pixels(&self, batch: &[f32]) -> Result<Vec<f32>, BoxedError> {
///         Ok(batch.iter().flat_map(|red| [red.sqrt(), (1.0 - red).sqrt()]).collect())
///     }
///
///     fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
///         Ok(texts.iter().flat_map(|text| if text.contains("red") { [1.0, 0.0] } else { [0.0, 1.0] }).collect())
///     }
/// }
///
/// let red = RgbImage::from_pixel(2, 2, [255, 0, 0].into());
/// assert_eq!((&Redness).embed_images(&[red])?, Redness.embed_texts(&["red"])?);
/// # Ok::<(), BoxedError>(())
/// ```
pub trait Encoder: Send + Sync {
    /// A photo made ready for the second step. Thousands are on their way at a time, so it should be small.
    type Pixels: Send;

    /// The model's name, for people.
    fn name(&self) -> &str;

    /// Names all that determines an embedding: weights, configuration, tokenizer, preprocessing and precision. Vectors
    /// can be compared only if their encoders' fingerprints are equal.
    fn fingerprint(&self) -> &str;

    /// Length of every embedding, at least 1.
    fn dimension(&self) -> usize;

    /// To how many pixels [`preprocess`](Encoder::preprocess) shrinks the shorter side of a photo. A large JPEG is then
    /// decoded at a fraction of its size, though never below twice this; `None` asks for all pixels. Photos and the
    /// example photos of queries must be decoded alike, or an example does not find itself.
    fn shorter_side(&self) -> Option<u32> {
        None
    }

    /// How many photos [`embed_pixels`](Encoder::embed_pixels) needs at once to make good use of the device.
    fn batch_size(&self) -> usize {
        32
    }

    /// How many batches to embed at a time, each from a thread of its own. One, unless the encoder has a device that can
    /// compute one batch while others are being transferred.
    fn batches_at_once(&self) -> usize {
        1
    }

    /// Makes one upright photo ready. Called from many threads.
    ///
    /// # Errors
    /// Whatever keeps the photo from being made ready: an encoder may load its model only now, for instance.
    fn preprocess(&self, image: &RgbImage) -> Result<Self::Pixels, BoxedError>;

    /// Embeds a batch of photos: row-major `photos x dimension`, every row of length 1.
    ///
    /// # Errors
    /// Whatever keeps the model from computing.
    fn embed_pixels(&self, batch: &[Self::Pixels]) -> Result<Vec<f32>, BoxedError>;

    /// Embeds texts: row-major `texts x dimension`, every row of length 1.
    ///
    /// # Errors
    /// Whatever keeps the model from computing.
    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError>;

    /// Embeds upright photos: both steps, one after the other.
    ///
    /// # Errors
    /// Those of [`preprocess`](Encoder::preprocess) and [`embed_pixels`](Encoder::embed_pixels).
    fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
        let pixels = images.iter().map(|image| self.preprocess(image)).collect::<Result<Vec<_>, _>>()?;
        self.embed_pixels(&pixels)
    }
}

/// Hands every call on to what a pointer points to.
macro_rules! delegate {
    () => {
        type Pixels = E::Pixels;

        fn name(&self) -> &str {
            (**self).name()
        }

        fn fingerprint(&self) -> &str {
            (**self).fingerprint()
        }

        fn dimension(&self) -> usize {
            (**self).dimension()
        }

        fn shorter_side(&self) -> Option<u32> {
            (**self).shorter_side()
        }

        fn batch_size(&self) -> usize {
            (**self).batch_size()
        }

        fn batches_at_once(&self) -> usize {
            (**self).batches_at_once()
        }

        fn preprocess(&self, image: &RgbImage) -> Result<Self::Pixels, BoxedError> {
            (**self).preprocess(image)
        }

        fn embed_pixels(&self, batch: &[Self::Pixels]) -> Result<Vec<f32>, BoxedError> {
            (**self).embed_pixels(batch)
        }

        fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
            (**self).embed_texts(texts)
        }

        fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
            (**self).embed_images(images)
        }
    };
}

impl<E: Encoder + ?Sized> Encoder for &E {
    delegate!();
}

impl<E: Encoder + ?Sized> Encoder for Arc<E> {
    delegate!();
}

impl<E: Encoder + ?Sized> Encoder for Box<E> {
    delegate!();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Overrides every method, so that one that is not handed on shows.
    struct Unlike;

    impl Encoder for Unlike {
        type Pixels = u32;

        fn name(&self) -> &str {
            "unlike"
        }

        fn fingerprint(&self) -> &str {
            "unlike-1"
        }

        fn dimension(&self) -> usize {
            1
        }

        fn shorter_side(&self) -> Option<u32> {
            Some(7)
        }

        fn batch_size(&self) -> usize {
            3
        }

        fn batches_at_once(&self) -> usize {
            5
        }

        fn preprocess(&self, image: &RgbImage) -> Result<u32, BoxedError> {
            Ok(image.width())
        }

        fn embed_pixels(&self, batch: &[u32]) -> Result<Vec<f32>, BoxedError> {
            Ok(batch.iter().map(|&width| width as f32).collect())
        }

        fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
            Ok(texts.iter().map(|text| text.len() as f32).collect())
        }

        fn embed_images(&self, _: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
            Err("overridden".into())
        }
    }

    fn check(encoder: impl Encoder<Pixels = u32>) {
        assert_eq!((encoder.name(), encoder.fingerprint(), encoder.dimension()), ("unlike", "unlike-1", 1));
        assert_eq!((encoder.shorter_side(), encoder.batch_size(), encoder.batches_at_once()), (Some(7), 3, 5));
        assert_eq!(encoder.preprocess(&RgbImage::new(4, 1)).unwrap(), 4);
        assert_eq!(encoder.embed_pixels(&[2, 6]).unwrap(), [2.0, 6.0]);
        assert_eq!(encoder.embed_texts(&["abc"]).unwrap(), [3.0]);
        assert_eq!(encoder.embed_images(&[]).unwrap_err().to_string(), "overridden");
    }

    #[test]
    fn pointers_to_an_encoder_are_that_encoder() {
        check(&Unlike);
        check(Box::new(Unlike));
        let shared = Arc::new(Unlike);
        check(&shared);
        check(shared);
    }
}
