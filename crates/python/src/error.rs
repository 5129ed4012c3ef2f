//! Errors of the library as Python's exceptions.

use clip_search::language::ParseError;
use clip_search::{ImageError as PhotoError, IndexError, LibraryError, ModelError as EncoderError, with_causes};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(clip_search, ClipSearchError, PyException, "Something went wrong; the message says what.");
create_exception!(clip_search, IndexNotFoundError, ClipSearchError, "There is no index in the folder.");
create_exception!(clip_search, ModelError, ClipSearchError, "A model cannot be found, loaded or run.");
create_exception!(clip_search, ImageError, ClipSearchError, "An image cannot be read or decoded.");
create_exception!(
    clip_search,
    QueryError,
    ClipSearchError,
    "A query cannot be understood. `start` and `end` say which of its characters are wrong, if that is known."
);

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("ClipSearchError", py.get_type::<ClipSearchError>())?;
    module.add("IndexNotFoundError", py.get_type::<IndexNotFoundError>())?;
    module.add("ModelError", py.get_type::<ModelError>())?;
    module.add("ImageError", py.get_type::<ImageError>())?;
    let of_query = py.get_type::<QueryError>();
    // Of errors whose place is not known.
    of_query.setattr("start", py.None())?;
    of_query.setattr("end", py.None())?;
    module.add("QueryError", of_query)
}

pub(crate) fn of_library(error: LibraryError) -> PyErr {
    let text = with_causes(&error);
    match error {
        LibraryError::Index(IndexError::NotFound { .. }) => IndexNotFoundError::new_err(text),
        LibraryError::Query(clip_search::QueryError::Image { .. }) => ImageError::new_err(text),
        LibraryError::Query(_) => QueryError::new_err(text),
        LibraryError::UnknownModel { .. } => ModelError::new_err(text),
        error if error.is_about_the_model() => ModelError::new_err(text),
        _ => ClipSearchError::new_err(text),
    }
}

pub(crate) fn of_index(error: IndexError) -> PyErr {
    of_library(error.into())
}

pub(crate) fn of_model(error: EncoderError) -> PyErr {
    ModelError::new_err(with_causes(&error))
}

pub(crate) fn of_image(which: &str, error: PhotoError) -> PyErr {
    ImageError::new_err(format!("{which}: {}", with_causes(&error)))
}

/// An error in the text of a query; its place is in characters, as Python counts.
pub(crate) fn of_query(py: Python<'_>, error: &ParseError, text: &str) -> PyErr {
    let exception = QueryError::new_err(format!("cannot read the query: {error}"));
    let characters = |byte: usize| text.get(..byte).map(|before| before.chars().count());
    let place = error.span.clone();
    let value = exception.value(py);
    let set =
        value.setattr("start", characters(place.start)).and_then(|()| value.setattr("end", characters(place.end)));
    set.err().unwrap_or(exception)
}
