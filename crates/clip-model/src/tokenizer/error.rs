//! What can be wrong with a tokenizer's data; the caller adds which file it is in.

/// Why a vocabulary cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenizerError {
    #[error("its text is not UTF-8: {0}")]
    NotUtf8(#[from] std::str::Utf8Error),
    #[error("it cannot be unpacked: {0}")]
    Gzip(std::io::Error),
    #[error("it decompresses to more than {limit} bytes, far more than any published vocabulary")]
    TooLarge { limit: u64 },
    #[error("line {line} is `{found}`, expected two tokens separated by one space")]
    Merge { line: usize, found: String },
    #[error("the token `{token}` is not in the vocabulary; the file is for a different tokenizer or is truncated")]
    Missing { token: String },
    #[error("the context holds {found} tokens, expected at least {least}")]
    Context { found: usize, least: usize },
    #[error("it is not a Hugging Face `tokenizer.json` of this kind: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the `tokenizer.json` has a model of type {found}, expected {expected}")]
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
