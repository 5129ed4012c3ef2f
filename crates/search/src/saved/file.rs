//! The file of saved searches: lines of text that a person can read and correct.
//!
//! The first line says what it is, in which version, and with which checksum; the others are a name, a blank and a query each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clip_index::searches::HEAD;

use super::name::{MOST_NAME_CHARS, is_name};
use crate::text_file::{self, HeadFault, shown};

/// Why a text is no file of saved searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A newer version has written it.
    Newer(u32),
    /// What is wrong, and in which line, from 1.
    Line { line: usize, reason: String },
}

/// Reads the searches, by their names.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    // Some editors put a mark before the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text_file::unseal(HEAD, text).map_err(|fault| match fault {
        HeadFault::Newer(version) => Fault::Newer(version),
        HeadFault::Damaged(reason) => Fault::Line { line: 1, reason },
    })?;
    let lines = lines.split('\n').map(str::trim_end).enumerate();
    let mut searches = BTreeMap::new();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let wrong = |reason| Fault::Line { line: at + 2, reason };
        let (name, query) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let query = query.trim_start();
        if !is_name(name) {
            return Err(wrong(format!(
                "expected a name of letters, digits, - and _, at most {MOST_NAME_CHARS} of them, found {}",
                shown(name)
            )));
        }
        if query.is_empty() {
            return Err(wrong(format!("expected a query after the name {name}, found nothing")));
        }
        if searches.insert(name.to_owned(), query.to_owned()).is_some() {
            return Err(wrong(format!("the name {name} is there twice")));
        }
    }
    Ok(searches)
}

/// Writes searches whose names are [names](is_name) and whose queries are [lines](one_line).
pub(crate) fn encode(searches: &BTreeMap<String, String>) -> String {
    let mut lines = String::new();
    for (name, query) in searches {
        let _ = writeln!(lines, "{name} {query}");
    }
    text_file::seal(HEAD, &lines)
}

/// A query as a line of the file: line breaks are blanks in the language of queries.
pub(crate) fn one_line(query: &str) -> String {
    query.replace(['\n', '\r'], " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> (usize, String) {
        match parse(text) {
            Err(Fault::Line { line, reason }) => (line, reason),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_person_can_write_it() {
        let text = "\u{feff}# clip-search searches 1\r\n\r\npets \t dog | cat  \r\nÉté_2-b @pets # no comment";
        let expected = [("pets", "dog | cat"), ("Été_2-b", "@pets # no comment")];
        assert_eq!(parse(text), Ok(expected.map(|(name, query)| (name.into(), query.into())).into()));
        assert_eq!(parse("# clip-search searches 1"), Ok(BTreeMap::new()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let head = "expected `# clip-search searches 1`, found ";
        for (text, line, reason) in [
            ("", 1, format!("{head}nothing")),
            ("# clip-search searches 0\n", 1, format!("{head}`# clip-search searches 0`")),
            ("pets dog\n", 1, format!("{head}`pets dog`")),
            ("# clip-search searches 1\npets\n", 2, "expected a query after the name pets, found nothing".into()),
            ("# clip-search searches 1\n\na x\na y\n", 4, "the name a is there twice".into()),
        ] {
            assert_eq!(fault(text), (line, reason), "{text:?}");
        }
        let (line, reason) = fault(&format!("# clip-search searches 1\n{} x\n", "@".repeat(100)));
        assert!(line == 2 && reason.ends_with(&format!("found `{}…`", "@".repeat(40))), "{reason}");
        let (line, reason) = fault("# clip-search searches 2 crc32 00000000\na x\n");
        assert!(line == 1 && reason.starts_with("the checksum does not match"), "{reason}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            searches in prop::collection::btree_map("[a-zA-Z0-9é京_-]{1,64}", "\\PC{0,40}[a-z\n\r]\\PC{0,9}", 0..20)
        ) {
            let searches: BTreeMap<String, String> = searches
                .into_iter()
                .map(|(name, query)| (name, one_line(&query)))
                .filter(|(_, query)| !query.is_empty())
                .collect();
            prop_assert_eq!(parse(&encode(&searches)), Ok(searches));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(# clip-search searches 1\n)?(\\PC| |\n|[a-c]){0,60}") {
            crate::fuzzing::saved_searches(text.as_bytes());
        }
    }
}
