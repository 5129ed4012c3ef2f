//! `config`: the settings that hold, and where each comes from.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::args::ConfigShowArgs;
use crate::config::{self, Config, Key, Source};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::Results;
use crate::settings::default_index_folder;

/// A setting as JSON.
#[derive(Serialize)]
struct Line {
    setting: &'static str,
    /// As it was written: a text, or a list of texts. Null where the default depends on other things.
    value: serde_json::Value,
    /// `option`, `variable`, `file` or `default`.
    source: &'static str,
    /// The option or variable, or the file.
    place: Option<String>,
    /// Of the file, from 1.
    line: Option<usize>,
}

pub(crate) fn path() -> Result<Exit> {
    let path = config::file_path().context(
        "cannot determine the user's folder for settings (is HOME set?); name a file with CLIP_SEARCH_CONFIG",
    )?;
    let mut results = Results::new();
    results.path(&path, b'\n')?;
    results.finish()?;
    Ok(Exit::Done)
}

/// Shows the settings, with the two options that every command accepts.
pub(crate) fn show(config: &Config, index: Option<&Path>, is_offline: bool, args: &ConfigShowArgs) -> Result<Exit> {
    let option = |key| match key {
        Key::Index => index.map(escaped),
        Key::Offline => is_offline.then(|| "true".to_owned()),
        _ => None,
    };
    let lines: Vec<Line> = Key::ALL.into_iter().map(|key| line(key, config, option(key))).collect();
    let mut results = Results::new();
    if args.json {
        lines.iter().try_for_each(|line| results.json(line))?;
    } else {
        match (config.file(), config::file_path()) {
            (Some(file), _) => results.line(format_args!("settings file  {}", escaped(file)))?,
            (None, Some(file)) => results.line(format_args!("settings file  {} (not there)", escaped(&file)))?,
            (None, None) => results.line(format_args!("settings file  none"))?,
        }
        let values: Vec<String> = Key::ALL.into_iter().zip(&lines).map(|(key, line)| value(key, line)).collect();
        // A long path must not push the places away.
        let width = values.iter().map(|value| console::measure_text_width(value)).filter(|width| *width <= 48).max();
        for (line, value) in lines.iter().zip(&values) {
            let padding = width.unwrap_or(0).saturating_sub(console::measure_text_width(value));
            let place = match (&line.place, line.line) {
                (Some(file), Some(number)) => format!("{file}, line {number}"),
                (Some(place), None) => place.clone(),
                (None, _) => "default".to_owned(),
            };
            results.line(format_args!("{:<13}  {value}{}  {place}", line.setting, " ".repeat(padding)))?;
        }
    }
    results.finish()?;
    Ok(Exit::Done)
}

/// What is shown to people.
fn value(key: Key, line: &Line) -> String {
    match &line.value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(values) => {
            values.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(", ")
        }
        _ => key.default().to_owned(),
    }
}

fn line(key: Key, config: &Config, option: Option<String>) -> Line {
    let setting = key.name();
    if let Some(value) = option {
        return Line {
            setting,
            value: value.into(),
            source: "option",
            place: Some(format!("--{setting}")),
            line: None,
        };
    }
    let Some(found) = config.get(key) else {
        let value = match key {
            Key::Index => default_index_folder().map(|folder| escaped(&folder).into()),
            Key::Device | Key::Fusion | Key::Limit | Key::Model | Key::Offline | Key::Preview => {
                Some(key.default().into())
            }
            _ => None,
        };
        return Line { setting, value: value.unwrap_or_default(), source: "default", place: None, line: None };
    };
    let value = if key.is_list() { found.texts.clone().into() } else { found.texts.first().cloned().into() };
    match &found.source {
        Source::Variable(name) => Line { setting, value, source: "variable", place: Some(name.clone()), line: None },
        Source::Line(number) => {
            let file = config.file().map(escaped);
            Line { setting, value, source: "file", place: file, line: Some(*number) }
        }
    }
}
