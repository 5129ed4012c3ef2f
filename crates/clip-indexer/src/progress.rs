//! What a run tells while it goes on.

use std::path::Path;

use crate::report::Skipped;

/// Something that happened during a run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The walk goes on; so many files that look like photos were found so far.
    Walking {
        /// Files found so far.
        found: u64,
    },
    /// The walk is over and compared with the index.
    Planned {
        /// Photos that the index knows as they are.
        unchanged: u64,
        /// Files that will be read: the total that [`Event::Photo`] and [`Event::Skipped`] from here on add up to.
        to_read: u64,
    },
    /// One file was dealt with. Files come in the order of the walk.
    Photo {
        /// Where it lies.
        path: &'a Path,
        /// What became of it.
        outcome: Outcome,
    },
    /// One file could not be indexed. Files skipped by their kind are told of during the walk, before
    /// [`Event::Planned`], and do not count among its `to_read`.
    Skipped(&'a Skipped),
    /// All that was done so far is on disk and survives an interruption.
    Checkpoint {
        /// Photos added or changed by this run so far.
        indexed: u64,
    },
    /// Details of unchanged photos are being read again: an earlier version knew fewer of them, or sidecars have changed.
    Details {
        /// Photos read so far.
        done: u64,
        /// Photos to be read.
        total: u64,
    },
    /// Texts that photos are measured with are being embedded, so that scores can be corrected.
    Bank {
        /// Texts embedded so far.
        done: u64,
        /// Texts to be embedded.
        total: u64,
    },
    /// Photos that were indexed before are being measured with new texts, so that scores can be corrected.
    Hubness {
        /// Photos measured so far.
        done: u64,
        /// Photos to be measured.
        total: u64,
    },
    /// The search graph is being built.
    Graph {
        /// Photos in the graph so far.
        done: u64,
        /// Photos that it will hold.
        total: u64,
    },
    /// Everything can be searched, and text in photos is being read. Tells of each content once, however many photos have it.
    Text {
        /// Photos looked at so far.
        done: u64,
        /// Photos to be looked at.
        total: u64,
    },
}

/// What became of a file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// New or changed, and encoded.
    Encoded,
    /// New or changed, with the embedding of a photo that holds the same bytes.
    Copied,
    /// Known, and now elsewhere.
    Moved,
    /// Known, with another time of change.
    Touched,
    /// A video that is the moving half of a photo, and no photo or video of its own.
    PartOfPhoto,
    /// Not there any more when its turn came.
    Gone,
}
