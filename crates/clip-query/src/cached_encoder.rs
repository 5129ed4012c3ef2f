//! An encoder that embeds a text once.

use std::sync::Arc;

use clip_index::ModelId;
use clip_model::Model;
use image::RgbImage;

use crate::encoder::{BoxedError, Encoder};
use crate::text_cache::TextCache;

/// An encoder that looks a text up before it embeds it.
///
/// ```no_run
/// use std::sync::Arc;
/// use clip_query::{CachedEncoder, Query, Searcher, TextCache};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (model, index) = (clip_model::Model::load(&Default::default(), &Default::default())?, "index");
/// let cache = Arc::new(TextCache::in_memory());
/// let searcher = Searcher::open(index, CachedEncoder::new(model, cache))?;
/// searcher.search(&Query::text("a dog on a beach"))?;
/// // The next page of the same question is not embedded again.
/// searcher.search(&Query::text("a dog on a beach").limit(100))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CachedEncoder<E = Model> {
    id: ModelId,
    encoder: Option<E>,
    cache: Arc<TextCache>,
}

impl<E: Encoder> CachedEncoder<E> {
    /// Puts a cache, which others may share, before an encoder.
    pub fn new(encoder: E, cache: Arc<TextCache>) -> CachedEncoder<E> {
        CachedEncoder { id: encoder.id(), encoder: Some(encoder), cache }
    }

    /// Answers from the cache alone: for a text that is [there](TextCache::get) no model need be loaded. Whatever else
    /// is asked of it is an error.
    pub fn without_model(id: ModelId, cache: Arc<TextCache>) -> CachedEncoder<E> {
        CachedEncoder { id, encoder: None, cache }
    }

    fn encoder(&self) -> Result<&E, BoxedError> {
        self.encoder.as_ref().ok_or_else(|| {
            "expected a text whose embedding is cached, found something that a model must embed, and none is loaded"
                .into()
        })
    }
}

impl<E: Encoder> Encoder for CachedEncoder<E> {
    fn id(&self) -> ModelId {
        self.id.clone()
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        let ModelId { fingerprint, dimension, .. } = &self.id;
        let mut rows: Vec<Option<Vec<f32>>> =
            texts.iter().map(|text| self.cache.get(fingerprint, text, *dimension)).collect();
        let unknown: Vec<&str> =
            texts.iter().zip(&rows).filter(|(_, row)| row.is_none()).map(|(text, _)| *text).collect();
        if !unknown.is_empty() {
            let embedded = self.encoder()?.embed_texts(&unknown)?;
            if embedded.len() != unknown.len() * dimension {
                // For the caller to complain about.
                return Ok(embedded);
            }
            let missing = rows.iter_mut().filter(|row| row.is_none());
            for ((row, text), embedding) in missing.zip(&unknown).zip(embedded.chunks_exact(*dimension)) {
                self.cache.insert(fingerprint, text, embedding);
                *row = Some(embedding.to_vec());
            }
        }
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    fn shorter_side(&self) -> Option<u32> {
        self.encoder.as_ref()?.shorter_side()
    }

    fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
        self.encoder()?.embed_images(images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// The length of a text and its first letter, not of unit length; remembers what it was asked for.
    #[derive(Default)]
    struct Letters {
        asked: Mutex<Vec<String>>,
        broken: bool,
    }

    impl Encoder for Arc<Letters> {
        fn id(&self) -> ModelId {
            ModelId { name: "letters".into(), fingerprint: "f".into(), dimension: 2 }
        }

        fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
            self.asked.lock().unwrap().extend(texts.iter().map(ToString::to_string));
            let row = |text: &&str| [text.len() as f32, f32::from(text.as_bytes()[0])];
            let rows: Vec<f32> = texts.iter().flat_map(row).collect();
            Ok(if self.broken { rows[1..].to_vec() } else { rows })
        }

        fn shorter_side(&self) -> Option<u32> {
            Some(7)
        }

        fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
            Ok(vec![images.len() as f32])
        }
    }

    #[test]
    fn a_text_is_embedded_once() {
        let (letters, cache) = (Arc::new(Letters::default()), Arc::new(TextCache::in_memory()));
        let encoder = CachedEncoder::new(letters.clone(), cache.clone());
        let expected = letters.embed_texts(&["b", "aa", "c"]).unwrap();
        assert_eq!(encoder.embed_texts(&["aa"]).unwrap(), expected[2..4]);
        assert_eq!(encoder.embed_texts(&["b", "aa", "c"]).unwrap(), expected);
        assert_eq!(encoder.embed_texts(&["b", "aa", "c"]).unwrap(), expected);
        assert_eq!(letters.asked.lock().unwrap()[3..], ["aa", "b", "c"]);
        assert_eq!((encoder.shorter_side(), encoder.embed_images(&[]).unwrap()), (Some(7), vec![0.0]));

        let known = CachedEncoder::<Arc<Letters>>::without_model(encoder.id(), cache);
        assert_eq!(known.embed_texts(&["c", "b"]).unwrap(), [expected[4], expected[5], expected[0], expected[1]]);
        assert!(known.embed_texts(&["c", "new"]).unwrap_err().to_string().contains("cached"));
        assert!(known.embed_images(&[]).is_err());
    }

    #[test]
    fn what_is_wrong_with_an_encoder_is_not_hidden() {
        let letters = Arc::new(Letters { broken: true, ..Letters::default() });
        let encoder = CachedEncoder::new(letters, Arc::new(TextCache::in_memory()));
        for _ in 0..2 {
            assert_eq!(encoder.embed_texts(&["b", "aa"]).unwrap().len(), 3);
        }
    }
}
