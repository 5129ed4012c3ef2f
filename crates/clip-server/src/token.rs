//! The secret that lets somebody in.

use std::fmt;

use thiserror::Error;

/// Shorter tokens can be guessed.
const LEAST: usize = 16;

/// A secret that a client has to know. Only its hash is kept.
#[derive(Clone)]
pub struct Token(blake3::Hash);

/// A text cannot be a token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// It is too short to be secret.
    #[error("expected a token of at least {LEAST} characters, found {found}")]
    TooShort {
        /// How many it has.
        found: usize,
    },
    /// It has characters that a header cannot have.
    #[error("expected a token of visible ASCII characters, found others")]
    Characters,
}

impl Token {
    /// Takes a text for the token, without blanks around it.
    ///
    /// # Errors
    /// [`TokenError`] if it is too short or no header can have it.
    pub fn new(text: &str) -> Result<Token, TokenError> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        if text.len() < LEAST {
            return Err(TokenError::TooShort { found: text.len() });
        }
        Ok(Token(blake3::hash(text.as_bytes())))
    }

    /// Whether this is the token. Takes as long whatever they have in common: hashes are compared, and in constant time.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0 == blake3::hash(text.as_bytes())
    }

    /// What a browser gets instead of the token, which cannot be told from it.
    pub(crate) fn session(&self) -> String {
        blake3::derive_key("clip-search 2026 session of a browser", self.0.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Whether a browser has this session.
    pub(crate) fn is_session(&self, text: &str) -> bool {
        blake3::hash(self.session().as_bytes()) == blake3::hash(text.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lets_in_who_knows_it() {
        let token = Token::new(" 0123456789abcdef\n").unwrap();
        assert!(token.is("0123456789abcdef"));
        for other in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef ", &token.session()] {
            assert!(!token.is(other), "{other}");
        }
        assert!(token.is_session(&token.session()));
        assert!(!token.is_session("0123456789abcdef"));
        assert_ne!(token.session(), Token::new("0123456789abcdeg").unwrap().session());
        assert!(!format!("{token:?}").contains(char::is_numeric));
    }

    #[test]
    fn what_can_be_guessed_is_no_token() {
        assert_eq!(Token::new("secret\n").unwrap_err(), TokenError::TooShort { found: 6 });
        assert_eq!(Token::new("0123456789abcdef\n0123456789abcdef").unwrap_err(), TokenError::Characters);
        assert_eq!(Token::new("").unwrap_err(), TokenError::TooShort { found: 0 });
    }
}
