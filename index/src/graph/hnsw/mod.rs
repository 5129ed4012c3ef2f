//! HNSW, hierarchical navigable small worlds (Malkov and Yashunin, 2016, <https://arxiv.org/abs/1603.09320>), over rows
//! of 8-bit codes that lie elsewhere.
//!
//! Nodes are numbered from 0 and have neighbours in the lowest layer; every thirtieth or so is in the layer above, too,
//! and so on. A search goes greedily down through the upper layers and then looks at the surroundings of where it
//! arrives. Similarity is the dot product of the codes.
//!
//! | module | |
//! | --- | --- |
//! | `layers` | links of nodes, in memory or in a mapped file |
//! | `levels` | which layers a node is in, and the order of insertion |
//! | `walk` | best-first search in one layer |
//! | `search` | searches through all layers |
//! | `neighbours` | which candidates become neighbours |
//! | `build` | insertion of nodes |
//! | `unit` | rows as they are compared for that |
//! | `connect` | makes every node reachable from every other one |
//!
//! Nothing here knows of files, ids or photos.

mod build;
mod connect;
mod layers;
mod levels;
mod neighbours;
mod search;
#[cfg(test)]
mod tests;
mod unit;
mod walk;

use clip_kernels::similarity::CodeQuery;

pub use build::{Builder, Parameters};
#[cfg(test)]
pub use layers::Slot;
pub use layers::{Layer, Layers, Links, NONE};
pub use levels::level;
pub use search::Searcher;
pub use walk::Found;

/// Rows of codes, one for each node.
pub trait CodeRows: Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// The codes of a row, all rows having the same number of them, and their scale; `node` is less than `len`.
    fn codes(&self, node: u32) -> (&[i8], f32);

    /// Asks for a row's memory before it is needed.
    fn prefetch(&self, node: u32);
}

/// Rows that can be compared with a query. All rows of codes can; others are rows that are read one by one.
pub trait Scores {
    /// How many there are.
    fn count(&self) -> usize;

    /// The dot product of a row's codes with those of the query, times the row's scale; `node` is less than `count`.
    fn score(&self, node: u32, query: &CodeQuery) -> f32;

    /// Asks for a row's memory before it is needed.
    fn ask_for(&self, node: u32);
}

impl<R: CodeRows> Scores for R {
    fn count(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn score(&self, node: u32, query: &CodeQuery) -> f32 {
        let (codes, scale) = self.codes(node);
        scale * query.dot(codes) as f32
    }

    #[inline(always)]
    fn ask_for(&self, node: u32) {
        self.prefetch(node);
    }
}

/// Nodes that a graph can have.
pub const MAX_NODES: usize = 1 << 31;
