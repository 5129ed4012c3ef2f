//! `repair`: drops what is damaged in the index, and says what must be indexed again.

use std::path::Path;

use anyhow::Result;

use crate::escape::escaped;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count, grouped, holdings_with_frames, notice};
use crate::progress::Meter;

pub(crate) fn run(index: &Path) -> Result<Exit> {
    let cancel = interrupt::listen()?;
    let meter = Meter::bytes();
    let repaired = clip_search::repair(index, &meter.steps("reading the index"), &cancel);
    meter.clear();
    let Some(repaired) = repaired? else { return Ok(Exit::Interrupted) };
    let mut results = Results::new();
    for path in &repaired.lost {
        results.line(format_args!("{}", escaped(path)))?;
    }
    results.finish()?;
    if repaired.is_unchanged() {
        notice("nothing is damaged");
        return Ok(Exit::Done);
    }
    for file in &repaired.dropped_files {
        notice(format_args!("replaced: {}", escaped(file)));
    }
    if repaired.graph_dropped {
        notice("the search graph was dropped; the next `clip-search index` builds it again");
    }
    if repaired.words_rebuilt {
        notice("the word index was rebuilt");
    }
    if repaired.bad_files_dropped {
        notice(
            "the list of files that could not be indexed was dropped; the next `clip-search index` tries them again",
        );
    }
    if repaired.hubness_dropped {
        notice("measurements for ranking were dropped; the next `clip-search index` makes them again");
    }
    notice(format_args!("{} kept", holdings_with_frames(repaired.kept)));
    if repaired.perhaps_removed > 0 {
        notice("which photos had been removed from the index is not known any more; some of these may be among them");
    }
    let lost = repaired.lost.len() as u64 + repaired.lost_records;
    if lost + repaired.unchecked > 0 {
        notice(format_args!(
            "{} lost, {} to be checked; run `clip-search index` to index {} again",
            count(lost, "photo"),
            grouped(repaired.unchecked),
            if lost + repaired.unchecked == 1 { "it" } else { "them" }
        ));
        return Ok(Exit::Partly);
    }
    Ok(Exit::Done)
}
