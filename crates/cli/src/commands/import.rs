//! `import`: embeddings that were made elsewhere.

use std::path::Path;

use anyhow::Result;
use clip_search::ImportOptions;

use crate::args::ImportArgs;
use crate::escape::escaped_text;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count, grouped, notice};
use crate::progress::Meter;
use crate::settings::library;

pub(crate) fn run(index: &Path, args: &ImportArgs) -> Result<Exit> {
    let library = library(index, &args.model)?.open_or_create()?;
    let cancel = interrupt::listen()?;
    let meter = Meter::new("line");
    let mut describe = clip_search::describe;
    let options = ImportOptions { replace: args.replace, folder: args.folder.clone(), describe: Some(&mut describe) };
    let imported = library.import(&args.arrays, &args.items, options, &mut meter.steps("importing"), &cancel);
    meter.clear();
    let imported = imported?;
    for (line, reason) in &imported.skipped {
        notice(format_args!("skipped: line {line}: {}", escaped_text(reason)));
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
