//! Text from outside in messages for people: names and words of a server, file names, settings.

use std::fmt::{self, Write as _};
use std::path::Path;

use clip_files::deceptive::is_deceptive;

/// Shows text with everything escaped that could act on a terminal or hide what is there: control characters, marks
/// that turn the reading direction, characters without a shape.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if is_deceptive(c) { c.escape_unicode().try_for_each(|c| f.write_char(c)) } else { f.write_char(c) }
        })
    }
}

/// Shows a path in the same way; bytes that are not UTF-8 as `\xFF`.
pub(crate) struct EscapedPath<'a>(pub &'a Path);

impl fmt::Display for EscapedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_os_str().as_encoded_bytes().utf8_chunks() {
            Escaped(chunk.valid()).fmt(f)?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// The beginning of a text, escaped: at most this many characters, and `…` if there were more.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    let end = text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { "…" } else { "" };
    format!("{}{more}", Escaped(&text[..end]))
}

/// A URL without what may be secret: a user's name and password, and the query, in which storages keep signatures.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let colon = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{colon}{host}{path}")
}

/// The host of a URL with its port, as messages show it.
pub(crate) fn server(url: &str) -> String {
    let url = without_secrets(url);
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        for (text, expected) in [
            ("plain äß日本 'text'", "plain äß日本 'text'"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nb\rc\td\0", "a\\u{a}b\\u{d}c\\u{9}d\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("gpj\u{202e}exe", "gpj\\u{202e}exe"),
            ("\u{2066}x\u{2069}\u{200e}\u{61c}", "\\u{2066}x\\u{2069}\\u{200e}\\u{61c}"),
            ("a\u{2028}b\u{feff}\u{200b}", "a\\u{2028}b\\u{feff}\\u{200b}"),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
            assert_eq!(EscapedPath(Path::new(text)).to_string(), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn paths_that_are_no_text() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"a\xff\x1bb"));
        assert_eq!(EscapedPath(path).to_string(), "a\\xff\\u{1b}b");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü\u{1b}", 3), "äöü…");
        assert_eq!(shortened("\u{1b}äöü", 2), "\\u{1b}ä…");
        assert_eq!(shortened("", 0), "");
    }

    #[test]
    fn addresses_without_secrets() {
        for (url, shown) in [
            ("https://hub.example/a/b", "https://hub.example/a/b"),
            ("https://user:pa@ss@hub.example:8080/a?Signature=x#y", "https://hub.example:8080/a"),
            ("https://hub.example?token=x", "https://hub.example"),
            ("user:pass@proxy:3128", "proxy:3128"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    proptest! {
        #[test]
        fn escaped_text_is_plain_and_plain_text_stays(text: String) {
            let escaped = Escaped(&text).to_string();
            prop_assert!(!escaped.contains(is_deceptive));
            prop_assert_eq!(Escaped(&escaped).to_string(), escaped.clone());
            prop_assert_eq!(escaped == text, !text.contains(is_deceptive));
        }
    }
}
