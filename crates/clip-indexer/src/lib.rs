//! Makes an index agree with folders: walk, plan, pipeline, report.
//!
//! [`Indexer`] is the whole interface. A run goes through these steps:
//!
//! 1. **Walk** the folders without opening a single file. Hidden entries and [`SYSTEM_FOLDERS`] are passed over; links
//!    are followed, each target once.
//! 2. **Plan**: what has the path, size and time that the index knows is unchanged; the rest is read.
//! 3. **Pipeline**: threads read and hash. Content that the index knows is moved or copied there without being decoded;
//!    what is left is decoded and encoded in batches, and committed every so many photos.
//! 4. **Removal** of photos whose files are gone, unless their place cannot be reached: a drive that is not mounted must
//!    not cost its photos.
//!
//! A file that cannot be indexed never stops a run. The [`Report`] names each one with its reason.
//!
//! What a file's stamp says is taken before the file is read. If it changes in between, the index holds the older stamp,
//! and the next run reads the file again.

mod budget;
mod clock;
mod contents;
mod decode;
mod encode;
mod error;
mod exclude;
mod indexer;
mod options;
mod pipeline;
mod plan;
mod progress;
mod report;
mod roots;
mod stamp;
mod walk;

/// What makes embeddings of photos.
pub use clip_encoder::{BoxedError, Encoder};
pub use error::{IndexerError, Remedy};
pub use exclude::SYSTEM_FOLDERS;
pub use indexer::Indexer;
pub use options::IndexOptions;
pub use progress::{Event, Outcome, Progress, Silent};
pub use report::{Report, SkipReason, Skipped, StageTimes, Unreachable};
pub use stamp::describe;
