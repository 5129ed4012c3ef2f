//! `verify`: every checksum of the index.

use std::path::Path;

use anyhow::{Result, bail};
use clip_search::IndexRemedy;
use clip_search::json::JsonVerifyReport;

use crate::args::VerifyArgs;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count, holdings_with_frames};
use crate::progress::Meter;
use crate::remedy;

pub(crate) fn run(index: &Path, args: &VerifyArgs) -> Result<Exit> {
    let cancel = interrupt::listen_for("interrupted")?;
    let meter = Meter::bytes();
    let report = clip_search::verify_with(index, &meter.steps("reading the index"), &cancel);
    meter.clear();
    let Some(report) = report? else { return Ok(Exit::Interrupted) };
    let mut results = Results::new();
    if args.json {
        results.json(&JsonVerifyReport::from(&report))?;
    } else {
        for problem in &report.problems {
            results.line(format_args!("{}: {}", escaped(&problem.path), escaped_text(&problem.message)))?;
        }
        if report.is_clean() {
            results.line(format_args!("{}: no damage found", holdings_with_frames(report.counts)))?;
        }
    }
    results.finish()?;
    if report.is_clean() {
        return Ok(Exit::Done);
    }
    let advice = match report.remedy {
        Some(IndexRemedy::RepairOrRebuild) => {
            "drop what is damaged with `clip-search repair`, or rebuild the index with `clip-search index --rebuild`"
        }
        Some(IndexRemedy::RestoreManifest) => "put the spare manifest in its place with `clip-search repair`",
        Some(_) => "rebuild the index with `clip-search index --rebuild DIR`",
        None => "correct what is listed with a text editor, or delete it",
    };
    bail!(
        "the index in {} is damaged ({} found); {}",
        escaped(index),
        count(report.problems.len() as u64, "problem"),
        remedy::of_named_index(advice.to_owned())
    )
}
