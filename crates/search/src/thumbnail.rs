//! Small pictures of photos.

use clip_image::{Decoder, ImageError, Limits};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage, imageops};

const QUALITY: u8 = 82;

/// A photo from the content of its file as a small JPEG file: upright, at most `within` pixels wide and high, and no larger than
/// it is.
///
/// # Errors
/// Any [`ImageError`] but those about the file itself.
pub fn thumbnail(decoder: &Decoder, bytes: &[u8], limits: &Limits, within: (u32, u32)) -> Result<Vec<u8>, ImageError> {
    let photo = decoder.decode_bytes(bytes, limits, Some(within.0.min(within.1)), &|_| ())?;
    let format = photo.metadata.format;
    thumbnail_of(photo.image, within).map_err(|error| ImageError::Decode { format, reason: error.to_string() })
}

/// The same of a picture.
///
/// # Errors
/// [`image::ImageError`] if it is too large for a JPEG file.
pub fn thumbnail_of(picture: RgbImage, within: (u32, u32)) -> image::ImageResult<Vec<u8>> {
    let (width, height) = fitted(picture.dimensions(), within);
    if (width, height) == picture.dimensions() {
        return encode(&picture);
    }
    encode(&imageops::thumbnail(&picture, width, height))
}

fn encode(image: &RgbImage) -> image::ImageResult<Vec<u8>> {
    let mut jpeg = Vec::new();
    let (width, height) = image.dimensions();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).write_image(image, width, height, ExtendedColorType::Rgb8)?;
    Ok(jpeg)
}

/// The size of a picture that fits and keeps its shape.
fn fitted((width, height): (u32, u32), within: (u32, u32)) -> (u32, u32) {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let scale = (f64::from(within.0) / width).min(f64::from(within.1) / height).min(1.0);
    let scaled = |side: f64| ((side * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_fits() {
        assert_eq!(fitted((4000, 3000), (960, 240)), (320, 240));
        assert_eq!(fitted((3000, 4000), (960, 240)), (180, 240));
        assert_eq!(fitted((100, 50), (960, 240)), (100, 50), "small ones stay");
        assert_eq!(fitted((40_000, 1000), (960, 240)), (960, 24));
        assert_eq!(fitted((1, 40_000), (960, 240)), (1, 240));
    }

    #[test]
    fn a_photo_becomes_a_small_jpeg() {
        let photo = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/cat.jpg")).unwrap();
        let (decoder, limits) = (Decoder::default(), Limits::default());
        let jpeg = thumbnail(&decoder, &photo, &limits, (480, 120)).unwrap();
        let image = clip_image::decode_bytes(&jpeg, &limits).unwrap().image;
        assert_eq!(image.height(), 120);
        assert!(jpeg.len() < 20_000, "{}", jpeg.len());
        assert!(thumbnail(&decoder, b"no photo", &limits, (480, 120)).is_err());
    }
}
