//! Text from elsewhere, as it may be shown.

use std::fmt::{self, Write};
use std::path::Path;

use clip_files::deceptive::is_deceptive;

/// Longest text that is shown; what follows is cut off. Far more than any name in a checkpoint that was not made to
/// deceive, and enough for a list of what is supported.
const MAX_CHARS: usize = 2000;

/// Text that comes from outside of the program, such as the name of a tensor, for errors and logs: what could steer a
/// terminal or turn the reading direction is escaped.
pub struct Shown<T>(T);

/// Shows text from elsewhere.
pub fn shown(text: &str) -> Shown<&str> {
    Shown(text)
}

/// Shows a path.
pub fn shown_path(path: &Path) -> Shown<std::path::Display<'_>> {
    Shown(path.display())
}

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Escaping { out: f, left: MAX_CHARS };
        write!(out, "{}", self.0)
    }
}

struct Escaping<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match self.left {
                0 => return Ok(()),
                1 => self.out.write_char('…')?,
                _ if is_deceptive(c) => write!(self.out, "{}", c.escape_default())?,
                _ => self.out.write_char(c)?,
            }
            self.left -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_deceives_is_escaped() {
        let text = "a\u{1b}[31m\nb\u{202e}c\u{9b}d\u{200f}e\u{2066}ä🦊";
        assert_eq!(shown(text).to_string(), "a\\u{1b}[31m\\nb\\u{202e}c\\u{9b}d\\u{200f}e\\u{2066}ä🦊");
        assert_eq!(shown_path(Path::new("x\u{7}y")).to_string(), "x\\u{7}y");
    }

    #[test]
    fn endless_texts_are_cut() {
        let shown = shown(&"x".repeat(1 << 20)).to_string();
        assert_eq!(shown.chars().count(), MAX_CHARS);
        assert!(shown.ends_with("x…"));
    }

    proptest! {
        #[test]
        fn no_text_deceives(text: String) {
            prop_assert!(!shown(&text).to_string().contains(is_deceptive));
        }
    }
}
