//! `import`: embeddings that were made elsewhere.

use std::path::Path;

use anyhow::Result;
use clip_search::{ImportOptions, ImportPlace, ImportSource};

use crate::args::ImportArgs;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count, grouped, notice};
use crate::progress::Meter;
use crate::settings::library;

pub(crate) fn run(index: &Path, args: &ImportArgs) -> Result<Exit> {
    let source = match &args.arrays[..] {
        [] => ImportSource::find(&args.items)?,
        arrays => ImportSource::of(&args.items, arrays),
    };
    for folder in &source.ignored {
        let folder = escaped(folder);
        notice(format_args!("left out: {folder}: only embeddings of pictures are imported, and these are of texts"));
    }
    let library = library(index, &args.model)?.open_or_create()?;
    let cancel = interrupt::listen()?;
    let meter = Meter::new("line");
    let mut describe = clip_search::describe;
    let options = ImportOptions {
        replace: args.replace,
        folder: args.folder.clone(),
        describe: Some(&mut describe),
        path_column: args.path_column.clone(),
        embedding_column: args.embedding_column.clone(),
    };
    let imported = library.import(&source, options, &meter.steps("importing"), &cancel);
    meter.clear();
    let imported = imported?;
    for (ImportPlace { file, number }, reason) in &imported.skipped {
        let reason = escaped_text(reason);
        match file {
            None => notice(format_args!("skipped: line {number}: {reason}")),
            Some(file) => notice(format_args!("skipped: {}, row {number}: {reason}", escaped(file))),
        }
    }
    let mut results = Results::new();
    results.line(format_args!(
        "{} added, {} replaced, {} skipped",
        count(imported.added as u64, "photo"),
        grouped(imported.replaced as u64),
        grouped(imported.skipped.len() as u64)
    ))?;
    results.finish()?;
    Ok(if !imported.is_complete {
        Exit::Interrupted
    } else if imported.skipped.is_empty() {
        Exit::Done
    } else {
        Exit::Partly
    })
}
