//! `index`: makes the index agree with folders.

use std::path::Path;

use anyhow::{Result, bail};
use clip_search::json::JsonReport;
use clip_search::{IndexOptions, Report, Skipped, StageTimes, Unreachable, UpdateOptions, UpdateResult};

use crate::args::IndexArgs;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, complaint, count, grouped, is_quiet, is_verbose, notice, warning};
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
        results.json(&JsonReport::from(report))?;
    } else {
        tell(report, &mut results)?;
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
    if library.uses_built_in_model() && !args.json && !is_quiet() && !report.cancelled {
        suggest(index);
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

fn tell(report: &Report, results: &mut Results) -> Result<()> {
    // A reason may quote a name or a decoder, and a line break in it would look like another entry.
    for Skipped { path, reason, .. } in &report.skipped {
        complaint(format_args!("skipped: {}: {}", escaped(path), escaped_text(&reason.to_string())));
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
    if !is_quiet() {
        results.line(format_args!(
            "{} indexed, {} unchanged, {} moved, {} removed, {} skipped in {}",
            grouped(report.indexed),
            grouped(report.unchanged),
            grouped(report.moved),
            grouped(report.removed),
            grouped(report.skipped.len() as u64),
            duration(report.elapsed)
        ))?;
    }
    if is_verbose() {
        tell_times(&report.stages);
    }
    if report.cancelled {
        notice("interrupted: finished work is saved; run the same command again to continue");
    }
    Ok(())
}

/// Where the time went. Decoding runs on several threads, so the times can add up to more than the run took.
fn tell_times(stages: &StageTimes) {
    notice(format_args!(
        "time: listing folders {}, reading {}, decoding {} (all threads together), encoding {}, writing {}, building the \
         search graph {}",
        duration(stages.walk),
        duration(stages.read + stages.hash),
        duration(stages.decode + stages.preprocess),
        duration(stages.encode),
        duration(stages.write),
        duration(stages.graph)
    ));
}
