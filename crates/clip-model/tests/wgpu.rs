//! Every tower on burn's wgpu backend against burn's CPU backend, which the golden tests hold to the references.
//!
//! The adapter is Mesa's software Vulkan (Debian's `mesa-vulkan-drivers`), which computes what a GPU would, slowly. Where it is
//! missing the tests say so and pass; CI installs it.
#![cfg(feature = "gpu")]
#![allow(clippy::print_stderr, reason = "a test that is passed over has to be seen")]

#[path = "support/families.rs"]
mod families;
#[path = "support/mobileclip.rs"]
mod mobileclip;
mod support;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use burn::tensor::{Device, DeviceKind, DeviceType, FloatDType, Int, Tensor, TensorData};
use clip_model::clip::normalize;
use clip_model::config::{ImageTowerConfig, TextTowerConfig};
use clip_model::{DeviceChoice, Precision, select_device};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use families::checkpoints;
use support::relative_error;

/// Of the spread over the inputs.
const BOUND: f64 = 0.005;
/// The same where numbers have 11 bits. Whether the sums do as well is up to the kernels that autotuning finds fastest: the
/// same fixture comes out at 0.02 or 0.05.
const HALF_BOUND: f64 = 0.2;

fn software_adapter() -> Option<Device> {
    let device = Device::wgpu(DeviceKind::Cpu);
    let found = catch_unwind(|| Device::enumerate(DeviceType::Wgpu)).ok()?;
    let found = found.contains(&device).then_some(device);
    if found.is_none() {
        eprintln!("PASSED OVER: no software Vulkan adapter (Debian: mesa-vulkan-drivers)");
    }
    found
}

/// Photos as different as the towers will see: noise of several strengths on slopes of several directions.
fn pixels(size: usize, device: &Device) -> Tensor<4> {
    const PHOTOS: usize = 5;
    let mut rng = StdRng::seed_from_u64(4);
    let mut data = Vec::with_capacity(PHOTOS * 3 * size * size);
    for photo in 0..PHOTOS {
        let slopes: [f32; 6] = std::array::from_fn(|_| rng.random_range(-2.0..2.0));
        for channel in 0..3 {
            for (y, x) in (0..size).flat_map(|y| (0..size).map(move |x| (y, x))) {
                let at = |i: usize| i as f32 / size as f32 - 0.5;
                let slope = slopes[channel] * at(x) + slopes[3 + channel] * at(y);
                data.push(slope + rng.random_range(-0.3..0.3) * photo as f32);
            }
        }
    }
    Tensor::from_data(TensorData::new(data, [PHOTOS, 3, size, size]), device)
}

fn texts(config: &TextTowerConfig, device: &Device) -> (Tensor<2, Int>, Tensor<2>) {
    let texts = families::texts(config);
    let shape = [texts.len(), config.context_length()];
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for text in texts {
        let rest = shape[1] - text.len();
        mask.extend(text.iter().map(|_| 1.0f32).chain(std::iter::repeat_n(0.0, rest)));
        ids.extend(text.into_iter().map(i64::from).chain(std::iter::repeat_n(0, rest)));
    }
    (Tensor::from_data(TensorData::new(ids, shape), device), Tensor::from_data(TensorData::new(mask, shape), device))
}

fn vectors(tensor: Tensor<2>) -> Vec<f32> {
    normalize(tensor).into_data().convert::<f32>().try_into_vec().unwrap()
}

/// As the indexer gives batches to a GPU: from two threads at a time.
#[test]
fn batches_of_two_threads_do_not_mix() {
    let Some(gpu) = software_adapter() else { return };
    let (_, _folder, checkpoint) = checkpoints().into_iter().next().unwrap();
    let config = checkpoint.config();
    let tower = checkpoint.image_tower(&gpu).unwrap();
    let encode = |turned: bool| {
        let pixels = pixels(config.preprocess.size, &gpu);
        vectors(tower.forward(if turned { pixels.flip([0]) } else { pixels }))
    };
    let alone = [encode(false), encode(true)];
    assert!(relative_error(&alone[0], &alone[1], config.embed_dim) > 0.5, "both threads would do the same");
    std::thread::scope(|scope| {
        for turned in [false, true] {
            let (encode, expected) = (&encode, &alone[usize::from(turned)]);
            scope.spawn(move || {
                for _ in 0..8 {
                    let error = relative_error(&encode(turned), expected, config.embed_dim);
                    assert!(error <= BOUND, "off by {error} of the spread");
                }
            });
        }
    });
}

#[test]
fn every_tower_agrees_with_the_cpu() {
    let Some(gpu) = software_adapter() else { return };
    let cpu = Device::flex();
    let (mut images, mut text_towers) = (BTreeSet::new(), BTreeSet::new());
    for (name, _folder, checkpoint) in checkpoints() {
        let config = checkpoint.config();
        let on = |device: &Device| {
            let tower = checkpoint.image_tower(device).unwrap();
            vectors(tower.forward(pixels(config.preprocess.size, device)))
        };
        let (expected, found) = (on(&cpu), on(&gpu));
        let error = relative_error(&found, &expected, config.embed_dim);
        assert!(error <= BOUND, "{name}: photos are off by {error} of the spread");
        // The measure can fail: the same vectors in another order.
        let turned = [&expected[config.embed_dim..], &expected[..config.embed_dim]].concat();
        assert!(relative_error(&turned, &expected, config.embed_dim) > 0.5, "{name}: photos hardly differ");

        let on = |device: &Device| {
            let tower = checkpoint.text_tower(device).unwrap();
            let (ids, mask) = texts(&config.text, device);
            vectors(tower.forward(ids, mask))
        };
        let (expected, found) = (on(&cpu), on(&gpu));
        let error = relative_error(&found, &expected, config.embed_dim);
        assert!(error <= BOUND, "{name}: texts are off by {error} of the spread");
        let turned = [&expected[config.embed_dim..], &expected[..config.embed_dim]].concat();
        assert!(relative_error(&turned, &expected, config.embed_dim) > 0.5, "{name}: texts hardly differ");

        images.insert(image_kind(&config.image));
        text_towers.insert(text_kind(&config.text));
    }
    assert_eq!((images.len(), text_towers.len()), (6, 4), "a tower has no fixture here: {images:?}, {text_towers:?}");
}

#[test]
fn image_towers_in_half_precision_agree_with_the_cpu() {
    let Some(gpu) = software_adapter() else { return };
    if !gpu.supports_dtype(FloatDType::F16) {
        eprintln!("PASSED OVER: this software Vulkan adapter has no 16-bit floats");
        return;
    }
    let cpu = Device::flex();
    for (name, _folder, checkpoint) in checkpoints() {
        // Its weights are drawn so that values grow past what half precision holds. Trained towers stay far below, and
        // there is another fixture of the same kind.
        if name == "repmixer-text" {
            continue;
        }
        let config = checkpoint.config();
        let size = config.preprocess.size;
        let expected = vectors(checkpoint.image_tower(&cpu).unwrap().forward(pixels(size, &cpu)));
        let tower = checkpoint.image_tower(&gpu).unwrap().cast(FloatDType::F16);
        let found = tower.forward(pixels(size, &gpu).cast(FloatDType::F16));
        assert_eq!(found.dtype(), FloatDType::F16.into(), "{name}: something is computed in other numbers");
        let error = relative_error(&vectors(found.cast(FloatDType::F32)), &expected, config.embed_dim);
        assert!(error <= HALF_BOUND, "{name}: photos are off by {error} of the spread");
        assert!(error > 1e-6, "{name}: nothing was rounded");
    }
}

/// Exhaustive, so that a new tower is thought of here.
fn image_kind(config: &ImageTowerConfig) -> &'static str {
    match config {
        ImageTowerConfig::Vit(_) => "vit",
        ImageTowerConfig::InvertedResidual(_) => "inverted residual",
        ImageTowerConfig::ModifiedResnet(_) => "modified resnet",
        ImageTowerConfig::Siglip(_) => "siglip",
        ImageTowerConfig::FastVit(_) => "fast vit",
        ImageTowerConfig::ConvStemVit(_) => "conv stem vit",
    }
}

fn text_kind(config: &TextTowerConfig) -> &'static str {
    match config {
        TextTowerConfig::Causal(_) => "causal",
        TextTowerConfig::Bert(_) => "bert",
        TextTowerConfig::Siglip(_) => "siglip",
        TextTowerConfig::Mobile(_) => "mobile",
    }
}

#[test]
fn auto_never_takes_a_software_adapter() {
    let Some(software) = software_adapter() else { return };
    for precision in Precision::ALL {
        let selected = select_device(DeviceChoice::Auto, precision).unwrap();
        assert_ne!(selected.device, software);
        // A machine with a real GPU may give that.
        assert!(selected.is_gpu || selected.device == Device::flex());
    }
}
