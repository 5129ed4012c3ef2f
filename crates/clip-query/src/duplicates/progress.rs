//! How far the search for duplicates has come.

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DuplicateStep {
    /// Reading records.
    Reading,
    /// Looking for photos like those whose hash is not in the index.
    Neighbours,
    /// Decoding photos whose hash is not in the index.
    Decoding,
    /// Comparing pictures.
    Comparing,
}

/// How far the search for duplicates is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateProgress {
    /// What is being done.
    pub step: DuplicateStep,
    /// How many photos are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}
