//! The frozen classifier that the image tower's backbones came with, as a teacher.
//!
//! It knows a thousand things that captions never mention. Its soft labels tell what is in a photo; its rows, added
//! to a photo's features, stand for photos of things that no photo here shows.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use clip_model::families::inverted_residual::InvertedResidual;
use clip_model::weights::TensorSource;
use clip_model::weights::safetensors::SafetensorsFile;
use rand::Rng;
use rand::rngs::StdRng;

use crate::error::TrainError;
use crate::frozen::FrozenImages;
use crate::recipe::Classifier;

/// Largest list of class names that is read.
const MAX_NAMES_BYTES: u64 = 16 << 20;

/// See the [module](self) documentation.
#[derive(Debug)]
pub struct Teacher {
    /// For each backbone weights `[features, classes]` and bias `[1, classes]`.
    layers: Vec<(Tensor<2>, Tensor<2>)>,
    /// Rows of all backbones side by side, `[classes, features of all]`.
    rows: Tensor<2>,
    /// For each class the texts that name it, as indices.
    texts: Vec<Vec<u32>>,
}

impl Teacher {
    /// Reads the weights and names; `intern` gives a text's index.
    pub fn read(
        spec: &Classifier,
        tower: &InvertedResidual,
        device: &Device,
        mut intern: impl FnMut(&str) -> u32,
    ) -> Result<Self, TrainError> {
        let fail = |reason: String| TrainError::Data { path: spec.names.clone(), reason };
        let names = clip_files::regular::read_to_string(&spec.names, MAX_NAMES_BYTES)
            .map_err(TrainError::reading(&spec.names))?;
        let texts: Vec<Vec<u32>> = names
            .lines()
            .map(|line| {
                line.split(',')
                    .flat_map(|name| spec.templates.iter().map(move |t| t.replace("{}", name.trim())))
                    .map(|text| intern(&text))
                    .collect()
            })
            .collect();
        if texts.is_empty() {
            return Err(fail("it names no class; expected one per line".into()));
        }
        let file = SafetensorsFile::open(&spec.weights)?;
        let mut layers = Vec::new();
        let mut rows = Vec::new();
        for (backbone, module) in tower.backbones.iter().enumerate() {
            let [features, ..] = module.features.weight.dims();
            let weight = file.read(&format!("backbones.{backbone}.weight"))?;
            let bias = file.read(&format!("backbones.{backbone}.bias"))?;
            if weight.shape != [texts.len(), features] || bias.shape != [texts.len()] {
                return Err(fail(format!(
                    "{} classes are named and backbone {backbone} has {features} features, but the classifier's weights \
                     are {:?} and its biases {:?}",
                    texts.len(),
                    weight.shape,
                    bias.shape
                )));
            }
            let shape = [weight.shape[0], weight.shape[1]];
            let weight = Tensor::<2>::from_data(TensorData::new(weight.data, shape), device);
            let bias = Tensor::<2>::from_data(TensorData::new(bias.data, [1, shape[0]]), device);
            rows.push(weight.clone());
            layers.push((weight.transpose(), bias));
        }
        Ok(Self { layers, rows: Tensor::cat(rows, 1), texts })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.texts.len()
    }

    /// A text for each class, drawn at random.
    pub fn draw_texts(&self, rng: &mut StdRng) -> Vec<usize> {
        self.texts.iter().map(|texts| texts[rng.random_range(0..texts.len())] as usize).collect()
    }

    /// Probabilities `[rows, classes]`, the mean of the backbones' own.
    pub fn soft_labels(&self, images: &FrozenImages, rows: &[usize], device: &Device) -> Tensor<2> {
        let probabilities = self.layers.iter().enumerate().map(|(backbone, (weight, bias))| {
            let features = images.pooled_of(rows, backbone, device);
            softmax(features.matmul(weight.clone()) + bias.clone(), 1)
        });
        let count = self.layers.len() as f64;
        probabilities.reduce(|a, b| a + b).map_or_else(|| self.rows.clone(), |sum| sum / count)
    }

    /// Made-up features: each row of `features` `[rows, features]` moved towards a class drawn at random, and the
    /// classes. `spread` is the features' standard deviation, which says how far is far.
    pub fn prototypes(&self, features: Tensor<2>, spread: Tensor<2>, rng: &mut StdRng) -> (Tensor<2>, Vec<usize>) {
        let [rows, _] = features.dims();
        let device = features.device();
        let classes: Vec<usize> = (0..rows).map(|_| rng.random_range(0..self.classes())).collect();
        let index: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
        let towards = self.rows.clone().select(0, Tensor::from_data(TensorData::new(index, [rows]), &device));
        // In units of the features' spread both have a length; the row is scaled to half of a typical photo's.
        let standard = towards.clone() / spread.clone();
        let length = standard.powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-6);
        let [_, width] = features.dims();
        let step = towards / length * (0.5 * (width as f64).sqrt());
        ((features + step).clamp_min(0.0), classes)
    }
}

#[cfg(test)]
mod tests {
    use clip_model::weights::safetensors::{Contents, write};
    use serde_json::json;

    use super::*;

    #[test]
    fn weights_of_another_shape_are_refused() {
        let device = Device::flex();
        let stages = json!([{ "repeats": 1, "kernel": 3, "stride": 2, "expansion": 1, "channels": 4 }]);
        let config: clip_model::families::inverted_residual::InvertedResidualConfig = serde_json::from_value(json!({
            "image_size": 8, "backbones": [{ "stem": 4, "features": 3, "stages": stages }],
            "head": { "hidden": 4, "output": 4, "dropout": 0.0 }
        }))
        .unwrap();
        let tower = config.init(0, &device);
        let dir = tempfile::tempdir().unwrap();
        let spec = Classifier {
            weights: dir.path().join("weights.safetensors"),
            names: dir.path().join("names.txt"),
            templates: vec!["a {}".into()],
        };
        let read = |names: &str, weight: &[usize], bias: usize| {
            let tensors = [
                ("backbones.0.weight".to_owned(), weight.to_vec(), vec![0.5; weight.iter().product()]),
                ("backbones.0.bias".to_owned(), vec![bias], vec![0.5; bias]),
            ];
            write(&spec.weights, &Contents { tensors: &tensors, ..Contents::default() }).unwrap();
            std::fs::write(&spec.names, names).unwrap();
            let mut texts = 0;
            Teacher::read(&spec, &tower, &device, |_| {
                texts += 1;
                texts - 1
            })
        };
        assert_eq!(read("cat\ndog, hound\n", &[2, 3], 2).unwrap().classes(), 2);
        for (names, weight, bias) in [
            ("cat\ndog\n", vec![2], 2),
            ("cat\ndog\n", vec![2, 4], 2),
            ("cat\ndog\n", vec![3, 3], 3),
            ("cat\ndog\n", vec![2, 3], 3),
            ("cat\ndog\n", vec![2, 3, 1], 2),
            ("", vec![0, 3], 0),
        ] {
            let error = read(names, &weight, bias).unwrap_err();
            assert!(matches!(error, TrainError::Data { .. }), "{weight:?}: {error}");
        }
    }
}
