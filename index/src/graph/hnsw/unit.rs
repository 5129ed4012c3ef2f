//! Rows of codes as unit vectors.

use clip_kernels::Isa;
use clip_kernels::similarity::{CodeQuery, prefetch};
use rayon::prelude::*;

use super::scores::CodeRows;

/// Rows of which each has the length 1: rounding to codes makes it a little longer or shorter.
///
/// That matters only while a graph is built. Among near-duplicates, the differences in length are greater than the
/// distances, and all of them would have the longest one as their neighbour, and no other.
#[derive(Debug)]
pub struct UnitRows<'a, R> {
    rows: &'a R,
    scales: Vec<f32>,
}

impl<'a, R: CodeRows> UnitRows<'a, R> {
    pub fn new(rows: &'a R) -> Self {
        let nodes = (0..rows.len() as u32).into_par_iter().with_min_len(1024);
        let scale = |query: &mut CodeQuery, node| {
            let (codes, _) = rows.codes(node);
            query.set_codes(codes, 1.0);
            let square = query.dot(codes);
            if square > 0 { 1.0 / (square as f32).sqrt() } else { 0.0 }
        };
        let scales = nodes.map_init(|| CodeQuery::from_codes(Isa::best(), &[], 0.0), scale).collect();
        UnitRows { rows, scales }
    }
}

impl<R: CodeRows> CodeRows for UnitRows<'_, R> {
    fn len(&self) -> usize {
        self.scales.len()
    }

    #[inline(always)]
    fn codes(&self, node: u32) -> (&[i8], f32) {
        (self.rows.codes(node).0, self.scales[node as usize])
    }

    #[inline(always)]
    fn prefetch(&self, node: u32) {
        self.rows.prefetch(node);
        prefetch(&self.scales[node as usize..=node as usize]);
    }
}
