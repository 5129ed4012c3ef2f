//! Text from outside as it is shown to people: nothing in it acts on a terminal or passes for something else.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use clip_files::deceptive::is_deceptive;

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

/// An argument as it can be pasted into a shell. What must not be printed as it is, or is no text, is written as `$'...'`, which
/// bash, zsh, ksh and newer shells of POSIX understand.
pub(crate) fn quoted(argument: impl AsRef<OsStr>) -> String {
    let argument = argument.as_ref();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c) || cfg!(windows) && c == '\\';
    match argument.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.chars().any(is_deceptive) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => ansi_c_quoted(argument),
    }
}

fn ansi_c_quoted(argument: &OsStr) -> String {
    let mut quoted = "$'".to_owned();
    for chunk in argument.as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => quoted.push_str("\\n"),
                '\'' | '\\' => quoted.extend(['\\', c]),
                _ if is_deceptive(c) => push_octal(&mut quoted, c.encode_utf8(&mut [0; 4]).as_bytes()),
                _ => quoted.push(c),
            }
        }
        push_octal(&mut quoted, chunk.invalid());
    }
    quoted.push('\'');
    quoted
}

/// Always three digits, so that what follows is no part of the number.
fn push_octal(quoted: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(quoted, "\\{byte:03o}");
    }
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
        assert_eq!(quoted("it's\n1 \\"), "$'it\\'s\\n1 \\\\'");
        assert_eq!(quoted("\u{1b}1"), "$'\\0331'");
    }

    /// A shell makes of it what it was made of.
    #[cfg(unix)]
    #[test]
    fn a_shell_reads_what_was_meant() {
        use std::os::unix::ffi::OsStrExt;
        let arguments: [&[u8]; 7] = [
            b"a b",
            b"it's",
            b"new\nline1.jpg",
            b"x\xff1.jpg",
            b"\x1b[31m'\\",
            "a\u{202e}7".as_bytes(),
            b"$HOME `id` \"\t",
        ];
        for argument in arguments {
            let script = format!("printf %s {}", quoted(OsStr::from_bytes(argument)));
            let Ok(run) = std::process::Command::new("bash").args(["-c", &script]).output() else { return };
            assert_eq!(run.stdout, argument, "{script}");
        }
    }
}
