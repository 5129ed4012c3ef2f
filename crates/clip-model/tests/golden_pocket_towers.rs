//! The towers that `pocket` is made of, against PyTorch and transformers; `tests/golden/pocket_towers.py` made the
//! model file and the expected results.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use clip_model::checkpoint::native::read_clip;
use clip_model::families::TextTower;
use clip_model::weights::TensorSource;
use clip_model::weights::safetensors::SafetensorsFile;
use clip_model::{LoadOptions, Model, ModelSource, Pixels};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-pocket/model.safetensors");
const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-pocket/expected.safetensors");

fn expected(name: &str) -> (Vec<usize>, Vec<f32>) {
    let tensor = SafetensorsFile::open(Path::new(EXPECTED)).unwrap().read(name).unwrap();
    (tensor.shape, tensor.data)
}

/// Mean distance of the rows to `reference`, in units of the reference's own spread: its rows' mean distance from
/// their mean.
fn distance_in_spreads(found: &[f32], reference: &[f32], width: usize) -> f32 {
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    let rows = reference.len() / width;
    let mean: Vec<f32> =
        (0..width).map(|i| reference.iter().skip(i).step_by(width).sum::<f32>() / rows as f32).collect();
    let spread: f32 = reference.chunks_exact(width).map(|row| distance(row, &mean)).sum::<f32>() / rows as f32;
    let off: f32 = found.chunks_exact(width).zip(reference.chunks_exact(width)).map(|(a, b)| distance(a, b)).sum();
    off / rows as f32 / spread
}

fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

#[test]
fn image_tower_is_pytorchs_on_every_path() {
    let device = Device::flex();
    let (shape, pixels) = expected("pixels");
    let (_, reference) = expected("image");
    let shape = [shape[0], shape[1], shape[2], shape[3]];
    let clip = read_clip(Path::new(MODEL), &device).unwrap();
    let burn = to_vec(clip.encode_image(Tensor::from_data(TensorData::new(pixels.clone(), shape), &device)));
    let off = distance_in_spreads(&burn, &reference, 8);
    assert!(off < 1e-3, "burn's layers are off by {off} of the spread");

    // The path that indexing takes on a CPU.
    let model = Model::load(&ModelSource::File(MODEL.into()), &LoadOptions::new()).unwrap();
    let size = shape[2];
    let photos: Vec<Pixels> =
        pixels.chunks_exact(3 * size * size).map(|data| Pixels { size, data: data.to_vec() }).collect();
    let fast = model.embed_pixels(&photos).unwrap().into_vec();
    let off = distance_in_spreads(&fast, &reference, 8);
    assert!(off < 1e-3, "the fast path is off by {off} of the spread");

    // The measure can fail: the same photos in another order are far off.
    let shuffled: Vec<f32> = reference.chunks_exact(8).rev().flatten().copied().collect();
    assert!(distance_in_spreads(&shuffled, &reference, 8) > 0.5);
}

#[test]
fn text_tower_is_transformers() {
    let device = Device::flex();
    let (shape, ids) = expected("ids");
    let (_, reference) = expected("text");
    let (_, states) = expected("states");
    let ids: Vec<i64> = ids.iter().map(|&id| id as i64).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [shape[0], shape[1]]), &device);
    let clip = read_clip(Path::new(MODEL), &device).unwrap();
    let off = distance_in_spreads(&to_vec(clip.encode_text(ids.clone())), &reference, 8);
    assert!(off < 1e-3, "embeddings are off by {off} of the spread");
    let TextTower::Bert(tower) = &clip.text else { panic!("the fixture has a bidirectional text tower") };
    let mask = ids.clone().not_equal_elem(0).float();
    let found = to_vec(tower.states(ids, mask.clone()).states * mask.unsqueeze_dim::<3>(2));
    let worst = found.iter().zip(&states).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "token states are off by {worst}");
}

#[test]
fn words_reach_the_tower_as_the_script_spelled_them() {
    let model = Model::load(&ModelSource::File(MODEL.into()), &LoadOptions::new()).unwrap();
    let (_, reference) = expected("text");
    let texts = ["A dog on the beach", "two red cars", ""];
    let found = model.embed_texts(&texts).unwrap();
    for (row, reference) in found.rows().zip(reference.chunks_exact(8)) {
        let cosine: f32 = row.iter().zip(reference).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.99999, "{cosine}");
    }
}
