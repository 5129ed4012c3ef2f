//! 8-bit samples to RGB over white.

use super::page::{Colours, Lab, Page};
use super::tags;
use crate::colour::inks::{self, Inks};
use crate::colour::lab;

/// What converting the colours of a page to RGB needs.
pub(super) enum Conversion {
    Grey,
    InvertedGrey,
    Rgb,
    Palette(Box<[[u8; 3]; 256]>),
    /// Four inks, perhaps of a press whose profile the page has.
    Cmyk(Option<Inks>),
    YCbCr(YCbCr),
    Lab(Lab),
}

impl Conversion {
    pub(super) fn of(page: &Page<'_>) -> Self {
        match page.colours {
            Colours::BlackIsZero => Self::Grey,
            Colours::WhiteIsZero => Self::InvertedGrey,
            Colours::Rgb => Self::Rgb,
            Colours::Palette => Self::Palette(palette(page)),
            Colours::Cmyk => Self::Cmyk(page.directory.get(tags::ICC_PROFILE).and_then(|icc| Inks::of(icc.bytes))),
            Colours::YCbCr => Self::YCbCr(YCbCr::of(page)),
            Colours::Lab(lab) => Self::Lab(lab),
        }
    }

    /// Converts pixels of `samples` samples each, the last of which may be alpha.
    pub(super) fn convert(&self, pixels: &[u8], samples: usize, rgb: &mut [u8]) {
        match self {
            Self::Grey => each(pixels, samples, rgb, |[grey]| [grey; 3]),
            Self::InvertedGrey => each(pixels, samples, rgb, |[grey]| [255 - grey; 3]),
            Self::Rgb => each(pixels, samples, rgb, |rgb| rgb),
            Self::Palette(colours) => each(pixels, samples, rgb, |[number]| colours[usize::from(number)]),
            Self::Cmyk(profile) => cmyk(profile.as_ref(), pixels, samples, rgb),
            Self::YCbCr(ycbcr) => each(pixels, samples, rgb, |pixel| ycbcr.rgb(pixel)),
            Self::Lab(lab) => each(pixels, samples, rgb, |pixel| lab_to_rgb(*lab, pixel)),
        }
    }
}

#[inline(always)]
fn each<const N: usize>(pixels: &[u8], samples: usize, rgb: &mut [u8], convert: impl Fn([u8; N]) -> [u8; 3]) {
    for (from, to) in pixels.chunks_exact(samples).zip(rgb.as_chunks_mut::<3>().0) {
        if let Some(from) = from.first_chunk() {
            *to = convert(*from);
        }
    }
}

fn cmyk(profile: Option<&Inks>, pixels: &[u8], samples: usize, rgb: &mut [u8]) {
    const PIXELS: usize = 256;

    let Some(profile) = profile else { return each(pixels, samples, rgb, inks::rgb) };
    let mut four = [0; 4 * PIXELS];
    for (from, to) in pixels.chunks(samples * PIXELS).zip(rgb.chunks_mut(3 * PIXELS)) {
        let four = &mut four[..to.len() / 3 * 4];
        for (from, to) in from.chunks_exact(samples).zip(four.as_chunks_mut::<4>().0) {
            from.first_chunk().into_iter().for_each(|inks| *to = *inks);
        }
        profile.to_rgb(four, to);
    }
}

/// Blends pixels, whose last sample is alpha, with white.
pub(super) fn lay_over_white(pixels: &[u8], samples: usize, is_associated: bool, rgb: &mut [u8]) {
    for (from, to) in pixels.chunks_exact(samples).zip(rgb.as_chunks_mut::<3>().0) {
        let alpha = from[samples - 1];
        *to = to.map(|sample| {
            if is_associated {
                return sample.saturating_add(255 - alpha);
            }
            let (sample, alpha) = (u32::from(sample), u32::from(alpha));
            // At most 255 * 255, so the quotient fits.
            ((sample * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        });
    }
}

/// The palette in eight bits. All reds come first.
fn palette(page: &Page<'_>) -> Box<[[u8; 3]; 256]> {
    let mut colours = Box::new([[0; 3]; 256]);
    let Some(map) = page.directory.get(tags::COLOUR_MAP) else { return colours };
    let count = 1_u64 << page.sample.bits.min(8);
    // Some programs write values of 8 bits where they should have 16.
    let is_small = map.uints().take(3 * count as usize).all(|value| value < 256);
    for (number, colour) in (0..count).zip(colours.iter_mut()) {
        *colour = [0, 1, 2].map(|part| {
            let value = map.uint(part * count + number).unwrap_or(0).min(65_535);
            if is_small { value as u8 } else { ((value + 128) / 257) as u8 }
        });
    }
    colours
}

/// Luma and differences of colours.
pub(super) struct YCbCr {
    /// Luma coefficients of red, green and blue.
    shares: [f32; 3],
    /// Reference black and white of each sample.
    range: [f32; 6],
}

impl YCbCr {
    fn of(page: &Page<'_>) -> Self {
        let numbers = |tag| page.directory.get(tag).filter(|_| !page.compression.is_jpeg());
        let number = |tag, index| numbers(tag)?.float(index).map(|number| number as f32);
        let default = Self { shares: [0.299, 0.587, 0.114], range: [0.0, 255.0, 128.0, 255.0, 128.0, 255.0] };
        let shares: [Option<f32>; 3] = std::array::from_fn(|i| number(tags::YCBCR_COEFFICIENTS, i as u64));
        let range: [Option<f32>; 6] = std::array::from_fn(|i| number(tags::REFERENCE_BLACK_WHITE, i as u64));
        let shares = shares.map(|share| share.filter(|share| *share > 0.0 && *share < 1.0));
        let is_range = range.iter().all(|value| value.is_some_and(f32::is_finite))
            && (0..3).all(|i| range[2 * i].unwrap_or(0.0) < range[2 * i + 1].unwrap_or(0.0));
        Self {
            shares: if shares.iter().all(Option::is_some) {
                shares.map(Option::unwrap_or_default)
            } else {
                default.shares
            },
            range: if is_range { range.map(Option::unwrap_or_default) } else { default.range },
        }
    }

    fn rgb(&self, pixel: [u8; 3]) -> [u8; 3] {
        let part = |i: usize, all: f32| {
            (f32::from(pixel[i]) - self.range[2 * i]) * all / (self.range[2 * i + 1] - self.range[2 * i])
        };
        let (y, cb, cr) = (part(0, 255.0), part(1, 127.0), part(2, 127.0));
        let [red, green, blue] = self.shares;
        let r = y + cr * (2.0 - 2.0 * red);
        let b = y + cb * (2.0 - 2.0 * blue);
        let g = (y - blue * b - red * r) / green;
        [r, g, b].map(|sample| sample.round().clamp(0.0, 255.0) as u8)
    }
}

/// L*a*b* as it is written to sRGB.
fn lab_to_rgb(lab: Lab, [l, a, b]: [u8; 3]) -> [u8; 3] {
    let (a, b) = match lab {
        Lab::Cie => (f32::from(a.cast_signed()), f32::from(b.cast_signed())),
        Lab::Icc => (f32::from(a) - 128.0, f32::from(b) - 128.0),
        Lab::Itu => ((f32::from(a) - 128.0) * 170.0 / 255.0, (f32::from(b) - 96.0) * 200.0 / 255.0),
    };
    lab::to_srgb([f32::from(l) * 100.0 / 255.0, a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lab_by_three_ways_of_writing() {
        for (lab, grey, red) in [
            (Lab::Cie, [137, 0, 0], [139, 81, 70]),
            (Lab::Icc, [137, 128, 128], [139, 209, 198]),
            (Lab::Itu, [137, 128, 96], [139, 250, 185]),
        ] {
            assert!(lab_to_rgb(lab, grey).iter().all(|sample| (126..=130).contains(sample)), "{lab:?}");
            let [r, g, b] = lab_to_rgb(lab, red);
            assert!(r > 250 && g < 15 && b < 15, "{lab:?} {r} {g} {b}");
        }
        assert_eq!(lab_to_rgb(Lab::Cie, [255, 0, 0]), [255; 3]);
    }

    #[test]
    fn what_is_multiplied_already_is_not_multiplied_again() {
        let mut rgb = [100, 0, 50, 100, 0, 50];
        lay_over_white(&[100, 0, 50, 128, 100, 0, 50, 128], 4, true, &mut rgb[..3]);
        lay_over_white(&[100, 0, 50, 128, 100, 0, 50, 128], 4, false, &mut rgb[3..]);
        assert_eq!(rgb, [227, 127, 177, 177, 127, 152]);
    }
}
