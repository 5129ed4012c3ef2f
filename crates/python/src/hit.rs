//! A result.

use std::path::PathBuf;

use clip_search::json::JsonHit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::to_python::to_python;

/// A photo that answers a query.
#[pyclass(frozen, module = "clip_search")]
#[derive(Debug)]
pub(crate) struct Hit(clip_search::Hit);

impl From<clip_search::Hit> for Hit {
    fn from(hit: clip_search::Hit) -> Hit {
        Hit(hit)
    }
}

#[pymethods]
impl Hit {
    /// 1 for the best.
    #[getter]
    fn rank(&self) -> usize {
        self.0.rank
    }

    /// Cosine similarity, -1 to 1; None if the query only sets conditions.
    #[getter]
    fn score(&self) -> Option<f32> {
        self.0.score
    }

    /// What results are ranked by: the similarity, corrected, and with what words in names and keywords add.
    #[getter]
    fn adjusted(&self) -> Option<f32> {
        self.0.adjusted
    }

    /// The estimate that the photo shows what was asked for, 0 to 1; None where none is to be had.
    #[getter]
    fn relevance(&self) -> Option<f32> {
        self.0.relevance
    }

    /// False if this is only one of the nearest, and no good match.
    #[getter]
    fn is_match(&self) -> bool {
        self.0.is_match
    }

    /// The photo's id in the index.
    #[getter]
    fn id(&self) -> u64 {
        self.0.id
    }

    /// Where the photo is.
    #[getter]
    fn path(&self) -> PathBuf {
        self.0.path.clone()
    }

    /// The other files with the same bytes.
    #[getter]
    fn duplicates(&self) -> Vec<PathBuf> {
        self.0.duplicates.iter().map(|record| record.asset.path.clone()).collect()
    }

    /// With `collapse`: near duplicates and other shots of the same moment.
    #[getter]
    fn alike(&self) -> Vec<PathBuf> {
        self.0.alike.iter().map(|record| record.asset.path.clone()).collect()
    }

    /// Of a video, the second that answers the query; None for photos.
    #[getter]
    fn time(&self) -> Option<f64> {
        JsonHit::from(&self.0).time
    }

    /// Width in pixels, upright.
    #[getter]
    fn width(&self) -> u32 {
        self.0.record.asset.width
    }

    /// Height in pixels, upright.
    #[getter]
    fn height(&self) -> u32 {
        self.0.record.asset.height
    }

    /// When it was taken, in seconds since 1970.
    #[getter]
    fn taken_at(&self) -> Option<i64> {
        self.0.record.asset.taken_at
    }

    /// Make and model of the camera.
    #[getter]
    fn camera(&self) -> Option<&str> {
        self.0.record.asset.camera.as_deref()
    }

    /// Lens.
    #[getter]
    fn lens(&self) -> Option<&str> {
        self.0.record.asset.lens.as_deref()
    }

    /// Latitude and longitude in degrees.
    #[getter]
    fn gps(&self) -> Option<(f64, f64)> {
        self.0.record.asset.gps
    }

    /// Whether there is no file at the path at present.
    #[getter]
    fn missing(&self) -> bool {
        self.0.is_missing()
    }

    /// All members, named as in the JSON that the command line prints.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_python(py, &JsonHit::from(&self.0))
    }

    fn __repr__(&self) -> String {
        let score = self.0.score.map_or_else(|| "None".to_owned(), |score| format!("{score:.3}"));
        format!("Hit(rank={}, score={score}, path={:?})", self.0.rank, self.0.path)
    }
}
