//! Text from outside as it is shown to people: nothing in it acts on a terminal or passes for something else.

use std::fmt::Write as _;
use std::path::Path;

/// A path. Control characters, marks that turn the reading direction and bytes that are not UTF-8 are escaped.
pub(crate) fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_deceptive(c) {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The same for a text. What is escaped already stays as it is.
pub(crate) fn escaped_text(text: &str) -> String {
    escaped(Path::new(text))
}

/// The same for a text of several lines. All lines but the first are indented, so that none of them passes for a message
/// of its own.
pub(crate) fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped_text).collect::<Vec<_>>().join("\n  ")
}

/// Characters that act on a terminal, end a line, or turn the reading direction and so can make a name look like another.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An argument as it can be pasted into a shell.
pub(crate) fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c) || cfg!(windows) && c == '\\';
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_in_names_are_shown() {
        assert_eq!(escaped(Path::new("/a/b c é.jpg")), "/a/b c é.jpg");
        assert_eq!(escaped(Path::new("a\nb\u{1b}[31m\u{202e}gpj")), "a\\nb\\u{1b}[31m\\u{202e}gpj");
        // C1 control characters: 0x9b alone begins a control sequence.
        assert_eq!(escaped_text("\u{9b}31m\u{7f}\u{2028}\u{61c}"), "\\u{9b}31m\\u{7f}\\u{2028}\\u{61c}");
    }

    #[test]
    fn escaping_twice_is_escaping_once() {
        let once = escaped_text("a\u{1b}\\n\r\n");
        assert_eq!(escaped_text(&once), once);
    }

    #[test]
    fn lines_after_the_first_are_indented() {
        assert_eq!(escaped_lines("a\nerror: b\u{1b}\n"), "a\n  error: b\\u{1b}");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_keep_their_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"x\xff.jpg"));
        assert_eq!(escaped(path), "x\\xff.jpg");
    }

    #[test]
    fn arguments_for_a_shell() {
        assert_eq!(quoted("/photos/2019/é.jpg"), "/photos/2019/é.jpg");
        assert_eq!(quoted("*.png"), "'*.png'");
        assert_eq!(quoted("it's mine"), "'it'\\''s mine'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("/home/me/index"), "/home/me/index");
    }
}
