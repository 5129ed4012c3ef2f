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
//! | `scores` | rows, and how they compare with a query |
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
mod scores;
mod search;
#[cfg(test)]
mod tests;
mod unit;
mod walk;

pub use build::{Builder, Parameters};
#[cfg(test)]
pub use layers::Slot;
pub use layers::{Layer, Layers, Links, NONE};
pub use levels::level;
pub use scores::{CodeRows, MAX_NODES, Scores};
pub use search::Searcher;
pub use walk::Found;
