//! The program without a command: what there is to do, and what there is already.

use std::path::Path;

use anyhow::Result;
use clip_search::{IndexError, IndexReader};

use crate::escape::{escaped, quoted};
use crate::exit::Exit;
use crate::first_run::pictures_folder;
use crate::output::{Results, count, describe};

pub(crate) fn run(index: &Path) -> Result<Exit> {
    let folder = pictures_folder().map_or_else(|| "DIR".to_owned(), |folder| quoted(&folder));
    let (state, has_photos) = state(index);
    let update = if has_photos { "clip-search index".to_owned() } else { format!("clip-search index {folder}") };
    let what = if has_photos { "bring the index up to date" } else { "index your photos; run it again after changes" };
    let lines = [
        (update.as_str(), what),
        ("clip-search query \"a dog on a beach\"", "find photos by describing them"),
        ("clip-search status", "show what is in the index"),
    ];
    let width = lines.iter().map(|(command, _)| console::measure_text_width(command)).max().unwrap_or(0);
    let mut results = Results::new();
    results.line(format_args!("clip-search finds photos by describing them, on this computer alone."))?;
    results.line(format_args!(""))?;
    for (command, what) in lines {
        let padding = " ".repeat(width - console::measure_text_width(command));
        results.line(format_args!("  {command}{padding}  {what}"))?;
    }
    results.line(format_args!(""))?;
    results.line(format_args!("{state}"))?;
    results.line(format_args!("All commands: `clip-search --help`; more about one: `clip-search help COMMAND`"))?;
    results.finish()?;
    Ok(Exit::Done)
}

/// The state of the index in a sentence, and whether there are photos in it.
fn state(index: &Path) -> (String, bool) {
    let place = escaped(index);
    match IndexReader::open(index) {
        Ok(reader) if reader.is_empty() => (format!("The index in {place} is empty."), false),
        Ok(reader) => {
            let remaining = match reader.remaining() {
                0 => String::new(),
                files => format!("; {} still to be read", count(files, "file")),
            };
            (format!("The index in {place} has {}{remaining}.", count(reader.len() as u64, "photo")), true)
        }
        Err(IndexError::NotFound { .. }) => (format!("There is no index yet; it will be in {place}."), false),
        Err(error) => (format!("The index in {place} cannot be read: {}", describe(&error.into())), true),
    }
}
