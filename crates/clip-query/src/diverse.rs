//! Results that are not all alike, if that is wanted: by maximal marginal relevance (Carbonell and Goldstein 1998).
//!
//! One result after the other is chosen: the one whose score is highest once something is taken away for how much it is like
//! the most similar of those chosen before. Both are counted in units that mean the same for every model, query and library: scores in
//! standard deviations of the query's similarities, likeness by [how far](Scale) two photos are alike.

use crate::likeness::Scale;

/// Only so many of the best are put in another order, so that a page is the same however many results are wanted, and the cost has a
/// bound.
pub(crate) const REORDERED: usize = 100;
/// What a result loses that shows the same as an earlier one, in standard deviations of the query's similarities.
/// `benches/compare/diverse.py` compares others.
const SHARE: f32 = 0.8;

/// A result that may come earlier or later.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// What results are ranked by, in standard deviations of the query's similarities.
    pub score: f32,
    /// Of unit length; `None` where it is not known, and the result is like no other.
    pub embedding: Option<Vec<f32>>,
    /// Whether it is one that was meant. The others stay behind those.
    pub is_wanted: bool,
}

/// The order in which candidates, the best first, are results: their places among the candidates.
pub(crate) fn order(candidates: &[Candidate], scale: Scale) -> Vec<usize> {
    let mut likeness = vec![0.0_f32; candidates.len()];
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    let mut chosen = Vec::with_capacity(candidates.len());
    let value = |at: usize, likeness: &[f32]| candidates[at].score - SHARE * likeness[at];
    while !left.is_empty() {
        // Where two are equal, the one that was better comes first.
        let compare = |&a: &usize, &b: &usize| {
            let by_value = value(a, &likeness).total_cmp(&value(b, &likeness));
            candidates[a].is_wanted.cmp(&candidates[b].is_wanted).then(by_value).then(b.cmp(&a))
        };
        let best = (0..left.len()).max_by(|&a, &b| compare(&left[a], &left[b])).unwrap_or(0);
        let next = left.remove(best);
        for &at in &left {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let far = match (&candidates[next].embedding, &candidates[at].embedding) {
                (Some(a), Some(b)) => scale.far(dot(a, b)),
                _ => 0.0,
            };
            // `max` takes the other number where one is none, as where all photos of a library are the same.
            likeness[at] = likeness[at].max(far.min(1.0));
        }
        chosen.push(next);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(score: f32, embedding: [f32; 2], is_wanted: bool) -> Candidate {
        let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
        Candidate { score, embedding: Some(embedding.iter().map(|x| x / length).collect()), is_wanted }
    }

    fn places(candidates: &[Candidate]) -> Vec<usize> {
        order(candidates, Scale::of(None))
    }

    #[test]
    fn what_shows_the_same_comes_later_unless_it_is_much_better() {
        let same = candidate(2.9, [1.0, 0.0], true);
        let other = candidate(2.5, [0.0, 1.0], true);
        assert_eq!(places(&[candidate(3.0, [1.0, 0.0], true), same.clone(), other.clone()]), [0, 2, 1]);
        let worse = Candidate { score: 2.0, ..other };
        assert_eq!(places(&[candidate(3.0, [1.0, 0.0], true), same, worse]), [0, 1, 2]);
    }

    #[test]
    fn what_is_no_match_stays_behind_what_is() {
        let candidates = [
            candidate(3.0, [1.0, 0.0], true),
            candidate(2.9, [1.0, 0.0], true),
            candidate(2.8, [0.0, 1.0], false),
            candidate(2.7, [0.0, 1.0], false),
        ];
        assert_eq!(places(&candidates), [0, 1, 2, 3]);
    }

    #[test]
    fn what_is_not_known_is_like_nothing() {
        let unknown = Candidate { score: 2.5, embedding: None, is_wanted: true };
        let same = candidate(2.9, [1.0, 0.0], true);
        assert_eq!(places(&[candidate(3.0, [1.0, 0.0], true), same, unknown]), [0, 2, 1]);
        assert!(places(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_best_is_the_first(
            mut scores in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO, 1..30),
            angle in 0.0f32..7.0,
        ) {
            scores.sort_by(|a, b| b.total_cmp(a));
            let candidates: Vec<Candidate> = scores
                .iter()
                .enumerate()
                .map(|(at, &score)| candidate(score, [(angle * at as f32).cos(), (angle * at as f32).sin()], true))
                .collect();
            let mut found = places(&candidates);
            prop_assert_eq!(found[0], 0);
            found.sort_unstable();
            prop_assert_eq!(found, (0..scores.len()).collect::<Vec<_>>());
        }
    }
}
