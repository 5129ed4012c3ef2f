//! `export`: embeddings and what is known of the photos, for other programs.

use std::path::Path;

use anyhow::Result;
use clip_search::IndexReader;

use crate::args::ExportArgs;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count};
use crate::progress::Meter;

pub(crate) fn run(index: &Path, args: &ExportArgs) -> Result<Exit> {
    let reader = IndexReader::open(index)?;
    let cancel = interrupt::listen()?;
    let meter = Meter::new("photo");
    let exported = clip_search::export(&reader, &args.folder, args.format.into(), &meter.steps("exporting"), &cancel);
    meter.clear();
    let Some(exported) = exported? else { return Ok(Exit::Interrupted) };
    let mut results = Results::new();
    results.line(format_args!("{} exported", count(exported.items as u64, "photo")))?;
    results.finish()?;
    Ok(Exit::Done)
}
