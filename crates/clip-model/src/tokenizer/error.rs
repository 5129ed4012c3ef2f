//! What can be wrong with a tokenizer's data; the caller adds which file it is in.

use clip_files::system_error;

use crate::json;

/// Why a vocabulary cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenizerError {
    #[error("it is not UTF-8 text from byte {} on", .0.valid_up_to())]
    NotUtf8(#[from] std::str::Utf8Error),
    #[error("it cannot be unpacked: {}", system_error::describe(.0))]
    Gzip(std::io::Error),
    #[error("it decompresses to more than {limit} bytes, far more than any published vocabulary")]
    TooLarge { limit: u64 },
    #[error("line {line} is `{}`, expected two tokens separated by one space", json::cut(found))]
    Merge { line: usize, found: String },
    #[error(
        "the token `{}` is not in the vocabulary; the file is for a different tokenizer or is truncated",
        json::cut(token)
    )]
    Missing { token: String },
    #[error(
        "it has no merge that makes the token `{}`; its merges are cut off or belong to a different vocabulary",
        json::cut(token)
    )]
    Unmade { token: String },
    #[error(
        "it makes a vocabulary of {found} tokens, expected the text tower's {expected}; it is cut off or belongs to a \
         different checkpoint"
    )]
    Size { found: usize, expected: usize },
    #[error(
        "it gives a token the id {id}, expected less than the text tower's {tower}; it is damaged or belongs to a \
         different checkpoint"
    )]
    Id { id: u32, tower: usize },
    #[error("the context holds {found} tokens, expected at least {least}")]
    Context { found: usize, least: usize },
    #[error("it is not a Hugging Face `tokenizer.json` of this kind: {}", json::describe(.0))]
    Json(#[from] serde_json::Error),
    #[error("the `tokenizer.json` has a model of type {}, expected {expected}", json::cut(found))]
    ModelType { found: String, expected: &'static str },
    #[error("the `tokenizer.json` is invalid: {0}")]
    HuggingFace(tokenizers::Error),
    #[error("the `tokenizer.json` is invalid: {0}")]
    Refused(String),
    #[error("the `tokenizer.json` leads to a failure inside the `tokenizers` library")]
    Panicked,
    #[error("it has no token for any part of `{text}`, and none for a start or an end")]
    NoTokens { text: String },
    #[error("it has more than {limit} tokens")]
    TooMany { limit: usize },
    #[error("the word pattern is invalid: {0}")]
    Pattern(String),
}

impl TokenizerError {
    pub(super) fn missing(token: &str) -> Self {
        Self::Missing { token: token.to_owned() }
    }
}
