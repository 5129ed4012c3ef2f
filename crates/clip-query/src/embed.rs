//! From weighted terms to the one unit vector that is searched for.

use std::borrow::Cow;
use std::path::Path;

use clip_encoder::{BoxedError, Encoder};
use clip_index::{Hubness, IndexError, IndexReader};
use image::RgbImage;

use crate::bank;
use crate::error::{Example, QueryError};
use crate::query::{Query, Term};

/// Below this length a sum of weighted unit vectors is rounding, not a direction.
const NOTHING: f64 = 1e-4;

/// What is searched for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embedded {
    /// Unit length, the model's dimension.
    pub(crate) vector: Vec<f32>,
    /// The shares of a photo's hubness that count against it. As scores are, they are the weighted sums of those of the terms.
    pub(crate) shares: Hubness,
    /// How much the texts are like phrases; `None` if there is something else among the terms, or one is not wanted.
    pub(crate) phrase_weight: Option<f32>,
}

impl Embedded {
    /// What a photo's hubness takes from its score.
    pub(crate) fn penalty(&self, hubness: Hubness) -> f32 {
        hubness.penalty(self.shares)
    }
}

/// Embeds the terms of an alternative of a query, which also says how pictures are decoded. `index` is where photos of the index are looked up.
pub(crate) fn embed(
    terms: &[(Term, f32)],
    query: &Query,
    index: &IndexReader,
    encoder: &impl Encoder,
) -> Result<Embedded, QueryError> {
    let dimension = encoder.dimension();
    if terms.is_empty() {
        return Err(QueryError::NoTerms);
    }
    if let Some((_, weight)) = terms.iter().find(|(_, weight)| !weight.is_finite()) {
        return Err(QueryError::Weight { weight: *weight });
    }

    let mut texts = Vec::new();
    let mut images = Vec::new();
    let mut sum = vec![0.0; dimension];
    for (term, weight) in terms {
        match term {
            Term::Text(text) if text.trim().is_empty() => return Err(QueryError::EmptyText),
            Term::Text(text) => texts.push((text.as_str(), *weight)),
            Term::Image(path) => images.push((Picture::File(path), *weight)),
            Term::Bytes(bytes) => images.push((Picture::Bytes(bytes), *weight)),
            Term::Pixels(image) => images.push((Picture::Pixels(image), *weight)),
            Term::Like(id) => {
                let row = index.embedding(*id).ok_or(IndexError::UnknownId { id: *id })?;
                add(&mut sum, &row, *weight);
            }
            Term::Embedding(values) => {
                let unit = unit(values, dimension).map_err(|found| QueryError::Embedding {
                    expected: dimension,
                    model: encoder.name().to_owned(),
                    found,
                })?;
                add(&mut sum, &unit, *weight);
            }
        }
    }

    let is_text = |(term, weight): &(Term, f32)| matches!(term, Term::Text(_)) && *weight > 0.0;
    let phrase_weight = terms.iter().all(is_text).then(|| {
        let all: f32 = texts.iter().map(|(_, weight)| weight).sum();
        texts.iter().map(|(text, weight)| weight * bank::phrase_weight(text)).sum::<f32>() / all
    });
    let mut shares = Hubness::default();
    for (text, weight) in &texts {
        let of_text = bank::shares(text);
        shares.captions += weight * of_text.captions;
        shares.phrases += weight * of_text.phrases;
    }
    if !texts.is_empty() {
        let words: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
        let rows = checked(encoder.embed_texts(&words), texts.len() * dimension)?;
        for (row, (_, weight)) in rows.chunks_exact(dimension).zip(&texts) {
            add(&mut sum, row, *weight);
        }
    }
    // One at a time: decoded photos are large, and there are rarely more than one or two.
    for (picture, weight) in images {
        let image = picture.decode(query, encoder.shorter_side())?;
        let row = checked(encoder.embed_images(std::slice::from_ref(image.as_ref())), dimension)?;
        add(&mut sum, &row, weight);
    }

    let length = length(&sum);
    // NaN falls through to the index, which refuses it with a better word than this.
    if length <= NOTHING * terms.iter().map(|(_, weight)| f64::from(weight.abs())).sum::<f64>() {
        return Err(QueryError::Cancelled);
    }
    let vector = sum.iter().map(|x| (x / length) as f32).collect();
    let scaled = |share: f32| (f64::from(share) / length) as f32;
    let shares = Hubness { captions: scaled(shares.captions), phrases: scaled(shares.phrases) };
    Ok(Embedded { vector, shares, phrase_weight })
}

/// An example photo.
enum Picture<'a> {
    File(&'a Path),
    Bytes(&'a [u8]),
    Pixels(&'a RgbImage),
}

impl<'a> Picture<'a> {
    fn decode(self, query: &Query, shorter_side: Option<u32>) -> Result<Cow<'a, RgbImage>, QueryError> {
        let (decoder, limits) = (&query.decoder, &query.image_limits);
        let (photo, example) = match self {
            Picture::Pixels(image) => return Ok(Cow::Borrowed(image)),
            Picture::File(path) => (decoder.decode_for(path, limits, shorter_side), Example::File(path.to_path_buf())),
            Picture::Bytes(bytes) => {
                (decoder.decode_bytes(bytes, limits, shorter_side, &|_| ()), Example::Bytes(bytes.len()))
            }
        };
        match photo {
            Ok(photo) => Ok(Cow::Owned(photo.image)),
            Err(source) => Err(QueryError::Image { example, source }),
        }
    }
}

pub(crate) fn checked(rows: Result<Vec<f32>, BoxedError>, expected: usize) -> Result<Vec<f32>, QueryError> {
    let rows = rows.map_err(QueryError::Encoder)?;
    if rows.len() != expected {
        return Err(QueryError::EncoderOutput { expected, found: rows.len() });
    }
    Ok(rows)
}

/// Brings a vector to length 1, or says what is wrong with it.
pub(crate) fn unit(values: &[f32], dimension: usize) -> Result<Vec<f32>, String> {
    if values.len() != dimension {
        return Err(format!("one of {} dimensions", values.len()));
    }
    let wide: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
    let length = length(&wide);
    if !length.is_finite() || length == 0.0 {
        return Err(format!("one of norm {length}"));
    }
    Ok(wide.iter().map(|x| (x / length) as f32).collect())
}

fn add(sum: &mut [f64], row: &[f32], weight: f32) {
    for (sum, x) in sum.iter_mut().zip(row) {
        *sum += f64::from(*x) * f64::from(weight);
    }
}

fn length(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}
