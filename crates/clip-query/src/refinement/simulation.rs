//! Libraries of which it is known what is in them, and what is found there.

use std::collections::HashMap;

use clip_index::Hubness;

use super::captioned::{Captioned, kind_of};
use crate::relevance::{Calibration, Evidence};

/// How many libraries each half of the photos makes.
pub(super) const LIBRARIES: usize = 8;
/// The first results that are looked at.
const PLACES: usize = 5;
/// The seed of all draws: the same captions always come to the same.
const SEED: u64 = 0x005e_ed0f_ca97_1045;

/// Captions of the same words, and the photos that they ask for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    /// One of the captions.
    pub caption: usize,
    /// Ascending.
    pub photos: Vec<usize>,
}

/// What captions ask for, in their order: `most` of them at most, evenly spread.
pub(super) fn asks(captioned: &Captioned<'_>, most: usize) -> Vec<Ask> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut asks: Vec<Ask> = Vec::new();
    for (caption, (text, &photo)) in captioned.texts.iter().zip(captioned.image_of_caption).enumerate() {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let place = *places.entry(text).or_insert_with(|| {
            asks.push(Ask { caption, photos: Vec::new() });
            asks.len() - 1
        });
        if let Err(at) = asks[place].photos.binary_search(&photo) {
            asks[place].photos.insert(at, photo);
        }
    }
    let count = asks.len();
    if count <= most {
        return asks;
    }
    (0..most).map(|at| asks[at * count / most].clone()).collect()
}

/// The photos that are asked for, ascending.
pub(super) fn photos_of(asks: &[Ask]) -> Vec<usize> {
    let mut photos: Vec<usize> = asks.iter().flat_map(|ask| ask.photos.iter().copied()).collect();
    photos.sort_unstable();
    photos.dedup();
    photos
}

/// What is known of the results of a query in a library.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// Whether what is asked for is there.
    pub is_there: bool,
    pub phrase_weight: f32,
    /// What the calibration makes of the first results, before any refinement.
    pub logits: Vec<f32>,
    pub is_right: Vec<bool>,
}

/// All photos that libraries are made of, the captioned ones first.
pub(super) struct Library {
    /// Those of each ask with all photos, a row each.
    scores: Vec<f32>,
    phrase_weights: Vec<f32>,
    /// Of each ask, by their places among the photos.
    wanted: Vec<Vec<usize>>,
    /// Photos that have asks in common, and those asks: they are in a library together, or none of them is.
    circles: Vec<Circle>,
    captioned: usize,
    photos: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Circle {
    asks: Vec<usize>,
    photos: Vec<usize>,
}

impl Library {
    /// `rows` and `hubness` are those of `photos`, and of others after them.
    pub fn new(
        captioned: &Captioned<'_>,
        asks: &[Ask],
        photos: &[usize],
        rows: &[&[f32]],
        hubness: &[Hubness],
        dimension: usize,
    ) -> Library {
        let mut scores = Vec::with_capacity(asks.len() * rows.len());
        let mut phrase_weights = Vec::with_capacity(asks.len());
        for ask in asks {
            let (shares, phrase_weight) = kind_of(&captioned.texts[ask.caption]);
            let text = &captioned.captions[ask.caption * dimension..][..dimension];
            scores.extend(rows.iter().zip(hubness).map(|(row, hubness)| dot(text, row) - hubness.penalty(shares)));
            phrase_weights.push(phrase_weight);
        }
        let place = |photo: &usize| photos.binary_search(photo).ok();
        let wanted: Vec<Vec<usize>> = asks.iter().map(|ask| ask.photos.iter().filter_map(place).collect()).collect();
        let circles = circles(&wanted, photos.len());
        Library { scores, phrase_weights, wanted, circles, captioned: photos.len(), photos: rows.len() }
    }

    /// Two halves of the captioned photos, with what asks for them.
    pub fn halves(&self) -> [Vec<Circle>; 2] {
        let mut circles = self.circles.clone();
        Draw(SEED).shuffle(&mut circles);
        let (first, second) = circles.split_at(circles.len() / 2);
        [first.to_vec(), second.to_vec()]
    }

    /// What is found in libraries that hold half of these, and more or less others.
    pub fn asked(&self, circles: &[Circle], calibration: &Calibration) -> Vec<Asked> {
        let mut draw = Draw(SEED ^ 1);
        let mut circles = circles.to_vec();
        let mut others: Vec<usize> = (self.captioned..self.photos).collect();
        let mut asked = Vec::new();
        for round in 0..LIBRARIES {
            draw.shuffle(&mut circles);
            draw.shuffle(&mut others);
            // Most libraries are as large as the one that it is about.
            let more = if round % 4 == 3 { others.len() / 4 } else { others.len() };
            let (here, gone) = circles.split_at(circles.len() / 2);
            let held: Vec<usize> =
                here.iter().flat_map(|circle| &circle.photos).chain(&others[..more]).copied().collect();
            for (circles, is_there) in [(here, true), (gone, false)] {
                for &ask in circles.iter().flat_map(|circle| &circle.asks) {
                    asked.push(self.results(ask, &held, is_there, calibration));
                }
            }
        }
        asked
    }

    fn results(&self, ask: usize, held: &[usize], is_there: bool, calibration: &Calibration) -> Asked {
        let scores = &self.scores[ask * self.photos..][..self.photos];
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(PLACES + 1);
        let mut sum = 0.0;
        for &photo in held {
            let score = scores[photo];
            sum += f64::from(score);
            if best.len() < PLACES || best.last().is_some_and(|(last, _)| score > *last) {
                let at = best.partition_point(|(better, _)| *better >= score);
                best.insert(at, (score, photo));
                best.truncate(PLACES);
            }
        }
        let phrase_weight = self.phrase_weights[ask];
        let mean_adjusted = (sum / held.len().max(1) as f64) as f32;
        let logit = |(place, &(adjusted, _)): (usize, &(f32, usize))| {
            let evidence =
                Evidence { adjusted, mean_adjusted, phrase_weight, photos: held.len() as u64, place: place + 1 };
            calibration.logit(&evidence)
        };
        Asked {
            is_there,
            phrase_weight,
            logits: best.iter().enumerate().map(logit).collect(),
            is_right: best.iter().map(|(_, photo)| self.wanted[ask].contains(photo)).collect(),
        }
    }
}

/// Groups of photos that have asks in common, directly or by way of others.
fn circles(wanted: &[Vec<usize>], photos: usize) -> Vec<Circle> {
    let mut parent: Vec<usize> = (0..photos).collect();
    fn root(parent: &mut [usize], mut at: usize) -> usize {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    }
    for photos in wanted {
        for pair in photos.windows(2) {
            let (a, b) = (root(&mut parent, pair[0]), root(&mut parent, pair[1]));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut circles = vec![Circle::default(); photos];
    for photo in 0..photos {
        circles[root(&mut parent, photo)].photos.push(photo);
    }
    for (ask, photos) in wanted.iter().enumerate() {
        if let Some(&photo) = photos.first() {
            circles[root(&mut parent, photo)].asks.push(ask);
        }
    }
    circles.retain(|circle| !circle.asks.is_empty());
    circles
}

/// The dot product of two vectors of the same length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    let (chunks, others) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = chunks.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks.zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Random numbers (splitmix64), the same on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_of_the_same_words_ask_for_the_same_photos() {
        let texts = ["a dog", " a cat", "a dog ", "", "a horse"].map(str::to_owned);
        let captioned = Captioned { images: &[], captions: &[], texts: &texts, image_of_caption: &[3, 1, 0, 2, 1] };
        let all = asks(&captioned, 10);
        let found: Vec<_> = all.iter().map(|ask| (ask.caption, ask.photos.clone())).collect();
        assert_eq!(found, [(0, vec![0, 3]), (1, vec![1]), (4, vec![1])]);
        assert_eq!(photos_of(&all), [0, 1, 3]);
        assert_eq!(asks(&captioned, 2).len(), 2);
    }

    #[test]
    fn photos_with_asks_in_common_stay_together() {
        let circles = circles(&[vec![0, 2], vec![1], vec![2, 4], vec![1]], 5);
        let found: Vec<_> = circles.iter().map(|circle| (circle.photos.clone(), circle.asks.clone())).collect();
        assert_eq!(found, [(vec![0, 2, 4], vec![0, 2]), (vec![1], vec![1, 3])]);
    }

    #[test]
    fn dot_products_are_those_of_all_numbers() {
        let a: Vec<f32> = (0..19).map(|x| x as f32).collect();
        assert_eq!(dot(&a, &a), (0..19).map(|x| x * x).sum::<i32>() as f32);
    }

    #[test]
    fn a_draw_reaches_everything() {
        let mut all: Vec<usize> = (0..50).collect();
        Draw(1).shuffle(&mut all);
        assert_ne!(all, (0..50).collect::<Vec<_>>());
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }
}
