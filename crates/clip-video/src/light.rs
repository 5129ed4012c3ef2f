//! Pictures with a high dynamic range, made as bright as others.
//!
//! ffmpeg's conversion to RGB keeps the codes of such videos as they are. Taken for sRGB, those of PQ are dim and grey: its white is
//! where sRGB has a middle grey.

use image::RgbImage;

/// What the codes of a video's pictures stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Light {
    /// What screens show of them, or nearly so.
    #[default]
    Standard,
    /// Absolute light, up to 10,000 candelas a square metre (SMPTE ST 2084, HDR10, most Dolby Vision).
    Pq,
    /// The light of the scene, in which highlights are compressed (ARIB STD-B67).
    Hlg,
}

/// White of a sheet of paper, in candelas a square metre (ITU-R BT.2408).
const WHITE: f32 = 203.0;
/// What is brighter than this share of white is compressed.
const KNEE: f32 = 0.8;
/// From the primaries of BT.2020 to those of BT.709, in linear light (ITU-R BT.2407).
const TO_BT709: [[f32; 3]; 3] = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]];

/// Changes a picture, as ffmpeg converts it, to one in sRGB.
pub(crate) fn to_standard(light: Light, picture: &mut RgbImage) {
    let linear: fn(f32) -> f32 = match light {
        Light::Standard => return,
        Light::Pq => pq_to_white,
        Light::Hlg => hlg_to_scene,
    };
    let table: [f32; 256] = std::array::from_fn(|code| linear(code as f32 / 255.0));
    // As fine as eight bits are told apart in the shadows.
    let codes: Vec<u8> = (0..=STEPS).map(|step| srgb(step as f32 / STEPS as f32)).collect();
    let code = |linear: f32| codes.get((linear * STEPS as f32 + 0.5) as usize).copied().unwrap_or(255);
    for pixel in picture.pixels_mut() {
        let mut rgb = pixel.0.map(|code| table.get(usize::from(code)).copied().unwrap_or_default());
        if light == Light::Hlg {
            let [r, g, b] = rgb;
            let luminance = 0.2627 * r + 0.6780 * g + 0.0593 * b;
            // A screen of 1,000 candelas a square metre, for which HLG's gamma is 1.2.
            let gain = 1000.0 / WHITE * luminance.max(1e-6).powf(0.2);
            rgb = rgb.map(|value| value * gain);
        }
        let narrow = TO_BT709.map(|row| row.iter().zip(rgb).map(|(weight, value)| weight * value).sum::<f32>());
        // The brightest channel is compressed, and the others with it, so that colours stay what they are.
        let most = narrow.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let scale = compressed(most) / most;
        pixel.0 = narrow.map(|value| code((value * scale).clamp(0.0, 1.0)));
    }
}

/// Steps of linear light that have a code each.
const STEPS: usize = 1 << 12;

/// Light above the knee, brought below 1.
fn compressed(value: f32) -> f32 {
    if value <= KNEE { value } else { 1.0 - (1.0 - KNEE) * (-(value - KNEE) / (1.0 - KNEE)).exp() }
}

/// Light as a share of white.
fn pq_to_white(signal: f32) -> f32 {
    const M1: f32 = 2610.0 / 16384.0;
    const M2: f32 = 2523.0 / 4096.0 * 128.0;
    const C1: f32 = 3424.0 / 4096.0;
    const C2: f32 = 2413.0 / 4096.0 * 32.0;
    const C3: f32 = 2392.0 / 4096.0 * 32.0;
    let root = signal.powf(1.0 / M2);
    let light = ((root - C1).max(0.0) / (C2 - C3 * root)).powf(1.0 / M1);
    light * 10_000.0 / WHITE
}

/// The light of the scene, 0 to 1.
fn hlg_to_scene(signal: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_7;
    if signal <= 0.5 { signal * signal / 3.0 } else { (((signal - C) / A).exp() + B) / 12.0 }
}

fn srgb(linear: f32) -> u8 {
    let value = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn grey(light: Light, code: u8) -> [u8; 3] {
        let mut picture = RgbImage::from_pixel(2, 2, Rgb([code; 3]));
        to_standard(light, &mut picture);
        picture.get_pixel(1, 1).0
    }

    #[test]
    fn white_is_nearly_white_and_black_is_black() {
        for light in [Light::Pq, Light::Hlg] {
            assert_eq!(grey(light, 0), [0; 3], "{light:?}");
            // The codes of white: 0.58 in PQ, 0.75 in HLG.
            let white = grey(light, if light == Light::Pq { 148 } else { 191 });
            assert!(white.iter().all(|value| (225..=250).contains(value)), "{light:?}: {white:?}");
            let codes: Vec<u8> = (0..=255).map(|code| grey(light, code)[0]).collect();
            assert!(codes.is_sorted() && codes[255] == 255, "{light:?}");
            let [r, g, b] = grey(light, 100);
            assert!(r.abs_diff(g) <= 1 && g.abs_diff(b) <= 1, "grey stays grey");
        }
        assert_eq!(grey(Light::Standard, 77), [77; 3]);
    }

    #[test]
    fn bright_colours_keep_their_hue() {
        let mut picture = RgbImage::from_pixel(1, 1, Rgb([230, 120, 120]));
        to_standard(Light::Pq, &mut picture);
        let [r, g, b] = picture.get_pixel(0, 0).0;
        assert!(r > 240 && g < 100 && g.abs_diff(b) < 25, "{r} {g} {b}");
    }
}
