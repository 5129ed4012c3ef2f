//! The distance between nodes, or between a query and a node.

use std::sync::Arc;

use hnsw_rs::anndists::dist::distances::Distance;

use super::Rows;
use clip_kernels::Isa;

use crate::segment::{RowRef, Segment};
use crate::snapshot::{Place, Snapshot};

/// One minus the dot product, at least 0.
///
/// hnsw_rs copies what it is given for every node. So it is given a node's number, one `u32`, and this type finds the
/// row in the mapped vector file. A query is passed as the bits of its numbers with a marker before them, which makes
/// it at least two long: that tells it from a node.
///
/// The distance that hnsw_rs has for dot products asserts that rounding never makes it negative, which for unit
/// vectors it does; hence the clamp. It also turns a NaN of a damaged row into 0 instead of a panic.
#[derive(Clone)]
pub(crate) struct RowDistance {
    segments: Arc<Vec<Arc<Segment>>>,
    places: Rows,
}

impl RowDistance {
    /// `places[n]` is the row of node `n`.
    pub(crate) fn new(snapshot: &Snapshot, places: Vec<Place>) -> RowDistance {
        RowDistance { segments: Arc::new(snapshot.segments().to_vec()), places: Arc::new(places) }
    }

    fn row(&self, node: u32) -> RowRef<'_> {
        let place = self.places[node as usize];
        self.segments[place.segment as usize].row(place.row as usize)
    }
}

impl Distance<u32> for RowDistance {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let isa = Isa::best();
        let similarity = match (a, b) {
            (&[a], &[b]) => self.row(b).dot(isa, &self.row(a).to_vec()),
            (&[node], [_, query @ ..]) | ([_, query @ ..], &[node]) => self.row(node).dot(isa, as_floats(query)),
            // Two queries are never compared.
            _ => 0.0,
        };
        (1.0 - similarity).max(0.0)
    }
}

/// The form in which hnsw_rs passes a query on to [`RowDistance`].
pub(crate) fn encode_query(query: &[f32]) -> Vec<u32> {
    let marker = std::iter::once(0);
    marker.chain(query.iter().map(|number| number.to_bits())).collect()
}

fn as_floats(bits: &[u32]) -> &[f32] {
    // The same bytes, which is what `to_bits` made them of.
    crate::cast::from_bytes(crate::cast::to_bytes(bits)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_survive_the_passage() {
        let query = [1.0, -0.0, f32::MIN_POSITIVE, 3.5e-39, f32::MAX];
        assert_eq!(as_floats(&encode_query(&query)[1..]), query);
    }
}
