//! Multi-head attention (Vaswani et al. 2017) on rows in which the heads are next to each other.
//!
//! A head's keys and values are packed once, then a few queries at a time see all keys: their scores never leave the
//! first-level cache, and nothing else is transposed or copied.

use std::cell::Cell;

use crate::Isa;
use crate::epilogue::LANES;
use crate::f32_tile::{self, Accumulators, MAX_ROWS, NARROW_PANEL, Operands};
use crate::isa::multiversion;
use crate::math::{self, MultiplyAdd};
use crate::output::OutputMatrix;
use crate::shape::volume;
use crate::threads;

/// Vectors that are parts of the rows of a wider matrix.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The matrix, from its first row on.
    pub values: &'a [f32],
    /// Values between the starts of two rows.
    pub stride: usize,
    /// Where in a row the vector begins.
    pub start: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> Rows<'a> {
    /// Panics if the values end before the last row's vector does.
    fn check(&self, width: usize) {
        let Some(last) = self.count.checked_sub(1) else { return };
        let end = volume([last, self.stride]).checked_add(self.start).and_then(|start| start.checked_add(width));
        assert!(end.is_some_and(|end| end <= self.values.len()), "each row has a vector of the width");
    }

    /// `width` values of a row, after the first `from` of its vector.
    fn part(&self, row: usize, from: usize, width: usize) -> &'a [f32] {
        &self.values[row * self.stride + self.start + from..][..width]
    }
}

/// One sequence's attention.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// The queries.
    pub queries: Rows<'a>,
    /// The keys.
    pub keys: Rows<'a>,
    /// The values, a row for each key.
    pub values: Rows<'a>,
    /// Width of the vectors, all heads together.
    pub width: usize,
    /// Number of heads; divides `width`.
    pub heads: usize,
    /// Whether a query sees only keys of its own position and those before it.
    pub causal: bool,
    /// The instructions to use.
    pub isa: Isa,
}

impl<'a> Attention<'a> {
    /// A sequence's attention to itself, from joint rows of queries, keys and values, `[tokens, 3 * width]`.
    /// If the last rows are padding, set the counts of keys and values.
    pub fn of_joint(joint: &'a [f32], width: usize, heads: usize, isa: Isa) -> Self {
        let rows = |part: usize| Rows {
            values: joint,
            stride: 3 * width,
            start: part * width,
            count: joint.len() / (3 * width),
        };
        Self { queries: rows(0), keys: rows(1), values: rows(2), width, heads, causal: false, isa }
    }

    /// Attended values `[queries, width]`; up to this many threads of rayon's pool share the heads.
    ///
    /// # Panics
    /// If the lengths do not fit, or there is no key.
    pub fn apply_on(&self, threads: usize, out: &mut [f32]) {
        assert!(self.heads > 0 && self.width.is_multiple_of(self.heads), "heads divide the width");
        assert_eq!(out.len(), volume([self.queries.count, self.width]), "out is [queries, width]");
        assert!(self.keys.count > 0, "there is a key");
        self.queries.check(self.width);
        self.keys.check(self.width);
        Rows { count: self.keys.count, ..self.values }.check(self.width);
        let out = OutputMatrix::new(out, self.width);
        threads::share(threads, self.heads, |heads| self.some_heads(heads, out));
    }

    /// Computes some heads, which no other thread may compute at the same time.
    fn some_heads(&self, heads: std::ops::Range<usize>, out: OutputMatrix<'_>) {
        let mut scratch = SCRATCH.take();
        for head in heads {
            self.head(head, &mut scratch, out);
        }
        SCRATCH.set(scratch);
    }

    fn head(&self, head: usize, scratch: &mut Scratch, out: OutputMatrix<'_>) {
        let isa = self.isa;
        let width = self.width / self.heads;
        let from = head * width;
        let scale = (width as f32).sqrt().recip();
        let (panel, keys) = (f32_tile::panel_width(isa), self.keys.count);
        scratch.pack_keys(self.keys, from, width, panel);
        scratch.pack_values(self.values, keys, from, width, panel);
        let padded = keys.next_multiple_of(panel);
        // Rows a power of two apart would compete for the same few cache lines.
        let stride = padded + if padded.is_multiple_of(256) { LANES } else { 0 };
        let height = f32_tile::max_rows(isa);
        scratch.scores.resize(height * stride, 0.0);
        let mut sums = Accumulators::new();
        for first in (0..self.queries.count).step_by(height) {
            let rows = height.min(self.queries.count - first);
            // None of these queries sees more keys than the last of them.
            let seen = if self.causal { keys.min(first + rows) } else { keys };
            for (index, keys) in scratch.keys.chunks_exact(panel * width).take(seen.div_ceil(panel)).enumerate() {
                let left = &self.queries.values[first * self.queries.stride + self.queries.start + from..];
                let tile = Operands::of_rows(left, Some(self.queries.stride), keys, width);
                f32_tile::multiply(isa, rows, panel, tile, &mut sums);
                for (row, sums) in sums.0.chunks_exact(panel).take(rows).enumerate() {
                    scratch.scores[row * stride + index * panel..][..panel].copy_from_slice(sums);
                }
            }
            let mut shares = [0.0; MAX_ROWS];
            let visible = |row: usize| if self.causal { keys.min(first + row + 1) } else { keys };
            for (row, (scores, share)) in
                scratch.scores.chunks_exact_mut(stride).zip(&mut shares).take(rows).enumerate()
            {
                softmax(isa, scores, visible(row), seen, scale, share);
            }
            let mut at = 0;
            for start in (0..width).step_by(panel) {
                let columns = if width - start > NARROW_PANEL { panel } else { NARROW_PANEL };
                let values = &scratch.values[at..at + keys * columns];
                at += values.len();
                let tile = Operands::of_rows(&scratch.scores, Some(stride), values, seen);
                f32_tile::multiply(isa, rows, columns, tile, &mut sums);
                let count = columns.min(width - start);
                for (row, (sums, share)) in sums.0.chunks_exact(columns).zip(shares).take(rows).enumerate() {
                    // SAFETY: `apply_on` gives every head to one thread, and heads share no columns.
                    let out = unsafe { out.part(first + row, from + start, count) };
                    for (out, sum) in out.iter_mut().zip(sums) {
                        *out = sum * share;
                    }
                }
            }
        }
    }
}

thread_local! {
    /// Taken while in use, since a thread that waits for others may start more of this.
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { keys: Vec::new(), values: Vec::new(), scores: Vec::new() }) };
}

/// A head's packed keys and values, and the scores of a few queries.
#[derive(Default)]
struct Scratch {
    /// Panels of keys, `[width, panel]` each, padded with zeros.
    keys: Vec<f32>,
    /// Panels of the values' columns, `[keys, panel]` each.
    values: Vec<f32>,
    scores: Vec<f32>,
}

impl Scratch {
    fn pack_keys(&mut self, keys: Rows<'_>, from: usize, width: usize, panel: usize) {
        self.keys.clear();
        self.keys.resize(keys.count.next_multiple_of(panel) * width, 0.0);
        for (index, packed) in self.keys.chunks_exact_mut(panel * width).enumerate() {
            let first = index * panel;
            for column in 0..panel.min(keys.count - first) {
                let key = keys.part(first + column, from, width);
                for (packed, value) in packed.chunks_exact_mut(panel).zip(key) {
                    packed[column] = *value;
                }
            }
        }
    }

    fn pack_values(&mut self, values: Rows<'_>, keys: usize, from: usize, width: usize, panel: usize) {
        self.values.clear();
        for start in (0..width).step_by(panel) {
            let columns = if width - start > NARROW_PANEL { panel } else { NARROW_PANEL };
            let count = columns.min(width - start);
            for row in 0..keys {
                self.values.extend_from_slice(values.part(row, from + start, count));
                self.values.resize(self.values.len() + columns - count, 0.0);
            }
        }
    }
}

/// Exponentials of the first `visible` scores times `scale`, less their maximum; zeros from there to `seen`. `share` is
/// set to the reciprocal of their sum.
fn softmax(isa: Isa, scores: &mut [f32], visible: usize, seen: usize, scale: f32, share: &mut f32) {
    multiversion!(
        isa,
        softmax_in(scores: &mut [f32], visible: usize, seen: usize, scale: f32, share: &mut f32)
    );
}

#[inline(always)]
fn softmax_in<M: MultiplyAdd>(scores: &mut [f32], visible: usize, seen: usize, scale: f32, share: &mut f32) {
    // Whole vectors: the padding of the last one is too small to count.
    let whole = visible.next_multiple_of(LANES);
    scores[visible..whole].fill(f32::MIN);
    let mut max = [f32::MIN; LANES];
    for scores in scores[..whole].chunks_exact(LANES) {
        for (max, score) in max.iter_mut().zip(scores) {
            *max = math::at_least(*score, *max);
        }
    }
    let max = max.into_iter().fold(f32::MIN, f32::max) * scale;
    let mut sums = [0.0; LANES];
    for scores in scores[..whole].chunks_exact_mut(LANES) {
        for (sum, score) in sums.iter_mut().zip(scores) {
            *score = math::exp::<M>(M::mul_add(*score, scale, -max));
            *sum += *score;
        }
    }
    if visible < seen {
        scores[visible..seen].fill(0.0);
    }
    *share = sums.iter().sum::<f32>().recip();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use proptest::prelude::*;

    /// In double precision, by the formula.
    fn naive(attention: &Attention<'_>) -> Vec<f64> {
        let width = attention.width / attention.heads;
        let mut out = Vec::new();
        for query in 0..attention.queries.count {
            for head in 0..attention.heads {
                let vector = |rows: &Rows<'_>, row| {
                    rows.part(row, head * width, width).iter().map(|x| f64::from(*x)).collect::<Vec<_>>()
                };
                let asked = vector(&attention.queries, query);
                let keys = if attention.causal { attention.keys.count.min(query + 1) } else { attention.keys.count };
                let scores: Vec<f64> = (0..keys)
                    .map(|key| asked.iter().zip(vector(&attention.keys, key)).map(|(a, b)| a * b).sum::<f64>())
                    .map(|score| (score / (width as f64).sqrt()).exp())
                    .collect();
                let total: f64 = scores.iter().sum();
                for column in 0..width {
                    let value = |key| vector(&attention.values, key)[column];
                    out.push(scores.iter().enumerate().map(|(key, score)| score / total * value(key)).sum());
                }
            }
        }
        out
    }

    fn check(attention: Attention<'_>) {
        let exact = naive(&attention);
        for isa in Isa::available() {
            for threads in [1, 2] {
                let mut out = vec![f32::NAN; exact.len()];
                Attention { isa, ..attention }.apply_on(threads, &mut out);
                for (out, exact) in out.iter().zip(&exact) {
                    assert!((f64::from(*out) - exact).abs() < 2e-5, "{isa:?}: {out}, not {exact}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_sequence_attends_to_itself(tokens in 1usize..70, heads in 1usize..4, width in 1usize..90, causal: bool, seed: u64) {
            let joint = noise(seed, tokens * 3 * heads * width);
            check(Attention { causal, ..Attention::of_joint(&joint, heads * width, heads, Isa::best()) });
        }

        #[test]
        fn a_few_queries_attend_to_others(queries in 1usize..20, keys in 1usize..60, heads in 1usize..4, seed: u64) {
            let width = heads * 20;
            let (asking, asked) = (noise(seed, queries * width), noise(seed ^ 1, keys * 2 * width));
            let rows = |start| Rows { values: &asked, stride: 2 * width, start, count: keys };
            let queries = Rows { values: &asking, stride: width, start: 0, count: queries };
            let (keys, values) = (rows(0), rows(width));
            check(Attention { queries, keys, values, width, heads, causal: false, isa: Isa::best() });
        }
    }

    #[test]
    fn long_sequences_and_large_scores() {
        let joint = noise(1, 577 * 3 * 128);
        check(Attention::of_joint(&joint, 128, 2, Isa::best()));
        // Differences far beyond what an exponential takes.
        let joint: Vec<f32> = noise(2, 256 * 3 * 64).iter().map(|x| x * 6.0).collect();
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; 256 * 64];
            Attention::of_joint(&joint, 64, 1, isa).apply_on(1, &mut out);
            let exact = naive(&Attention::of_joint(&joint, 64, 1, isa));
            assert!(out.iter().zip(&exact).all(|(out, exact)| (f64::from(*out) - exact).abs() < 1e-3));
        }
    }

    #[test]
    fn rows_that_are_no_keys_do_not_matter() {
        let mut joint = noise(3, 9 * 3 * 32);
        let attend = |joint: &[f32]| {
            let mut attention = Attention::of_joint(joint, 32, 2, Isa::best());
            attention.keys.count = 6;
            attention.values.count = 6;
            let mut out = vec![0.0; 9 * 32];
            attention.apply_on(1, &mut out);
            out
        };
        let before = attend(&joint);
        joint[6 * 96 + 32..7 * 96].fill(9.0);
        assert_eq!(attend(&joint), before);
        joint[5 * 96 + 32..6 * 96].fill(9.0);
        assert_ne!(attend(&joint), before);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let values = noise(4, 12);
        let rows = Rows { values: &values, stride: 4, start: 0, count: 3 };
        let attention =
            Attention { queries: rows, keys: rows, values: rows, width: 4, heads: 2, causal: false, isa: Isa::best() };
        attention.apply_on(1, &mut [0.0; 12]);
        for wrong in [
            Rows { count: 4, ..rows },
            Rows { start: 1, ..rows },
            Rows { start: usize::MAX - 8, ..rows },
            Rows { stride: usize::MAX / 2 + 1, ..rows },
            Rows { values: &values[..11], ..rows },
        ] {
            for (queries, keys, values) in [(wrong, rows, rows), (rows, wrong, rows), (rows, rows, wrong)] {
                let fits =
                    values.count > keys.count && values.values.len() == 12 && values.stride == 4 && values.start == 0;
                let mut out = vec![0.0; queries.count * 4];
                let attention = Attention { queries, keys, values, ..attention };
                let result = std::panic::catch_unwind(move || attention.apply_on(1, &mut out));
                // Rows of values beyond the last key are not looked at.
                assert_eq!(result.is_ok(), fits, "{attention:?}");
            }
        }
        assert!(std::panic::catch_unwind(|| Attention { heads: 0, ..attention }.apply_on(1, &mut [0.0; 12])).is_err());
    }
}
