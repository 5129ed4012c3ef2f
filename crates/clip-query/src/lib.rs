//! A request to ranked photos: request, plan, search, rank.
//!
//! A [`Query`] says what to look for, as plain data: words, example photos or ready-made embeddings, each with a weight,
//! and how many results from where. A [`Searcher`] answers it:
//!
//! 1. **Embed**: every term becomes a unit vector, and their weighted sum, brought back to length 1, is what is searched
//!    for. By linearity a photo's score is the weighted sum of its scores for the terms, times the same constant for
//!    every photo, so the order is the one that adding up scores gives.
//! 2. **Search**: a small index, or a small part of one, is scanned; a large one is searched through its graph, if it has
//!    one. The index decides ([`Strategy`]).
//! 3. **Fuse**: words of the query that are in names, keywords and texts of photos count too ([`Fusion`]).
//! 4. **Rank**: best score first, and the photo that was indexed first where scores are equal, so that the same question
//!    to the same index always gets the same answer. Identical files are one result. Only for these photos are records
//!    read.

mod absent;
pub mod alignment;
mod alike;
pub mod bank;
mod cached_encoder;
mod distinct;
mod diverse;
mod duplicates;
mod embed;
mod error;
mod fusion;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hit;
pub mod language;
mod likeness;
mod ordering;
mod pairs;
mod part;
mod query;
pub mod refinement;
pub mod relevance;
mod searcher;
mod spread;
mod text_cache;
mod words;

pub use cached_encoder::{CachedEncoder, CachedTexts};
/// What makes embeddings of queries.
pub use clip_encoder::{BoxedError, Encoder};
/// How an index is searched.
pub use clip_index::{Filter, Method, NumberField, Plan, Property, Reason, Shape, Strategy, TextField};
pub use duplicates::{
    DuplicateGroup, DuplicateOptions, DuplicateProgress, DuplicateStep, Duplicates, Level, Reason as KeepReason,
    duplicates,
};
pub use error::{Example, QueryError};
pub use hit::{Breakdown, Explanation, Hit, Ranked, TermBreakdown};
pub use pairs::{Member, Role, together};
pub use query::{Alternative, Fusion, Order, Query, Term};
pub use searcher::Searcher;
pub use text_cache::TextCache;
pub use words::FoundWord;
