//! What captions of one's own say of the relevance of results, for a model and a library.
//!
//! The numbers of a [`Calibration`] were found on other photos and, with most models, on scores of another model. A [`Refinement`]
//! puts a straight line between its estimates and those that the captions show to be right, one for queries like captions and one
//! for queries like phrases (Platt 1999), and sets anew from where on nothing matches well. Four numbers are all that some hundred
//! captions can tell. Where they tell little, the lines stay near to what they were.
//!
//! Libraries are put together from the captioned photos and others of the index, and half of what is asked for is not in them,
//! as `benches/compare/relevance.py` does it. What is told of a refinement is measured on photos that it was not fitted on, and it
//! is an improvement only if it is better there.

mod captioned;
mod fit;
mod simulation;

use clip_index::{Bank, Hubness, IndexReader};

use crate::likeness::Scale;
use crate::relevance::Calibration;
pub use crate::relevance::{Line, Refinement};
pub use captioned::Captioned;
use simulation::{Asked, Library};

/// With fewer photos, what is measured is rather chance.
pub const LEAST_PHOTOS: usize = 100;
/// The same for captions of different words.
pub const LEAST_CAPTIONS: usize = 100;
/// More are not asked for: a sample tells enough.
const MOST_ASKED: usize = 1_000;
/// Photos of the index that nobody captioned, at most, to make libraries larger.
const MOST_OTHERS: usize = 4_000;
/// Photos of the index that are so far alike with a captioned one may show what its caption asks for.
const MAY_SHOW_THE_SAME: f32 = 0.75;
/// How much better the estimates must be than before, and than one that is the same for all.
const BETTER_THAN_BEFORE: f64 = 0.998;
const BETTER_THAN_BLIND: f64 = 0.98;
/// So many of the queries that have an answer must not be told that nothing matches well, or as many as before.
const LEAST_KEPT: f64 = 0.9;
/// How much the calibration error may rise by chance.
const ERROR_BY_CHANCE: f64 = 0.01;

/// What was measured of estimates, on photos that they were not fitted on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// The mean negative logarithm of the probability that was given to what is true.
    pub log_loss: f64,
    /// The expected calibration error of first results, in ten bins.
    pub calibration_error: f64,
    /// The share of queries with an answer in the library that are not told that nothing matches well.
    pub kept: f64,
    /// The share of queries without one that are.
    pub told_nothing: f64,
}

/// What captions come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// What they say, all of them together.
    pub refinement: Refinement,
    /// What was measured before.
    pub before: Quality,
    /// What was measured of refinements by half of the photos, on the other half.
    pub after: Quality,
    /// Whether the refinement should be used.
    pub is_better: bool,
    /// Photos that captions ask for.
    pub photos: usize,
    /// Captions of different words that were asked for.
    pub captions: usize,
}

/// Why captions come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooFew {
    /// There are only so many photos.
    Photos(usize),
    /// There are only so many captions of different words.
    Captions(usize),
}

/// Refines a calibration, which has no refinement yet. `before` is the one that is in use, which may have one. Dimensions agree.
pub(crate) fn attempt(
    captioned: &Captioned<'_>,
    bank: &Bank,
    reader: &IndexReader,
    scale: Scale,
    base: &Calibration,
    before: &Calibration,
) -> Result<Trial, TooFew> {
    let dimension = reader.dimension();
    let asks = simulation::asks(captioned, MOST_ASKED);
    let photos = simulation::photos_of(&asks);
    if photos.len() < LEAST_PHOTOS {
        return Err(TooFew::Photos(photos.len()));
    }
    if asks.len() < LEAST_CAPTIONS {
        return Err(TooFew::Captions(asks.len()));
    }
    let mut rows: Vec<&[f32]> = Vec::new();
    let mut hubness: Vec<Hubness> = Vec::new();
    for photo in &photos {
        let row = &captioned.images[photo * dimension..][..dimension];
        rows.push(row);
        hubness.push(bank.hubness(row));
    }
    let captioned_rows = rows.clone();
    let is_other =
        |row: &[f32]| captioned_rows.iter().all(|own| scale.far(simulation::dot(own, row)) < MAY_SHOW_THE_SAME);
    let step = reader.len().div_ceil(MOST_OTHERS).max(1);
    let others: Vec<(Vec<f32>, Hubness)> = reader
        .ids()
        .step_by(step)
        .filter_map(|id| Some((reader.embedding(id)?, reader.hubness(id)?)))
        .filter(|(row, _)| is_other(row))
        .collect();
    for (row, known) in &others {
        rows.push(row);
        hubness.push(*known);
    }
    let library = Library::new(captioned, &asks, &photos, &rows, &hubness, dimension);
    let halves = library.halves();
    let asked = halves.each_ref().map(|half| library.asked(half, base));
    let fitted = asked.each_ref().map(|asked| fit::refinement(asked, base));
    // Each half is a test of what the other says.
    let after = quality(&[(&asked[0], base.refined(fitted[1])), (&asked[1], base.refined(fitted[0]))]);
    let earlier = quality(&[(&asked[0], *before), (&asked[1], *before)]);
    let all: Vec<Asked> = asked.iter().flatten().cloned().collect();
    let is_better = after.log_loss < BETTER_THAN_BEFORE * earlier.log_loss
        && after.log_loss < BETTER_THAN_BLIND * fit::blind(&all)
        && after.calibration_error < earlier.calibration_error + ERROR_BY_CHANCE
        && after.kept >= earlier.kept.min(LEAST_KEPT);
    let refinement = fit::refinement(&all, base);
    Ok(Trial { refinement, before: earlier, after, is_better, photos: photos.len(), captions: asks.len() })
}

/// That of estimates for some queries.
fn quality(measured: &[(&Vec<Asked>, Calibration)]) -> Quality {
    let (mut losses, mut bins) = ((0.0, 0.0), [(0.0, 0.0, 0.0); 10]);
    let (mut present, mut kept, mut absent, mut told_nothing) = (0.0, 0.0, 0.0, 0.0);
    for (asked, calibration) in measured {
        for one in *asked {
            let said: Vec<f32> = one.logits.iter().map(|&logit| calibration.said(logit, one.phrase_weight)).collect();
            for (&said, &is_right) in said.iter().zip(&one.is_right) {
                losses.0 += fit::loss(f64::from(said), is_right);
                losses.1 += 1.0;
            }
            let (Some(&best), Some(&is_right)) = (said.first(), one.is_right.first()) else { continue };
            let bin = &mut bins[((best * 10.0) as usize).min(9)];
            *bin = (bin.0 + 1.0, bin.1 + f64::from(best), bin.2 + f64::from(u8::from(is_right)));
            let is_told = f64::from(u8::from(calibration.is_match(best, best, one.phrase_weight)));
            if one.is_there {
                present += 1.0;
                kept += is_told;
            } else {
                absent += 1.0;
                told_nothing += 1.0 - is_told;
            }
        }
    }
    let (first, apart) = bins.iter().fold((0.0, 0.0), |(all, apart), bin| (all + bin.0, apart + (bin.1 - bin.2).abs()));
    let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
    Quality {
        log_loss: share(losses.0, losses.1),
        calibration_error: share(apart, first),
        kept: share(kept, present),
        told_nothing: share(told_nothing, absent),
    }
}
