//! The only module that writes to the standard streams: results on stdout, all else on stderr.
//!
//! Whatever is written for people is escaped here as a whole, even if its parts should have been already.

use std::fmt::{self, Write as _};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use clip_files::deceptive::is_deceptive;
use clip_files::system_error;
use clip_search::{Counts, with_causes};
use clip_train::TrainError;
use serde::Serialize;

use crate::escape::{escaped_lines, escaped_text};
use crate::remedy;
use crate::terminal::pictures::Drawing;
use crate::terminal::{Look, Part};

/// Stdout could not be written to. Separate from other I/O errors, because a reader that went away is not a failure.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {}", system_error::describe(.0))]
pub(crate) struct OutputError(#[from] io::Error);

impl OutputError {
    /// Whether the reader has seen enough, as `head` has.
    pub fn is_broken_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Columns to the left of a picture.
const INDENT: u16 = 2;

/// Buffered results. What is not [flushed](Self::finish) may be lost, so that errors in the last write are seen.
pub(crate) struct Results {
    out: BufWriter<StdoutLock<'static>>,
}

impl Results {
    pub fn new() -> Self {
        Self { out: BufWriter::new(io::stdout().lock()) }
    }

    /// Writes a line of text for people.
    pub fn line(&mut self, line: fmt::Arguments<'_>) -> Result<(), OutputError> {
        self.out.write_all(escaped_text(&line.to_string()).as_bytes())?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Writes a line for people of parts, as the terminal can show them.
    pub fn parts(&mut self, parts: &[Part], look: &Look) -> Result<(), OutputError> {
        let mut line = String::new();
        parts.iter().for_each(|part| part.write(look, &mut line));
        line.push('\n');
        Ok(self.out.write_all(line.as_bytes())?)
    }

    /// Draws a picture on lines of its own, and shows all that was written so far.
    pub fn drawing(&mut self, drawing: &Drawing) -> Result<(), OutputError> {
        let rows = drawing.area.rows;
        // Room first, so that nothing scrolls while the picture is drawn. Where that leaves the cursor differs between
        // terminals, so the place is kept.
        write!(self.out, "{}\x1b[{rows}A\x1b7\x1b[{INDENT}C", "\n".repeat(rows.into()))?;
        self.out.write_all(&drawing.bytes)?;
        write!(self.out, "\x1b8\x1b[{rows}B\r")?;
        Ok(self.out.flush()?)
    }

    /// Writes a value as JSON on one line. Nothing in it acts on a terminal.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        let mut line = serde_json::to_string(value).map_err(io::Error::from)?;
        if line.contains(is_deceptive) {
            line = with_escapes(&line, is_deceptive);
        }
        line.push('\n');
        Ok(self.out.write_all(line.as_bytes())?)
    }

    /// Writes what is for another program, as it is.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes a path byte for byte, then `end`.
    pub fn path(&mut self, path: &Path, end: u8) -> Result<(), OutputError> {
        self.out.write_all(&clip_files::path_bytes::lossy(path))?;
        Ok(self.out.write_all(&[end])?)
    }

    /// Hands everything to the system.
    pub fn finish(mut self) -> Result<(), OutputError> {
        Ok(self.out.flush()?)
    }
}

/// How much is said besides results, warnings and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Nothing: no progress, no notices, no summaries.
    Quiet,
    Normal,
    /// How the work is done, too.
    Verbose,
}

impl Verbosity {
    /// As the options `--quiet` and `--verbose` have it, of which clap accepts only one.
    pub fn of(quiet: bool, verbose: bool) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (_, true) => Self::Verbose,
            _ => Self::Normal,
        }
    }
}

/// Set once, before any command runs.
static VERBOSITY: AtomicU8 = AtomicU8::new(Verbosity::Normal as u8);

pub(crate) fn set_verbosity(verbosity: Verbosity) {
    VERBOSITY.store(verbosity as u8, Ordering::Relaxed);
}

/// Whether only results, warnings and errors are printed.
pub(crate) fn is_quiet() -> bool {
    VERBOSITY.load(Ordering::Relaxed) == Verbosity::Quiet as u8
}

/// Whether the user wants to know how the work is done.
pub(crate) fn is_verbose() -> bool {
    VERBOSITY.load(Ordering::Relaxed) == Verbosity::Verbose as u8
}

/// Writes a line to stderr that a user may do without. A stderr that is gone is no reason to stop.
pub(crate) fn notice(message: impl fmt::Display) {
    if !is_quiet() {
        complaint(message);
    }
}

/// Writes a value as JSON on one line of stderr, even with `--quiet`, by which nothing else is there. Nothing in it acts on a terminal.
pub(crate) fn json_notice(value: &impl Serialize) -> serde_json::Result<()> {
    print(&with_escapes(&serde_json::to_string(value)?, |c| !c.is_ascii() || c == '\u{7f}'));
    Ok(())
}

/// JSON with escapes for these characters, which means the same: whatever is not ASCII is in its strings.
fn with_escapes(json: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]).iter() {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Writes a line to stderr about something that went wrong, even with `--quiet`.
pub(crate) fn complaint(message: impl fmt::Display) {
    print(&escaped_text(&message.to_string()));
}

/// Asks something on stderr, and leaves the cursor after it.
pub(crate) fn question(text: &str) {
    let _ = write!(io::stderr().lock(), "{}", escaped_text(text));
}

/// Writes a warning to stderr.
pub(crate) fn warning(message: impl fmt::Display) {
    complaint(format_args!("warning: {message}"));
}

/// Writes an error to stderr, with what can be done about it.
pub(crate) fn failure(error: &anyhow::Error) {
    print(&format!("error: {}", describe(error)));
}

/// Writes what is safe to show.
fn print(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The error, its causes and what can be done about it, in one line, escaped. Advice that is part of the message is not
/// repeated. Only a recipe's error has several lines:
/// it shows the place.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = with_causes(error.as_ref());
    if let Some(words) = remedy::words(error)
        && !text.contains(&words)
    {
        let joint = if text.ends_with('?') { " " } else { "; " };
        let _ = write!(text, "{joint}{words}");
    }
    let shows_a_place = matches!(error.downcast_ref(), Some(TrainError::Recipe { .. }));
    if shows_a_place { escaped_lines(&text) } else { escaped_text(&text) }
}

/// A count with its noun: "1 photo", "1,234 photos".
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// What an index holds: "12 photos", "12 photos and 1 video".
pub(crate) fn holdings(photos: u64, videos: u64) -> String {
    let photos = count(photos, "photo");
    if videos == 0 { photos } else { format!("{photos} and {}", count(videos, "video")) }
}

/// The same, with the frames of the videos.
pub(crate) fn holdings_with_frames(Counts { photos, videos, frames }: Counts) -> String {
    let held = holdings(photos, videos);
    if videos == 0 { held } else { format!("{held} ({})", count(frames, "frame")) }
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

/// A size as the hub shows that of a download, in powers of a thousand.
pub(crate) fn decimal_size(bytes: u64) -> String {
    match bytes {
        1_000_000_000.. => format!("{:.2} GB", bytes as f64 / 1e9),
        _ => format!("{} MB", (bytes as f64 / 1e6).round()),
    }
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
    fn causes_are_told_once() {
        let inner = || anyhow::anyhow!("permission denied");
        assert_eq!(describe(&inner().context("cannot read x")), "cannot read x: permission denied");
        let quoting = Err::<(), _>(inner()).context("cannot read x: permission denied; look at it").unwrap_err();
        assert_eq!(describe(&quoting), "cannot read x: permission denied; look at it");
    }

    #[test]
    fn what_a_photo_is_refused_for_is_told_once() {
        let missing = || clip_search::ImageError::Io(io::ErrorKind::NotFound.into());
        let told = missing().to_string();
        let error = anyhow::Error::from(missing()).context("cannot embed x.jpg");
        assert_eq!(describe(&error), format!("cannot embed x.jpg: {told}"));
    }

    #[test]
    fn nothing_in_an_error_acts_on_a_terminal() {
        let error = anyhow::anyhow!("a\u{1b}]0;b\u{7}\nerror: c").context("\u{9b}31m\u{202e}");
        assert_eq!(describe(&error), "\\u{9b}31m\\u{202e}: a\\u{1b}]0;b\\u{7}\\nerror: c");
    }

    #[test]
    fn a_recipe_shows_the_place_on_lines_of_their_own() {
        let error = TrainError::Recipe { path: "r\u{1b}".into(), reason: "at line 1\n1 | x\n    ^".into() };
        let text = describe(&error.into());
        assert!(text.contains("r\\u{1b}") && text.ends_with("at line 1\n  1 | x\n      ^"), "{text}");
    }

    #[test]
    fn advice_follows_the_message_and_is_given_once() {
        let error = || clip_search::IndexError::NotFound { dir: "x".into() };
        assert_eq!(describe(&error().into()), "there is no index in x; create one with `clip-search index DIR`");
        let quoting = anyhow::Error::from(error()).context("create one with `clip-search index DIR`");
        assert_eq!(describe(&quoting).matches("create one").count(), 1);
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
