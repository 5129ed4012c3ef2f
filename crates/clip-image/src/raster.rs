//! Any decoded samples to 8-bit RGB over white.

use image::{DynamicImage, Rgb, RgbImage};

/// Converts to 8-bit RGB, transparency laid over white.
///
/// 16-bit samples are rounded, floating-point ones taken as 0 to 1; both without any change of
/// gamma, so sRGB values stay what they are. Blending is done on those values too, as browsers do.
pub(crate) fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (from, to) in rgba.pixels().zip(rgb.pixels_mut()) {
        let [red, green, blue, alpha] = from.0;
        *to = Rgb([red, green, blue].map(|sample| over_white(sample, alpha)));
    }
    rgb
}

/// `sample * alpha + white * (1 - alpha)`, rounded.
fn over_white(sample: u8, alpha: u8) -> u8 {
    let (sample, alpha) = (u32::from(sample), u32::from(alpha));
    let blended = sample * alpha + 255 * (255 - alpha);
    // At most 255 * 255, so the quotient fits.
    ((blended + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, LumaA, Rgba};

    #[test]
    fn blending_over_white() {
        assert_eq!(over_white(0, 0), 255);
        assert_eq!(over_white(7, 255), 7);
        assert_eq!(over_white(0, 128), 127);
        for sample in 0..=255 {
            assert_eq!(over_white(sample, 255), sample);
            assert_eq!(over_white(sample, 0), 255);
        }
    }

    #[test]
    fn every_kind_of_sample() {
        let half = DynamicImage::ImageRgba16(ImageBuffer::from_pixel(1, 1, Rgba([65535, 0, 32768, 65535])));
        assert_eq!(flatten(half).get_pixel(0, 0).0, [255, 0, 128]);
        let clear = DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(1, 1, LumaA([0, 0])));
        assert_eq!(flatten(clear).get_pixel(0, 0).0, [255; 3]);
        let float = DynamicImage::ImageRgb32F(ImageBuffer::from_pixel(1, 1, Rgb([0.0, 0.5, 2.0])));
        assert_eq!(flatten(float).get_pixel(0, 0).0, [0, 128, 255]);
        let grey = DynamicImage::ImageLuma8(ImageBuffer::from_pixel(1, 1, image::Luma([9])));
        assert_eq!(flatten(grey).get_pixel(0, 0).0, [9; 3]);
    }
}
