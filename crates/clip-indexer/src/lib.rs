//! Makes an index agree with folders: walk, plan, pipeline, report.
//!
//! [`Indexer`] is the whole interface. A run goes through these steps:
//!
//! 1. **Walk** the folders without opening a photo. Hidden entries, [`SYSTEM_FOLDERS`], and what the index or
//!    [`IGNORE_FILE`]s exclude are skipped; links are followed, each target once.
//! 2. **Plan**: what has the path, size and times that the index knows is unchanged; the rest is read, except for files that
//!    could not be decoded before and have not changed, and for those that are only in the cloud.
//! 3. **Pipeline**: threads read and hash. Content that the index knows is moved or copied there without being decoded;
//!    what is left is decoded and encoded in batches, and committed every so many photos.
//! 4. **Removal** of photos whose files are gone, unless they may be on a drive that is not mounted: that must not cost
//!    its photos.
//! 5. **Text** in photos, if [`IndexOptions::ocr`] asks for it, once everything can be searched.
//!
//! A program that learns of changes as they happen, keeps a [`Session`] and passes the changed paths to
//! [`Indexer::run_changes`]: the same steps, for the folders that hold what has changed.
//!
//! A file that cannot be indexed never stops a run. The [`Report`] names each one with its reason. The index remembers it, so
//! that the next run need not tell of it again.
//!
//! What a file's stamp says is taken before the file is read. If it changes in between, the index holds the older stamp,
//! and the next run reads the file again.

mod bad;
mod budget;
mod clock;
mod concern;
mod contents;
mod decode;
mod details;
mod encode;
mod error;
mod excluded;
mod file_system;
mod find;
mod found;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod ignore_file;
mod in_order;
mod indexer;
mod links;
mod mounted;
mod options;
mod passed_over;
mod pattern;
mod pipeline;
mod placeholder;
mod plan;
mod presence;
mod progress;
mod region;
mod remove;
mod report;
mod roots;
mod session;
mod sidecars;
mod stamp;
mod system_folders;
mod text;
mod vanished;
mod video;
mod walk;
mod wall_clock;

/// What makes embeddings of photos.
pub use clip_encoder::{BoxedError, Encoder};
pub use clip_progress::{Progress, Silent};
pub use concern::Concern;
pub use error::{IndexerError, Remedy};
pub use excluded::parse_exclude;
pub use find::{FoundPhotos, find_photos};
pub use ignore_file::{IGNORE_FILE, IgnoreFault};
pub use indexer::Indexer;
pub use options::{Depth, IndexOptions, OcrOptions, VideoOptions};
pub use passed_over::{PassedOver, PassedOverKind};
pub use progress::{Event, Outcome};
pub use region::Changes;
pub use remove::{Removed, remove};
pub use report::{Forgotten, Ignored, LinkedRoot, Report, SkipReason, Skipped, StageTimes, TextReport, Unreachable};
pub use session::Session;
pub use stamp::{describe, stamp_of};
pub use system_folders::SYSTEM_FOLDERS;
