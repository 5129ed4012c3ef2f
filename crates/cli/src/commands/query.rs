//! `query`: the photos that fit a description or look like an example, best first.

use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clip_search::json::JsonHit;
use clip_search::{Explanation, Hit, Query, Strategy};

use crate::args::QueryArgs;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{Results, count, grouped, is_verbose, notice};
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
    let mut query = query.strategy(strategy).limit(limit);
    // As JSON, those whose files are missing are marked.
    if !args.json {
        query = query.only_present();
    }
    let (hits, explanation) = library.search_explained(&query)?;

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
    let missing = explanation.missing;
    if missing > 0 {
        notice(format_args!(
            "left out {} whose {} not there; connect the drive, or bring the index up to date with `clip-search index`",
            count(missing, "result"),
            if missing == 1 { "file is" } else { "files are" }
        ));
    }
    if args.explain || is_verbose() {
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
        let (passing, items) = (grouped(plan.passing), count(plan.items, "photo"));
        notice(format_args!("filter: {passing} of {items} pass, {filtering}"));
    }
    notice(format_args!("search method: {} ({})", plan.method, plan.reason));
    let in_graph = plan.in_graph.map(|nodes| format!(" ({} in the graph)", grouped(nodes))).unwrap_or_default();
    let searching = milliseconds(explanation.searching);
    notice(format_args!("searching {}{in_graph}: {searching}", count(plan.items, "photo")));
    let hits = count(hits as u64, "result");
    notice(format_args!("reading the records of {hits}: {}", milliseconds(explanation.records)));
}

/// Longer texts on standard input are no descriptions: a photo given by mistake, for instance.
const MAX_TEXT_BYTES: u64 = 64 << 10;

/// The description, which may come as one argument, as a word each, or on standard input.
fn words(arguments: &[String]) -> Result<String> {
    let text = if arguments == ["-"] { read_text()? } else { arguments.join(" ") };
    if text.trim().is_empty() {
        bail!("the query is empty; describe the photos, for example `clip-search query \"a dog on a beach\"`");
    }
    Ok(text)
}

/// The description on standard input. Its lines are one text.
fn read_text() -> Result<String> {
    let input = io::stdin();
    if input.is_terminal() {
        notice("reading the description from standard input; end it with Ctrl-D");
    }
    text_of(input.lock())
}

fn text_of(input: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    input
        .take(MAX_TEXT_BYTES + 1)
        .read_to_end(&mut bytes)
        .context("cannot read the description from standard input")?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        bail!("the description on standard input is too long; expected at most {} KiB", MAX_TEXT_BYTES >> 10);
    }
    let Ok(text) = String::from_utf8(bytes) else { bail!("the description on standard input is not valid UTF-8") };
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_on_standard_input_is_one_text() {
        assert_eq!(text_of(&b"a cat\r\n on a sofa\n"[..]).unwrap(), "a cat on a sofa");
        assert_eq!(text_of(&b""[..]).unwrap(), "");
        assert!(text_of(&b"\xff\xd8"[..]).unwrap_err().to_string().contains("UTF-8"));
        assert!(text_of(&vec![b'a'; 70_000][..]).unwrap_err().to_string().contains("at most 64 KiB"));
    }
}
