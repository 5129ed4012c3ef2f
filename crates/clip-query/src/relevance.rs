//! How likely a photo shows what was asked for.
//!
//! A cosine means nothing to a person: what is a good one differs by model, by the kind of query and by library. A
//! [`Calibration`] turns what is known of a result into an estimate between 0 and 1 that it is a right answer, by logistic
//! regression on simulated libraries in which half of the things that are asked for are missing. `docs/search.md` says on what
//! it was fitted, and how far it can be trusted.
//!
//! For models that nobody has measured, scores are counted in standard deviations of what the texts of the bank score in the same
//! library.

use clip_index::BankScores;

use crate::spread::Spread;

/// In larger libraries there are more photos that come near by chance, but also more right ones.
const MOST_PHOTOS: f32 = 5_000.0;

/// That of the numbers below: what was [refined](Refinement) for one is not for another.
pub const VERSION: u32 = 1;

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
    /// The scores are counted in these; as they are, where there are none.
    units: Option<Units>,
    /// The model cannot tell what a photo shows, so nothing is relevant.
    knows_nothing: bool,
    /// What the captions of somebody say of the estimates.
    refinement: Option<Refinement>,
}

/// Where the scores of a model lie: what texts of its bank score with photos, less what counts against hubs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Units {
    /// Mean and standard deviation of the scores of captions.
    pub captions: (f32, f32),
    /// The same of phrases.
    pub phrases: (f32, f32),
}

impl Units {
    /// Those of scores; `None` where they do not differ, or are no numbers.
    pub fn of(scores: &BankScores) -> Option<Units> {
        let spread = |scores: &[f32]| {
            let Spread { mean, deviation } = Spread::of(scores);
            (mean.is_finite() && deviation > 0.0).then_some((mean, deviation))
        };
        Some(Units { captions: spread(&scores.captions)?, phrases: spread(&scores.phrases)? })
    }

    fn at(&self, phrase: f32) -> (f32, f32) {
        let between = |caption: f32, of_phrase: f32| caption * (1.0 - phrase) + of_phrase * phrase;
        (between(self.captions.0, self.phrases.0), between(self.captions.1, self.phrases.1))
    }
}

/// A straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Positive, or 0.
    pub slope: f32,
    /// At 0.
    pub offset: f32,
}

impl Line {
    /// That which changes nothing.
    pub const UNCHANGED: Line = Line { slope: 1.0, offset: 0.0 };

    /// Where it is at `x`.
    pub fn at(self, x: f32) -> f32 {
        self.slope * x + self.offset
    }
}

/// What captions say of the estimates of a calibration: see [`refinement`](crate::refinement).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refinement {
    /// From the logits of estimates to those that are right, for queries like captions.
    pub captions: Line,
    /// The same for queries like phrases.
    pub phrases: Line,
    /// The least relevance of a best result that is a match, for queries like captions and for those like phrases.
    pub least: (f32, f32),
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
    units: None,
    knows_nothing: false,
    refinement: None,
};

/// A result is a match only if it is at least this much as relevant as the best.
const SHARE_OF_BEST: f32 = 0.02;

impl Calibration {
    /// That of a model that nobody has measured. It was fitted on scores of the built-in model that are counted in standard
    /// deviations of its [`Units`], so it holds for another as far as the models differ in nothing else.
    pub fn in_units(units: Units) -> Calibration {
        Calibration {
            constant: -4.57,
            adjusted: 1.68,
            mean_adjusted: 0.82,
            phrase: -1.13,
            photos: (0.46, 0.18),
            place: 1.55,
            least: (0.07, 0.04),
            units: Some(units),
            knows_nothing: false,
            refinement: None,
        }
    }

    /// That of a model that cannot tell what a photo shows: see [`alignment`](crate::alignment).
    pub fn of_nothing() -> Calibration {
        Calibration { knows_nothing: true, ..POCKET }
    }

    /// The same, with estimates as captions have it. Who wrote them has seen what the model knows.
    pub fn refined(self, refinement: Refinement) -> Calibration {
        Calibration { refinement: Some(refinement), knows_nothing: false, ..self }
    }

    /// Whether nothing is relevant, whatever the evidence.
    pub fn knows_nothing(&self) -> bool {
        self.knows_nothing
    }

    /// A score as the numbers are about it.
    fn counted(&self, score: f32, phrase: f32) -> f32 {
        self.units.map_or(score, |units| {
            let (mean, deviation) = units.at(phrase);
            (score - mean) / deviation
        })
    }

    /// The estimate that a result is a right answer, 0 to 1.
    pub fn relevance(&self, evidence: &Evidence) -> f32 {
        self.said(self.logit(evidence), evidence.phrase_weight)
    }

    /// The logit of the estimate, before any refinement.
    pub(crate) fn logit(&self, evidence: &Evidence) -> f32 {
        let phrase = evidence.phrase_weight.clamp(0.0, 1.0);
        let (adjusted, mean_adjusted) =
            (self.counted(evidence.adjusted, phrase), self.counted(evidence.mean_adjusted, phrase));
        let caption = 1.0 - phrase;
        let photos = (evidence.photos as f32).clamp(1.0, MOST_PHOTOS).ln();
        let place = (evidence.place.max(1) as f32).ln();
        self.constant + self.adjusted * adjusted + self.mean_adjusted * mean_adjusted + self.phrase * phrase
            - (caption * self.photos.0 + phrase * self.photos.1) * photos
            - caption * self.place * place
    }

    /// The estimate of this logit.
    pub(crate) fn said(&self, logit: f32, phrase_weight: f32) -> f32 {
        if self.knows_nothing {
            return 0.0;
        }
        let phrase = phrase_weight.clamp(0.0, 1.0);
        let logit = self.refinement.map_or(logit, |Refinement { captions, phrases, .. }| {
            (1.0 - phrase) * captions.at(logit) + phrase * phrases.at(logit)
        });
        let relevance = 1.0 / (1.0 + (-logit).exp());
        // Of a damaged row, say.
        if relevance.is_nan() { 0.0 } else { relevance }
    }

    /// The least relevance of a best result that is a match, for captions and for phrases.
    pub(crate) fn least_of_all(&self) -> (f32, f32) {
        self.refinement.map_or(self.least, |refinement| refinement.least)
    }

    /// Whether a result is one that was meant, given the relevance of the best one; if not even the best is, nothing matches
    /// well.
    pub fn is_match(&self, relevance: f32, best: f32, phrase_weight: f32) -> bool {
        let phrase = phrase_weight.clamp(0.0, 1.0);
        let (captions, phrases) = self.least_of_all();
        let least = captions * (1.0 - phrase) + phrases * phrase;
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

    #[test]
    fn the_scores_of_another_model_are_counted_in_its_units() {
        let units = |mean: f32, deviation: f32| Units { captions: (mean, deviation), phrases: (mean, deviation) };
        let (near, far) = (Calibration::in_units(units(0.2, 0.01)), Calibration::in_units(units(-0.5, 0.2)));
        for deviations in [-1.0, 0.0, 2.0, 5.0] {
            let of = |mean: f32, deviation: f32| Evidence {
                adjusted: mean + deviations * deviation,
                mean_adjusted: mean,
                ..GOOD
            };
            let (a, b) = (near.relevance(&of(0.2, 0.01)), far.relevance(&of(-0.5, 0.2)));
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        assert!(near.relevance(&Evidence { adjusted: 0.26, mean_adjusted: 0.2, ..GOOD }) > 0.5);
        assert!(near.relevance(&Evidence { adjusted: 0.21, mean_adjusted: 0.2, ..GOOD }) < 0.05);
        assert_eq!(Units::of(&BankScores { captions: vec![0.5; 4], phrases: vec![0.1, 0.2] }), None);
        assert_eq!(Units::of(&BankScores::default()), None);
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
