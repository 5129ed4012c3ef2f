//! How well texts find their photos and photos their texts: recall at 1, 5 and 10, and the median rank.
//!
//! As usual for captioned sets (Karpathy & Fei-Fei 2015; open_clip's and CLIP benchmark's evaluation): a caption
//! counts at k if its photo is among the first k photos; a photo counts at k if any of its captions is among the
//! first k captions. Ties count against the query: a model that maps everything to one point finds nothing.

use rayon::prelude::*;
use serde::Serialize;

use crate::error::ClassifyError;

/// Rows of captions that are compared with all photos at a time.
const BLOCK: usize = 32;

/// Figures of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recall {
    /// Queries whose best right answer comes first, in percent.
    pub r1: f64,
    /// The same among the first five.
    pub r5: f64,
    /// The same among the first ten.
    pub r10: f64,
    /// Median over the queries of the rank of the best right answer, from 1; the mean of the middle two where their
    /// number is even.
    pub median_rank: f64,
}

/// Figures of both directions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Retrieval {
    /// Number of photos.
    pub images: usize,
    /// Number of captions.
    pub captions: usize,
    /// Captions looking for their photo.
    pub text_to_image: Recall,
    /// Photos looking for one of their captions; photos without a caption are no queries.
    pub image_to_text: Recall,
}

/// Ranks every caption's photo among all photos and every photo's captions among all captions by dot product.
///
/// `images` is `[n, dimension]`, `captions` `[m, dimension]`, row by row; `image_of_caption` gives the photo of each
/// caption by its row.
///
/// # Errors
/// [`ClassifyError::Empty`] if there is nothing to rank, [`ClassifyError::Length`], [`ClassifyError::Captions`] or
/// [`ClassifyError::Index`] if the lengths do not fit together.
pub fn evaluate(
    images: &[f32],
    captions: &[f32],
    dimension: usize,
    image_of_caption: &[usize],
) -> Result<Retrieval, ClassifyError> {
    let (n, m) = (rows(images, dimension, "photos")?, rows(captions, dimension, "captions")?);
    if image_of_caption.len() != m {
        return Err(ClassifyError::Captions { captions: m, photos: image_of_caption.len() });
    }
    if let Some(image) = image_of_caption.iter().find(|image| **image >= n) {
        return Err(ClassifyError::Index { what: "photo", index: *image, count: n });
    }

    // The score of each caption with its own photo, and of each photo with the best of its captions.
    let own: Vec<f32> = captions
        .chunks_exact(dimension)
        .zip(image_of_caption)
        .map(|(caption, &image)| dot(caption, row(images, image, dimension)))
        .collect();
    let mut best_own: Vec<Option<f32>> = vec![None; n];
    for (&score, &image) in own.iter().zip(image_of_caption) {
        let best = best_own[image].get_or_insert(score);
        // A NaN stays, and then counts against the photo.
        *best = if score.is_nan() { score } else { best.max(score) };
    }

    let scan = |(block, captions): (usize, &[f32])| {
        let mut ahead_of_image = vec![0usize; n];
        let mut ranks = Vec::with_capacity(BLOCK);
        let mut scores = Vec::new();
        score_block(captions, images, dimension, &mut scores);
        for (offset, scores) in scores.chunks_exact(n).enumerate() {
            let caption = block * BLOCK + offset;
            let (image, own) = (image_of_caption[caption], own[caption]);
            // `!(a < b)` rather than `a >= b`: ties and NaN both count against the query.
            let ahead = scores.iter().enumerate().filter(|&(other, &score)| other != image && !below(score, own));
            ranks.push(1 + ahead.count());
            for (other, (&score, best)) in scores.iter().zip(&best_own).enumerate() {
                let wrong = other != image && best.is_some_and(|best| !below(score, best));
                ahead_of_image[other] += usize::from(wrong);
            }
        }
        (ranks, ahead_of_image)
    };
    let (text_ranks, ahead_of_image) = captions
        .par_chunks(BLOCK * dimension)
        .enumerate()
        .map(scan)
        .reduce_with(|(mut ranks, mut ahead), (more_ranks, more_ahead)| {
            // Ranks are only ever counted, so their order is free.
            ranks.extend(more_ranks);
            ahead.iter_mut().zip(more_ahead).for_each(|(sum, more)| *sum += more);
            (ranks, ahead)
        })
        .unwrap_or_default();
    let image_ranks =
        best_own.iter().zip(ahead_of_image).filter(|(best, _)| best.is_some()).map(|(_, ahead)| 1 + ahead).collect();
    Ok(Retrieval { images: n, captions: m, text_to_image: recall(text_ranks), image_to_text: recall(image_ranks) })
}

fn below(score: f32, own: f32) -> bool {
    score < own
}

fn rows(values: &[f32], dimension: usize, what: &'static str) -> Result<usize, ClassifyError> {
    if values.is_empty() {
        return Err(ClassifyError::Empty { what });
    }
    match values.len().checked_rem(dimension) {
        Some(0) => Ok(values.len() / dimension),
        _ => Err(ClassifyError::Length { what, found: values.len(), vectors: None, dimension }),
    }
}

fn row(values: &[f32], index: usize, dimension: usize) -> &[f32] {
    &values[index * dimension..][..dimension]
}

fn recall(mut ranks: Vec<usize>) -> Recall {
    ranks.sort_unstable();
    let total = ranks.len().max(1) as f64;
    let within = |k: usize| 100.0 * ranks.partition_point(|&rank| rank <= k) as f64 / total;
    let middle = |index: usize| ranks.get(index).copied().unwrap_or(0) as f64;
    let median_rank = (middle(ranks.len().saturating_sub(1) / 2) + middle(ranks.len() / 2)) / 2.0;
    Recall { r1: within(1), r5: within(5), r10: within(10), median_rank }
}

/// Sums in four lanes: with a tile of eight pairs the sums stay in registers. All scores come from this order of
/// additions, so that equal rows tie exactly.
const LANES: usize = 4;

/// Rows of captions and of photos that share a pass over memory.
const TILE: (usize, usize) = (4, 2);

/// Scores of all `captions` with all `images`, a row of scores for each caption.
fn score_block(captions: &[f32], images: &[f32], dimension: usize, scores: &mut Vec<f32>) {
    let (n, m) = (images.len() / dimension, captions.len() / dimension);
    scores.clear();
    scores.resize(n * m, 0.0);
    let whole = (m - m % TILE.0, n - n % TILE.1);
    // Photos outside: a few photos meet the whole (small) block of captions while they are in the cache.
    for i in (0..whole.1).step_by(TILE.1) {
        let right: [&[f32]; TILE.1] = std::array::from_fn(|b| row(images, i + b, dimension));
        for c in (0..whole.0).step_by(TILE.0) {
            let left: [&[f32]; TILE.0] = std::array::from_fn(|a| row(captions, c + a, dimension));
            for (a, line) in dots(left, right).iter().enumerate() {
                scores[(c + a) * n + i..][..TILE.1].copy_from_slice(line);
            }
        }
    }
    for c in 0..m {
        let rest = if c < whole.0 { whole.1..n } else { 0..n };
        for i in rest {
            scores[c * n + i] = dot(row(captions, c, dimension), row(images, i, dimension));
        }
    }
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let [[score]] = dots([left], [right]);
    score
}

/// Dot products of every row on the left with every row on the right.
fn dots<const A: usize, const B: usize>(left: [&[f32]; A], right: [&[f32]; B]) -> [[f32; B]; A] {
    let length = left.iter().chain(&right).map(|row| row.len()).min().unwrap_or(0);
    let (left, right) = (left.map(|row| &row[..length]), right.map(|row| &row[..length]));
    let mut sums = [[[0.0f32; LANES]; B]; A];
    let whole = length - length % LANES;
    for start in (0..whole).step_by(LANES) {
        for a in 0..A {
            for b in 0..B {
                let (x, y) = (&left[a][start..start + LANES], &right[b][start..start + LANES]);
                for lane in 0..LANES {
                    sums[a][b][lane] += x[lane] * y[lane];
                }
            }
        }
    }
    let mut scores = [[0.0; B]; A];
    for a in 0..A {
        for b in 0..B {
            let tail: f32 = left[a][whole..].iter().zip(&right[b][whole..]).map(|(x, y)| x * y).sum();
            scores[a][b] = sums[a][b].iter().sum::<f32>() + tail;
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_by_hand() {
        // Photos along the axes; captions 0 and 1 belong to photo 0, caption 2 to photo 1, none to photo 2.
        let images = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let captions = [0.1, 0.9, 0.2, 0.8, 0.0, 0.0, 0.9, 0.5, 0.1];
        let found = evaluate(&images, &captions, 3, &[0, 0, 1]).unwrap();
        // Text to image: ranks 3, 1 (its zeros lie below), 2.
        let third = 100.0 / 3.0;
        let expected = Recall { r1: third, r5: 100.0, r10: 100.0, median_rank: 2.0 };
        assert_eq!(found.text_to_image, expected);
        // Image to text: photo 0's best is 0.8 but caption 2 has 0.9: rank 2. Photo 1's is 0.5, caption 0 has 0.9.
        let expected = Recall { r1: 0.0, r5: 100.0, r10: 100.0, median_rank: 2.0 };
        assert_eq!(found.image_to_text, expected);
        assert_eq!((found.images, found.captions), (3, 3));
    }

    #[test]
    fn ties_and_nan_count_against_the_query() {
        let same = vec![0.5; 20 * 4];
        let owners: Vec<usize> = (0..20).collect();
        let found = evaluate(&same, &same, 4, &owners).unwrap();
        assert_eq!((found.text_to_image.r10, found.text_to_image.median_rank), (0.0, 20.0));
        assert_eq!((found.image_to_text.r10, found.image_to_text.median_rank), (0.0, 20.0));
        let nan = vec![f32::NAN; 20 * 4];
        let found = evaluate(&nan, &same, 4, &owners).unwrap();
        assert_eq!((found.text_to_image.r10, found.image_to_text.r10), (0.0, 0.0));
    }

    #[test]
    fn an_even_number_has_a_median_between_two() {
        assert_eq!(recall(vec![1, 10, 2, 11]).median_rank, 6.0);
        assert_eq!(recall(vec![1, 10, 2, 11]).r10, 75.0);
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for (images, captions, dimension, owners) in [
            (vec![], vec![1.0], 1, vec![0]),
            (vec![1.0], vec![], 1, vec![]),
            (vec![1.0; 3], vec![1.0; 2], 2, vec![0]),
            (vec![1.0; 2], vec![1.0; 2], 0, vec![0]),
            (vec![1.0; 2], vec![1.0; 2], 1, vec![0]),
            (vec![1.0; 2], vec![1.0; 2], 1, vec![0, 2]),
        ] {
            assert!(evaluate(&images, &captions, dimension, &owners).is_err());
        }
    }

    proptest! {
        /// Against the definition, with small integers so that ties are common and sums exact.
        #[test]
        fn agrees_with_the_definition(
            values in prop::collection::vec(-2i8..3, 240), n in 1usize..20, m in 1usize..60, dimension in 1usize..5,
        ) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let images: Vec<f32> = values.iter().copied().cycle().take(n * dimension).collect();
            let captions: Vec<f32> = values.iter().rev().copied().cycle().take(m * dimension).collect();
            let owners: Vec<usize> = (0..m).map(|caption| caption * 7 % n).collect();
            let score = |c: usize, i: usize| -> f32 {
                (0..dimension).map(|d| captions[c * dimension + d] * images[i * dimension + d]).sum()
            };
            let text_ranks = (0..m).map(|c| {
                1 + (0..n).filter(|&i| i != owners[c] && score(c, i) >= score(c, owners[c])).count()
            });
            let image_ranks = (0..n).filter_map(|i| {
                let best = (0..m).filter(|&c| owners[c] == i).map(|c| score(c, i)).reduce(f32::max)?;
                Some(1 + (0..m).filter(|&c| owners[c] != i && score(c, i) >= best).count())
            });
            let found = evaluate(&images, &captions, dimension, &owners).unwrap();
            prop_assert_eq!(found.text_to_image, recall(text_ranks.collect()));
            prop_assert_eq!(found.image_to_text, recall(image_ranks.collect()));
        }
    }
}
