//! `index`: makes the index agree with folders.

use std::path::Path;

use anyhow::{Result, bail};
use clip_search::json::JsonReport;
use clip_search::{IndexOptions, Report, Skipped, Unreachable, UpdateOptions, UpdateResult};

use crate::args::IndexArgs;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count, grouped, notice, warning};
use crate::progress::{IndexProgress, duration};
use crate::settings::{library, start_threads};
use crate::suggestion::suggest;

pub(crate) fn run(index: &Path, args: &IndexArgs) -> Result<Exit> {
    let library = library(index, &args.model)?.open_or_create()?;
    let cancel = interrupt::listen()?;
    if let Some(threads) = args.work.threads {
        start_threads(threads)?;
    }
    let options = UpdateOptions {
        indexing: IndexOptions {
            checkpoint_every: args.checkpoint,
            forget_unreachable: args.forget_unreachable,
            threads: args.work.threads,
            batch: args.work.batch,
            exclude: args.exclude.clone(),
            include: args.include.clone(),
            ..IndexOptions::default()
        },
        rebuild: args.rebuild,
    };
    let progress = IndexProgress::new();
    let update = library.update(&args.folders, &options, &progress, &cancel);
    progress.clear();
    let update = update?;
    let report = &update.report;

    let mut results = Results::new();
    if args.json {
        let json = if args.verbose { JsonReport::with_skipped_before(report) } else { JsonReport::from(report) };
        results.json(&json)?;
    } else {
        tell(report, args.verbose, &mut results)?;
        if update.result == UpdateResult::Interrupted {
            notice("the old index stays in use until the new one is complete");
        }
    }
    results.finish()?;
    if update.result == UpdateResult::Withheld {
        bail!(
            "the index was not replaced: some folders could not be reached, and their photos would be lost; mount the \
             drive or fix the permissions and run the same command again, or pass --forget-unreachable to drop those \
             photos"
        );
    }
    if library.uses_built_in_model() && !args.json && !report.cancelled {
        suggest(index, report);
    }
    Ok(exit(report))
}

fn exit(report: &Report) -> Exit {
    if report.cancelled {
        Exit::Interrupted
    } else if report.skipped.is_empty() && report.unreachable.is_empty() {
        Exit::Done
    } else {
        Exit::Partly
    }
}

fn tell(report: &Report, verbose: bool, results: &mut Results) -> Result<()> {
    // A reason may quote a name or a decoder, and a line break in it would look like another entry.
    let tell_skipped = |how: &str, skipped: &[Skipped]| {
        for Skipped { path, reason, .. } in skipped {
            notice(format_args!("{how}: {}: {}", escaped(path), escaped_text(&reason.to_string())));
        }
    };
    tell_skipped("skipped", &report.skipped);
    if verbose {
        tell_skipped("skipped as before", &report.skipped_before);
    }
    for folder in &report.excluded {
        let folder = escaped(folder);
        warning(format_args!(
            "{folder} is excluded from the index; `clip-search status` lists the excludes, and `clip-search index \
             --include` takes one back"
        ));
    }
    for Unreachable { path, reason, photos_kept, .. } in &report.unreachable {
        let kept = match photos_kept {
            0 => String::new(),
            kept => format!(
                "{} photos stay in the index ({}); pass --forget-unreachable to remove them",
                // A reason may be a question.
                if reason.ends_with('?') { " Its" } else { "; its" },
                count(*kept, "photo")
            ),
        };
        warning(format_args!("{} {}{kept}", escaped(path), escaped_text(reason)));
    }
    results.line(format_args!(
        "{} indexed, {} unchanged, {} moved, {} removed, {} skipped{} in {}",
        grouped(report.indexed),
        grouped(report.unchanged),
        grouped(report.moved),
        grouped(report.removed),
        grouped((report.skipped.len() + report.skipped_before.len()) as u64),
        as_before(report.skipped_before.len() as u64, verbose),
        duration(report.elapsed)
    ))?;
    if report.cancelled {
        notice("interrupted: finished work is saved; run the same command again to continue");
    }
    Ok(())
}

/// How many of the skipped files were skipped before, to go after their number.
fn as_before(files: u64, are_listed: bool) -> String {
    match files {
        0 => String::new(),
        files if are_listed => format!(" ({} as before)", grouped(files)),
        files => format!(" ({} as before; --verbose lists them)", grouped(files)),
    }
}
