//! Rows that a graph is built over, and how they compare with a query.

use clip_kernels::similarity::CodeQuery;

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
