//! Holds the image towers on the CPU kernels to burn's own.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use clip_kernels::Isa;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::Precision;
use crate::clip::normalize_rows;
use crate::cpu::packing::Packing;
use crate::cpu::weights::to_vec;
use crate::families::{CpuImageTower, ImageTower, ImageTowerConfig};

/// Fresh norms and biases are ones and zeros, with which much could be mixed up unseen, and fresh weights so small
/// that all photos look alike.
///
/// Tests that run at the same time draw from burn's generator by turns, so that fresh weights are others each time:
/// these are drawn here, from as far as the fresh ones reach.
struct Shake {
    factor: f32,
    rng: StdRng,
}

impl Shake {
    fn new(factor: f32) -> Shake {
        Shake { factor, rng: StdRng::seed_from_u64(3) }
    }
}

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weights| {
            let mut values = to_vec(weights.clone());
            let reach = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            for value in &mut values {
                let noise = self.rng.random_range(-1.0..1.0f32);
                *value = if D == 1 {
                    1.2 * *value + 0.35 * noise
                } else {
                    self.factor * reach * noise + 0.035 * self.rng.random_range(-1.0..1.0f32)
                };
            }
            Tensor::from_data(TensorData::new(values, weights.shape()), &weights.device())
        })
    }
}

/// Smooth, coloured, noisy, each unlike the others, in the range of normalised pixels.
fn photos(count: usize, size: usize) -> Vec<Vec<f32>> {
    let value = |photo: usize, at: usize| {
        let (c, y, x) = (at / (size * size), at / size % size, at % size);
        let (u, v) = (x as f32 / size as f32, y as f32 / size as f32);
        let wave = (7.0 * u * (1 + photo) as f32 + 3.0 * c as f32).sin() * (5.0 * v + photo as f32).cos();
        let grain = (at.wrapping_mul(2_654_435_761) >> 7) % 97;
        1.4 * wave + 0.5 * (u - v) * (c as f32 - photo as f32) + 0.003 * grain as f32
    };
    (0..count).map(|photo| (0..3 * size * size).map(|at| value(photo, at)).collect()).collect()
}

fn check(config: serde_json::Value, embed_dim: usize, count: usize) {
    check_shaken(config, embed_dim, count, Shake::new(1.2));
}

fn check_shaken(config: serde_json::Value, embed_dim: usize, count: usize, mut shake: Shake) {
    let config: ImageTowerConfig = serde_json::from_value(config).unwrap();
    let (size, device) = (config.image_size(), Device::flex());
    let tower = ImageTower::init(&config, embed_dim, &device).map(&mut shake);
    let photos = photos(count, size);
    let data = TensorData::new(photos.concat(), [count, 3, size, size]);
    let mut expected = to_vec(tower.forward(Tensor::from_data(data, &device)));
    normalize_rows(&mut expected, embed_dim);
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let unlike = apart(&expected[..embed_dim], &expected[embed_dim..2 * embed_dim]);
    assert!(unlike > 1e-2, "photos differ by {unlike} only");
    let photos: Vec<&[f32]> = photos.iter().map(Vec::as_slice).collect();
    for isa in Isa::available() {
        let fast = CpuImageTower::of(tower.clone(), Packing::new(isa, Precision::F32));
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for photos in [&photos[..], &photos[..1]] {
                let mut found = pool.install(|| fast.forward(photos, size));
                assert_eq!(found.len(), photos.len() * embed_dim);
                normalize_rows(&mut found, embed_dim);
                let worst = apart(&found, &expected);
                assert!(worst <= 1e-5, "{isa:?}, {threads} threads: off by {worst}, photos by {unlike}");
            }
        }
    }
    // Rounding must show, and be small beside what tells photos apart.
    for (precision, bound) in [(Precision::F16, 0.02), (Precision::Int8, 0.8)] {
        for isa in Isa::available() {
            let fast = CpuImageTower::of(tower.clone(), Packing::new(isa, precision));
            let mut found = fast.forward(&photos, size);
            normalize_rows(&mut found, embed_dim);
            let worst = apart(&found, &expected);
            assert!(worst > 1e-5 && worst < bound * unlike, "{isa:?}, {precision}: {worst}, photos {unlike}");
        }
    }
}

#[test]
fn class_token_towers_equal_burns_own() {
    for (activation, heads) in [("gelu", 3), ("quick_gelu", 2)] {
        let config = json!({
            "kind": "vit", "image_size": 70, "patch_size": 14, "width": 66, "layers": 5, "heads": heads,
            "mlp_width": 150, "activation": activation, "layer_norm_eps": 1e-4
        });
        check(config, 37, 3);
    }
}

#[test]
fn a_published_shape_equals_burns_own() {
    let config = json!({
        "kind": "vit", "image_size": 224, "patch_size": 16, "width": 256, "layers": 10, "heads": 4,
        "mlp_width": 1024, "activation": "gelu", "layer_norm_eps": 1e-5
    });
    check(config, 512, 3);
}

#[test]
fn residual_networks_equal_burns_own() {
    let config = json!({
        "kind": "modified_resnet", "image_size": 96, "width": 20, "blocks": [2, 1, 2, 1], "heads": 5
    });
    check_shaken(config, 50, 3, Shake::new(2.0));
}

#[test]
fn re_parameterised_networks_equal_burns_own() {
    for squeeze in [None, Some(6)] {
        let config = json!({
            "kind": "fast_vit", "image_size": 96, "head_width": 8, "features": 96, "features_squeeze": 6,
            "projection_bias": squeeze.is_some(),
            "stages": [
                {"blocks": 2, "channels": 12, "mlp_width": 36, "mixer": "rep_mixer"},
                {"blocks": 1, "channels": 24, "mlp_width": 72, "mixer": "rep_mixer", "squeeze": squeeze},
                {"blocks": 2, "channels": 48, "mlp_width": 96, "mixer": "attention", "position_encoding": true},
            ]
        });
        check_shaken(config, 50, 3, Shake::new(2.0));
    }
}

#[test]
fn towers_with_a_pool_equal_burns_own() {
    let config = json!({
        "kind": "siglip", "image_size": 50, "patch_size": 8, "width": 72, "layers": 4, "heads": 3,
        "mlp_width": 200, "activation": "gelu_tanh", "layer_norm_eps": 1e-6
    });
    check(config, 72, 5);
}

#[test]
fn towers_with_a_stem_equal_burns_own() {
    for projection_bias in [false, true] {
        let config = json!({
            "kind": "conv_stem_vit", "image_size": 48, "stem_width": 20, "width": 64, "layers": 4, "heads": 2,
            "mlp_width": 160, "activation": "gelu", "layer_norm_eps": 1e-5, "projection_bias": projection_bias
        });
        check(config, 30, 3);
    }
}
