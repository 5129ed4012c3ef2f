//! The code points by which video, AVIF and recent PNG files name their colours (ITU-T H.273, tables 2 and 3).

use super::Primaries;

/// The colour primaries with this code point. `None` for those that photos do not use.
pub(super) fn primaries(number: u8) -> Option<Primaries> {
    let d65 = Primaries::SRGB;
    Some(match number {
        1 => d65,
        // PAL, and NTSC of 1994.
        5 => Primaries { green: (0.29, 0.6), ..d65 },
        6 | 7 => Primaries { red: (0.63, 0.34), green: (0.31, 0.595), blue: (0.155, 0.07), ..d65 },
        // BT.2020 and BT.2100.
        9 => Primaries { red: (0.708, 0.292), green: (0.17, 0.797), blue: (0.131, 0.046), ..d65 },
        // P3 of cinemas and of displays.
        11 => Primaries { white: (0.314, 0.351), ..P3 },
        12 => P3,
        _ => return None,
    })
}

const P3: Primaries =
    Primaries { white: Primaries::SRGB.white, red: (0.68, 0.32), green: (0.265, 0.69), blue: Primaries::SRGB.blue };

/// Converts samples to light on a screen, both 0 to 1, by the code point of the transfer characteristics.
///
/// High dynamic range is toned down: diffuse white becomes four fifths of screen white, and highlights are compressed into
/// the rest.
pub(super) fn light(number: u8) -> Option<fn(f32) -> f32> {
    Some(match number {
        // Video curves are meant to be displayed like sRGB.
        1 | 6 | 13 | 14 | 15 => srgb,
        4 => |sample| sample.powf(2.2),
        5 => |sample| sample.powf(2.8),
        8 => |sample| sample,
        16 => |sample| toned(perceptual_quantizer(sample) * PQ_PEAK / PAPER_WHITE),
        18 => |sample| toned(hybrid_log_gamma(sample).powf(HLG_SYSTEM_GAMMA) * HLG_PEAK / PAPER_WHITE),
        _ => return None,
    })
}

/// Nits of diffuse white in high dynamic range (ITU-R BT.2408).
const PAPER_WHITE: f32 = 203.0;
/// Peak nits of PQ, and of HLG on its reference display (ITU-R BT.2100).
const PQ_PEAK: f32 = 10_000.0;
const HLG_PEAK: f32 = 1_000.0;
const HLG_SYSTEM_GAMMA: f32 = 1.2;

/// IEC 61966-2-1.
pub(super) fn srgb(sample: f32) -> f32 {
    if sample <= 0.04045 { sample / 12.92 } else { ((sample + 0.055) / 1.055).powf(2.4) }
}

/// SMPTE ST 2084.
fn perceptual_quantizer(sample: f32) -> f32 {
    const M1: f32 = 2610.0 / 16384.0;
    const M2: f32 = 2523.0 / 32.0;
    const C1: f32 = 3424.0 / 4096.0;
    const C2: f32 = 2413.0 / 128.0;
    const C3: f32 = 2392.0 / 128.0;
    let root = sample.powf(1.0 / M2);
    ((root - C1).max(0.0) / (C2 - C3 * root)).powf(1.0 / M1)
}

/// ARIB STD-B67: scene light.
fn hybrid_log_gamma(sample: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 1.0 - 4.0 * A;
    const C: f32 = 0.559_910_7;
    if sample <= 0.5 { sample * sample / 3.0 } else { (((sample - C) / A).exp() + B) / 12.0 }
}

/// Light, where 1 is diffuse white, to light on a screen: linear up to a half, then compressed.
fn toned(light: f32) -> f32 {
    const KNEE: f32 = 0.5;
    if light <= KNEE { light } else { KNEE + (1.0 - KNEE) * (1.0 - (-(light - KNEE) / (1.0 - KNEE)).exp()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_meet_their_standards() {
        let near =
            |found: f32, expected: f32| assert!((found - expected).abs() < expected * 0.01, "{found} {expected}");
        // 100 nits is 50.8 % of PQ, 1,000 nits 75.2 %.
        near(perceptual_quantizer(0.508) * PQ_PEAK, 100.0);
        near(perceptual_quantizer(0.752) * PQ_PEAK, 1000.0);
        near(hybrid_log_gamma(1.0), 1.0);
        near(hybrid_log_gamma(0.5), 1.0 / 12.0);
        near(srgb(0.5), 0.214);
    }
}
