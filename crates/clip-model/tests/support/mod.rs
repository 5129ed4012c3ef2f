//! What several tests need: the fixtures, changed copies of them, and the measure of agreement.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};

use clip_model::weights::safetensors::{Contents, SafetensorsFile, encode};
use clip_model::weights::{StoredTensor, TensorSource};
use clip_model::{DeviceChoice, LoadOptions, Model, ModelError, ModelSource};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn load(source: &ModelSource) -> Result<Model, ModelError> {
    Model::load(source, &LoadOptions::new().device(DeviceChoice::Cpu))
}

pub fn load_folder(folder: &Path) -> Result<Model, ModelError> {
    load(&ModelSource::Folder(folder.to_path_buf()))
}

/// A copy of a fixture folder that a test may damage.
pub fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

pub type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

/// All weights of a file, sorted by name. Batch norms' counters are integers and no weights.
pub fn tensors(path: &Path) -> Tensors {
    let file = SafetensorsFile::open(path).unwrap();
    let mut names = file.names();
    names.retain(|name| !name.ends_with("num_batches_tracked"));
    names.sort();
    let read = |name: String| {
        let StoredTensor { shape, data } = file.read(&name).unwrap();
        (name, shape, data)
    };
    names.into_iter().map(read).collect()
}

pub fn write(path: &Path, tensors: &Tensors) {
    std::fs::write(path, encode(&Contents { tensors, ..Contents::default() }).unwrap()).unwrap();
}

/// Replaces text in a file; the text must be there.
pub fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {}", path.display());
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// The mean distance of `found` to `expected`, as a part of the mean distance of `expected` to its own mean.
///
/// Cosines between the two would be blind: models with random weights map all inputs close together.
pub fn relative_error(found: &[f32], expected: &[f32], dimension: usize) -> f64 {
    assert_eq!(found.len(), expected.len());
    let rows = expected.chunks_exact(dimension);
    let count = rows.len() as f64;
    let mean: Vec<f64> =
        (0..dimension).map(|i| rows.clone().map(|row| f64::from(row[i])).sum::<f64>() / count).collect();
    let distance = |a: &[f32], b: &dyn Fn(usize) -> f64| {
        a.iter().enumerate().map(|(i, v)| (f64::from(*v) - b(i)).powi(2)).sum::<f64>().sqrt()
    };
    let spread: f64 = rows.clone().map(|row| distance(row, &|i| mean[i])).sum();
    let error: f64 = found.chunks_exact(dimension).zip(rows).map(|(a, b)| distance(a, &|i| f64::from(b[i]))).sum();
    error / spread
}
