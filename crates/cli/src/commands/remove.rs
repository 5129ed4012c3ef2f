//! `remove`: takes photos out of the index, and keeps them out.

use std::path::Path;

use anyhow::Result;
use clip_search::json::JsonRemoved;

use crate::args::RemoveArgs;
use crate::escape::{escaped, quoted};
use crate::exit::Exit;
use crate::output::{Results, count, notice};

pub(crate) fn run(index: &Path, args: &RemoveArgs) -> Result<Exit> {
    let removed = clip_search::remove(index, &args.paths)?;
    let mut results = Results::new();
    if args.json {
        results.json(&JsonRemoved::from(&removed))?;
    } else {
        results.line(format_args!("{} removed from the index", count(removed.photos, "photo")))?;
        for folder in &removed.folders {
            notice(format_args!("{} is not indexed any more", escaped(folder)));
        }
        for path in &removed.excluded {
            notice(format_args!(
                "{} is excluded from now on; take that back with `clip-search index --include {}`",
                escaped(path),
                quoted(path)
            ));
        }
        for path in &removed.unknown {
            notice(format_args!("{} is not in the index", escaped(path)));
        }
    }
    results.finish()?;
    Ok(if removed.unknown.is_empty() { Exit::Done } else { Exit::Partly })
}
