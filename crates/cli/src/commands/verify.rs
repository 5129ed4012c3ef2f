//! `verify`: every checksum of the index.

use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::output::{JsonPath, Results, count, escaped};

#[derive(Serialize)]
struct Line<'a> {
    ok: bool,
    problems: Vec<Entry<'a>>,
    photos: u64,
    generation: Option<u64>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    path: JsonPath<'a>,
    message: &'a str,
}

pub(crate) fn run(index: &Path, args: &VerifyArgs) -> Result<Exit> {
    let report = clip_search::verify(index)?;
    let mut results = Results::new();
    if args.json {
        let problems = report
            .problems
            .iter()
            .map(|problem| Entry { path: JsonPath::from(problem.path.as_path()), message: &problem.message });
        results.json(&Line {
            ok: report.is_clean(),
            problems: problems.collect(),
            photos: report.photos,
            generation: report.generation,
        })?;
    } else {
        for problem in &report.problems {
            results.line(format_args!("{}: {}", escaped(&problem.path), problem.message))?;
        }
        if report.is_clean() {
            results.line(format_args!("{}: no damage found", count(report.photos, "photo")))?;
        }
    }
    results.finish()?;
    if report.is_clean() {
        return Ok(Exit::Done);
    }
    bail!(
        "the index in {} is damaged: {}; make it anew with `clip-search index --rebuild DIR`",
        escaped(index),
        count(report.problems.len() as u64, "problem")
    )
}
