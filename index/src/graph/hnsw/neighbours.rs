//! Which candidates become neighbours of a node.

use clip_kernels::similarity::CodeQuery;

use super::scores::CodeRows;

/// A node that may become a neighbour.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Its position in the layer.
    pub position: u32,
    pub node: u32,
    /// How similar it is to the node whose neighbours are sought.
    pub similarity: f32,
}

/// Vectors whose similarity is at least this are taken for equal. That of equal ones is off by rounding only.
const EQUAL: f32 = 0.999_999;

/// Keeps at most `limit` of the candidates, which come best first: those that are not nearer to one that was kept than
/// to the node itself (the heuristic of Malkov and Yashunin, algorithm 4), distances to the node counting `alpha` times
/// less.
///
/// A candidate that is as near to a kept one is left out too. Otherwise a node with thousands of equal ones would have
/// no other neighbours. But one that is equal to the node itself says nothing about the candidates beyond it: of two
/// equal nodes, each would leave these to the other.
pub fn diversify<R: CodeRows>(
    rows: &R,
    candidates: &[Candidate],
    limit: usize,
    alpha: f32,
    query: &mut CodeQuery,
    kept: &mut Vec<Candidate>,
) {
    kept.clear();
    for candidate in candidates {
        if kept.len() == limit {
            break;
        }
        let (codes, scale) = rows.codes(candidate.node);
        // Only the first one needs no comparison.
        if !kept.is_empty() {
            query.set_codes(codes, scale);
        }
        // With distances of 1 - similarity.
        let bound = 1.0 - (1.0 - candidate.similarity) / alpha;
        let is_equal = candidate.similarity >= EQUAL;
        let is_covered = kept.iter().any(|other| {
            let (codes, other_scale) = rows.codes(other.node);
            let similarity = scale * other_scale * query.dot(codes) as f32;
            if other.similarity >= EQUAL && !is_equal { similarity > bound } else { similarity >= bound }
        });
        if !is_covered {
            kept.push(*candidate);
        }
    }
}
