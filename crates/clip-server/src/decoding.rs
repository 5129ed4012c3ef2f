//! Photos to pixels, away from searches.
//!
//! Files of strangers and of the index are decoded by threads of their own, which hand risky formats to worker processes
//! ([`Decoder::with_workers`](clip_search::Decoder::with_workers)). Searches never wait for them.

use std::io;

use clip_search::image::{RgbImage, imageops};
use clip_search::{Asset, Decoder, ImageError, Limits, Photo, read_indexed};

use crate::pool::{Pool, Priority};
use crate::problem::Problem;
use crate::settings::Bounds;

/// Examples are kept with a shorter side of at most this many pixels: a model wants a few hundred, also of a part.
const EXAMPLE_SIDE: u32 = 768;

/// Threads that decode.
pub(crate) struct Decoding {
    decoder: Decoder,
    /// For thumbnails, of which a page asks for many: they take the time that is left.
    pub(crate) thumbnails: Pool,
    /// For examples, which a search waits for.
    examples: Pool,
}

impl Decoding {
    /// Starts the threads: for thumbnails, half as many as there are processors.
    ///
    /// # Errors
    /// The system's, if it has no threads to give.
    pub(crate) fn new(decoder: Decoder, bounds: &Bounds) -> io::Result<Decoding> {
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().div_ceil(2));
        let thumbnails = Pool::new("thumbnail", threads, bounds.waiting_thumbnails, Priority::Low)?;
        let examples = Pool::new("example", 1, bounds.waiting_searches, Priority::Usual)?;
        Ok(Decoding { decoder, thumbnails, examples })
    }

    pub(crate) fn decoder(&self) -> Decoder {
        self.decoder.clone()
    }

    /// A picture as an example of what is looked for; smaller than it is, if it is large. `with_bytes` passes on its bytes, which
    /// may have to be read. `share` is how much of its shorter side counts: of a small part, more of the picture is needed.
    ///
    /// # Errors
    /// [`Problem`] if it cannot be read or decoded, or too much is waiting.
    pub(crate) async fn example(
        &self,
        with_bytes: impl FnOnce(&dyn Fn(&[u8]) -> Result<RgbImage, Problem>) -> Result<RgbImage, Problem> + Send + 'static,
        share: f64,
    ) -> Result<RgbImage, Problem> {
        let decoder = self.decoder.clone();
        let side = (f64::from(EXAMPLE_SIDE) / share.clamp(0.1, 1.0)) as u32;
        let decode = move |bytes: &[u8]| {
            let photo = decoder.decode_bytes(bytes, &Limits::default(), Some(side / 2), &|_| ());
            let Photo { image, .. } = photo.map_err(|error| Problem::from(&error))?;
            Ok(reduced(image, side))
        };
        self.examples.run(move || with_bytes(&decode)).await?
    }
}

impl From<&ImageError> for Problem {
    fn from(error: &ImageError) -> Problem {
        Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "picture", error.to_string())
    }
}

/// Reads the file of a photo.
///
/// # Errors
/// Those of [`read_indexed`].
pub(crate) fn read(asset: &Asset) -> io::Result<Vec<u8>> {
    read_indexed(asset, Limits::default().max_file_bytes)
}

/// The picture with a shorter side of at most this many pixels.
fn reduced(image: RgbImage, shorter_side: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    let shorter = width.min(height);
    if shorter <= shorter_side {
        return image;
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(shorter_side) / u64::from(shorter)).max(1) as u32;
    imageops::thumbnail(&image, scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_are_reduced() {
        assert_eq!(reduced(RgbImage::new(1600, 800), 100).dimensions(), (200, 100));
        assert_eq!(reduced(RgbImage::new(80, 3000), 100).dimensions(), (80, 3000));
    }
}
