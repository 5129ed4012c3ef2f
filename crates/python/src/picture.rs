//! Pictures as Python has them: a path, the bytes of an image file, or an array of pixels.

use std::path::PathBuf;

use clip_search::image::RgbImage;
use clip_search::{Limits, Term, decode_bytes_for, decode_for};
use numpy::{PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error;

/// Where a picture's pixels come from.
#[derive(FromPyObject)]
pub(crate) enum Picture<'py> {
    /// Height x width x 3, red, green and blue.
    #[pyo3(transparent, annotation = "numpy.ndarray")]
    Pixels(PyReadonlyArray3<'py, u8>),
    /// The content of an image file.
    #[pyo3(transparent, annotation = "bytes")]
    Bytes(Vec<u8>),
    /// An image file.
    #[pyo3(transparent, annotation = "path")]
    Path(PathBuf),
}

/// The same, free of the interpreter.
pub(crate) enum Source {
    Pixels(RgbImage),
    Bytes(Vec<u8>),
    Path(PathBuf),
}

impl Picture<'_> {
    /// Copies what belongs to Python, so that the work can go on without its lock.
    pub fn source(self) -> PyResult<Source> {
        match self {
            Picture::Bytes(bytes) => Ok(Source::Bytes(bytes)),
            Picture::Path(path) => Ok(Source::Path(path)),
            Picture::Pixels(array) => {
                let &[height, width, 3] = array.shape() else {
                    let shape = array.shape();
                    let found = format!("an image must be of height x width x 3 values of uint8, not {shape:?}");
                    return Err(PyValueError::new_err(found));
                };
                // Row by row, however it lies in memory.
                let values = array.as_array().iter().copied().collect();
                let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
                let image = sides.and_then(|(width, height)| RgbImage::from_raw(width, height, values));
                match image {
                    Some(image) if image.width() > 0 && image.height() > 0 => Ok(Source::Pixels(image)),
                    _ => Err(PyValueError::new_err("an image must have at least one pixel")),
                }
            }
        }
    }
}

impl Source {
    /// Decodes the picture for an encoder that will resize it to `shorter_side`.
    pub fn decode(self, shorter_side: Option<u32>) -> PyResult<RgbImage> {
        let limits = Limits::default();
        match self {
            Source::Pixels(image) => Ok(image),
            Source::Bytes(bytes) => {
                let photo = decode_bytes_for(&bytes, &limits, shorter_side);
                photo.map(|photo| photo.image).map_err(|error| error::of_image("the picture", error))
            }
            Source::Path(path) => {
                let photo = decode_for(&path, &limits, shorter_side);
                photo.map(|photo| photo.image).map_err(|error| error::of_image(&path.display().to_string(), error))
            }
        }
    }

    /// As something to search for.
    pub fn term(self) -> Term {
        match self {
            Source::Pixels(image) => Term::Pixels(image),
            Source::Bytes(bytes) => Term::Bytes(bytes),
            Source::Path(path) => Term::Image(path),
        }
    }
}
