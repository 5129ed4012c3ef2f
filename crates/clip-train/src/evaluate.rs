//! Recall on the dev set while training.

use burn::tensor::Device;
use clip_classify::retrieval::{self, Retrieval};
use clip_model::clip::Clip;

use crate::error::TrainError;
use crate::frozen::to_vec;
use crate::inputs::{ImageInput, TextInput};

const CHUNK: usize = 64;

/// Gives the input of some dev photos, by their indices.
pub type Images<'a> = dyn Fn(&[usize], &Device) -> Result<ImageInput, TrainError> + 'a;

/// Gives the input of some dev captions, by their indices.
pub type Captions<'a> = dyn Fn(&[usize], &Device) -> TextInput + 'a;

/// Embeds all dev photos and captions and ranks them.
///
/// `tokens` gives a caption's length; `check` is called between batches and may end it.
#[expect(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
pub fn recall(
    model: &Clip,
    image_of: &[usize],
    images: usize,
    image: &Images<'_>,
    text: &Captions<'_>,
    tokens: &dyn Fn(usize) -> usize,
    check: &dyn Fn() -> Result<(), TrainError>,
    device: &Device,
) -> Result<Retrieval, TrainError> {
    let mut image_rows = Vec::new();
    let all: Vec<usize> = (0..images).collect();
    for chunk in all.chunks(CHUNK) {
        check()?;
        image_rows.extend(to_vec(image(chunk, device)?.embed(&model.image)));
    }
    let dimension = image_rows.len() / images.max(1);
    let mut order: Vec<usize> = (0..image_of.len()).collect();
    order.sort_by_key(|&caption| tokens(caption));
    let mut text_rows = vec![0.0f32; image_of.len() * dimension];
    for chunk in order.chunks(CHUNK) {
        check()?;
        let rows = to_vec(text(chunk, device).embed(&model.text));
        for (row, &caption) in rows.chunks_exact(dimension).zip(chunk) {
            text_rows[caption * dimension..][..dimension].copy_from_slice(row);
        }
    }
    Ok(retrieval::evaluate(&image_rows, &text_rows, dimension, image_of)?)
}
