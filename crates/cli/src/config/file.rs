//! Reads the file of settings, and says where in it something is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::de::{DeTable, DeValue};

use super::key::Key;
use super::{Setting, Source};
use crate::escape::escaped;

/// A file of more bytes is no settings.
const MAX_BYTES: u64 = 1 << 20;

/// The settings in a file.
pub(super) fn read(path: &Path) -> Result<BTreeMap<Key, Setting>> {
    let text = clip_files::regular::read_to_string(path, MAX_BYTES)
        .with_context(|| format!("cannot read the settings in {}", escaped(path)))?;
    let line = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
    let place = |at: usize| format!("{}, line {}", escaped(path), line(at));
    let table = match DeTable::parse(&text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let begin = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            let column = 1 + text.get(begin..at).map_or(0, |before| before.chars().count());
            let whole = text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            bail!("{}, column {column}: {}", place(at), malformed(whole, error.message()));
        }
    };
    let mut settings = BTreeMap::new();
    for (name, value) in &table {
        let at = name.span().start;
        let key = match Key::of(name.get_ref()) {
            Ok(key) => key,
            Err(Some(key)) => {
                bail!("{}: unknown setting `{}`; did you mean `{}`?", place(at), name.get_ref(), key.name())
            }
            Err(None) => {
                let names: Vec<String> = Key::ALL.iter().map(|key| format!("`{}`", key.name())).collect();
                bail!("{}: unknown setting `{}`; the settings are {}", place(at), name.get_ref(), names.join(", "))
            }
        };
        let wrong = |reason: String| format!("{}: `{}` is wrong: {reason}", place(at), key.name());
        let texts = texts(key, value.get_ref()).map_err(|reason| anyhow::anyhow!(wrong(reason)))?;
        for text in &texts {
            if let Err(expected) = key.check(text) {
                let found = if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") };
                bail!(wrong(format!("{expected}, found {found}")));
            }
        }
        settings.insert(key, Setting { texts, raw: None, source: Source::Line(line(at)) });
    }
    Ok(settings)
}

/// What is wrong with a line that is no TOML. The parser's own words are those of its grammar; they are left for what is
/// rare.
fn malformed(line: &str, parsers: &str) -> String {
    let line = line.trim();
    match line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
        _ if line.starts_with('[') => {}
        None if !line.is_empty() => return format!("expected `NAME = VALUE`, found `{line}`"),
        Some(("", _)) => return format!("expected a name before `=`, found nothing in `{line}`"),
        Some((name, "")) => return format!("expected a value for `{name}`, found nothing"),
        Some((name, value)) if !parsers.contains("duplicate") && !value.starts_with(['"', '\'', '[', '{']) => {
            return format!("expected a number, true, false or a text in quotes for `{name}`, found `{value}`");
        }
        _ => {}
    }
    // Each of its lines says something of its own.
    format!("this is not valid TOML: {}", parsers.lines().collect::<Vec<_>>().join(", "))
}

/// A value as texts, which are parsed as those of options and variables are.
fn texts(key: Key, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match value {
        DeValue::Array(values) if key.is_list() => values
            .iter()
            .map(|value| match value.get_ref() {
                DeValue::String(text) => Ok(text.clone().into_owned()),
                _ => Err("expected a list of texts".to_owned()),
            })
            .collect(),
        _ if key.is_list() => Err("expected a list of texts, such as [\"*.png\"]".to_owned()),
        DeValue::String(text) => Ok(vec![text.clone().into_owned()]),
        // Underscores between digits are gone already; a number that is not decimal is parsed to an error.
        DeValue::Integer(number) => Ok(vec![number.to_string()]),
        DeValue::Float(number) => Ok(vec![number.to_string()]),
        DeValue::Boolean(truth) => Ok(vec![truth.to_string()]),
        DeValue::Datetime(_) => Err("expected another value, found a date".to_owned()),
        DeValue::Array(_) => Err("expected one value, found a list".to_owned()),
        DeValue::Table(_) => Err("expected one value, found a table".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_toml_is_told_in_plain_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        for (text, expected) in [
            ("limit = \n", ": expected a value for `limit`, found nothing"),
            ("limit = 3\nlimit\n", ": expected `NAME = VALUE`, found `limit`"),
            ("= 3\n", ": expected a name before `=`, found nothing in `= 3`"),
            ("device = gpu\n", "expected a number, true, false or a text in quotes for `device`, found `gpu`"),
            ("limit = [1\n", ": this is not valid TOML: "),
            ("limit = 1\nlimit = 2\n", ": this is not valid TOML: duplicate key"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).err().unwrap().to_string();
            assert!(error.contains("config.toml, line ") && error.contains(expected), "{text:?}: {error}");
        }
    }
}
