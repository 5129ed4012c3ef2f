//! The only module that writes to the standard streams: results on stdout, all else on stderr.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;

use serde::Serialize;

/// Stdout could not be written to. Kept apart from other I/O errors because a reader that went away is no failure.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the results to standard output: {0}")]
pub(crate) struct OutputError(#[from] io::Error);

impl OutputError {
    /// Whether the reader has seen enough, as `head` has.
    pub fn is_broken_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Buffered results. What is not [flushed](Self::finish) may be lost, so that errors in the last write are seen.
pub(crate) struct Results {
    out: BufWriter<StdoutLock<'static>>,
}

impl Results {
    pub fn new() -> Self {
        Self { out: BufWriter::new(io::stdout().lock()) }
    }

    /// Writes a line of text.
    pub fn line(&mut self, line: fmt::Arguments<'_>) -> Result<(), OutputError> {
        self.out.write_fmt(line)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Writes a value as JSON on one line.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Writes a path byte for byte, then `end`.
    pub fn path(&mut self, path: &Path, end: u8) -> Result<(), OutputError> {
        self.out.write_all(&path_bytes(path))?;
        Ok(self.out.write_all(&[end])?)
    }

    /// Hands everything to the system.
    pub fn finish(mut self) -> Result<(), OutputError> {
        Ok(self.out.flush()?)
    }
}

/// Writes a line to stderr. A stderr that is gone is no reason to stop.
pub(crate) fn notice(message: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// Writes a warning to stderr.
pub(crate) fn warning(message: impl fmt::Display) {
    notice(format_args!("warning: {message}"));
}

/// The error and what lies behind it, in one line. A cause that its parent already quotes is not repeated.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            let _ = write!(text, ": {cause}");
        }
    }
    text
}

/// A path for people: control characters, which can play tricks on a terminal, and bytes that are no UTF-8 are escaped.
pub(crate) fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || is_direction_mark(c) {
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

/// The same for a text that came from a file or from elsewhere.
pub(crate) fn escaped_text(text: &str) -> String {
    escaped(Path::new(text))
}

/// Characters that turn the reading direction and so can make a name look like another.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(unix)]
fn path_bytes(path: &Path) -> Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt;
    Cow::Borrowed(path.as_os_str().as_bytes())
}

/// Elsewhere names are not bytes; UTF-8 is what scripts expect, and a lone surrogate becomes a replacement character.
#[cfg(not(unix))]
fn path_bytes(path: &Path) -> Cow<'_, [u8]> {
    match path.to_string_lossy() {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// A count with its noun: "1 photo", "1,234 photos".
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A number with its thousands set apart.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size for people, in powers of 1024.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return count(bytes, "byte");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn tricks_in_names_are_shown() {
        assert_eq!(escaped(Path::new("/a/b c é.jpg")), "/a/b c é.jpg");
        assert_eq!(escaped(Path::new("a\nb\u{1b}[31m\u{202e}gpj")), "a\\nb\\u{1b}[31m\\u{202e}gpj");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_keep_their_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"x\xff.jpg"));
        assert_eq!(escaped(path), "x\\xff.jpg");
    }

    #[test]
    fn causes_are_told_once() {
        let inner = || anyhow::anyhow!("permission denied");
        assert_eq!(describe(&inner().context("cannot read x")), "cannot read x: permission denied");
        let quoting = Err::<(), _>(inner()).context("cannot read x: permission denied; look at it").unwrap_err();
        assert_eq!(describe(&quoting), "cannot read x: permission denied; look at it");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(1, "photo"), "1 photo");
        assert_eq!(count(1_234_567, "photo"), "1,234,567 photos");
        assert_eq!(size(12), "12 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
    }
}
