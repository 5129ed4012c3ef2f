//! Why a query has no answer.

use std::fmt;
use std::path::PathBuf;

use clip_encoder::BoxedError;
use clip_image::ImageError;
use clip_index::IndexError;
use thiserror::Error;

/// Where an example photo came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Example {
    /// A file.
    File(PathBuf),
    /// This many bytes, which the caller had in memory.
    Bytes(usize),
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Example::File(path) => write!(f, "{}", path.display()),
            Example::Bytes(count) => write!(f, "a photo of {count} bytes"),
        }
    }
}

/// Why a query has no answer. That nothing was found is none of these: it is an empty list.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The query has no term at all.
    #[error("the query is empty: expected a text, an example photo or an embedding")]
    NoTerms,
    /// A text is empty or blank.
    #[error("the query text is empty")]
    EmptyText,
    /// A weight is no number to calculate with.
    #[error("expected a finite weight, found {weight}")]
    Weight {
        /// What was found.
        weight: f32,
    },
    /// A ready-made embedding does not belong to this model.
    #[error("expected a finite, non-zero embedding of {expected} dimensions from the model {model}, found {found}")]
    Embedding {
        /// The dimension of the index.
        expected: usize,
        /// Name of the model.
        model: String,
        /// What is wrong with it: "one of 7 dimensions".
        found: String,
    },
    /// The terms add up to nothing.
    #[error("the terms of the query cancel each other out")]
    Cancelled,
    /// An example photo cannot be read or decoded.
    #[error("cannot use {example} as an example: {source}")]
    Image {
        /// The photo.
        example: Example,
        /// Why not.
        source: ImageError,
    },
    /// The model could not encode the query.
    #[error("the model cannot encode the query: {0}")]
    Encoder(#[source] BoxedError),
    /// The model gave something else than it was asked for.
    #[error("the model failed: expected {expected} values, found {found}; this is a bug in the model's code")]
    EncoderOutput {
        /// Terms times dimension.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// The index cannot be opened or read, belongs to another model, or lacks the graph that was asked for.
    #[error(transparent)]
    Index(#[from] IndexError),
}
