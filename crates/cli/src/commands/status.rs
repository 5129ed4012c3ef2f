//! `status`: what is in the index.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clip_search::json::JsonStatus;
use clip_search::{Exclude, IndexReader};

use crate::args::StatusArgs;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::output::{Results, count, grouped, size};
use crate::progress::duration;

pub(crate) fn run(index: &Path, args: &StatusArgs) -> Result<Exit> {
    let reader = IndexReader::open(index)?;
    let status = reader.status()?;
    let model = reader.model();
    let roots = reader.roots();
    let mut results = Results::new();
    if args.json {
        results.json(&JsonStatus::new(&reader, &status))?;
    } else {
        results.line(format_args!("index        {}", escaped(index)))?;
        results.line(format_args!("photos       {}", grouped(status.photos)))?;
        for root in &roots {
            results.line(format_args!("folder       {}", escaped(root)))?;
        }
        for exclude in reader.excluded() {
            match exclude {
                Exclude::Path(path) => results.line(format_args!("excluded     {}", escaped(&path.path())))?,
                Exclude::Pattern(pattern) => results.line(format_args!("excluded     {}", escaped_text(pattern)))?,
            }
        }
        if reader.bad_file_count() > 0 {
            let files = count(reader.bad_file_count(), "file");
            results.line(format_args!("skipped      {files}; `clip-search index --verbose` lists them"))?;
        }
        results.line(format_args!("model        {} ({} dimensions)", escaped_text(&model.name), model.dimension))?;
        results.line(format_args!("fingerprint  {}", escaped_text(&model.fingerprint)))?;
        results.line(format_args!(
            "size         {} in {}",
            size(status.bytes),
            count(status.segments as u64, "segment")
        ))?;
        results.line(format_args!("last change  {}", ago(status.committed_at)))?;
        match status.graph {
            Some(graph) => results.line(format_args!(
                "graph        {}, {} removed since it was built; {} not yet in it",
                count(graph.nodes, "photo"),
                grouped(graph.removed),
                grouped(graph.missing)
            ))?,
            None => results.line(format_args!("graph        none (every query scans all photos)"))?,
        }
    }
    results.finish()?;
    Ok(Exit::Done)
}

/// How long ago a commit was. Clocks can be set back, so it may be in the future.
fn ago(committed_at: i64) -> String {
    let then = Duration::from_secs(u64::try_from(committed_at).unwrap_or(0));
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + then) {
        Ok(ago) if ago < Duration::from_secs(2) => "just now".to_owned(),
        Ok(ago) if ago < Duration::from_secs(48 * 3600) => {
            format!("{} ago", duration(Duration::from_secs(ago.as_secs())))
        }
        Ok(ago) => format!("{} ago", count(ago.as_secs() / 86_400, "day")),
        Err(_) => "in the future (was the clock set back?)".to_owned(),
    }
}
