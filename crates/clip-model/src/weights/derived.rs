//! Convolutions that are stored as several branches, read as one.
//!
//! CpuViT's blocks have parallel branches, batch norms and layer scales in training, all of them linear, so that each
//! sum is one convolution ("re-parameterisation", Ding et al. 2021, "RepVGG"). Checkpoints come in either form. A
//! [`DerivedTensors`] says for each of our tensors which stored ones it is computed from, and a
//! [`DerivedSource`] computes it, in double precision.
//!
//! A computed tensor goes by the name of the stored one that is its main part, so that errors name what is in the file.
//! The others that it is computed from are no longer on offer, and anything that no tensor is computed from still is:
//! what is unexpected stays unexpected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::layout::{Location, TensorLayout};
use super::module::SharedSource;
use super::source::TensorSource;
use super::stored_matrix::StoredMatrix;
use super::stored_tensor::StoredTensor;
use crate::ModelError;

/// Epsilon of the batch norms: PyTorch's default, which no model of the family changes.
const BATCH_NORM_EPS: f64 = 1e-5;

/// A convolution or linear layer with bias, as a sum of stored branches:
/// `scale * (branch + branch + ...) + shortcut`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FoldedLayer {
    /// At least one of them has a kernel; the first that does is the main one, with the largest kernel.
    pub branches: Vec<Branch>,
    /// A factor for each output channel.
    pub scale: Option<String>,
    /// The input is added to the output.
    pub shortcut: bool,
    /// Prefix of a batch norm of the input, for layers whose kernel is a single position.
    pub input_norm: Option<String>,
}

/// One branch: a kernel, or the input itself, and what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The kernel's name; the input itself without one.
    pub kernel: Option<String>,
    /// The bias's name.
    pub bias: Option<String>,
    /// Prefix of the batch norm on the branch's output.
    pub norm: Option<String>,
    /// Subtracted, not added.
    pub negative: bool,
}

impl FoldedLayer {
    /// A layer that is stored as it is.
    pub fn stored(path: &str) -> Self {
        let branch =
            Branch { kernel: Some(format!("{path}.weight")), bias: Some(format!("{path}.bias")), ..Branch::default() };
        Self { branches: vec![branch], ..Self::default() }
    }

    fn main(&self) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.kernel.is_some())
    }

    /// The name under which the kernel is served.
    fn weight_name(&self) -> Option<&str> {
        self.main()?.kernel.as_deref()
    }

    /// The name under which the bias is served: one that only the bias is computed from.
    fn bias_name(&self) -> Option<String> {
        let main = self.main()?;
        let norm = main.norm.as_ref().or(self.input_norm.as_ref()).map(|norm| format!("{norm}.bias"));
        main.bias.clone().or(norm)
    }

    /// Every stored tensor that the layer is computed from.
    fn parts(&self) -> impl Iterator<Item = String> {
        let norms = self.branches.iter().filter_map(|b| b.norm.as_ref()).chain(&self.input_norm);
        let statistics = norms.flat_map(|norm| NORM_PARTS.map(|part| format!("{norm}.{part}")));
        let named = self.branches.iter().flat_map(|b| b.kernel.iter().chain(&b.bias)).chain(&self.scale).cloned();
        statistics.chain(named).collect::<Vec<_>>().into_iter()
    }

    fn weight(&self, source: &dyn TensorSource) -> Result<StoredTensor, ModelError> {
        let shape = self.kernel_shape(source)?;
        let row = shape[1..].iter().product::<usize>();
        let mut sum = vec![0.0f64; shape[0] * row];
        for branch in &self.branches {
            let factors = match &branch.norm {
                Some(norm) => Norm::read(source, norm, shape[0])?.factors,
                None => vec![1.0; shape[0]],
            };
            let sign = if branch.negative { -1.0 } else { 1.0 };
            match &branch.kernel {
                Some(name) => {
                    let kernel = smaller_kernel(source, name, &shape)?;
                    add_centred(&mut sum, &shape, &kernel, &factors, sign);
                }
                None => add_identity(&mut sum, &shape, &factors, sign),
            }
        }
        if let Some(name) = &self.scale {
            let scale = vector(source, name, shape[0])?;
            sum.chunks_exact_mut(row).zip(scale).for_each(|(row, scale)| row.iter_mut().for_each(|v| *v *= scale));
        }
        if self.shortcut {
            add_identity(&mut sum, &shape, &vec![1.0; shape[0]], 1.0);
        }
        if let Some(norm) = &self.input_norm {
            let norm = Norm::read(source, norm, row)?;
            for row in sum.chunks_exact_mut(row) {
                row.iter_mut().zip(&norm.factors).for_each(|(v, factor)| *v *= factor);
            }
        }
        Ok(StoredTensor { shape, data: sum.into_iter().map(|v| v as f32).collect() })
    }

    fn bias(&self, source: &dyn TensorSource) -> Result<StoredTensor, ModelError> {
        let shape = self.kernel_shape(source)?;
        let channels = shape[0];
        let mut sum = vec![0.0f64; channels];
        for branch in &self.branches {
            let sign = if branch.negative { -1.0 } else { 1.0 };
            let mut values = match &branch.bias {
                Some(name) => vector(source, name, channels)?,
                None => vec![0.0; channels],
            };
            if let Some(norm) = &branch.norm {
                let norm = Norm::read(source, norm, channels)?;
                let affine = norm.factors.iter().zip(&norm.shifts);
                values.iter_mut().zip(affine).for_each(|(v, (factor, shift))| *v = *v * factor + shift);
            }
            sum.iter_mut().zip(values).for_each(|(total, v)| *total += sign * v);
        }
        if let (Some(name), Some(norm)) = (self.weight_name(), &self.input_norm) {
            let row = shape[1..].iter().product::<usize>();
            let norm = Norm::read(source, norm, row)?;
            let kernel = source.read(name)?.data;
            for (total, row) in sum.iter_mut().zip(kernel.chunks_exact(row)) {
                *total += row.iter().zip(&norm.shifts).map(|(k, shift)| f64::from(*k) * shift).sum::<f64>();
            }
        }
        if let Some(name) = &self.scale {
            let scale = vector(source, name, channels)?;
            sum.iter_mut().zip(scale).for_each(|(total, scale)| *total *= scale);
        }
        Ok(StoredTensor { shape: vec![channels], data: sum.into_iter().map(|v| v as f32).collect() })
    }

    /// The main kernel's shape: output channels, input channels of a group, and the kernel's sides.
    fn kernel_shape(&self, source: &dyn TensorSource) -> Result<Vec<usize>, ModelError> {
        let name = self.weight_name().unwrap_or_default();
        match source.shape(name) {
            Some(shape) if shape.len() >= 2 && !shape.contains(&0) => Ok(shape),
            Some(found) => Err(misshapen(source, name, vec![1, 1], found)),
            None => Err(missing(source, name, Vec::new())),
        }
    }
}

const NORM_PARTS: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// A batch norm with fixed statistics: `factor * x + shift` for each channel.
struct Norm {
    factors: Vec<f64>,
    shifts: Vec<f64>,
}

impl Norm {
    fn read(source: &dyn TensorSource, path: &str, channels: usize) -> Result<Self, ModelError> {
        let [weight, bias, mean, variance] = NORM_PARTS.map(|part| vector(source, &format!("{path}.{part}"), channels));
        let factors: Vec<f64> = weight?
            .iter()
            .zip(variance?)
            .map(|(weight, variance)| weight / (variance + BATCH_NORM_EPS).sqrt())
            .collect();
        let shifts = bias?.iter().zip(mean?).zip(&factors).map(|((bias, mean), factor)| bias - mean * factor).collect();
        Ok(Self { factors, shifts })
    }
}

/// A tensor of `length` values; it may have further dimensions of one.
fn vector(source: &dyn TensorSource, name: &str, length: usize) -> Result<Vec<f64>, ModelError> {
    let Some(shape) = source.shape(name) else { return Err(missing(source, name, vec![length])) };
    // Checked before reading: a file with other shapes must not cost their memory.
    let is_vector = shape.first() == Some(&length) && shape[1..].iter().all(|side| *side == 1);
    if !is_vector {
        return Err(misshapen(source, name, vec![length], shape));
    }
    Ok(source.read(name)?.data.into_iter().map(f64::from).collect())
}

/// Reads a kernel of the same channels as `main` and of sides that fit into its middle.
fn smaller_kernel(source: &dyn TensorSource, name: &str, main: &[usize]) -> Result<StoredTensor, ModelError> {
    let Some(shape) = source.shape(name) else { return Err(missing(source, name, main.to_vec())) };
    let fits = shape.len() == main.len()
        && shape[..2] == main[..2]
        && shape[2..].iter().zip(&main[2..]).all(|(side, whole)| side <= whole && (whole - side).is_multiple_of(2));
    if !fits {
        return Err(misshapen(source, name, main.to_vec(), shape));
    }
    source.read(name)
}

/// Adds `kernel`, each output channel by its factor, into the middle of the kernels in `sum`, which are as large or larger.
fn add_centred(sum: &mut [f64], shape: &[usize], kernel: &StoredTensor, factors: &[f64], sign: f64) {
    let (rows, columns) = sides(shape);
    let (small_rows, small_columns) = sides(&kernel.shape);
    let (top, left) = ((rows - small_rows) / 2, (columns - small_columns) / 2);
    let (whole, part) = (rows * columns, small_rows * small_columns);
    let planes = sum.chunks_exact_mut(whole).zip(kernel.data.chunks_exact(part));
    for (index, (plane, small)) in planes.enumerate() {
        let factor = sign * factors[index / shape[1]];
        for (at, value) in small.iter().enumerate() {
            let (row, column) = (at / small_columns, at % small_columns);
            plane[(top + row) * columns + left + column] += factor * f64::from(*value);
        }
    }
}

/// Adds the kernels that leave their input as it is, each output channel by its factor.
fn add_identity(sum: &mut [f64], shape: &[usize], factors: &[f64], sign: f64) {
    let (rows, columns) = sides(shape);
    let middle = rows / 2 * columns + columns / 2;
    for (channel, factor) in factors.iter().enumerate() {
        let plane = channel * shape[1] + channel % shape[1];
        sum[plane * rows * columns + middle] += sign * factor;
    }
}

/// Rows and columns of a kernel; 1 where it has none.
fn sides(shape: &[usize]) -> (usize, usize) {
    (shape.get(2).copied().unwrap_or(1), shape[3.min(shape.len())..].iter().product())
}

fn missing(source: &dyn TensorSource, name: &str, expected: Vec<usize>) -> ModelError {
    ModelError::MissingTensor { origin: source.origin(), name: name.to_owned(), expected }
}

fn misshapen(source: &dyn TensorSource, name: &str, expected: Vec<usize>, found: Vec<usize>) -> ModelError {
    ModelError::MisshapenTensor { origin: source.origin(), name: name.to_owned(), expected, found }
}

/// Where each of our tensors is, and which are computed.
#[derive(Debug, Default)]
pub(crate) struct DerivedTensors {
    /// Ours to the stored one, or the one that stands for the computed one.
    locations: BTreeMap<String, Location>,
    computed: BTreeMap<String, Computed>,
    /// What others are computed from and cannot be read by itself.
    absorbed: BTreeSet<String>,
}

#[derive(Debug)]
enum Computed {
    Weight(FoldedLayer),
    Bias(FoldedLayer),
    /// Stored with leading dimensions of one.
    Squeezed,
}

impl DerivedTensors {
    /// Our layer `ours` (its `.weight` and `.bias`) is computed.
    pub fn layer(&mut self, ours: &str, layer: FoldedLayer) {
        let (Some(weight), Some(bias)) = (layer.weight_name().map(str::to_owned), layer.bias_name()) else { return };
        self.absorbed.extend(layer.parts().filter(|part| *part != weight && *part != bias));
        self.one(&format!("{ours}.weight"), &weight);
        self.one(&format!("{ours}.bias"), &bias);
        self.computed.insert(weight, Computed::Weight(layer.clone()));
        self.computed.insert(bias, Computed::Bias(layer));
    }

    /// Our tensor is stored as it is.
    pub fn one(&mut self, ours: &str, stored: &str) {
        self.locations.insert(ours.to_owned(), Location::one(stored));
    }

    /// The `.weight` and `.bias` of `ours` are stored as they are.
    pub fn pair(&mut self, ours: &str, stored: &str) {
        for part in ["weight", "bias"] {
            self.one(&format!("{ours}.{part}"), &format!("{stored}.{part}"));
        }
    }

    /// Our matrix is stored transposed.
    pub fn transposed(&mut self, ours: &str, stored: &str) {
        self.locations.insert(ours.to_owned(), Location::transposed(stored));
    }

    /// Our tensor is stored with leading dimensions of one.
    pub fn squeezed(&mut self, ours: &str, stored: &str) {
        self.one(ours, stored);
        self.computed.insert(stored.to_owned(), Computed::Squeezed);
    }
}

/// A layout that knows the places of derived tensors, in front of one that knows the others'.
pub(crate) struct WithDerived<'a> {
    /// By our names in a whole model.
    pub derived: &'a DerivedTensors,
    /// Ours: `image.` or `text.` for a lone tower, nothing for all.
    pub prefix: &'static str,
    /// For all other tensors; has the prefix itself.
    pub rest: Box<dyn TensorLayout + 'a>,
}

impl TensorLayout for WithDerived<'_> {
    fn locate(&self, name: &str) -> Location {
        match self.derived.locations.get(&format!("{}{name}", self.prefix)) {
            Some(location) => location.clone(),
            None => self.rest.locate(name),
        }
    }

    fn ignores(&self, stored: &str) -> bool {
        self.rest.ignores(stored)
    }
}

/// The tensors of a source, some of which are derived from others.
pub(crate) struct DerivedSource {
    /// What is stored.
    pub source: SharedSource,
    /// What is derived, and how.
    pub derived: Arc<DerivedTensors>,
}

impl TensorSource for DerivedSource {
    fn origin(&self) -> String {
        self.source.origin()
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.source.names();
        names.retain(|name| !self.derived.absorbed.contains(name));
        names
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match self.derived.computed.get(name) {
            // What is wrong with the layer comes out when it is read; the names in that error are more precise.
            Some(Computed::Bias(layer)) => Some(vec![*self.source.shape(layer.weight_name()?)?.first()?]),
            Some(Computed::Squeezed) => {
                let shape = self.source.shape(name)?;
                let ones = shape.iter().take_while(|side| **side == 1).count();
                Some(shape[ones..].to_vec())
            }
            Some(Computed::Weight(_)) | None => self.source.shape(name),
        }
    }

    fn read(&self, name: &str) -> Result<StoredTensor, ModelError> {
        match self.derived.computed.get(name) {
            Some(Computed::Weight(layer)) => layer.weight(&*self.source),
            Some(Computed::Bias(layer)) => layer.bias(&*self.source),
            Some(Computed::Squeezed) => {
                let data = self.source.read(name)?.data;
                Ok(StoredTensor { shape: self.shape(name).unwrap_or_default(), data })
            }
            None => self.source.read(name),
        }
    }

    fn matrix(&self, name: &str) -> Result<StoredMatrix, ModelError> {
        match self.derived.computed.get(name) {
            Some(_) => Ok(StoredMatrix::owned(self.read(name)?)),
            None => self.source.matrix(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory(BTreeMap<String, StoredTensor>);

    impl TensorSource for Memory {
        fn origin(&self) -> String {
            "memory".into()
        }
        fn names(&self) -> Vec<String> {
            self.0.keys().cloned().collect()
        }
        fn shape(&self, name: &str) -> Option<Vec<usize>> {
            self.0.get(name).map(|t| t.shape.clone())
        }
        fn read(&self, name: &str) -> Result<StoredTensor, ModelError> {
            self.0.get(name).cloned().ok_or_else(|| missing(self, name, Vec::new()))
        }
    }

    fn memory(tensors: &[(&str, &[usize], &[f32])]) -> Memory {
        Memory(
            tensors
                .iter()
                .map(|(name, shape, data)| {
                    ((*name).to_owned(), StoredTensor { shape: shape.to_vec(), data: data.to_vec() })
                })
                .collect(),
        )
    }

    /// Weight 6, bias 1, mean 2, variance 9 (less the epsilon): `2 x - 3`.
    fn norm(path: &str) -> Vec<(String, StoredTensor)> {
        let values = [6.0, 1.0, 2.0, (9.0 - BATCH_NORM_EPS) as f32];
        let tensor = |v| StoredTensor { shape: vec![1], data: vec![v] };
        NORM_PARTS.iter().zip(values).map(|(part, v)| (format!("{path}.{part}"), tensor(v))).collect()
    }

    fn branch(kernel: Option<&str>, norm: Option<&str>, negative: bool) -> Branch {
        Branch { kernel: kernel.map(str::to_owned), bias: None, norm: norm.map(str::to_owned), negative }
    }

    /// `3 * (norm(kernel) + norm(point) - norm(x)) + x`, by hand.
    #[test]
    fn branches_norms_scales_and_shortcuts_become_one_convolution() {
        let mut source = memory(&[
            ("kernel", &[1, 1, 1, 3], &[1.0, 2.0, 3.0]),
            ("point", &[1, 1, 1, 1], &[5.0]),
            ("scale", &[1, 1, 1], &[3.0]),
        ]);
        for path in ["a", "b", "c"] {
            source.0.extend(norm(path));
        }
        let layer = FoldedLayer {
            branches: vec![
                branch(Some("kernel"), Some("a"), false),
                branch(Some("point"), Some("b"), false),
                branch(None, Some("c"), true),
            ],
            scale: Some("scale".into()),
            shortcut: true,
            input_norm: None,
        };
        let mut derived = DerivedTensors::default();
        derived.layer("ours", layer);
        let folded = DerivedSource { source: Arc::new(source), derived: Arc::new(derived) };
        let near = |found: Vec<f32>, expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}, expected {expected:?}");
        };
        // 3 * (2 * [1, 2, 3] + 2 * [0, 5, 0] - 2 * [0, 1, 0]) + [0, 1, 0], and 3 * (-3 - 3 + 3).
        near(folded.read("kernel").unwrap().data, &[6.0, 37.0, 18.0]);
        near(folded.read("a.bias").unwrap().data, &[-9.0]);
        assert_eq!(folded.shape("a.bias"), Some(vec![1]));
        let mut names = folded.names();
        names.sort();
        assert_eq!(names, ["a.bias", "kernel"]);
    }

    /// `[[1, 2], [3, 4]] * (norm(x))` where the norm is `2 x - 3` of each input.
    #[test]
    fn a_norm_before_a_layer_goes_into_its_kernel_and_bias() {
        let mut source = memory(&[("kernel", &[2, 2], &[1.0, 2.0, 3.0, 4.0])]);
        for (name, tensor) in norm("norm") {
            source.0.insert(name, StoredTensor { shape: vec![2], data: vec![tensor.data[0]; 2] });
        }
        let layer = FoldedLayer {
            branches: vec![branch(Some("kernel"), None, false)],
            input_norm: Some("norm".into()),
            ..FoldedLayer::default()
        };
        let close = |found: Vec<f32>, expected: &[f32]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(layer.weight(&source).unwrap().data, &[2.0, 4.0, 6.0, 8.0]));
        assert!(close(layer.bias(&source).unwrap().data, &[-9.0, -21.0]));
    }

    #[test]
    fn identities_of_dense_and_of_grouped_kernels() {
        let mut dense = vec![0.0; 4];
        add_identity(&mut dense, &[2, 2, 1, 1], &[3.0, 5.0], 1.0);
        assert_eq!(dense, [3.0, 0.0, 0.0, 5.0]);
        let mut grouped = vec![0.0; 2 * 9];
        add_identity(&mut grouped, &[2, 1, 3, 3], &[3.0, 5.0], 1.0);
        assert_eq!((grouped[4], grouped[9 + 4]), (3.0, 5.0));
        assert_eq!(grouped.iter().filter(|v| **v != 0.0).count(), 2);
    }

    #[test]
    fn parts_that_are_missing_or_do_not_fit_are_named() {
        let source = memory(&[
            ("kernel", &[2, 1, 3, 3], &[0.0; 18]),
            ("even", &[2, 1, 2, 2], &[0.0; 8]),
            ("large", &[2, 1, 5, 5], &[0.0; 50]),
            ("short", &[1], &[0.0]),
        ]);
        let read = |other: &str, scale: Option<&str>| {
            let branches = vec![branch(Some("kernel"), None, false), branch(Some(other), None, false)];
            let layer = FoldedLayer { branches, scale: scale.map(str::to_owned), ..FoldedLayer::default() };
            layer.weight(&source).unwrap_err()
        };
        for name in ["even", "large"] {
            match read(name, None) {
                ModelError::MisshapenTensor { name: found, expected, .. } => {
                    assert_eq!((found.as_str(), expected), (name, vec![2, 1, 3, 3]));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(read("gone", None), ModelError::MissingTensor { name, .. } if name == "gone"));
        assert!(matches!(read("kernel", Some("gone")), ModelError::MissingTensor { name, .. } if name == "gone"));
        assert!(matches!(read("kernel", Some("short")), ModelError::MisshapenTensor { name, .. } if name == "short"));
    }
}
