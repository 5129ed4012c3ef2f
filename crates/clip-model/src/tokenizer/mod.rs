//! Text to token ids, as the checkpoints were trained.
//!
//! The kinds are those of [`TokenizerKind`]: OpenAI CLIP's byte-pair encoding and BERT's WordPiece are written here, since
//! they are small, load quickly and must match their originals to the letter; whatever else a Hugging Face
//! `tokenizer.json` describes goes through the `tokenizers` crate, SigLIP's vocabularies behind a clean-up of their own.
//!
//! No input makes a tokenizer panic, and none makes it take more than some seconds or some hundred megabytes, whatever is
//! in its file. Texts are cut at [`MAX_TEXT_BYTES`] before any work is done: that is hundreds of times what a context
//! holds.

mod charsmap;
mod clean;
mod clip_bpe;
pub mod config;
mod cut;
mod error;
mod file;
mod html;
mod hugging_face;
mod siglip;
mod steps;
mod wordpiece;

use std::borrow::Cow;
use std::io::Read;

use crate::ModelError;

use clip_bpe::ClipBpe;
use config::{TokenizerConfig, TokenizerKind};
pub use cut::MAX_TEXT_BYTES;
use cut::cut_at;
use error::TokenizerError;
use hugging_face::HuggingFace;
use siglip::Siglip;
use wordpiece::WordPiece;

/// OpenAI CLIP's merges (MIT licence, `assets/clip_bpe/LICENSE`): the vocabulary of every checkpoint that does not
/// carry one of its own. Gzip, as [`Tokenizer::new`] reads it.
pub const CLIP_VOCABULARY: &[u8] = include_bytes!("../../assets/clip_bpe/merges.txt.gz");

/// Bytes of a text that an error quotes.
const MAX_QUOTED_BYTES: usize = 60;

/// Bytes that a packed vocabulary may unpack to.
const MAX_VOCABULARY_BYTES: u64 = 64 << 20;

/// The ids of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIds {
    /// Start token where there is one, text, end token; at most the context length. Not padded, except for kinds that
    /// [fill the context](TokenizerKind::fills_context).
    pub ids: Vec<u32>,
    /// How many of the ids matter to the text's feature. A causal tower takes the feature at the first end-of-text
    /// token, which is at `length - 1`, and may stop there; for a bidirectional one this is `ids.len()`.
    pub length: usize,
}

/// The ids of several texts, padded to one width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    /// `[texts, width]`, row by row.
    pub ids: Vec<u32>,
    /// Ids in a row.
    pub width: usize,
    /// Of each text the [`TokenIds::length`].
    pub lengths: Vec<usize>,
}

/// How wide a batch is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// To the longest text of the batch.
    Longest,
    /// To the context length, as the original implementations do.
    Context,
}

/// Turns text into token ids.
pub struct Tokenizer {
    kind: TokenizerKind,
    algorithm: Algorithm,
    context_length: usize,
    pad_id: u32,
    /// Ids that the text tower knows, where it is known.
    tower: Option<usize>,
    /// Where the vocabulary is from, for errors.
    origin: String,
}

enum Algorithm {
    ClipBpe(ClipBpe),
    WordPiece(WordPiece),
    HuggingFace(Box<HuggingFace>),
    Siglip(Box<Siglip>),
}

impl Tokenizer {
    /// Builds the tokenizer that `config` describes from its vocabulary; `origin` says in errors where that is from.
    ///
    /// The vocabulary may be gzipped, and is one of these (a `tokenizer.json` is recognised by its opening brace):
    /// - for [`TokenizerKind::ClipBpe`] a merge list (`merges.txt`, `bpe_simple_vocab_16e6.txt`) or a
    ///   `tokenizer.json`;
    /// - for [`TokenizerKind::WordPiece`] a list with one token a line (`vocab.txt`) or a `tokenizer.json`;
    /// - for all others a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if the vocabulary is damaged, of another kind, or lacks a token it needs, or if the
    /// context is too short for a start and an end token.
    pub fn new(config: &TokenizerConfig, vocabulary: &[u8], origin: &str) -> Result<Self, ModelError> {
        match Self::build(config, vocabulary) {
            Ok(algorithm) => Ok(Self {
                kind: config.kind,
                algorithm,
                context_length: config.context_length,
                pad_id: config.pad_id,
                tower: None,
                origin: origin.to_owned(),
            }),
            Err(error) => Err(ModelError::Tokenizer { origin: origin.to_owned(), reason: error.to_string() }),
        }
    }

    /// The same tokenizer for a text tower that knows `vocab_size` ids: it gives no others.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if the vocabulary of CLIP's encoding has others. Other vocabularies may have tokens that the
    /// tower was never meant to see; of these, [`encode`](Self::encode) says so once a text has one.
    pub fn for_tower(self, vocab_size: usize) -> Result<Self, ModelError> {
        let fits = match &self.algorithm {
            Algorithm::ClipBpe(bpe) => bpe.fits(vocab_size),
            Algorithm::WordPiece(_) | Algorithm::HuggingFace(_) | Algorithm::Siglip(_) => Ok(()),
        };
        match fits {
            Ok(()) => Ok(Self { tower: Some(vocab_size), ..self }),
            Err(error) => Err(ModelError::Tokenizer { origin: self.origin, reason: error.to_string() }),
        }
    }

    /// Says if ids that follow from the length of a list of merges are not as many as the text tower knows, since the list
    /// is then cut off or another checkpoint's.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub(crate) fn fills(&self, vocab_size: usize) -> Result<(), ModelError> {
        let fills = match &self.algorithm {
            Algorithm::ClipBpe(bpe) => bpe.fills(vocab_size),
            Algorithm::WordPiece(_) | Algorithm::HuggingFace(_) | Algorithm::Siglip(_) => Ok(()),
        };
        fills.map_err(|error| ModelError::Tokenizer { origin: self.origin.clone(), reason: error.to_string() })
    }

    fn build(config: &TokenizerConfig, vocabulary: &[u8]) -> Result<Algorithm, TokenizerError> {
        // Start and end must fit.
        const LEAST: usize = 2;
        if config.context_length < LEAST {
            return Err(TokenizerError::Context { found: config.context_length, least: LEAST });
        }
        let bytes = unpack(vocabulary)?;
        let json = bytes.trim_ascii_start().starts_with(b"{");
        Ok(match config.kind {
            TokenizerKind::ClipBpe if json => Algorithm::ClipBpe(file::read_clip_bpe(&bytes)?),
            TokenizerKind::ClipBpe => Algorithm::ClipBpe(ClipBpe::from_merges(std::str::from_utf8(&bytes)?)?),
            TokenizerKind::WordPiece if json => Algorithm::WordPiece(file::read_wordpiece(&bytes)?),
            TokenizerKind::WordPiece => {
                Algorithm::WordPiece(WordPiece::from_lines(std::str::from_utf8(&bytes)?.lines())?)
            }
            TokenizerKind::HuggingFace => Algorithm::HuggingFace(Box::new(HuggingFace::new(&bytes)?)),
            TokenizerKind::Siglip => Algorithm::Siglip(Box::new(Siglip::canonical(&bytes)?)),
            TokenizerKind::Siglip2 => Algorithm::Siglip(Box::new(Siglip::lower_case(&bytes)?)),
            TokenizerKind::OpenClipSiglip => Algorithm::Siglip(Box::new(Siglip::open_clip(&bytes)?)),
        })
    }

    /// OpenAI CLIP's tokenizer: 77 tokens, padded with 0.
    ///
    /// # Errors
    /// None with the vocabulary that is built in; the signature is that of [`Tokenizer::new`].
    pub fn clip() -> Result<Self, ModelError> {
        let config = TokenizerConfig { kind: TokenizerKind::ClipBpe, context_length: 77, pad_id: 0 };
        Self::new(&config, CLIP_VOCABULARY, "the built-in CLIP vocabulary")
    }

    /// Most ids that a text gets.
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// The id that fills up shorter texts.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// The ids of `text`: start, tokens, end. A text too long for the context loses its end but keeps the end token.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if a Hugging Face vocabulary has no token for a part of the text, or for all of it: a text
    /// has at least one id. Also for a text with an id that the [tower](Self::for_tower) does not know.
    pub fn encode(&self, text: &str) -> Result<TokenIds, ModelError> {
        let ids = self.ids(text).and_then(|ids| self.known(ids));
        ids.map_err(|error| ModelError::Tokenizer { origin: self.origin.clone(), reason: error.to_string() })
    }

    /// Refuses ids that the tower has no row for.
    fn known(&self, ids: TokenIds) -> Result<TokenIds, TokenizerError> {
        match (self.tower, ids.ids.iter().max().copied()) {
            (Some(tower), Some(id)) if id as usize >= tower => Err(TokenizerError::Id { id, tower }),
            _ => Ok(ids),
        }
    }

    fn ids(&self, text: &str) -> Result<TokenIds, TokenizerError> {
        let room = self.context_length - 1;
        let (start, end) = match &self.algorithm {
            Algorithm::ClipBpe(bpe) => (bpe.start, bpe.end),
            Algorithm::WordPiece(wordpiece) => (wordpiece.start, wordpiece.end),
            Algorithm::HuggingFace(hugging_face) => {
                let ids = hugging_face.encode(cut(text), self.context_length)?;
                let length = ids.len();
                if length == 0 {
                    return Err(TokenizerError::NoTokens { text: cut_at(text, MAX_QUOTED_BYTES).to_owned() });
                }
                return Ok(TokenIds { ids, length });
            }
            Algorithm::Siglip(siglip) => {
                let mut ids = siglip.encode(cut(text), self.context_length)?;
                ids.resize(self.context_length, self.pad_id);
                return Ok(TokenIds { ids, length: self.context_length });
            }
        };
        // White space in front is nothing to these, so none of it counts towards the limit.
        let text = cut(text.trim_start());
        let mut ids = Vec::with_capacity(self.context_length.min(text.len() + 2));
        ids.push(start);
        match &self.algorithm {
            Algorithm::ClipBpe(bpe) => bpe.encode(text, room, &mut ids),
            Algorithm::WordPiece(wordpiece) => wordpiece.encode(text, room, &mut ids),
            Algorithm::HuggingFace(_) | Algorithm::Siglip(_) => {}
        }
        ids.push(end);
        let length = match &self.algorithm {
            // A text may spell the end token; the feature is taken at the first one.
            Algorithm::ClipBpe(_) => ids.iter().position(|&id| id == end).map_or(ids.len(), |at| at + 1),
            _ => ids.len(),
        };
        Ok(TokenIds { ids, length })
    }

    /// The ids of several texts, padded with [`pad_id`](Self::pad_id) to one width.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_batch<T: AsRef<str>>(&self, texts: &[T], padding: Padding) -> Result<TokenBatch, ModelError> {
        let rows = texts.iter().map(|text| self.encode(text.as_ref())).collect::<Result<Vec<TokenIds>, _>>()?;
        let width = match padding {
            Padding::Longest => rows.iter().map(|row| row.ids.len()).max().unwrap_or(0),
            Padding::Context => self.context_length,
        };
        let mut ids = Vec::with_capacity(width * rows.len());
        for (number, row) in rows.iter().enumerate() {
            ids.extend_from_slice(&row.ids);
            ids.resize((number + 1) * width, self.pad_id);
        }
        Ok(TokenBatch { ids, width, lengths: rows.iter().map(|row| row.length).collect() })
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("kind", &self.kind)
            .field("context_length", &self.context_length)
            .field("pad_id", &self.pad_id)
            .finish_non_exhaustive()
    }
}

/// The part of `text` that is looked at.
fn cut(text: &str) -> &str {
    cut_at(text, MAX_TEXT_BYTES)
}

/// Undoes gzip where the bytes are packed.
fn unpack(bytes: &[u8]) -> Result<Cow<'_, [u8]>, TokenizerError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(bytes).take(MAX_VOCABULARY_BYTES + 1);
    reader.read_to_end(&mut unpacked).map_err(TokenizerError::Gzip)?;
    if unpacked.len() as u64 > MAX_VOCABULARY_BYTES {
        return Err(TokenizerError::TooLarge { limit: MAX_VOCABULARY_BYTES });
    }
    Ok(Cow::Owned(unpacked))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ndog\n##s\n";

    fn wordpiece(context_length: usize) -> Tokenizer {
        let config = TokenizerConfig { kind: TokenizerKind::WordPiece, context_length, pad_id: 0 };
        Tokenizer::new(&config, WORDS.as_bytes(), "test").unwrap()
    }

    #[test]
    fn long_texts_keep_the_end_token() {
        let clip = Tokenizer::clip().unwrap();
        let ids = clip.encode(&"dog ".repeat(200)).unwrap();
        assert_eq!((ids.ids.len(), ids.length), (77, 77));
        assert_eq!((ids.ids[0], ids.ids[76]), (49406, 49407));
        assert_eq!(wordpiece(4).encode("a dogs a dog").unwrap().ids, [2, 5, 6, 3]);
    }

    #[test]
    fn the_first_end_token_ends_the_text() {
        let ids = Tokenizer::clip().unwrap().encode("a <end_of_text> dog").unwrap();
        assert_eq!((ids.ids.len(), ids.length), (5, 3));
    }

    #[test]
    fn batches_are_padded() {
        let batch = wordpiece(6).encode_batch(&["a", "dogs a"], Padding::Longest).unwrap();
        assert_eq!(batch.ids, [2, 5, 3, 0, 0, 2, 6, 7, 5, 3]);
        assert_eq!((batch.width, batch.lengths), (5, vec![3, 5]));
        let batch = wordpiece(6).encode_batch(&["a"], Padding::Context).unwrap();
        assert_eq!(batch.ids, [2, 5, 3, 0, 0, 0]);
        let none: [&str; 0] = [];
        assert_eq!(wordpiece(6).encode_batch(&none, Padding::Longest).unwrap().width, 0);
    }

    #[test]
    fn unusable_data_is_refused_by_name() {
        let refuse = |kind, context_length, bytes: &[u8]| {
            let config = TokenizerConfig { kind, context_length, pad_id: 0 };
            Tokenizer::new(&config, bytes, "model.bin").unwrap_err().to_string()
        };
        let error = refuse(TokenizerKind::ClipBpe, 77, b"\xff\xfe");
        assert!(error.contains("model.bin") && error.contains("UTF-8"), "{error}");
        let error = refuse(TokenizerKind::ClipBpe, 1, CLIP_VOCABULARY);
        assert!(error.contains("at least 2"), "{error}");
        let error = refuse(TokenizerKind::ClipBpe, 77, &CLIP_VOCABULARY[..1000]);
        assert!(error.contains("unpacked"), "{error}");
        let error = refuse(TokenizerKind::WordPiece, 64, b"{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}");
        assert!(error.contains("BPE") && error.contains("WordPiece"), "{error}");
        let error = refuse(TokenizerKind::HuggingFace, 64, b"{}");
        assert!(error.contains("model"), "{error}");
    }

    #[test]
    fn a_text_without_ids_is_an_error() {
        let config = TokenizerConfig { kind: TokenizerKind::HuggingFace, context_length: 9, pad_id: 0 };
        let json = r#"{"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#;
        let tokenizer = Tokenizer::new(&config, json.as_bytes(), "model.json").unwrap();
        assert_eq!(tokenizer.encode("a b").unwrap().ids, [0]);
        for text in ["", "b", "\u{1b}[31m"] {
            let error = tokenizer.encode(text).unwrap_err().to_string();
            assert!(error.contains("model.json") && error.contains("no token"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
        assert!(tokenizer.encode_batch(&["a", "b"], Padding::Longest).is_err());
    }

    #[test]
    fn endless_texts_are_cut() {
        let clip = Tokenizer::clip().unwrap();
        for text in ["a".repeat(3_000_000), "é".repeat(1_000_000), " ".repeat(3_000_000), "&amp;".repeat(500_000)] {
            assert!(clip.encode(&text).unwrap().ids.len() <= 77);
            assert!(wordpiece(64).encode(&text).unwrap().ids.len() <= 64);
        }
        assert_eq!(clip.encode(&(" ".repeat(3_000_000) + "dog")).unwrap(), clip.encode("dog").unwrap());
    }
}
