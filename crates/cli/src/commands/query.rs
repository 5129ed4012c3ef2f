//! `query`: the photos that fit a description or look like an example, best first.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use clip_search::json::JsonHit;
use clip_search::{Explanation, Hit, Query, Strategy};

use crate::args::QueryArgs;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{Results, grouped, notice};
use crate::settings::{library, query_cache};

/// How many copies of a result are named. With --json all are.
const NAMED_DUPLICATES: usize = 10;

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
    let (hits, explanation) = library.search_explained(&query.limit(limit).strategy(strategy))?;

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
            name_duplicates(hit, &mut results)?;
        }
    }
    results.finish()?;
    if args.explain {
        explain(&explanation, hits.len());
    }
    Ok(if hits.is_empty() { Exit::Partly } else { Exit::Done })
}

/// Names the other files with the same content below a result.
fn name_duplicates(hit: &Hit, results: &mut Results) -> Result<()> {
    for duplicate in hit.duplicates.iter().take(NAMED_DUPLICATES) {
        results.line(format_args!("       also {}", escaped(&duplicate.asset.path)))?;
    }
    let more = hit.duplicates.len().saturating_sub(NAMED_DUPLICATES);
    if more > 0 {
        results.line(format_args!("       and {} more with the same content", grouped(more as u64)))?;
    }
    Ok(())
}

fn explain(explanation: &Explanation, hits: usize) {
    let plan = explanation.plan;
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    notice(format_args!("encoding the query: {}", milliseconds(explanation.embedding)));
    if plan.passing < plan.items {
        let filtering = milliseconds(explanation.filtering);
        notice(format_args!("filter: {} of {} photos pass, {filtering}", plan.passing, plan.items));
    }
    notice(format_args!("search method: {} ({})", plan.method, plan.reason));
    let in_graph = plan.in_graph.map(|nodes| format!(" ({nodes} in the graph)")).unwrap_or_default();
    let searching = milliseconds(explanation.searching);
    notice(format_args!("searching {} photos{in_graph}: {searching}", plan.items));
    notice(format_args!("reading the records of {hits} results: {}", milliseconds(explanation.records)));
}

/// The description, which may come as one argument or as a word each.
fn words(arguments: &[String]) -> Result<String> {
    let text = arguments.join(" ");
    if text.trim().is_empty() {
        bail!("the query is empty; describe the photos, for example `clip-search query \"a dog on a beach\"`");
    }
    Ok(text)
}
