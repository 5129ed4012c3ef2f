//! Converts pictures whose samples are linear light of any range to sRGB.
//!
//! Such samples are meant to be exposed by the viewer. A picture that is already exposed for a screen is left as it is: at
//! most one pixel in a hundred is brighter than white (1), and at least as many are brighter than an eighth of it. Others
//! are tone-mapped as in E. Reinhard et al., "Photographic Tone Reproduction for Digital Images" (SIGGRAPH 2002), with the
//! global operator: the geometric mean of the luminance becomes a middle grey of 0.18, and highlights are compressed, so
//! that only one pixel in a hundred remains brighter than white.

/// A histogram of luminance, in steps of an eighth of a power of two.
pub(super) struct Luminances {
    bins: [u64; BINS],
    /// Black pixels.
    dark: u64,
    logarithms: f64,
}

const STEPS: f32 = 8.0;
const LEAST: f32 = -32.0;
const BINS: usize = 64 * STEPS as usize;

const MIDDLE_GREY: f64 = 0.18;

impl Luminances {
    pub(super) fn new() -> Self {
        Self { bins: [0; BINS], dark: 0, logarithms: 0.0 }
    }

    pub(super) fn add(&mut self, rgb: [f32; 3]) {
        let luminance = luminance(rgb);
        if luminance > 0.0 {
            let logarithm = luminance.log2().clamp(LEAST, -LEAST);
            let bin = ((logarithm - LEAST) * STEPS) as usize;
            self.bins[bin.min(BINS - 1)] += 1;
            self.logarithms += f64::from(logarithm);
        } else {
            self.dark += 1;
        }
    }

    pub(super) fn exposure(&self) -> Exposure {
        let lit: u64 = self.bins.iter().sum();
        if lit == 0 {
            return Exposure { scale: 1.0, white: None };
        }
        // The luminance that one pixel of a hundred exceeds.
        let mut above = 0;
        let bright = self.bins.iter().rposition(|count| {
            above += count;
            above > (lit + self.dark) / 100
        });
        let bright = ((bright.unwrap_or(0) as f32 + 0.5) / STEPS + LEAST).exp2();
        // White itself is in the middle of a step.
        if (0.125..=1.1).contains(&bright) {
            return Exposure { scale: 1.0, white: None };
        }
        let mean = (self.logarithms / lit as f64).exp2();
        let scale = (MIDDLE_GREY / mean) as f32;
        Exposure { scale, white: Some((scale * bright).max(1.0)) }
    }
}

/// How scene light becomes light on a screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exposure {
    scale: f32,
    /// The luminance that becomes white, if highlights are compressed.
    white: Option<f32>,
}

impl Exposure {
    /// The light on a screen, 0 to 1 and still linear.
    pub(super) fn shown(&self, rgb: [f32; 3]) -> [f32; 3] {
        let rgb = rgb.map(|sample| finite(sample) * self.scale);
        let Some(white) = self.white else { return rgb.map(|sample| sample.clamp(0.0, 1.0)) };
        let luminance = luminance(rgb);
        let factor = (1.0 + luminance / (white * white)) / (1.0 + luminance);
        rgb.map(|sample| (sample * factor).clamp(0.0, 1.0))
    }

    pub(super) fn srgb(&self, rgb: [f32; 3]) -> [u8; 3] {
        self.shown(rgb).map(srgb)
    }

    /// The same for a pixel with premultiplied alpha, over white.
    #[cfg(any(feature = "dds", feature = "exr"))]
    pub(super) fn srgb_over_white(&self, rgb: [f32; 3], alpha: f32) -> [u8; 3] {
        let rest = 1.0 - finite(alpha).clamp(0.0, 1.0);
        self.shown(rgb).map(|sample| srgb((sample + rest).min(1.0)))
    }
}

/// Of linear sRGB.
fn luminance(rgb: [f32; 3]) -> f32 {
    let [red, green, blue] = rgb.map(finite);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// NaN counts as no light, and infinity as very bright.
fn finite(sample: f32) -> f32 {
    const MOST: f32 = 1e9;
    if sample > 0.0 { sample.min(MOST) } else { 0.0 }
}

/// A linear sample of 0 to 1 as eight bits of sRGB.
pub(super) fn srgb(linear: f32) -> u8 {
    let encoded = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    (encoded * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure(pixels: impl IntoIterator<Item = f32>) -> Exposure {
        let mut luminances = Luminances::new();
        pixels.into_iter().for_each(|sample| luminances.add([sample; 3]));
        luminances.exposure()
    }

    #[test]
    fn what_is_exposed_for_a_screen_stays_as_it_is() {
        let exposure = exposure((0..1000).map(|i| i as f32 / 1000.0));
        assert_eq!(exposure, Exposure { scale: 1.0, white: None });
        // Every eight-bit value survives the round trip.
        for value in 0..=255_u8 {
            let encoded = f32::from(value) / 255.0;
            let linear = if encoded <= 0.04045 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) };
            assert_eq!(exposure.srgb([linear; 3]), [value; 3]);
        }
        assert_eq!(exposure.srgb([f32::NAN, f32::INFINITY, -1.0]), [0, 255, 0]);
    }

    #[test]
    fn dark_and_bright_pictures_look_alike() {
        let picture = |scale: f32| {
            let pixels: Vec<_> = (1..1000).map(|i| i as f32 * scale).collect();
            let exposure = exposure(pixels.iter().copied());
            [pixels[100], pixels[500], pixels[990]].map(|sample| exposure.srgb([sample; 3])[0])
        };
        let expected = picture(1.0);
        assert!(expected[0] > 40 && expected[0] < 128 && expected[2] > 170, "{expected:?}");
        for scale in [1e-6, 1e-2, 100.0, 1e5] {
            for (found, expected) in picture(scale).into_iter().zip(expected) {
                assert!(found.abs_diff(expected) <= 4, "{scale}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn without_light_it_is_black() {
        assert_eq!(exposure([0.0, -1.0, f32::NAN]).srgb([0.0; 3]), [0; 3]);
    }
}
