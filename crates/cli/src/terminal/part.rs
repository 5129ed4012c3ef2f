//! Parts of a line: text with a style. Text is escaped here, so nothing that a part is made of acts on the terminal.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::look::{Colours, Look};
use crate::escape::escaped_text;

/// How text looks, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    /// What is sure.
    Good,
    /// What is likely.
    Fair,
}

impl Style {
    /// The parameters of "select graphic rendition".
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Fair => "33",
        }
    }
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    text: String,
    style: Style,
    link: Option<PathBuf>,
}

impl Part {
    pub fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style, link: None }
    }

    /// Makes the part a link to a file, where links are known.
    pub fn linked(self, file: &Path) -> Self {
        Self { link: Some(file.to_owned()), ..self }
    }

    /// Writes the part as it looks.
    pub fn write(&self, look: &Look, out: &mut String) {
        let link = self.link.as_deref().filter(|_| look.links);
        if let Some(file) = link {
            let _ = write!(out, "\x1b]8;;{}\x1b\\", address(file));
        }
        let text = escaped_text(&self.text);
        match self.style.code() {
            code if look.colours > Colours::None && !code.is_empty() => {
                let _ = write!(out, "\x1b[{code}m{text}\x1b[0m");
            }
            _ => out.push_str(&text),
        }
        if link.is_some() {
            out.push_str("\x1b]8;;\x1b\\");
        }
    }
}

/// A file's address. It names the machine, so that a terminal on another one does not open a file of its own; only letters,
/// digits and a few signs are left as they are.
fn address(file: &Path) -> String {
    let mut address = format!("file://{}", host());
    if cfg!(windows) {
        address.push('/');
    }
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => address.push(*byte as char),
            b'\\' if cfg!(windows) => address.push('/'),
            b':' if cfg!(windows) => address.push(':'),
            byte => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    address
}

#[cfg(unix)]
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // What no host is called would change what the address means.
    if name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')) { name } else { String::new() }
}

#[cfg(not(unix))]
fn host() -> String {
    String::new()
}

/// A share from 0 to 1 as a bar of so many columns, an eighth of a column at a time.
pub(crate) fn bar(share: f32, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * columns as f32 * 8.0).round() as usize;
    let (whole, rest) = (eighths / 8, eighths % 8);
    let drawn = whole + usize::from(rest > 0);
    format!("{}{}{}", "█".repeat(whole), EIGHTHS[rest], " ".repeat(columns.saturating_sub(drawn)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(part: &Part, look: &Look) -> String {
        let mut text = String::new();
        part.write(look, &mut text);
        text
    }

    #[test]
    fn plain_text_has_nothing_around_it() {
        let part = Part::new(Style::Bold, "cat.jpg").linked(Path::new("/cat.jpg"));
        assert_eq!(written(&part, &Look::PLAIN), "cat.jpg");
    }

    #[test]
    fn nothing_in_a_name_acts_on_the_terminal() {
        let look = Look { is_terminal: true, colours: Colours::All, links: true, ..Look::PLAIN };
        let name = "a\u{1b}]8;;x\u{7}\n\u{9b}31m\u{202e}b c;";
        let text = written(&Part::new(Style::Bold, name).linked(Path::new(name)), &look);
        let controls: Vec<char> = text.chars().filter(|c| c.is_control() || *c == '\u{202e}').collect();
        // Two for each end of the link, two for the style.
        assert_eq!(controls, ['\u{1b}'; 6], "{text:?}");
        assert!(text.contains("a%1B%5D8%3B%3Bx%07%0A%C2%9B31m%E2%80%AEb%20c%3B\x1b\\"), "{text:?}");
    }

    #[test]
    fn without_colours_there_may_be_links() {
        let look = Look { is_terminal: true, links: true, ..Look::PLAIN };
        let text = written(&Part::new(Style::Good, "x").linked(Path::new("/x")), &look);
        assert!(text.starts_with("\x1b]8;;file://") && text.ends_with("/x\x1b\\x\x1b]8;;\x1b\\"), "{text:?}");
    }

    #[test]
    fn a_bar_has_its_width_whatever_it_shows() {
        for share in [-1.0, 0.0, 0.01, 0.37, 0.999, 1.0, 2.0] {
            assert_eq!(bar(share, 8).chars().count(), 8, "{share}");
        }
        assert_eq!(bar(0.5, 4), "██  ");
        assert_eq!(bar(0.53125, 4), "██▏ ");
        assert_eq!(bar(f32::NAN, 2), "  ");
    }
}
