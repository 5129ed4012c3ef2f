//! `index`: makes the index agree with folders.

use std::path::Path;

use anyhow::{Result, bail};
use clip_search::json::JsonReport;
use clip_search::{
    Forgotten, IgnoreFault, Ignored, IndexOptions, LinkedRoot, Report, SkipReason, Skipped, StageTimes, Unreachable,
    Update, UpdateOptions, UpdateResult,
};

use crate::args::{IndexArgs, YesNo};
use crate::decoder::decoder;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::first_run::proposed;
use crate::interrupt;
use crate::ocr::{self, Ocr};
use crate::output::{Results, complaint, count, grouped, is_quiet, is_verbose, notice, warning};
use crate::passed_over;
use crate::progress::{IndexProgress, duration};
use crate::remedy;
use crate::settings::{library, start_threads};
use crate::suggestion::suggest;
use crate::videos;

pub(crate) fn run(index: &Path, args: &IndexArgs) -> Result<Exit> {
    let folders = if args.folders.is_empty() { proposed(index)? } else { args.folders.clone() };
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
            max_depth: args.max_depth,
            one_file_system: args.one_file_system.map(|answer| answer == YesNo::Yes),
            download: args.download_photos,
            retry: args.retry,
            decoder: decoder(),
            videos: if args.no_video { None } else { videos::videos() },
            ocr: ocr::options(index, args.ocr.as_ref(), args.work.threads),
            forget_text_languages: args.ocr == Some(Ocr::Off),
            ..IndexOptions::default()
        },
        rebuild: args.rebuild,
    };
    let progress = IndexProgress::new();
    let update = library.update(&folders, &options, &progress, &cancel);
    progress.clear();
    let update = update?;
    let report = &update.report;

    let mut results = Results::new();
    if args.json {
        let json = if is_verbose() { JsonReport::with_skipped_before(report) } else { JsonReport::from(report) };
        results.json(&json)?;
    } else {
        tell(report, &mut results)?;
        if update.result == UpdateResult::Interrupted {
            notice("the old index stays in use until the new one is complete");
        }
    }
    results.finish()?;
    refuse_withheld(&update)?;
    if library.uses_built_in_model() && !args.json && !is_quiet() && !report.cancelled {
        suggest(index);
    }
    Ok(exit(report))
}

/// An index that could not be replaced is a failure.
pub(super) fn refuse_withheld(update: &Update) -> Result<()> {
    if update.result == UpdateResult::Withheld {
        bail!(
            "the index was not replaced: some folders could not be reached, and their photos would be lost; mount the \
             drive or fix the permissions and run the same command again, or pass --forget-unreachable to drop those \
             photos"
        );
    }
    Ok(())
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

/// Why a file was skipped, and what can be done about it.
fn skip_reason(reason: &SkipReason) -> String {
    let advice = match reason {
        SkipReason::Image(error) => error.remedy().and_then(remedy::image),
        SkipReason::Video(error) => error.remedy().and_then(remedy::video),
        _ => None,
    };
    advice.map_or_else(|| reason.to_string(), |advice| format!("{reason}; {advice}"))
}

/// Tells what a run has done, and what went wrong.
pub(super) fn tell(report: &Report, results: &mut Results) -> Result<()> {
    tell_what_went_wrong(report);
    tell_what_was_passed_over(report);
    if !is_quiet() {
        results.line(format_args!(
            "{} indexed{}, {} unchanged, {} moved, {} removed, {} skipped{} in {}",
            grouped(report.indexed),
            videos_among(report),
            grouped(report.unchanged),
            grouped(report.moved),
            grouped(report.removed),
            grouped((report.skipped.len() + report.skipped_before.len()) as u64),
            as_before(report.skipped_before.len() as u64),
            duration(report.elapsed)
        ))?;
    }
    if let Some(text) = &report.text {
        ocr::tell(text);
    }
    if is_verbose() {
        tell_times(&report.stages);
    }
    if report.cancelled {
        let remaining = match report.remaining {
            None => "; not all folders were listed yet".to_owned(),
            Some(0) => String::new(),
            Some(files) => format!("; {} not read yet", are(files)),
        };
        notice(format_args!("interrupted: finished work is saved{remaining}; run the same command again to continue"));
    }
    Ok(())
}

/// How many of the indexed are videos, to go after their number.
fn videos_among(report: &Report) -> String {
    match report.videos {
        0 => String::new(),
        videos => format!(" ({}, {})", count(videos, "video"), count(report.frames, "frame")),
    }
}

/// Names what was not indexed, and what could not be looked at.
pub(super) fn tell_what_went_wrong(report: &Report) {
    // A reason may quote a name or a decoder, and a line break in it would look like another entry.
    let tell_skipped = |how: &str, skipped: &[Skipped]| {
        for Skipped { path, reason, .. } in skipped {
            complaint(format_args!("{how}: {}: {}", escaped(path), escaped_text(&skip_reason(reason))));
        }
    };
    tell_skipped("skipped", &report.skipped);
    if is_verbose() {
        tell_skipped("skipped as before", &report.skipped_before);
    }
    for folder in &report.excluded {
        let folder = escaped(folder);
        warning(format_args!(
            "{folder} is excluded from the index; `clip-search status` lists the excludes, and `clip-search index \
             --include` takes one back"
        ));
    }
    for Ignored { path, by } in &report.ignored {
        warning(format_args!("{} is left out by {}", escaped(path), escaped(by)));
    }
    let known = report.ignore_faults_before.iter().filter(|_| is_verbose());
    for IgnoreFault { path, line, reason } in report.ignore_faults.iter().chain(known) {
        let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
        warning(format_args!("{}{line}: {}", escaped(path), escaped_text(reason)));
    }
    for LinkedRoot { link, target } in &report.linked_roots {
        notice(format_args!(
            "{} is a link: the index has what it leads to now, {}, and does not follow when the link is changed",
            escaped(link),
            escaped(target)
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
    for Forgotten { path, photos_removed, .. } in &report.forgotten {
        if *photos_removed == 0 {
            let path = escaped(path);
            notice(format_args!("no longer indexed: {path}, which does not exist any more and held no photos"));
            continue;
        }
        let photos = count(*photos_removed, "photo");
        notice(format_args!("removed from the index: {photos} in {}, which cannot be reached", escaped(path)));
    }
    for root in &report.moved_roots {
        notice(format_args!(
            "no longer indexed: {}, which does not exist any more and whose photos have all moved",
            escaped(root)
        ));
    }
    if let Some(fault) = &report.video_fault {
        videos::tell_fault(fault);
    }
    if report.in_cloud > 0 {
        notice(format_args!(
            "{} only in the cloud; pass --download-photos to download and index {}",
            are(report.in_cloud),
            if report.in_cloud == 1 { "it" } else { "them" }
        ));
    }
}

/// "1 photo is", "2 photos are".
fn are(photos: u64) -> String {
    format!("{} {}", count(photos, "photo"), if photos == 1 { "is" } else { "are" })
}

/// Pictures that nobody reads are worth a word, and everything is where there is no photo at all.
fn tell_what_was_passed_over(report: &Report) {
    let found = report.indexed
        + report.unchanged
        + report.moved
        + report.in_cloud
        + (report.skipped.len() + report.skipped_before.len()) as u64;
    // There may be photos in a place that cannot be reached, or that an interrupted run did not come to.
    let is_complete = report.unreachable.is_empty() && report.forgotten.is_empty() && !report.cancelled;
    if found == 0 && is_complete {
        notice(passed_over::nothing_found(&report.passed_over));
    } else if let Some(words) = passed_over::unreadable_pictures(&report.passed_over) {
        notice(words);
    }
    if videos::are_out_of_reach(report)
        && let Some(words) = passed_over::videos_without_ffmpeg(&report.passed_over)
    {
        notice(words);
    }
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

/// How many of the skipped files were skipped before, to go after their number.
fn as_before(files: u64) -> String {
    match files {
        0 => String::new(),
        files if is_verbose() => format!(" ({} as before)", grouped(files)),
        files => format!(" ({} as before; --verbose lists them)", grouped(files)),
    }
}
