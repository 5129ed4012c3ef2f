//! An encoder that embeds a text once.

use std::sync::Arc;

use clip_encoder::{BoxedError, Encoder};
use clip_index::ModelId;
use image::RgbImage;

use crate::text_cache::TextCache;

/// An encoder that looks a text up before it embeds it.
///
/// ```no_run
/// # fn search<E: clip_query::Encoder>(model: E, index: &std::path::Path) -> Result<(), clip_query::QueryError> {
/// use std::sync::Arc;
/// use clip_query::{CachedEncoder, Query, Searcher, TextCache};
///
/// let cache = Arc::new(TextCache::in_memory());
/// let searcher = Searcher::open(index, CachedEncoder::new(model, cache))?;
/// searcher.search(&Query::text("a dog on a beach"))?;
/// // The next page of the same question is not embedded again.
/// searcher.search(&Query::text("a dog on a beach").limit(100))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CachedEncoder<E> {
    encoder: E,
    cache: Arc<TextCache>,
}

impl<E: Encoder> CachedEncoder<E> {
    /// Puts a cache, which others may share, before an encoder.
    pub fn new(encoder: E, cache: Arc<TextCache>) -> CachedEncoder<E> {
        CachedEncoder { encoder, cache }
    }

    /// The encoder behind the cache.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }
}

impl<E: Encoder> Encoder for CachedEncoder<E> {
    type Pixels = E::Pixels;

    fn name(&self) -> &str {
        self.encoder.name()
    }

    fn fingerprint(&self) -> &str {
        self.encoder.fingerprint()
    }

    fn dimension(&self) -> usize {
        self.encoder.dimension()
    }

    fn shorter_side(&self) -> Option<u32> {
        self.encoder.shorter_side()
    }

    fn batch_size(&self) -> usize {
        self.encoder.batch_size()
    }

    fn batches_at_once(&self) -> usize {
        self.encoder.batches_at_once()
    }

    fn preprocess(&self, image: &RgbImage) -> Result<E::Pixels, BoxedError> {
        self.encoder.preprocess(image)
    }

    fn embed_pixels(&self, batch: &[E::Pixels]) -> Result<Vec<f32>, BoxedError> {
        self.encoder.embed_pixels(batch)
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        let (fingerprint, dimension) = (self.fingerprint(), self.dimension());
        let mut rows: Vec<Option<Vec<f32>>> =
            texts.iter().map(|text| self.cache.get(fingerprint, text, dimension)).collect();
        let unknown: Vec<&str> =
            texts.iter().zip(&rows).filter(|(_, row)| row.is_none()).map(|(text, _)| *text).collect();
        if !unknown.is_empty() {
            let embedded = self.encoder.embed_texts(&unknown)?;
            if embedded.len() != unknown.len() * dimension {
                // For the caller to complain about.
                return Ok(embedded);
            }
            let missing = rows.iter_mut().filter(|row| row.is_none());
            for ((row, text), embedding) in missing.zip(&unknown).zip(embedded.chunks_exact(dimension)) {
                self.cache.insert(fingerprint, text, embedding);
                *row = Some(embedding.to_vec());
            }
        }
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    fn embed_images(&self, images: &[RgbImage]) -> Result<Vec<f32>, BoxedError> {
        self.encoder.embed_images(images)
    }
}

/// Answers from a cache alone: for texts that are all [there](TextCache::get), no model need be loaded. Whatever else is
/// asked of it is an error.
#[derive(Debug)]
pub struct CachedTexts {
    model: ModelId,
    cache: Arc<TextCache>,
}

impl CachedTexts {
    /// What `cache` knows of the texts that `model` has embedded.
    pub fn new(model: ModelId, cache: Arc<TextCache>) -> CachedTexts {
        CachedTexts { model, cache }
    }
}

impl Encoder for CachedTexts {
    type Pixels = ();

    fn name(&self) -> &str {
        &self.model.name
    }

    fn fingerprint(&self) -> &str {
        &self.model.fingerprint
    }

    fn dimension(&self) -> usize {
        self.model.dimension
    }

    fn preprocess(&self, _: &RgbImage) -> Result<(), BoxedError> {
        Err("no model is loaded: only texts with cached embeddings can be encoded, found a photo".into())
    }

    fn embed_pixels(&self, _: &[()]) -> Result<Vec<f32>, BoxedError> {
        Ok(Vec::new())
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        let mut rows = Vec::with_capacity(texts.len() * self.model.dimension);
        for text in texts {
            let row = self.cache.get(&self.model.fingerprint, text, self.model.dimension);
            rows.extend(row.ok_or("no model is loaded: expected a text with a cached embedding")?);
        }
        Ok(rows)
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

    impl Encoder for Letters {
        type Pixels = ();

        fn name(&self) -> &str {
            "letters"
        }

        fn fingerprint(&self) -> &str {
            "f"
        }

        fn dimension(&self) -> usize {
            2
        }

        fn shorter_side(&self) -> Option<u32> {
            Some(7)
        }

        fn preprocess(&self, _: &RgbImage) -> Result<(), BoxedError> {
            Ok(())
        }

        fn embed_pixels(&self, batch: &[()]) -> Result<Vec<f32>, BoxedError> {
            Ok(vec![batch.len() as f32])
        }

        fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
            self.asked.lock().unwrap().extend(texts.iter().map(ToString::to_string));
            let row = |text: &&str| [text.len() as f32, f32::from(text.as_bytes()[0])];
            let rows: Vec<f32> = texts.iter().flat_map(row).collect();
            Ok(if self.broken { rows[1..].to_vec() } else { rows })
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

        let model = ModelId { name: "letters".into(), fingerprint: "f".into(), dimension: 2 };
        let known = CachedTexts::new(model, cache);
        assert_eq!(known.embed_texts(&["c", "b"]).unwrap(), [expected[4], expected[5], expected[0], expected[1]]);
        assert!(known.embed_texts(&["c", "new"]).unwrap_err().to_string().contains("cached"));
        assert!(known.embed_images(&[RgbImage::new(1, 1)]).is_err());
    }

    #[test]
    fn what_is_wrong_with_an_encoder_is_not_hidden() {
        let letters = Letters { broken: true, ..Letters::default() };
        let encoder = CachedEncoder::new(letters, Arc::new(TextCache::in_memory()));
        for _ in 0..2 {
            assert_eq!(encoder.embed_texts(&["b", "aa"]).unwrap().len(), 3);
        }
    }
}
