//! Converts colours to sRGB, which is what models were trained on.
//!
//! Photos of many phones are in Display P3, those of some cameras in Adobe RGB. Interpreted as sRGB they look pale. Samples
//! are already 8-bit here, and at the reduced size if a fraction of the size is decoded.

mod coded;
pub(crate) mod inks;
pub(crate) mod lab;

use image::RgbImage;
use moxcms::{
    Chromaticity, ColorPrimaries, ColorProfile, DataColorSpace, Layout, ParsingOptions, ToneReprCurve,
    TransformExecutor, TransformOptions,
};

/// The colour space of samples, if it may differ from sRGB.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColourSpace {
    /// Given by an ICC profile.
    Icc(Vec<u8>),
    /// Samples are linear light to the power of `gamma`. Without primaries, those of sRGB are meant.
    Gamma { gamma: f32, primaries: Option<Primaries> },
    /// Code points of ITU-T H.273: colour primaries and transfer characteristics.
    Coded { primaries: u8, transfer: u8 },
    /// Adobe RGB (1998).
    AdobeRgb,
}

/// CIE 1931 x and y of white, red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Primaries {
    pub(crate) white: (f32, f32),
    pub(crate) red: (f32, f32),
    pub(crate) green: (f32, f32),
    pub(crate) blue: (f32, f32),
}

impl Primaries {
    pub(crate) const SRGB: Self =
        Self { white: (0.3127, 0.329), red: (0.64, 0.33), green: (0.3, 0.6), blue: (0.15, 0.06) };

    /// Whether they span a valid triangle.
    fn are_possible(&self) -> bool {
        let is_colour = |(x, y): (f32, f32)| (0.0..=1.0).contains(&x) && y > 0.0 && y <= 1.0;
        let side = |(ax, ay): (f32, f32), (bx, by): (f32, f32)| {
            (ax - self.red.0) * (by - self.red.1) - (bx - self.red.0) * (ay - self.red.1)
        };
        is_colour(self.white)
            && [self.red, self.green, self.blue]
                .into_iter()
                .all(|(x, y)| (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y))
            && side(self.green, self.blue).abs() > 0.001
    }
}

/// The most bytes of an ICC profile. Those of cameras, phones and displays have a few thousand, those of scanners, with
/// lookup tables, several hundred thousand.
pub(crate) const LARGEST_PROFILE: usize = 512 << 10;

/// Converts the picture to sRGB in place. Unknown colour spaces leave it unchanged, and so do those of inks: what decodes them
/// has converted them already ([`inks`]).
pub(crate) fn to_srgb(image: &mut RgbImage, space: &ColourSpace) {
    let Some(profile) = profile(space) else { return };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    match profile.color_space {
        DataColorSpace::Rgb => {
            if let Ok(transform) = profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, options)
                && !is_nearly_none(&*transform)
            {
                let row_bytes = 3 * image.width() as usize;
                let mut stored = vec![0; row_bytes];
                for row in image.chunks_exact_mut(row_bytes) {
                    stored.copy_from_slice(row);
                    // All rows have the right length, so either all fail or none.
                    let _ = transform.transform(&stored, row);
                }
            }
        }
        // Some programs leave the profile of a grey picture in one that has colours since: it says nothing about those.
        DataColorSpace::Gray if is_grey(image) => {
            let greys: [u8; 256] = std::array::from_fn(|grey| grey as u8);
            let mut shown = [0; 3 * 256];
            if let Ok(transform) = profile.create_transform_8bit(Layout::Gray, &srgb, Layout::Rgb, options)
                && transform.transform(&greys, &mut shown).is_ok()
            {
                // A grey picture has the same sample three times.
                image.iter_mut().for_each(|sample| *sample = shown[3 * usize::from(*sample)]);
            }
        }
        _ => (),
    }
}

fn is_grey(image: &RgbImage) -> bool {
    image.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b)
}

fn profile(space: &ColourSpace) -> Option<ColorProfile> {
    match space {
        ColourSpace::Icc(bytes) => {
            let limits = ParsingOptions {
                max_profile_size: LARGEST_PROFILE,
                max_allowed_clut_size: LARGEST_PROFILE,
                ..ParsingOptions::default()
            };
            ColorProfile::new_from_slice_with_options(bytes, limits).ok()
        }
        ColourSpace::Gamma { gamma, primaries } => {
            let primaries = primaries.unwrap_or(Primaries::SRGB);
            // What programs write for sRGB if they can only give a gamma.
            if (gamma - 1.0 / 2.2).abs() < 0.005 {
                return shaped(primaries, coded::srgb);
            }
            // 1 is linear light; values outside this range are nonsense.
            let is_possible = (0.1..=2.0).contains(gamma);
            is_possible.then(|| shaped(primaries, |sample| sample.powf(1.0 / gamma)))?
        }
        ColourSpace::Coded { primaries, transfer } => shaped(coded::primaries(*primaries)?, coded::light(*transfer)?),
        ColourSpace::AdobeRgb => Some(ColorProfile::new_adobe_rgb()),
    }
}

/// A profile from primaries and a curve from samples to light, both 0 to 1.
fn shaped(primaries: Primaries, light: impl Fn(f32) -> f32) -> Option<ColorProfile> {
    const POINTS: usize = 1024;

    if !primaries.are_possible() {
        return None;
    }
    let colour = |(x, y)| Chromaticity { x, y };
    let mut profile = ColorProfile::new_srgb();
    let Primaries { white, red, green, blue } = primaries;
    profile.update_rgb_colorimetry(
        colour(white).to_xyyb(),
        ColorPrimaries { red: colour(red), green: colour(green), blue: colour(blue) },
    );
    let point = |i: usize| (light(i as f32 / (POINTS - 1) as f32).clamp(0.0, 1.0) * 65535.0).round() as u16;
    let curve = ToneReprCurve::Lut((0..POINTS).map(point).collect());
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    Some(profile)
}

/// Whether it changes no colour by more than the rounding of the profile's numbers. Most profiles are sRGB as written by
/// some program.
fn is_nearly_none(transform: &(dyn TransformExecutor<u8> + Send + Sync)) -> bool {
    const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    const ROUNDING: u8 = 2;

    let stored: Vec<u8> = STEPS
        .iter()
        .flat_map(|red| STEPS.iter().flat_map(move |green| STEPS.iter().flat_map(move |blue| [*red, *green, *blue])))
        .collect();
    let mut shown = vec![0; stored.len()];
    let is_done = transform.transform(&stored, &mut shown).is_ok();
    is_done && stored.iter().zip(&shown).all(|(stored, shown)| stored.abs_diff(*shown) <= ROUNDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(space: &ColourSpace, colour: [u8; 3]) -> [u8; 3] {
        let mut image = RgbImage::from_pixel(3, 2, image::Rgb(colour));
        to_srgb(&mut image, space);
        assert!(image.pixels().all(|pixel| pixel == image.get_pixel(0, 0)));
        image.get_pixel(0, 0).0
    }

    fn near(found: [u8; 3], expected: [u8; 3]) {
        let far = found.iter().zip(expected).any(|(found, expected)| found.abs_diff(expected) > 2);
        assert!(!far, "{found:?}, expected {expected:?}");
    }

    #[test]
    fn display_p3() {
        let space = ColourSpace::Icc(ColorProfile::new_display_p3().encode().unwrap());
        // By the formulas of CSS Color 4, section 10.
        near(shown(&space, [200, 100, 50]), [215, 93, 31]);
        near(shown(&space, [100, 200, 100]), [45, 203, 86]);
        near(shown(&space, [128; 3]), [128; 3]);
        near(shown(&space, [255; 3]), [255; 3]);
        near(shown(&ColourSpace::Coded { primaries: 12, transfer: 13 }, [200, 100, 50]), [215, 93, 31]);
    }

    #[test]
    fn adobe_rgb() {
        near(shown(&ColourSpace::AdobeRgb, [200, 100, 50]), [227, 100, 42]);
        near(shown(&ColourSpace::AdobeRgb, [255; 3]), [255; 3]);
    }

    #[test]
    fn srgb_stays_to_the_bit() {
        let space = ColourSpace::Icc(ColorProfile::new_srgb().encode().unwrap());
        for colour in [[200, 100, 50], [1, 2, 3], [0, 255, 7]] {
            assert_eq!(shown(&space, colour), colour);
            assert_eq!(shown(&ColourSpace::Gamma { gamma: 0.45455, primaries: None }, colour), colour);
            assert_eq!(shown(&ColourSpace::Coded { primaries: 1, transfer: 13 }, colour), colour);
        }
    }

    #[test]
    fn light_as_it_is_becomes_brighter() {
        // Half of the light is 188 in sRGB.
        near(shown(&ColourSpace::Gamma { gamma: 1.0, primaries: None }, [128; 3]), [188; 3]);
        near(shown(&ColourSpace::Coded { primaries: 1, transfer: 8 }, [128; 3]), [188; 3]);
    }

    #[test]
    fn white_on_paper_is_bright_in_high_dynamic_range() {
        // 203 nits, the level of white paper in ITU-R BT.2408, is 58 % of PQ's scale and 75 % of HLG's.
        for (transfer, paper) in [(16, 148), (18, 191)] {
            let [grey, ..] = shown(&ColourSpace::Coded { primaries: 9, transfer }, [paper; 3]);
            assert!((225..245).contains(&grey), "{transfer}: {grey}");
            let levels = [0, 50, 100, 150, 200, 255]
                .map(|level| shown(&ColourSpace::Coded { primaries: 9, transfer }, [level; 3])[0]);
            assert!(levels.is_sorted() && levels[0] == 0 && levels[5] > 245, "{transfer}: {levels:?}");
        }
    }

    #[test]
    fn grey_profiles() {
        let space = ColourSpace::Icc(ColorProfile::new_gray_with_gamma(1.0).encode().unwrap());
        near(shown(&space, [128; 3]), [188; 3]);
        assert_eq!(shown(&space, [128, 127, 128]), [128, 127, 128], "not for a picture with colours");
    }

    #[test]
    fn nonsense_changes_nothing() {
        let nowhere = Primaries { red: (0.3, 0.6), ..Primaries::SRGB };
        let spaces = [
            ColourSpace::Icc(b"no profile".to_vec()),
            ColourSpace::Icc(vec![0; 4096]),
            ColourSpace::Gamma { gamma: 0.0, primaries: None },
            ColourSpace::Gamma { gamma: 1.0, primaries: Some(nowhere) },
            ColourSpace::Gamma { gamma: f32::NAN, primaries: None },
            ColourSpace::Coded { primaries: 77, transfer: 13 },
            ColourSpace::Coded { primaries: 1, transfer: 99 },
        ];
        for space in spaces {
            assert_eq!(shown(&space, [200, 100, 50]), [200, 100, 50], "{space:?}");
        }
    }
}
