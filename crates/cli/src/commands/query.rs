//! `query`: the photos that fit a description or look like an example, best first.

use std::path::Path;

use anyhow::{Result, bail};
use clip_search::json::JsonHit;
use clip_search::{Query, Strategy};

use crate::args::QueryArgs;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{Results, notice};
use crate::settings::{library, query_cache};

pub(crate) fn run(index: &Path, args: &QueryArgs) -> Result<Exit> {
    // First of all: a missing index is known at once.
    let library = library(index, &args.model)?.text_cache(query_cache(!args.no_cache)).open()?;
    let query = match &args.image {
        Some(image) => Query::image(image),
        None => Query::text(words(&args.text)?),
    };
    let strategy = match (args.exact, args.graph) {
        (true, _) => Strategy::Exact,
        (_, true) => Strategy::Graph,
        _ => Strategy::Auto,
    };
    if library.searcher()?.reader().is_empty() {
        notice(format_args!("the index in {} is empty; add photos with `clip-search index DIR`", escaped(index)));
        return Ok(Exit::Partly);
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let hits = library.search(&query.limit(limit).strategy(strategy))?;

    let mut results = Results::new();
    for hit in &hits {
        if args.json {
            results.json(&JsonHit::from(hit))?;
        } else if args.null {
            results.path(&hit.path, 0)?;
        } else if args.paths_only {
            results.path(&hit.path, b'\n')?;
        } else {
            results.line(format_args!("{:.3}  {}", hit.score, escaped(&hit.path)))?;
        }
    }
    results.finish()?;
    Ok(if hits.is_empty() { Exit::Partly } else { Exit::Done })
}

/// The description, which may come as one argument or as a word each.
fn words(arguments: &[String]) -> Result<String> {
    let text = arguments.join(" ");
    if text.trim().is_empty() {
        bail!("the query is empty; describe the photos, for example `clip-search query \"a dog on a beach\"`");
    }
    Ok(text)
}
