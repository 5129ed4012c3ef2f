//! How a checkpoint's texts are tokenised, as data.

use serde::{Deserialize, Serialize};

/// How text becomes token ids. The vocabulary itself travels with the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerConfig {
    /// The algorithm and the text clean-up that belongs to it.
    pub kind: TokenizerKind,
    /// Most tokens a text may have, the special ones included; longer texts lose their end but keep
    /// the end token.
    pub context_length: usize,
    /// The id that fills up shorter texts.
    #[serde(default)]
    pub pad_id: u32,
}

/// The tokenizers that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerKind {
    /// OpenAI CLIP's lower-casing byte-pair encoding with its HTML and whitespace clean-up.
    ClipBpe,
    /// BERT's lower-casing WordPiece; its vocabulary has one token a line.
    WordPiece,
    /// Any Hugging Face `tokenizer.json`, used as it says.
    HuggingFace,
    /// SigLIP's SentencePiece vocabulary (a `tokenizer.json`) as transformers uses it: lower case, no ASCII
    /// punctuation. Texts are filled up to the context.
    Siglip,
    /// SigLIP 2's vocabulary, Gemma's (a `tokenizer.json`), as transformers uses it: lower case. Texts are filled up
    /// to the context.
    Siglip2,
    /// The vocabulary of either as open_clip uses it: text repaired, HTML references resolved, underscores made
    /// spaces, no ASCII punctuation, lower case. Texts are filled up to the context.
    OpenClipSiglip,
}

impl TokenizerKind {
    /// Whether padding is part of a text: SigLIP's text towers see it, and take a text's feature at its last place.
    pub fn fills_context(self) -> bool {
        matches!(self, Self::Siglip | Self::Siglip2 | Self::OpenClipSiglip)
    }
}
