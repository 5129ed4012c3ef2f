//! What was typed for a query, to what is to be searched for.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clip_search::language::{self, Note, ParseError, ParseOptions};
use clip_search::{Alternative, Filter, Term};

use crate::escape::escaped_text;
use crate::output::notice;

/// So much of the query is shown after the place of an error.
const SHOWN: usize = 20;

/// What a text was understood as.
pub(crate) struct Understood {
    /// As a query.
    pub text: String,
    pub alternatives: Vec<Alternative>,
}

/// Reads a query, and tells what may not be expected of the way in which it was understood.
pub(crate) fn understand(text: &str, literal: bool) -> Result<Understood> {
    let options = ParseOptions { today: jiff::ZonedDateTime::now().date(), literal };
    let parsed = language::parse(text, &options).map_err(|error| explained(&error, text))?;
    for note in &parsed.notes {
        match note {
            Note::NotACondition { text, reason, .. } => {
                notice(format_args!("`{}` is taken as text: {reason}", escaped_text(text)));
            }
            Note::Date { words, condition } => notice(format_args!(
                "\"{}\" is taken as {condition}; to take the text as it is, add --literal",
                escaped_text(words)
            )),
            _ => {}
        }
    }
    let alternatives = parsed.alternatives().map_err(|error| explained(&error, text))?;
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    let mut resolved = Vec::with_capacity(alternatives.len());
    for Alternative { terms, filter } in alternatives {
        let terms = terms.into_iter().map(|(term, weight)| match term {
            Term::Image(path) => (Term::Image(at_home(&path, home.as_deref())), weight),
            term => (term, weight),
        });
        resolved.push(Alternative { terms: terms.collect(), filter: with_real_folders(filter, home.as_deref()) });
    }
    Ok(Understood { text: parsed.expr.to_string(), alternatives: resolved })
}

/// What is wrong with a query, and where.
fn explained(error: &ParseError, text: &str) -> anyhow::Error {
    let place = text.get(error.span.clone()).filter(|place| !place.trim().is_empty());
    let Some(place) = place else { return anyhow!("cannot read the query: {error}") };
    let from = &text[error.span.start..];
    let shown: String = from.chars().take(SHOWN.max(place.chars().count().min(2 * SHOWN))).collect();
    let more = if shown.len() < from.len() { "…" } else { "" };
    let character = text[..error.span.start].chars().count() + 1;
    anyhow!(
        "cannot read the query at character {character}, `{}{more}`: {error}; to take the text as it is, add --literal",
        escaped_text(&shown)
    )
}

/// A path that begins with `~`, as a shell would have it.
fn at_home(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// Folders as the index has them: absolute, links resolved.
fn with_real_folders(filter: Filter, home: Option<&Path>) -> Filter {
    let each = |filters: Vec<Filter>| filters.into_iter().map(|filter| with_real_folders(filter, home)).collect();
    match filter {
        Filter::All(filters) => Filter::All(each(filters)),
        Filter::Any(filters) => Filter::Any(each(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(with_real_folders(*filter, home))),
        Filter::Under(folder) => {
            let folder = at_home(&folder, home);
            let absolute = folder.canonicalize().or_else(|_| std::path::absolute(&folder));
            Filter::Under(absolute.unwrap_or(folder))
        }
        filter => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_the_place() {
        let told = |text: &str| understand(text, false).err().unwrap().to_string();
        assert_eq!(
            told("a dog \"on the beach with a very long tail"),
            "cannot read the query at character 7, `\"on the beach with a…`: the quotation mark is not closed; to take the \
             text as it is, add --literal"
        );
        assert!(told("dog |").starts_with("cannot read the query at character 5, `|`: expected something after |;"));
        assert!(understand("a dog \"on the beach", true).is_ok());
    }

    #[test]
    fn homes_are_found() {
        let home = Path::new("/home/anna");
        assert_eq!(at_home(Path::new("~/a.jpg"), Some(home)), Path::new("/home/anna/a.jpg"));
        assert_eq!(at_home(Path::new("./a.jpg"), Some(home)), Path::new("./a.jpg"));
        assert_eq!(at_home(Path::new("~a/b"), Some(home)), Path::new("~a/b"));
        let filter = Filter::Not(Box::new(Filter::Under("~/photos".into())));
        let expected = Filter::Not(Box::new(Filter::Under("/home/anna/photos".into())));
        assert_eq!(with_real_folders(filter, Some(home)), expected);
    }
}
