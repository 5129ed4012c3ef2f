//! Captioned photos, and what their captions are like.

use clip_index::Hubness;

use crate::bank;

/// Captioned photos, embedded by the model of an index.
#[derive(Debug, Clone, Copy)]
pub struct Captioned<'a> {
    /// A row for each photo.
    pub images: &'a [f32],
    /// A row for each caption.
    pub captions: &'a [f32],
    /// The captions.
    pub texts: &'a [String],
    /// The photo of each caption. Where captions have the same words, the photos of all of them are what they ask for.
    pub image_of_caption: &'a [usize],
}

/// How much of a text's score counts against hubs, and how much it is like a phrase.
pub(super) fn kind_of(text: &str) -> (Hubness, f32) {
    (bank::shares(text), bank::phrase_weight(text))
}
