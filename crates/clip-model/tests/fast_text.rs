//! Text towers on stored weights against burn's own, for each family, layout and instruction set.

#[path = "support/families.rs"]
mod families;
#[path = "support/mobileclip.rs"]
mod mobileclip;
mod support;

use burn::tensor::{Device, Int, Tensor, TensorData};
use clip_kernels::Isa;
use clip_model::clip::normalize;
use clip_model::families::TextTower;
use clip_model::weights::safetensors::{Contents, encode};
use clip_model::{Checkpoint, ModelSource, Precision};

use support::{copy, tensors};

/// Largest difference of a unit vector's values.
const BOUND: f32 = 1e-5;

fn unit(mut values: Vec<f32>, dimension: usize) -> Vec<f32> {
    for row in values.chunks_exact_mut(dimension) {
        let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.iter_mut().for_each(|v| *v /= norm);
    }
    values
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Embedding and token states of one text, by burn.
fn by_burn(tower: &TextTower, ids: &[u32]) -> (Vec<f32>, Vec<f32>) {
    let device = Device::flex();
    let shape = [1, ids.len()];
    let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let tokens: Tensor<2, Int> = Tensor::from_data(TensorData::new(ids, shape), &device);
    let mask: Tensor<2> = Tensor::ones(shape, &device);
    let embedding = normalize(tower.forward(tokens.clone(), mask.clone())).into_data().try_into_vec().unwrap();
    (embedding, tower.hidden_states(tokens, mask).into_data().try_into_vec().unwrap())
}

fn compare(name: &str, checkpoint: &Checkpoint) {
    let dimension = checkpoint.config().embed_dim;
    let mut texts = families::texts(&checkpoint.config().text);
    // An end token inside a text.
    texts.push([&texts[1][..], &texts[2][..]].concat());
    let texts: Vec<&[u32]> =
        texts.iter().map(Vec::as_slice).filter(|ids| ids.len() <= checkpoint.config().text.context_length()).collect();
    let tower = checkpoint.text_tower(&Device::flex()).unwrap();
    let expected: Vec<(Vec<f32>, Vec<f32>)> = texts.iter().map(|ids| by_burn(&tower, ids)).collect();
    assert!(worst(&expected[0].0, &expected[2].0) > 1e-2, "{name}: texts hardly differ");
    for isa in Isa::available() {
        let fast = checkpoint.cpu_text_tower(isa).unwrap().unwrap();
        // All at once, and each by itself.
        let together = unit(fast.forward(&texts), dimension);
        for ((ids, (embedding, states)), together) in texts.iter().zip(&expected).zip(together.chunks_exact(dimension))
        {
            let alone = unit(fast.forward(&[ids]), dimension);
            let errors = [worst(&alone, embedding), worst(together, embedding)];
            assert!(errors.iter().all(|error| *error <= BOUND), "{name}, {isa:?}: {errors:?}");
            let found = fast.hidden_states(ids);
            let largest = states.iter().fold(1.0f32, |most, v| most.max(v.abs()));
            assert!(worst(&found, states) <= BOUND * largest, "{name}, {isa:?}: token states differ");
        }
    }
}

#[test]
fn every_family_agrees_with_burn() {
    let mut covered = 0;
    for (name, _folder, checkpoint) in families::checkpoints() {
        if checkpoint.cpu_text_tower(Isa::best()).unwrap().is_some() {
            compare(name, &checkpoint);
            covered += 1;
        }
    }
    assert!(covered >= 6, "{covered}");
}

#[test]
fn every_layout_and_precision_agrees_with_burn() {
    for name in ["tiny-open-clip", "tiny-huggingface"] {
        for precision in [Precision::F32, Precision::F16] {
            let folder = copy(name);
            let file = ["open_clip_model.safetensors", "model.safetensors"].map(|file| folder.path().join(file));
            let file = file.iter().find(|file| file.is_file()).unwrap();
            let contents = Contents { tensors: &tensors(file), precision, ..Contents::default() };
            std::fs::write(file, encode(&contents).unwrap()).unwrap();
            let checkpoint = Checkpoint::open(&ModelSource::Folder(folder.path().to_path_buf())).unwrap();
            compare(&format!("{name}, {precision:?}"), &checkpoint);
        }
    }
}
