//! The bytes of a photo to a small JPEG file.

use clip_search::image::codecs::jpeg::JpegEncoder;
use clip_search::image::{ExtendedColorType, ImageEncoder, RgbImage, imageops};
use clip_search::{Decoder, ImageError, Limits};

/// A panorama is at most so many times as wide as it is high.
const WIDEST: u32 = 4;
const QUALITY: u8 = 82;

/// A JPEG file of a photo, upright and at most `size` pixels high.
///
/// # Errors
/// If it cannot be decoded.
pub(super) fn thumbnail(decoder: &Decoder, bytes: &[u8], size: u32) -> Result<Vec<u8>, ImageError> {
    let photo = decoder.decode_bytes(bytes, &Limits::default(), Some(size), &|_| ())?;
    let (width, height) = fitted(photo.image.dimensions(), size);
    let image = if (width, height) == photo.image.dimensions() {
        photo.image
    } else {
        imageops::thumbnail(&photo.image, width, height)
    };
    encode(&image).map_err(|error| ImageError::Decode { format: photo.metadata.format, reason: error.to_string() })
}

fn encode(image: &RgbImage) -> clip_search::image::ImageResult<Vec<u8>> {
    let mut jpeg = Vec::new();
    let (width, height) = image.dimensions();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).write_image(image, width, height, ExtendedColorType::Rgb8)?;
    Ok(jpeg)
}

/// The size of a picture that is `size` pixels high or less, and not too wide.
fn fitted((width, height): (u32, u32), size: u32) -> (u32, u32) {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let scale = (f64::from(size) / height).min(f64::from(WIDEST * size) / width).min(1.0);
    let scaled = |side: f64| ((side * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_as_high_as_was_asked_for() {
        assert_eq!(fitted((4000, 3000), 240), (320, 240));
        assert_eq!(fitted((3000, 4000), 240), (180, 240));
        assert_eq!(fitted((100, 50), 240), (100, 50), "small ones stay");
        assert_eq!(fitted((40_000, 1000), 240), (960, 24));
        assert_eq!(fitted((1, 40_000), 240), (1, 240));
    }

    #[test]
    fn a_photo_becomes_a_small_jpeg() {
        let photo = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/cat.jpg")).unwrap();
        let decoder = Decoder::default();
        let jpeg = thumbnail(&decoder, &photo, 120).unwrap();
        let image = clip_search::decode_bytes(&jpeg, &Limits::default()).unwrap().image;
        assert_eq!(image.height(), 120);
        assert!(jpeg.len() < 20_000, "{}", jpeg.len());
        assert!(thumbnail(&decoder, b"no photo", 120).is_err());
    }
}
