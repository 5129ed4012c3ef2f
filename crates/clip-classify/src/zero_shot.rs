//! Classification by names alone: the label whose prompts lie closest to the photo (Radford et al. 2021, section 3.1).

use clip_encoder::Encoder;
use clip_progress::{Progress, Steps};
use rayon::prelude::*;

use crate::error::ClassifyError;
use crate::link::Link;
use crate::templates::Templates;

/// Prompts that are embedded between two calls of a progress function.
const PROMPTS: usize = 1024;

/// A vector for each label, and how cosines to it become probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct ZeroShot {
    vectors: Vec<f32>,
    dimension: usize,
    link: Link,
}

impl ZeroShot {
    /// Embeds every label in every template and averages. `link` is the encoder's own; `progress` is told how many
    /// prompts are done.
    ///
    /// # Errors
    /// [`ClassifyError::Encoder`] if the encoder fails, [`ClassifyError::Length`] if there are no labels or the encoder
    /// does not give a vector for every prompt.
    pub fn from_prompts<E: Encoder + ?Sized, T: AsRef<str>>(
        encoder: &E,
        link: Link,
        labels: &[T],
        templates: &Templates,
        progress: &dyn Progress<Steps>,
    ) -> Result<Self, ClassifyError> {
        let dimension = encoder.dimension();
        let mut vectors = Vec::with_capacity(labels.len() * dimension);
        let (mut done, total) = (0, (labels.len() * templates.count()) as u64);
        // Whole labels at a time: with all prompts of a thousand labels at once, memory would hold 80,000 vectors.
        for names in labels.chunks(PROMPTS.div_ceil(templates.count())) {
            let prompts: Vec<String> = names.iter().flat_map(|name| templates.prompts(name.as_ref())).collect();
            let texts: Vec<&str> = prompts.iter().map(String::as_str).collect();
            let embeddings = encoder.embed_texts(&texts).map_err(ClassifyError::Encoder)?;
            if dimension == 0 || embeddings.len() != texts.len() * dimension {
                let vectors = Some(texts.len());
                return Err(ClassifyError::Length { what: "prompts", found: embeddings.len(), vectors, dimension });
            }
            vectors.extend(ensemble(&embeddings, templates.count(), dimension));
            done += prompts.len();
            progress.event(Steps { done: done as u64, total });
        }
        Self::new(vectors, dimension, link)
    }

    /// `vectors` is `[labels, dimension]`, row by row, of unit length.
    ///
    /// # Errors
    /// [`ClassifyError::Length`] if there is no vector, or part of one.
    pub fn new(vectors: Vec<f32>, dimension: usize, link: Link) -> Result<Self, ClassifyError> {
        if dimension == 0 || vectors.is_empty() || !vectors.len().is_multiple_of(dimension) {
            return Err(ClassifyError::Length { what: "labels", found: vectors.len(), vectors: None, dimension });
        }
        Ok(Self { vectors, dimension, link })
    }

    /// How many labels there are.
    pub fn count(&self) -> usize {
        self.vectors.len() / self.dimension
    }

    /// Width of the vectors.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// A unit vector for each label, row by row.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// How cosines become probabilities.
    pub fn link(&self) -> Link {
        self.link
    }

    /// A photo's cosine with each label. `photo` is a unit vector.
    ///
    /// # Errors
    /// [`ClassifyError::Dimension`] if the photo's vector has another length than the labels'.
    pub fn cosines(&self, photo: &[f32]) -> Result<Vec<f32>, ClassifyError> {
        if photo.len() != self.dimension {
            return Err(ClassifyError::Dimension { found: photo.len(), expected: self.dimension });
        }
        Ok(self.vectors.chunks_exact(self.dimension).map(|label| dot(label, photo)).collect())
    }

    /// The probability of each label, in their order. `photo` is a unit vector.
    ///
    /// # Errors
    /// As [`cosines`](Self::cosines).
    pub fn probabilities(&self, photo: &[f32]) -> Result<Vec<f32>, ClassifyError> {
        Ok(self.link.probabilities(&self.cosines(photo)?))
    }
}

/// The mean of each `group` unit vectors in a row, scaled to unit length again: `[n x group, dimension]` to
/// `[n, dimension]`. A mean of zero stays as it is.
fn ensemble(vectors: &[f32], group: usize, dimension: usize) -> Vec<f32> {
    vectors
        .par_chunks_exact(group * dimension)
        .flat_map_iter(|group| {
            let mut mean = vec![0.0f64; dimension];
            for vector in group.chunks_exact(dimension) {
                mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-12);
            mean.into_iter().map(move |value| (value / length) as f32)
        })
        .collect()
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOFTMAX: Link = Link::Softmax { scale: 10.0 };

    #[test]
    fn an_ensemble_is_the_direction_of_the_mean() {
        let found = ensemble(&[1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 0.6, 0.8, 1.0, 0.0, -1.0, 0.0], 2, 2);
        let half = 0.5f32.sqrt();
        for (found, expected) in found.iter().zip([half, half, 0.6, 0.8, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn lengths_must_fit() {
        for (values, dimension) in [(vec![], 2), (vec![1.0], 2), (vec![1.0], 0)] {
            assert!(ZeroShot::new(values, dimension, SOFTMAX).is_err());
        }
        let error = ZeroShot::new(vec![1.0, 0.0], 2, SOFTMAX).unwrap().probabilities(&[1.0]).unwrap_err();
        assert_eq!(error.to_string(), "the photo's embedding has 1 dimensions, expected 2");
    }

    proptest! {
        #[test]
        fn a_labels_probability_does_not_depend_on_its_place(
            vectors in prop::collection::vec(-1.0f32..1.0, 3..300), photo in prop::array::uniform3(-0.5f32..0.5)
        ) {
            let vectors = &vectors[..vectors.len() / 3 * 3];
            let forwards = ZeroShot::new(vectors.to_vec(), 3, SOFTMAX).unwrap().probabilities(&photo).unwrap();
            let reversed = vectors.chunks_exact(3).rev().flatten().copied().collect();
            let backwards = ZeroShot::new(reversed, 3, SOFTMAX).unwrap().probabilities(&photo).unwrap();
            prop_assert!((forwards.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for (a, b) in forwards.iter().zip(backwards.iter().rev()) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }
    }
}
