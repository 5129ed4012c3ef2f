//! Any decoded samples to 8-bit RGB over white, in the memory that they lie in.
//!
//! 16-bit samples are rounded, floating-point ones taken as 0 to 1; both without any change of gamma, so sRGB values
//! stay what they are. Transparency is laid over white, on those values too, as browsers do.

use image::{ColorType, RgbImage};

/// The samples of a whole picture, as decoders of the crate `image` give them: all of a pixel side by side, in the byte
/// order of the machine.
pub(crate) struct Samples {
    /// Room for the samples and for the RGB that they become, whichever are more.
    bytes: Vec<u8>,
    colour: ColorType,
    size: (u32, u32),
}

impl Samples {
    /// A black picture. `None` if its bytes cannot be counted, or its colour type is not known here.
    pub(crate) fn new(colour: ColorType, size: (u32, u32)) -> Option<Self> {
        let bytes = usize::try_from(Self::memory(colour, size)?).ok()?;
        Some(Self { bytes: vec![0; bytes], colour, size })
    }

    /// Bytes that a picture takes.
    pub(crate) fn memory(colour: ColorType, (width, height): (u32, u32)) -> Option<u64> {
        let pixel = u64::from(colour.bytes_per_pixel()).max(3);
        (u64::from(width) * u64::from(height)).checked_mul(pixel).filter(|_| is_known(colour))
    }

    /// The samples, for a decoder to write.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let length = self.pixels() * usize::from(self.colour.bytes_per_pixel());
        &mut self.bytes[..length]
    }

    /// As RGB. What memory is left over is given back.
    pub(crate) fn into_rgb(mut self) -> RgbImage {
        let pixels = self.pixels();
        if self.colour != ColorType::Rgb8 {
            convert(&mut self.bytes, pixels, self.colour);
            self.bytes.truncate(3 * pixels);
            self.bytes.shrink_to_fit();
        }
        let (width, height) = self.size;
        // The bytes were counted for this size.
        RgbImage::from_raw(width, height, self.bytes).unwrap_or_default()
    }

    fn pixels(&self) -> usize {
        self.size.0 as usize * self.size.1 as usize
    }
}

fn is_known(colour: ColorType) -> bool {
    use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgb32F, Rgba8, Rgba16, Rgba32F};
    matches!(colour, L8 | La8 | Rgb8 | Rgba8 | L16 | La16 | Rgb16 | Rgba16 | Rgb32F | Rgba32F)
}

/// Makes the first `pixels` pixels RGB where they lie. There has to be room for either.
pub(crate) fn convert(bytes: &mut [u8], pixels: usize, colour: ColorType) {
    match colour {
        ColorType::L8 => each(bytes, pixels, |[luma]: [u8; 1]| [luma; 3]),
        ColorType::La8 => each(bytes, pixels, |[luma, alpha]: [u8; 2]| [over_white(luma, alpha); 3]),
        ColorType::Rgba8 => each(bytes, pixels, rgba_over_white),
        ColorType::L16 => each(bytes, pixels, |pixel: [u8; 2]| [from_16(pixel); 3]),
        ColorType::La16 => each(bytes, pixels, |pixel: [u8; 4]| {
            let [luma, alpha] = samples(pixel, from_16);
            [over_white(luma, alpha); 3]
        }),
        ColorType::Rgb16 => each(bytes, pixels, |pixel: [u8; 6]| samples(pixel, from_16)),
        ColorType::Rgba16 => each(bytes, pixels, |pixel: [u8; 8]| {
            let [r, g, b, alpha] = samples(pixel, from_16);
            [r, g, b].map(|sample| over_white(sample, alpha))
        }),
        ColorType::Rgb32F => each(bytes, pixels, |pixel: [u8; 12]| samples(pixel, from_float)),
        ColorType::Rgba32F => each(bytes, pixels, |pixel: [u8; 16]| {
            let [r, g, b, alpha] = samples(pixel, from_float);
            [r, g, b].map(|sample| over_white(sample, alpha))
        }),
        // RGB as it is; others are not decoded.
        _ => (),
    }
}

/// Replaces pixels of `N` bytes by RGB, in the order in which none is overwritten before it is read.
#[inline(always)]
fn each<const N: usize>(bytes: &mut [u8], pixels: usize, rgb: impl Fn([u8; N]) -> [u8; 3]) {
    let mut one = |pixel: usize| {
        let from = bytes[pixel * N..].first_chunk().copied().unwrap_or([0; N]);
        bytes[pixel * 3..pixel * 3 + 3].copy_from_slice(&rgb(from));
    };
    if N < 3 {
        (0..pixels).rev().for_each(&mut one);
    } else {
        (0..pixels).for_each(&mut one);
    }
}

/// The samples of a pixel, `BYTES / SAMPLES` bytes each, in eight bits.
#[inline(always)]
fn samples<const BYTES: usize, const SAMPLE: usize, const SAMPLES: usize>(
    pixel: [u8; BYTES],
    eight_bits: impl Fn([u8; SAMPLE]) -> u8,
) -> [u8; SAMPLES] {
    const { assert!(SAMPLE * SAMPLES == BYTES) };
    let (parts, _) = pixel.as_chunks::<SAMPLE>();
    std::array::from_fn(|i| eight_bits(parts[i]))
}

#[inline(always)]
fn from_16(bytes: [u8; 2]) -> u8 {
    // Rounds to the nearest: 257 * 255 is 65,535.
    ((u32::from(u16::from_ne_bytes(bytes)) + 128) / 257) as u8
}

#[inline(always)]
fn from_float(bytes: [u8; 4]) -> u8 {
    let sample = f32::from_ne_bytes(bytes);
    // What is not a number counts as white, as in the crate `image`.
    let sample = if sample < 1.0 { sample.max(0.0) } else { 1.0 };
    (sample * 255.0).round() as u8
}

/// A pixel with transparency over white.
#[inline(always)]
pub(crate) fn rgba_over_white([r, g, b, alpha]: [u8; 4]) -> [u8; 3] {
    [r, g, b].map(|sample| over_white(sample, alpha))
}

/// The same of a pixel whose colours are multiplied by their opacity already.
#[inline(always)]
pub(crate) fn premultiplied_over_white([r, g, b, alpha]: [u8; 4]) -> [u8; 3] {
    [r, g, b].map(|sample| sample.saturating_add(255 - alpha))
}

/// `sample * alpha + white * (1 - alpha)`, rounded.
#[inline(always)]
pub(crate) fn over_white(sample: u8, alpha: u8) -> u8 {
    let (sample, alpha) = (u32::from(sample), u32::from(alpha));
    let blended = sample * alpha + 255 * (255 - alpha);
    // At most 255 * 255, so the quotient fits.
    ((blended + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
    use proptest::prelude::*;

    fn flatten(image: &DynamicImage) -> RgbImage {
        let mut samples = Samples::new(image.color(), (image.width(), image.height())).unwrap();
        samples.bytes_mut().copy_from_slice(image.as_bytes());
        samples.into_rgb()
    }

    /// With the conversions of the crate `image`, and a second picture.
    fn reference(image: &DynamicImage) -> RgbImage {
        if !image.color().has_alpha() {
            return image.to_rgb8();
        }
        let rgba = image.to_rgba8();
        RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
            let [r, g, b, alpha] = rgba.get_pixel(x, y).0;
            Rgb([r, g, b].map(|sample| over_white(sample, alpha)))
        })
    }

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
    fn colours_that_are_multiplied_already() {
        assert_eq!(premultiplied_over_white([0, 128, 0, 128]), [127, 255, 127]);
        assert_eq!(premultiplied_over_white([0; 4]), [255; 3]);
        assert_eq!(premultiplied_over_white([1, 2, 3, 255]), [1, 2, 3]);
    }

    #[test]
    fn every_kind_of_sample() {
        let half = DynamicImage::ImageRgba16(ImageBuffer::from_pixel(1, 1, Rgba([65535, 0, 32768, 65535])));
        assert_eq!(flatten(&half).get_pixel(0, 0).0, [255, 0, 128]);
        let clear = DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(1, 1, LumaA([0, 0])));
        assert_eq!(flatten(&clear).get_pixel(0, 0).0, [255; 3]);
        let float = DynamicImage::ImageRgb32F(ImageBuffer::from_pixel(1, 1, Rgb([0.0, 0.5, 2.0])));
        assert_eq!(flatten(&float).get_pixel(0, 0).0, [0, 128, 255]);
        let grey = DynamicImage::ImageLuma8(ImageBuffer::from_pixel(1, 1, Luma([9])));
        assert_eq!(flatten(&grey).get_pixel(0, 0).0, [9; 3]);
    }

    #[test]
    fn every_16_bit_value() {
        let all = ImageBuffer::from_fn(256, 256, |x, y| Luma([(y * 256 + x) as u16]));
        let all = DynamicImage::ImageLuma16(all);
        assert!(flatten(&all) == reference(&all));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// As the crate `image` converts, whatever the colour type.
        #[test]
        fn in_place_as_elsewhere(
            (width, height) in (1_u32..9, 1_u32..9),
            bytes in prop::collection::vec(any::<u8>(), 64),
            floats in prop::collection::vec(prop_oneof![any::<f32>(), -0.5_f32..1.5], 64),
        ) {
            let at = |x: u32, y: u32, i: u32| (y * 29 + x * 4 + i) as usize % 64;
            let byte = |x, y, i| bytes[at(x, y, i)];
            let word = |x, y, i| u16::from_ne_bytes([byte(x, y, i), byte(x, y, i + 7)]);
            let float = |x, y, i| floats[at(x, y, i)];
            macro_rules! image {
                ($kind:ident, $pixel:ident, $sample:ident, $($i:literal)*) => {
                    DynamicImage::$kind(ImageBuffer::from_fn(width, height, |x, y| $pixel([$($sample(x, y, $i)),*])))
                };
            }
            let each = [
                image!(ImageLuma8, Luma, byte, 0),
                image!(ImageLumaA8, LumaA, byte, 0 1),
                image!(ImageRgb8, Rgb, byte, 0 1 2),
                image!(ImageRgba8, Rgba, byte, 0 1 2 3),
                image!(ImageLuma16, Luma, word, 0),
                image!(ImageLumaA16, LumaA, word, 0 1),
                image!(ImageRgb16, Rgb, word, 0 1 2),
                image!(ImageRgba16, Rgba, word, 0 1 2 3),
                image!(ImageRgb32F, Rgb, float, 0 1 2),
                image!(ImageRgba32F, Rgba, float, 0 1 2 3),
            ];
            for image in each {
                prop_assert!(flatten(&image) == reference(&image), "{:?}", image.color());
            }
        }
    }
}
