//! What was typed for a query, to what is to be searched for.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use clip_search::language::{Date, Note, ParseError, ParseOptions};
use clip_search::{LibraryError, Understood};

use crate::escape::escaped_text;
use crate::output::notice;

/// So much of the query is shown after the place of an error.
const SHOWN: usize = 20;

/// Reads a query with the searches that were saved for an index, and tells what may not be expected of the way in which it
/// was understood.
pub(crate) fn understand(index: &Path, text: &str, literal: bool) -> Result<Understood> {
    understand_telling(index, text, literal, &mut |note| notice(note))
}

/// The same, for a caller that tells it in its own way.
pub(crate) fn understand_telling(
    index: &Path,
    text: &str,
    literal: bool,
    tell: &mut dyn FnMut(String),
) -> Result<Understood> {
    let options = ParseOptions { today: today(), literal };
    let understood = clip_search::understand(index, text, &options).map_err(|error| not_understood(error, text))?;
    for note in &understood.notes {
        match note {
            Note::NotACondition { text, reason, .. } => tell(no_condition(text, reason)),
            Note::Date { words, condition } => tell(format!(
                "\"{}\" is taken as {condition}; to take the text as it is, add --literal",
                escaped_text(words)
            )),
            _ => {}
        }
    }
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    Ok(understood.with_real_paths(home.as_deref()))
}

/// Longer texts on standard input are no descriptions: a photo given by mistake, for instance.
const MAX_TEXT_BYTES: u64 = 64 << 10;

/// The description, which may come as one argument, as a word each, or on standard input.
pub(crate) fn words(arguments: &[String]) -> Result<String> {
    let text = if arguments == ["-"] { read_text()? } else { arguments.join(" ") };
    if text.trim().is_empty() {
        bail!("the query is empty; describe the photos, for example `clip-search query \"a dog on a beach\"`");
    }
    Ok(text)
}

/// The description on standard input. Its lines are one text.
fn read_text() -> Result<String> {
    let input = io::stdin();
    if input.is_terminal() {
        notice("reading the description from standard input; end it with Ctrl-D");
    }
    text_of(input.lock())
}

fn text_of(input: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    input
        .take(MAX_TEXT_BYTES + 1)
        .read_to_end(&mut bytes)
        .context("cannot read the description from standard input")?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        bail!("the description on standard input is too long; expected at most {} KiB", MAX_TEXT_BYTES >> 10);
    }
    let Ok(text) = String::from_utf8(bytes) else { bail!("the description on standard input is not valid UTF-8") };
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The day by which "last summer" is understood.
pub(crate) fn today() -> Date {
    jiff::ZonedDateTime::now().date()
}

/// Says that a part of a query looks like a condition and is none.
pub(crate) fn not_a_condition(text: &str, reason: &str) {
    notice(no_condition(text, reason));
}

fn no_condition(text: &str, reason: &str) -> String {
    format!("`{}` is taken as text: {reason}", escaped_text(text))
}

/// Why a query was not understood, and where. Somebody may have edited the file of saved searches.
fn not_understood(error: LibraryError, text: &str) -> anyhow::Error {
    match &error {
        LibraryError::Unreadable(error) => {
            let advice = if place(error, text).is_some() { "; to take the text as it is, add --literal" } else { "" };
            anyhow!("{}{advice}", unreadable("query", error, text))
        }
        LibraryError::UnreadableSearch { name, query, error } => anyhow!(
            "{}; save it with another text: `clip-search search save {name} QUERY`",
            unreadable(&format!("saved search {name}"), error, query)
        ),
        _ => error.into(),
    }
}

/// Why a search could not be saved: what is wrong with its own text is shown with the place.
pub(crate) fn not_saved(error: LibraryError, name: &str) -> anyhow::Error {
    match &error {
        LibraryError::UnreadableSearch { name: wrong, query, error } if wrong == name => {
            anyhow!("{}", unreadable("query", error, query))
        }
        _ => error.into(),
    }
}

/// What is wrong with the text of something, and where.
fn unreadable(what: &str, error: &ParseError, text: &str) -> String {
    match place(error, text) {
        Some(place) => format!("cannot read the {what} at {place}: {error}"),
        None => format!("cannot read the {what}: {error}"),
    }
}

/// The place of an error in a query, and what is there.
fn place(error: &ParseError, text: &str) -> Option<String> {
    let place = text.get(error.span.clone()).filter(|place| !place.trim().is_empty())?;
    let from = &text[error.span.start..];
    let shown: String = from.chars().take(SHOWN.max(place.chars().count().min(2 * SHOWN))).collect();
    let more = if shown.len() < from.len() { "…" } else { "" };
    let character = text[..error.span.start].chars().count() + 1;
    Some(format!("character {character}, `{}{more}`", escaped_text(&shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_the_place() {
        let told = |text: &str| understand(Path::new(""), text, false).err().unwrap().to_string();
        assert_eq!(
            told("a dog \"on the beach with a very long tail"),
            "cannot read the query at character 7, `\"on the beach with a…`: the quotation mark is not closed; to take the \
             text as it is, add --literal"
        );
        assert!(told("dog |").starts_with("cannot read the query at character 5, `|`: expected something after |;"));
        assert!(understand(Path::new(""), "a dog \"on the beach", true).is_ok());
    }

    #[test]
    fn a_description_on_standard_input_is_one_text() {
        assert_eq!(text_of(&b"a cat\r\n on a sofa\n"[..]).unwrap(), "a cat on a sofa");
        assert_eq!(text_of(&b""[..]).unwrap(), "");
        assert!(text_of(&b"\xff\xd8"[..]).unwrap_err().to_string().contains("UTF-8"));
        assert!(text_of(&vec![b'a'; 70_000][..]).unwrap_err().to_string().contains("at most 64 KiB"));
    }
}
