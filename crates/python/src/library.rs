//! An index, its model and its folders.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clip_search::json::{JsonReport, JsonStatus};
use clip_search::language::{Date, ParseOptions};
use clip_search::{
    Alternative, Filter, IndexError, IndexOptions, LibraryError, Order, Query, Term, UpdateOptions, UpdateResult,
    understand,
};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyKeyError, PyKeyboardInterrupt, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::device::{device, precision};
use crate::error;
use crate::hit::Hit;
use crate::model::models;
use crate::picture::Picture;
use crate::progress::Listener;
use crate::to_python::to_python;

/// An index of photos, with the model that made it.
///
/// Args:
///     index: the folder of the index; `update` makes it if there is none.
///     model: a name, file or folder of a model; that of the index, or the built-in one, if it is left out.
///     precision: "f32", "f16" or "int8".
///     device: "auto", "cpu" or "gpu".
#[pyclass(frozen, module = "clip_search")]
pub(crate) struct Library(Arc<clip_search::Library>);

#[pymethods]
impl Library {
    #[new]
    #[pyo3(signature = (index, *, model=None, precision=None, device="auto"))]
    fn new(
        py: Python<'_>,
        index: PathBuf,
        model: Option<PathBuf>,
        precision: Option<&str>,
        device: &str,
    ) -> PyResult<Library> {
        let models = models();
        let mut library = clip_search::Library::builder(at_home(py, index)?).device(self::device(device)?);
        if let Some(model) = model {
            library = library.model(models.find(&model).map_err(error::of_library)?);
        }
        if let Some(precision) = self::precision(precision)? {
            library = library.precision(precision);
        }
        let library = py.detach(|| library.models(models).open_or_create()).map_err(error::of_library)?;
        Ok(Library(Arc::new(library)))
    }

    /// The folder of the index.
    #[getter]
    fn index(&self) -> PathBuf {
        self.0.index().to_owned()
    }

    /// Makes the index agree with folders: takes what is new, changed, moved or gone. Without folders, those that it knows.
    ///
    /// Args:
    ///     folders: folders and photos.
    ///     exclude: folders and patterns that are left out from now on.
    ///     rebuild: encode all photos again.
    ///     threads: how many decode photos.
    ///     progress: is called with the stage ("walk", "photos", "details", "texts", "hubness", "graph", "text"), how much of it is
    ///         done, and of how much if that is known. If it raises an exception, the update ends with it.
    ///
    /// Returns:
    ///     What the command line prints as JSON after indexing.
    #[pyo3(signature = (folders=Vec::new(), *, exclude=Vec::new(), rebuild=false, threads=None, progress=None))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        folders: Vec<PathBuf>,
        exclude: Vec<PathBuf>,
        rebuild: bool,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let folders = folders.into_iter().map(|folder| at_home(py, folder)).collect::<PyResult<Vec<_>>>()?;
        let threads = match threads {
            Some(0) => return Err(PyValueError::new_err("threads must be at least 1")),
            threads => threads.and_then(NonZeroUsize::new),
        };
        let options = UpdateOptions { indexing: IndexOptions { exclude, threads, ..IndexOptions::default() }, rebuild };
        let cancel = AtomicBool::new(false);
        let listener = Listener::new(progress, &cancel);
        let update = py.detach(|| self.0.update(&folders, &options, &listener, &cancel));
        if let Some(raised) = listener.into_raised() {
            return Err(raised);
        }
        let update = update.map_err(error::of_library)?;
        match update.result {
            UpdateResult::Interrupted => Err(PyKeyboardInterrupt::new_err("the update was interrupted")),
            UpdateResult::Withheld => Err(error::ClipSearchError::new_err(
                "some folders could not be reached, so the old index was kept; the next update goes on from here",
            )),
            _ => to_python(py, &JsonReport::from(&update.report)),
        }
    }

    /// The photos that answer a query best, best first.
    ///
    /// Args:
    ///     query: in the query language, such as "dog -beach camera:nikon year:2019".
    ///     image: a picture that results should resemble: a path, the bytes of an image file, or an array of uint8.
    ///     like: the id of a photo of the index that results should resemble.
    ///     embedding: a vector of the index's model.
    ///     limit, offset: which part of the results.
    ///     sort: "relevance", "date", "oldest", "path" or "size".
    ///     min_relevance: leaves out what is less relevant.
    ///     literal: takes the query as a description, whatever looks like a condition.
    ///     raw: ranks by plain similarity.
    ///     collapse: makes near duplicates one result.
    ///     diverse: puts results later that show much the same as an earlier one.
    #[pyo3(signature = (query=None, *, image=None, like=None, embedding=None, limit=20, offset=0, sort="relevance",
        min_relevance=None, literal=false, raw=false, collapse=false, diverse=false))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn search(
        &self,
        py: Python<'_>,
        query: Option<&str>,
        image: Option<Picture<'_>>,
        like: Option<u64>,
        embedding: Option<Embedding<'_>>,
        limit: usize,
        offset: usize,
        sort: &str,
        min_relevance: Option<f32>,
        literal: bool,
        raw: bool,
        collapse: bool,
        diverse: bool,
    ) -> PyResult<Vec<Hit>> {
        if query.is_none() && image.is_none() && like.is_none() && embedding.is_none() {
            return Err(PyTypeError::new_err("search() needs a query, an image, an id or an embedding"));
        }
        let mut search = Query::any(match query {
            Some(query) => self.understand(py, query, literal)?,
            None => vec![Alternative { terms: Vec::new(), filter: Filter::All(Vec::new()) }],
        });
        let order = match sort {
            "relevance" => Order::Best,
            "date" => Order::Newest,
            "oldest" => Order::Oldest,
            "path" => Order::Path,
            "size" => Order::Largest,
            _ => {
                let wanted = "\"relevance\", \"date\", \"oldest\", \"path\" or \"size\"";
                return Err(PyValueError::new_err(format!("sort must be {wanted}, not {sort:?}")));
            }
        };
        search = search.limit(limit).offset(offset).order(order);
        let terms = [
            image.map(Picture::source).transpose()?.map(|source| source.term()),
            like.map(Term::Like),
            embedding.map(|embedding| embedding.values().map(Term::Embedding)).transpose()?,
        ];
        for term in terms.into_iter().flatten() {
            search = search.and(term, 1.0);
        }
        if let Some(relevance) = min_relevance {
            search = search.min_relevance(relevance);
        }
        if raw {
            search = search.raw();
        }
        if collapse {
            search = search.collapse();
        }
        if diverse {
            search = search.diverse();
        }
        let hits = py.detach(|| self.0.search(&search)).map_err(error::of_library)?;
        Ok(hits.into_iter().map(Hit::from).collect())
    }

    /// The embedding that the index has of a photo.
    fn embedding<'py>(&self, py: Python<'py>, id: u64) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let searcher = self.0.searcher().map_err(error::of_library)?;
        match searcher.reader().embedding(id) {
            Some(row) => Ok(PyArray1::from_vec(py, row)),
            None => Err(PyKeyError::new_err(format!("the index has no photo with the id {id}"))),
        }
    }

    /// The ids of all photos, and their embeddings, a row each.
    fn embeddings<'py>(&self, py: Python<'py>) -> PyResult<IdsAndRows<'py>> {
        let searcher = self.0.searcher().map_err(error::of_library)?;
        let reader = searcher.reader();
        let (ids, rows) = py.detach(|| {
            let ids: Vec<u64> = reader.ids().collect();
            let mut rows = Vec::with_capacity(ids.len() * reader.dimension());
            for id in &ids {
                let row = reader.embedding(*id).ok_or(IndexError::UnknownId { id: *id }).map_err(error::of_index)?;
                rows.extend_from_slice(&row);
            }
            PyResult::Ok((ids, rows))
        })?;
        let shape = [ids.len(), reader.dimension()];
        Ok((PyArray1::from_vec(py, ids), PyArray1::from_vec(py, rows).reshape(shape)?))
    }

    /// Removes photos and folders from the index, never from the disk. Returns how many photos left.
    fn remove(&self, py: Python<'_>, paths: Vec<PathBuf>) -> PyResult<u64> {
        let paths = paths.into_iter().map(|path| at_home(py, path)).collect::<PyResult<Vec<_>>>()?;
        Ok(py.detach(|| self.0.remove(&paths)).map_err(error::of_library)?.photos)
    }

    /// Takes up what other processes have committed since; whether there was anything.
    fn reload(&self, py: Python<'_>) -> PyResult<bool> {
        py.detach(|| self.0.reload()).map_err(error::of_library)
    }

    /// What the command line prints as JSON for the status.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let searcher = self.0.searcher().map_err(error::of_library)?;
        let status = searcher.reader().status().map_err(error::of_index)?;
        to_python(py, &JsonStatus::new(searcher.reader(), &status))
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.0.searcher().map_err(error::of_library)?.reader().len())
    }

    fn __repr__(&self) -> String {
        format!("Library({:?})", self.0.index())
    }
}

impl Library {
    /// What a text is to be searched for, with saved searches in the places of their names.
    fn understand(&self, py: Python<'_>, text: &str, literal: bool) -> PyResult<Vec<Alternative>> {
        let options = ParseOptions { today: today(py)?, literal };
        match understand(self.0.index(), text, &options) {
            Ok(understood) => Ok(understood.with_real_paths(Some(&at_home(py, PathBuf::from("~"))?)).alternatives),
            Err(LibraryError::Unreadable(error)) => Err(error::of_query(py, &error, text)),
            Err(error) => Err(error::of_library(error)),
        }
    }
}

/// An array of ids, and one of their embeddings.
type IdsAndRows<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray2<f32>>);

/// A vector to search for.
#[derive(FromPyObject)]
pub(crate) enum Embedding<'py> {
    #[pyo3(transparent, annotation = "numpy.ndarray")]
    Array(PyReadonlyArray1<'py, f32>),
    #[pyo3(transparent, annotation = "Sequence[float]")]
    Values(Vec<f32>),
}

impl Embedding<'_> {
    fn values(self) -> PyResult<Vec<f32>> {
        match self {
            Embedding::Array(array) => Ok(array.as_array().to_vec()),
            Embedding::Values(values) => Ok(values),
        }
    }
}

/// The day by which "last summer" is understood.
fn today(py: Python<'_>) -> PyResult<Date> {
    let today = py.import("datetime")?.getattr("date")?.call_method0("today")?;
    let (year, month, day) =
        (today.getattr("year")?.extract()?, today.getattr("month")?.extract()?, today.getattr("day")?.extract()?);
    Date::new(year, month, day).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// A path with `~` as the user's folder.
fn at_home(py: Python<'_>, path: PathBuf) -> PyResult<PathBuf> {
    if !path.starts_with("~") {
        return Ok(path);
    }
    py.import("os.path")?.call_method1("expanduser", (path.into_os_string(),))?.extract()
}
