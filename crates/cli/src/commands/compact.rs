//! `compact`: makes the index as small as it can be.

use std::path::Path;

use anyhow::Result;
use clip_search::IndexReader;

use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, holdings, notice, size};
use crate::progress::Meter;

pub(crate) fn run(index: &Path) -> Result<Exit> {
    let before = IndexReader::open(index)?.status()?;
    let cancel = interrupt::listen()?;
    let meter = Meter::new("step");
    let compacted = clip_search::compact(index, &meter.steps("compacting"), &cancel);
    meter.clear();
    if compacted?.is_none() {
        return Ok(Exit::Interrupted);
    }
    let after = IndexReader::open(index)?.status()?;
    if before.graph.is_some() && after.graph.is_none() {
        notice(
            "the search graph was dropped, and queries scan all photos until `clip-search index` has built it again",
        );
    }
    let mut results = Results::new();
    results.line(format_args!(
        "{} in {}, {} before",
        holdings(after.photos, after.videos),
        size(after.bytes),
        size(before.bytes)
    ))?;
    results.finish()?;
    Ok(Exit::Done)
}
