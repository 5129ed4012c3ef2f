//! Changes in folders, gathered until they are complete.
//!
//! [`Watcher`] tells which files and folders have changed, in [`Batch`]es: a copied card or an unpacked archive is one batch and
//! not a thousand. A file is in a batch once it has stopped growing. What to do about a batch is the caller's business; this
//! crate knows nothing of photos or indexes.
//!
//! The rules are in [`Batcher`], which has neither a clock nor a disk of its own.
//!
//! On Linux, each folder is watched by itself (inotify), and only those that the caller names: what is not indexed is not
//! watched. Elsewhere the system watches whole trees.

mod batcher;
mod disk;
mod events;
mod network;
mod roots;
mod watcher;

pub use batcher::{Batch, Batcher, Disk, Happening, Look, Timing};
pub use disk::RealDisk;
pub use network::is_on_network;
pub use watcher::{Coverage, Interest, WatchError, Watcher};
