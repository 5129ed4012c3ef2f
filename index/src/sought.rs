//! What the rows of an index are compared with.

use std::ops::Range;

use crate::hubness::Hubness;
use crate::snapshot::{Place, Snapshot};

/// A vector, and how much of a row's hubness counts against it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub(crate) vector: &'a [f32],
    /// Zeros where the snapshot does not know the hubness of every row.
    shares: Hubness,
}

const NOTHING: Hubness = Hubness { captions: 0.0, phrases: 0.0 };

impl<'a> Sought<'a> {
    /// Plain dot products.
    pub(crate) fn plain(vector: &'a [f32]) -> Sought<'a> {
        Sought { vector, shares: NOTHING }
    }

    /// Dot products less these shares of the hubness, where that of all rows is known.
    pub(crate) fn corrected(snapshot: &Snapshot, vector: &'a [f32], shares: Hubness) -> Sought<'a> {
        let is_number = shares.captions.is_finite() && shares.phrases.is_finite();
        Sought { vector, shares: if is_number && snapshot.knows_hubness() { shares } else { NOTHING } }
    }

    pub(crate) fn is_corrected(&self) -> bool {
        self.shares != NOTHING
    }

    /// What is taken from the dot products of the rows of a vector file; `None` if that is nothing.
    pub(crate) fn penalties<'s>(&self, snapshot: &'s Snapshot, segment: usize) -> Option<Penalties<'s>> {
        if !self.is_corrected() {
            return None;
        }
        let file = snapshot.hubness(segment)?;
        Some(Penalties { captions: file.captions(), phrases: file.phrases(), shares: self.shares })
    }

    /// What is taken from the dot product of one row.
    pub(crate) fn penalty(&self, snapshot: &Snapshot, place: Place) -> f32 {
        self.penalties(snapshot, place.segment as usize).map_or(0.0, |penalties| penalties.of(place.row as usize))
    }
}

/// What is taken from the dot products of the rows of a vector file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Penalties<'s> {
    captions: &'s [f32],
    phrases: &'s [f32],
    shares: Hubness,
}

impl<'s> Penalties<'s> {
    pub(crate) fn of(&self, row: usize) -> f32 {
        let (captions, phrases) = (self.captions.get(row), self.phrases.get(row));
        let Some((&captions, &phrases)) = captions.zip(phrases) else { return 0.0 };
        Hubness { captions, phrases }.penalty(self.shares)
    }

    /// The penalties of adjacent rows, in groups of `N`; what is left over at the end is left out.
    pub(crate) fn groups<const N: usize>(&self, rows: Range<usize>) -> Groups<'s, N> {
        // What counts for nothing need not be read.
        let part = |numbers: &'s [f32], share: f32| {
            let rows = if share == 0.0 { 0..0 } else { rows.clone() };
            numbers.get(rows).unwrap_or_default().as_chunks().0
        };
        Groups {
            captions: part(self.captions, self.shares.captions),
            phrases: part(self.phrases, self.shares.phrases),
            shares: self.shares,
        }
    }
}

/// Penalties of `N` rows each.
pub(crate) struct Groups<'s, const N: usize> {
    captions: &'s [[f32; N]],
    phrases: &'s [[f32; N]],
    shares: Hubness,
}

impl<const N: usize> Groups<'_, N> {
    /// Takes those of a group from the scores of its rows. Arrays, so that this is a few vector instructions.
    pub(crate) fn subtract_from(&self, group: usize, scores: &mut [f32; N]) {
        for (numbers, share) in [(self.captions, self.shares.captions), (self.phrases, self.shares.phrases)] {
            if let Some(numbers) = numbers.get(group) {
                scores.iter_mut().zip(numbers).for_each(|(score, number)| *score -= share * number);
            }
        }
    }
}
