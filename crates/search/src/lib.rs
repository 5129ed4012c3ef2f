//! Find photos by describing them: local, offline semantic photo search.
//!
//! Photos and words are turned into unit vectors by a CLIP model, and the photos whose vectors lie closest to the
//! words' are the answer. A small model is built in; nothing is downloaded and nothing leaves the machine.
//!
//! ```
//! use clip_search::{Indexer, LoadOptions, Model, ModelSource, Query, Searcher};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let index = folder.path().join("index");
//! # let photos = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples"));
//! // The built-in model, on a GPU if there is one.
//! let model = Model::load(&ModelSource::Default, &LoadOptions::default())?;
//!
//! // Makes the index agree with a folder; run again, it takes only what has changed.
//! let report = Indexer::new(&model, &index).run(&[photos])?;
//! assert_eq!(report.skipped.len(), 0);
//!
//! // The same model must be used to search.
//! let searcher = Searcher::open(&index, model)?;
//! let hits = searcher.search(&Query::text("a photo of a cat").limit(3))?;
//! for hit in &hits {
//!     println!("{:.3}  {}", hit.score, hit.path.display());
//! }
//! assert!(hits[0].path.ends_with("samples/cat.jpg"));
//! # Ok(())
//! # }
//! ```
//!
//! - [`Model`] is the encoder: [`ModelSource`] says which, [`LoadOptions`] on what device and which towers.
//! - [`Indexer`] walks folders and keeps an index up to date. It tells a [`Progress`] listener what it does, stops when
//!   asked to, and what it did so far is on disk: the next run goes on from there.
//! - [`Searcher`] answers a [`Query`] in words or by example with [`Hit`]s, best first; through a [`CachedEncoder`] it
//!   embeds the same words once.
//! - [`classify`] says which of some labels a photo shows, by the labels' names or by example photos.
//! - [`IndexReader`] looks into an index without a model; [`verify`] checks every byte of it.
//!
//! Nothing here prints, reads the environment or ends the process. Errors are typed, one enum a crate, and their
//! messages say what to do. Models, readers and searchers can be shared between threads; one process at a time may
//! write an index while any number read it.

pub use clip_classify as classify;
pub use clip_image::{Format, ImageError, Limits, Metadata, Photo, decode, decode_for};
pub use clip_index::{
    GraphOptions, GraphStatus, IndexError, IndexReader, ModelId, PhotoRecord, Problem, Status, VerifyReport, verify,
};
pub use clip_indexer::{
    Event, IndexOptions, Indexer, IndexerError, Outcome, Progress, Report, SkipReason, Skipped, StageTimes, Unreachable,
};
pub use clip_model::{
    DeviceChoice, Embeddings, Fingerprint, HiddenStates, LoadOptions, Model, ModelError, ModelSource, Pixels,
    Precision, Towers,
};
pub use clip_query::{CachedEncoder, Hit, Method, Query, QueryError, Searcher, Strategy, Term, TextCache};
