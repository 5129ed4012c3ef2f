//! How likely a photo shows what was asked for.
//!
//! A cosine means nothing to a person: what is a good one differs by model, by the kind of query and by library. A
//! [`Calibration`] turns what is known of a result into an estimate between 0 and 1 that it is a right answer, by logistic
//! regression on simulated libraries in which half of the things that are asked for are missing. `docs/search.md` says on what
//! it was fitted, and how far it can be trusted.

/// In larger libraries there are more photos that come near by chance, but also more right ones.
const MOST_PHOTOS: f32 = 5_000.0;

/// What is known of a result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// What results are ranked by.
    pub adjusted: f32,
    /// The mean of that over the library.
    pub mean_adjusted: f32,
    /// How much the query is like a phrase (1) or a caption (0): see [`bank::phrase_weight`](crate::bank::phrase_weight).
    pub phrase_weight: f32,
    /// How many photos were searched.
    pub photos: u64,
    /// 1 for the best result.
    pub place: usize,
}

/// How a model's scores are to be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    constant: f32,
    adjusted: f32,
    mean_adjusted: f32,
    phrase: f32,
    /// For the logarithm of the number of photos, with captions and with phrases.
    photos: (f32, f32),
    /// For the logarithm of the place, with captions.
    place: f32,
    /// Below this, the best result is no match, with captions and with phrases.
    least: (f32, f32),
}

/// That of the built-in model with its bank.
pub const POCKET: Calibration = Calibration {
    constant: -0.31,
    adjusted: 18.72,
    mean_adjusted: 9.86,
    phrase: -2.13,
    photos: (0.64, 0.24),
    place: 0.81,
    least: (0.045, 0.03),
};

/// A result is a match only if it is at least this much as relevant as the best.
const SHARE_OF_BEST: f32 = 0.02;

impl Calibration {
    /// The estimate that a result is a right answer, 0 to 1.
    pub fn relevance(&self, evidence: &Evidence) -> f32 {
        let phrase = evidence.phrase_weight.clamp(0.0, 1.0);
        let caption = 1.0 - phrase;
        let photos = (evidence.photos as f32).clamp(1.0, MOST_PHOTOS).ln();
        let place = (evidence.place.max(1) as f32).ln();
        let x = self.constant
            + self.adjusted * evidence.adjusted
            + self.mean_adjusted * evidence.mean_adjusted
            + self.phrase * phrase
            - (caption * self.photos.0 + phrase * self.photos.1) * photos
            - caption * self.place * place;
        let relevance = 1.0 / (1.0 + (-x).exp());
        // Of a damaged row, say.
        if relevance.is_nan() { 0.0 } else { relevance }
    }

    /// Whether a result is one that was meant, given the relevance of the best one; if not even the best is, nothing matches
    /// well.
    pub fn is_match(&self, relevance: f32, best: f32, phrase_weight: f32) -> bool {
        let phrase = phrase_weight.clamp(0.0, 1.0);
        let least = self.least.0 * (1.0 - phrase) + self.least.1 * phrase;
        best >= least && relevance >= SHARE_OF_BEST * best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: Evidence = Evidence { adjusted: 0.2, mean_adjusted: -0.1, phrase_weight: 1.0, photos: 1000, place: 1 };

    #[test]
    fn a_good_result_is_a_match_and_a_poor_one_is_not() {
        let good = POCKET.relevance(&GOOD);
        let poor = POCKET.relevance(&Evidence { adjusted: -0.2, ..GOOD });
        assert!(good > 0.1 && poor < 0.001, "{good} {poor}");
        assert!(POCKET.is_match(good, good, 1.0));
        assert!(!POCKET.is_match(poor, poor, 1.0), "nothing matches well");
        assert!(!POCKET.is_match(poor, good, 1.0));
    }

    proptest! {
        #[test]
        fn it_is_an_estimate_that_rises_with_the_score(
            adjusted in -1.0f32..1.0,
            more in 0.0f32..1.0,
            mean_adjusted in -1.0f32..1.0,
            phrase_weight in -0.5f32..1.5,
            photos: u64,
            place: usize,
        ) {
            let evidence = Evidence { adjusted, mean_adjusted, phrase_weight, photos, place };
            let relevance = POCKET.relevance(&evidence);
            prop_assert!((0.0..=1.0).contains(&relevance));
            let nearer = POCKET.relevance(&Evidence { adjusted: adjusted + more, ..evidence });
            prop_assert!(nearer >= relevance);
            let later = POCKET.relevance(&Evidence { place: place.saturating_add(1), ..evidence });
            prop_assert!(later <= relevance);
        }

        #[test]
        fn any_number_gives_an_estimate(adjusted: f32, mean_adjusted: f32, phrase_weight: f32) {
            let relevance = POCKET.relevance(&Evidence { adjusted, mean_adjusted, phrase_weight, ..GOOD });
            prop_assert!((0.0..=1.0).contains(&relevance), "{relevance}");
        }
    }
}
