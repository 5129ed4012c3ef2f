//! `search`: searches that are kept under names.

use std::path::Path;

use anyhow::{Context, Result};
use clip_search::SavedSearches;
use clip_search::json::JsonSearch;
use clip_search::language::Note;

use crate::args::{SearchCommand, SearchListArgs, SearchRemoveArgs, SearchSaveArgs, as_typed};
use crate::escape::escaped_text;
use crate::exit::Exit;
use crate::output::{Results, notice};
use crate::query_text::{not_a_condition, not_saved, today, words};

pub(crate) fn run(index: &Path, command: &SearchCommand) -> Result<Exit> {
    match command {
        SearchCommand::Save(args) => save(index, args),
        SearchCommand::List(args) => list(index, args),
        SearchCommand::Remove(args) => remove(index, args),
    }
}

fn save(index: &Path, args: &SearchSaveArgs) -> Result<Exit> {
    // First of all: a missing index is known at once.
    let mut searches = SavedSearches::open(index)?;
    let typed: Vec<String> = args.text.iter().map(|argument| as_typed(argument)).collect();
    let folder = std::env::current_dir().context("cannot tell which folder this is")?;
    // The name may be given as it is used.
    let name = args.name.strip_prefix('@').unwrap_or(&args.name);
    let saved = searches.save(name, &words(&typed)?, &folder, today()).map_err(|error| not_saved(error, name))?;
    for note in &saved.notes {
        match note {
            Note::NotACondition { text, reason, .. } => not_a_condition(text, reason),
            Note::Date { words, condition } => notice(format_args!(
                "\"{}\" is understood on the day when the search is run; today it is {condition}",
                escaped_text(words)
            )),
            _ => {}
        }
    }
    let mut results = Results::new();
    results.line(format_args!("@{name} is saved: {}", saved.query))?;
    results.finish()?;
    if let Some(before) = saved.before.filter(|before| *before != saved.query) {
        notice(format_args!("@{name} was: {before}"));
    }
    Ok(Exit::Done)
}

fn list(index: &Path, args: &SearchListArgs) -> Result<Exit> {
    let searches = SavedSearches::open(index)?;
    let mut results = Results::new();
    let width = searches.list().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, query) in searches.list() {
        if args.json {
            results.json(&JsonSearch::from((name, query)))?;
        } else {
            results.line(format_args!("{name:width$}  {query}"))?;
        }
    }
    results.finish()?;
    if searches.list().len() == 0 {
        notice("there are no saved searches; save one with `clip-search search save NAME QUERY`");
    }
    Ok(Exit::Done)
}

fn remove(index: &Path, args: &SearchRemoveArgs) -> Result<Exit> {
    let mut searches = SavedSearches::open(index)?;
    let name = args.name.strip_prefix('@').unwrap_or(&args.name);
    let query = searches.remove(name)?;
    let mut results = Results::new();
    results.line(format_args!("@{name} is removed; it was: {query}"))?;
    results.finish()?;
    for user in searches.users_of(name) {
        notice(format_args!("@{user} refers to @{name} and cannot be run without it"));
    }
    Ok(Exit::Done)
}
