//! A model by itself: words and pictures to vectors.

use std::path::PathBuf;
use std::sync::Arc;

use clip_search::{LoadOptions, ModelSource, Models, Towers};
use numpy::{PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use crate::device::{device, precision};
use crate::error;
use crate::picture::Picture;

/// Photos that are decoded at a time: a thousand photos need not be in memory together.
const BATCH: usize = 32;

/// An encoder of words and pictures.
///
/// Args:
///     model: a name ("pocket"), a file or a folder; the built-in model if it is left out.
///     precision: "f32", "f16" or "int8"; what suits the model if it is left out.
///     device: "auto", "cpu" or "gpu".
#[pyclass(frozen, module = "clip_search")]
pub(crate) struct Model(Arc<clip_search::Model>);

/// Where models are found by name: on this disk.
pub(crate) fn models() -> Models {
    Models::local()
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (model=None, *, precision=None, device="auto"))]
    fn new(py: Python<'_>, model: Option<PathBuf>, precision: Option<&str>, device: &str) -> PyResult<Model> {
        let options =
            LoadOptions { device: self::device(device)?, towers: Towers::Both, precision: self::precision(precision)? };
        py.detach(|| {
            let source = match model {
                Some(model) => models().find(&model).map_err(error::of_library)?,
                None => ModelSource::Default,
            };
            let model = clip_search::Model::load(&source, &options).map_err(error::of_model)?;
            Ok(Model(Arc::new(model)))
        })
    }

    /// The model's name.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// Identifies all that determines an embedding.
    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    /// Length of an embedding.
    #[getter]
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    /// What it computes on.
    #[getter]
    fn device(&self) -> &'static str {
        self.0.device()
    }

    /// The learned inverse temperature.
    #[getter]
    fn logit_scale(&self) -> f32 {
        self.0.logit_scale()
    }

    /// Embeds texts: an array of float32 with a row of length 1 for each.
    fn embed_texts<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = py.detach(|| -> PyResult<_> {
            if texts.is_empty() {
                return Ok(Vec::new());
            }
            Ok(self.0.embed_texts(&texts).map_err(error::of_model)?.into_vec())
        })?;
        self.array(py, rows)
    }

    /// Embeds pictures: paths, the bytes of image files, or arrays of uint8 of height x width x 3. Gives an array of float32
    /// with a row of length 1 for each.
    fn embed_images<'py>(&self, py: Python<'py>, images: Vec<Picture<'py>>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let shorter_side = u32::try_from(self.0.config().preprocess.size).ok();
        let mut rows = Vec::with_capacity(images.len() * self.0.dimension());
        let mut images = images.into_iter();
        loop {
            let sources = images.by_ref().take(BATCH).map(Picture::source).collect::<PyResult<Vec<_>>>()?;
            if sources.is_empty() {
                break;
            }
            let batch = py.detach(|| {
                let prepared = sources.into_iter().map(|source| Ok(self.0.preprocess(&source.decode(shorter_side)?)));
                let pixels = prepared.collect::<PyResult<Vec<_>>>()?;
                self.0.embed_pixels(&pixels).map_err(error::of_model)
            })?;
            rows.extend_from_slice(batch.as_slice());
            py.check_signals()?;
        }
        self.array(py, rows)
    }

    fn __repr__(&self) -> String {
        format!("Model(name={:?}, dimension={}, device={:?})", self.0.name(), self.0.dimension(), self.0.device())
    }
}

impl Model {
    /// Hands rows over to Python, without copying them.
    fn array<'py>(&self, py: Python<'py>, rows: Vec<f32>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let dimension = self.0.dimension();
        let count = rows.len() / dimension;
        numpy::PyArray1::from_vec(py, rows).reshape([count, dimension])
    }
}
