//! The frozen classifier that the image tower's backbones came with, as a teacher.
//!
//! It knows a thousand things that captions never mention. Its soft labels tell what is in a photo; its rows, added
//! to a photo's features, stand for photos of things that no photo here shows.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand::rngs::StdRng;

use super::TrainError;
use super::frozen::FrozenImages;
use super::recipe::Classifier;
use crate::weights::TensorSource;
use crate::weights::safetensors::SafetensorsFile;

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
        backbones: usize,
        device: &Device,
        mut intern: impl FnMut(&str) -> u32,
    ) -> Result<Self, TrainError> {
        let fail = |reason: String| TrainError::Data { path: spec.names.clone(), reason };
        let names = std::fs::read_to_string(&spec.names)
            .map_err(|source| TrainError::Io { path: spec.names.clone(), source })?;
        let texts: Vec<Vec<u32>> = names
            .lines()
            .map(|line| {
                line.split(',')
                    .flat_map(|name| spec.templates.iter().map(move |t| t.replace("{}", name.trim())))
                    .map(|text| intern(&text))
                    .collect()
            })
            .collect();
        let file = SafetensorsFile::open(&spec.weights)?;
        let mut layers = Vec::new();
        let mut rows = Vec::new();
        for backbone in 0..backbones {
            let weight = file.read(&format!("backbones.{backbone}.weight"))?;
            let bias = file.read(&format!("backbones.{backbone}.bias"))?;
            if weight.shape.first() != Some(&texts.len()) || bias.shape != [texts.len()] {
                return Err(fail(format!(
                    "{} classes are named, but the classifier's weights are {:?}",
                    texts.len(),
                    weight.shape
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
