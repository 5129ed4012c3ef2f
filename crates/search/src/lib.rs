//! Find photos by describing them: local, offline semantic photo search.
//!
//! Photos and words are turned into unit vectors by a CLIP model, and the photos whose vectors lie closest to the
//! words' are the answer. A small model is built in; nothing is downloaded and nothing leaves the machine.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use clip_search::{Library, Query, Silent, UpdateOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let index = folder.path().join("index");
//! # let photos = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples"));
//! // With the built-in model, on a GPU if there is one.
//! let library = Library::builder(&index).open_or_create()?;
//!
//! // Makes the index agree with a folder; run again, it takes only what has changed.
//! let update = library.update(&[photos], &UpdateOptions::default(), &Silent, &AtomicBool::new(false))?;
//! assert_eq!(update.report.skipped.len(), 0);
//!
//! let hits = library.search(&Query::text("a photo of a cat").limit(3))?;
//! for hit in &hits {
//!     println!("{:.3}  {}", hit.score.unwrap_or_default(), hit.path.display());
//! }
//! assert!(hits[0].path.ends_with("samples/cat.jpg"));
//! # Ok(())
//! # }
//! ```
//!
//! - [`Library`] is an index with the model that made it. It [updates](Library::update) the index, changes its model,
//!   [searches](Library::search) it and takes up what other processes have committed. [`Models`] finds models by name.
//! - [`Query`] says what to look for: words, example photos, photos of the index or embeddings, each with a weight, and
//!   conditions. [`understand`] reads what a person types, in the [`language`] of queries, and [`SavedSearches`] keeps it under a
//!   name.
//! - [`classify`] says which of some labels a photo shows, by the labels' names or by example photos.
//!
//! Below are the parts that a library is made of, for programs that put them together in another way:
//!
//! - [`Model`] is the encoder: [`ModelSource`] says which, [`LoadOptions`] on what device and which towers. Programs with
//!   an encoder of their own implement [`Encoder`].
//! - [`Indexer`] walks folders and keeps an index up to date. It tells a [`Progress`] listener what it does, stops when
//!   asked to, and what it did so far is on disk: the next run goes on from there.
//! - A program that learns of changes as they happen keeps a [`Session`] and has only [`Changes`] looked at
//!   ([`Library::update_changes`]).
//! - [`Searcher`] answers a [`Query`] with [`Hit`]s, best first; through a [`CachedEncoder`] it embeds the same words
//!   once.
//! - [`IndexReader`] looks into an index without a model; [`verify`] checks every byte of it.
//!
//! # Features
//!
//! - `gpu` (on by default): compute on a GPU where there is one, through wgpu.
//! - `hub` (on by default): published models by name, and their downloads.
//! - `json` (on by default): the JSON of results.
//! - `openapi`: the schemas of this JSON, for an OpenAPI description.
//! - `gpu-cache`: remember on disk which of a GPU's kernels are fastest.
//!
//! Nothing here prints, reads the environment or ends the process. Errors are typed, and say in neutral words what was
//! expected and what was found; their `remedy` says what to do, as data. Libraries, models, readers and searchers can be
//! shared between threads; one process at a time may write an index while any number read it.

mod bank;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod indexed_file;
#[cfg(feature = "json")]
pub mod json;
mod library;
mod maintenance;
mod model;
mod models;
mod refine;
mod refinement;
mod saved;
mod strangers;
mod text_file;
mod thumbnail;
mod understand;
mod update;
mod verify;

pub use bank::measure_bank;
pub use error::{LibraryError, Remedy, with_causes};
pub use indexed_file::{open_indexed, read_indexed};
pub use library::{Library, LibraryBuilder, LibrarySearcher};
pub use maintenance::{compact, remove};
pub use model::LazyModel;
pub use models::{Models, POCKET};
pub use refine::RefineOutcome;
pub use refinement::{KeptRefinement, refinement_of, unrefine};
pub use saved::{SavedSearch, SavedSearches};
pub use strangers::Forbidden;
pub use thumbnail::{thumbnail, thumbnail_of};
pub use understand::{Understood, understand};
pub use update::{Update, UpdateOptions, UpdateResult};
pub use verify::{verify, verify_with};

pub use clip_encoder::{BoxedError, Encoder};
pub use clip_image::{
    ContentHash, Decoder, Exposure as PhotoExposure, Format, Gps, ImageError, Limits, Metadata, Photo, PictureHash,
    Related as RelatedPhotos, Remedy as ImageRemedy, Turn, Workers, decode, decode_bytes, decode_bytes_for, decode_for,
    decoder_id, format_of, hash_bytes, looks_like_photo, read_file, serve_decoding,
};
pub use clip_index::{
    Asset, BadFile, Bank, BankScores, Catalogue, Compacted, Counts, Describe, Exclude, ExportFormat, Exported,
    Exposure, Found, GraphOptions, GraphStatus, GraphUpdate, Hubness, ImportOptions, ImportPlace, ImportSource,
    Imported, IndexError, IndexReader, IndexSource, IndexWriter, Inode, KinKeys, Kind, Mean, ModelId, ModelOrigin,
    Neighbour, NewItem, PictureText, Position, Problem, Rebuild, RebuildStatus, Record, Related, Remedy as IndexRemedy,
    Repaired, RoaringTreemap, RowFormat, SearchOptions, ShotName, Stamp, Status, StoredPath, Variant, VerifyReport,
    export, repair, restore_manifest,
};
pub use clip_indexer::{
    Changes, Concern, Depth, Event, Forgotten, FoundPhotos, IGNORE_FILE, IgnoreFault, Ignored, IndexOptions, Indexer,
    IndexerError, LinkedRoot, OcrOptions, Outcome, PassedOver, PassedOverKind, Remedy as IndexerRemedy, Removed,
    Report, SYSTEM_FOLDERS, Session, SkipReason, Skipped, StageTimes, TextReport, Unreachable, VideoOptions, describe,
    find_photos, parse_exclude,
};
pub use clip_model::tokenizer::Tokenizer;
pub use clip_model::{
    Checkpoint, ClipConfig, DeviceChoice, Embeddings, FileKind, Fingerprint, HiddenStates, LoadOptions, Model,
    ModelError, ModelSource, Pixels, Precision, Remedy as ModelRemedy, Towers,
};
pub use clip_ocr::{
    LONGEST_TEXT, Languages, OcrError, ReadText, Remedy as OcrRemedy, Tesseract, TesseractLimits, Text as ReadWords,
    Word,
};
pub use clip_progress::{Progress, Silent, Steps};
pub use clip_query::{
    Alternative, Breakdown, CachedEncoder, CachedTexts, DuplicateGroup, DuplicateOptions, DuplicateProgress,
    DuplicateStep, Duplicates, Example, Explanation, Filter, FoundWord, Fusion, Hit, KeepReason, Level, Member, Method,
    NumberField, Order, Plan, Property, Query, QueryError, Ranked, Reason, Role, Searcher, Shape, Strategy, Term,
    TermBreakdown, TextCache, TextField, duplicates, together,
};

pub use clip_video::{
    Description as VideoDescription, Ffmpeg, Frame as VideoFrame, Light as VideoLight, Limits as VideoLimits,
    Remedy as VideoRemedy, Sampling as VideoSampling, Video, VideoError,
};

/// What a model is made of: its towers, how photos become pixels and texts become ids.
pub use clip_model::config as model_config;
/// How texts become ids.
pub use clip_model::tokenizer;
/// What captions of one's own say of the relevance of results.
pub use clip_query::refinement as refining;
/// How likely a result is right.
pub use clip_query::relevance;

/// The texts that correct scores.
pub use clip_query::bank as bank_texts;
/// The language of queries.
pub use clip_query::language;

/// Which of some labels a photo shows.
pub use clip_classify as classify;
/// Published models by name: what [`Models`] uses.
#[cfg(feature = "hub")]
pub use clip_hub as hub;
/// Decoded photos are this crate's.
pub use image;
