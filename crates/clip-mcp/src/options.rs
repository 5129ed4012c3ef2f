//! What a server works with.

use std::sync::Arc;

use clip_search::{Decoder, Library};

/// What a server works with.
#[derive(Debug)]
pub struct Options {
    /// The library that is searched. It takes up what other processes commit.
    pub library: Arc<Library>,
    /// How photos are decoded.
    pub decoder: Decoder,
    /// Whether it may be told where photos were taken.
    pub places: bool,
}
