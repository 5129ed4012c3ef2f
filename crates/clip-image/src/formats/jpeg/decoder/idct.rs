//! The inverse cosine transform at a fraction of the size.
//!
//! An 8x8 block of coefficients holds the picture's low frequencies in its corner. The inverse
//! transform of the first N x N of them, with N samples a side, is the block at N/8 of its size:
//! what lies above the smaller picture's resolution is left out, as in libjpeg's `scale_num`.

use super::block::Block;

/// Turns the low coefficients of a block into samples from 0 to 255, written to `out` with rows
/// `stride` apart. The factors are those of [`scale_factors`].
pub(super) type Transform = fn(&Block, factors: &[f32; 64], out: &mut [f32], stride: usize);

/// The transform that gives `width` x `height` samples a block, each 1, 2, 4 or 8.
pub(super) fn transform(width: usize, height: usize) -> Option<Transform> {
    macro_rules! choose {
        ($($w:literal x $h:literal),*) => {
            match (width, height) {
                $(($w, $h) => Some(inverse::<$w, $h>),)*
                _ => None,
            }
        };
    }
    choose!(
        1 x 1, 1 x 2, 1 x 4, 1 x 8, 2 x 1, 2 x 2, 2 x 4, 2 x 8,
        4 x 1, 4 x 2, 4 x 4, 4 x 8, 8 x 1, 8 x 2, 8 x 4, 8 x 8
    )
}

/// Quantisation steps times the norms of the basis functions. The norms are those of 8 samples
/// whatever the size: the smaller transform's own norm and the factor that keeps its mean equal to
/// the block's cancel out.
pub(super) fn scale_factors(quantisation: &[u16; 64]) -> [f32; 64] {
    let norm = |k: usize| if k == 0 { 0.5 * std::f32::consts::FRAC_1_SQRT_2 } else { 0.5 };
    std::array::from_fn(|i| f32::from(quantisation[i]) * norm(i / 8) * norm(i % 8))
}

fn inverse<const W: usize, const H: usize>(block: &Block, factors: &[f32; 64], out: &mut [f32], stride: usize) {
    let mean = f32::from(block.coefficients[0]) * factors[0] + 128.0;
    if block.rows == 0 {
        for line in out.chunks_mut(stride).take(H) {
            line[..W].fill(mean.clamp(0.0, 255.0));
        }
        return;
    }
    let (across, down) = (const { basis::<W>() }, const { basis::<H>() });
    let mut samples = [[mean; W]; H];
    for v in (0..H).filter(|v| block.rows & 1 << v != 0) {
        let mut row = [0.0; W];
        // The mean is in the samples already.
        for u in usize::from(v == 0)..W {
            let coefficient = f32::from(block.coefficients[v * 8 + u]) * factors[v * 8 + u];
            for (sum, height) in row.iter_mut().zip(&across[u]) {
                *sum += coefficient * height;
            }
        }
        for (line, height) in samples.iter_mut().zip(&down[v]) {
            for (sample, value) in line.iter_mut().zip(&row) {
                *sample += value * height;
            }
        }
    }
    for (line, samples) in out.chunks_mut(stride).zip(&samples) {
        for (to, sample) in line[..W].iter_mut().zip(samples) {
            *to = sample.clamp(0.0, 255.0);
        }
    }
}

/// `basis()[k][x]` is cos((2x + 1) k pi / 2N).
const fn basis<const N: usize>() -> [[f32; N]; N] {
    let mut waves = [[0.0; N]; N];
    let mut k = 0;
    while k < N {
        let mut x = 0;
        while x < N {
            waves[k][x] = cos_sixteenths((2 * x + 1) * k * (8 / N));
            x += 1;
        }
        k += 1;
    }
    waves
}

/// cos(n pi / 16), from the first quarter of the wave.
const fn cos_sixteenths(n: usize) -> f32 {
    const QUARTER: [f32; 9] =
        [1.0, 0.980_785_25, 0.923_879_5, 0.831_469_6, 0.707_106_77, 0.555_570_24, 0.382_683_43, 0.195_090_32, 0.0];
    match n % 32 {
        n @ 0..=8 => QUARTER[n],
        n @ 9..=16 => -QUARTER[16 - n],
        n @ 17..=24 => -QUARTER[n - 16],
        n => QUARTER[32 - n],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    fn samples(coefficients: &[i16; 64], width: usize, height: usize) -> Vec<f32> {
        let mut out = vec![0.0; width * height];
        let factors = scale_factors(&[1; 64]);
        let used = |v: usize| (0..8).any(|u| u + v > 0 && coefficients[v * 8 + u] != 0);
        let rows = (0..8).filter(|v| used(*v)).fold(0, |rows, v| rows | 1 << v);
        let block = Block { coefficients: *coefficients, rows };
        transform(width, height).unwrap()(&block, &factors, &mut out, width);
        out
    }

    #[test]
    fn full_size_is_the_definition() {
        let coefficients: [i16; 64] = std::array::from_fn(|i| (i as i16 * 29) % 41 - 20);
        let got = samples(&coefficients, 8, 8);
        for y in 0..8 {
            for x in 0..8 {
                // ITU-T T.81, A.3.3.
                let norm = |k| if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
                let wave = |k: usize, at: usize| ((2 * at + 1) as f64 * k as f64 * PI / 16.0).cos();
                let mut sum = 0.0;
                for v in 0..8 {
                    for u in 0..8 {
                        sum += norm(u) * norm(v) * f64::from(coefficients[v * 8 + u]) * wave(u, x) * wave(v, y);
                    }
                }
                let expected = (sum / 4.0 + 128.0).clamp(0.0, 255.0);
                assert!((f64::from(got[y * 8 + x]) - expected).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn the_mean_stays_at_every_size() {
        let mut coefficients = [0; 64];
        coefficients[0] = 40 * 8;
        for width in [1, 2, 4, 8] {
            for height in [1, 2, 4, 8] {
                let got = samples(&coefficients, width, height);
                assert!(got.iter().all(|s| (s - 168.0).abs() < 1e-3), "{width}x{height}: {got:?}");
            }
        }
    }

    #[test]
    fn a_smooth_slope_keeps_its_shape() {
        // Half a wave across: at half the size its samples are near the means of pairs.
        let mut coefficients = [0; 64];
        coefficients[1] = 200;
        let (full, half) = (samples(&coefficients, 8, 8), samples(&coefficients, 4, 4));
        for (x, sample) in half.iter().take(4).enumerate() {
            let mean = (full[2 * x] + full[2 * x + 1]) / 2.0;
            assert!((sample - mean).abs() < 1.0, "{sample} {mean}");
        }
    }

    #[test]
    fn other_sizes_have_none() {
        assert!(transform(3, 4).is_none() && transform(16, 8).is_none() && transform(0, 1).is_none());
    }
}
