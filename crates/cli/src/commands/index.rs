//! `index`: makes the index agree with folders.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use clip_search::{IndexOptions, IndexReader, Indexer, Model, Report, Skipped, StageTimes, Towers, Unreachable};
use serde::Serialize;

use super::rebuild::Rebuild;
use crate::args::IndexArgs;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{JsonPath, Results, count, escaped, grouped, notice, warning};
use crate::progress::{IndexProgress, duration};
use crate::settings::{ModelSettings, start_threads};
use crate::suggestion::suggest;

pub(crate) fn run(index: &Path, args: &IndexArgs) -> Result<Exit> {
    // An index that does not open is the indexer's to tell of.
    let known = IndexReader::open(index).ok();
    let settings = match &known {
        Some(known) => ModelSettings::resolve_for_index(&args.model, known.model())?,
        None => ModelSettings::resolve(&args.model)?,
    };
    let cancel = interrupt::listen()?;
    if let Some(threads) = args.work.threads {
        start_threads(threads)?;
    }
    let mut rebuild = args.rebuild.then(|| Rebuild::plan(index, &args.folders)).transpose()?;
    let model = settings.load(Towers::ImageOnly)?;
    // A model or precision that was asked for, and another one in the index: the user wants to change.
    let switches = !args.rebuild
        && (args.model.model.is_some() || args.model.precision.is_some())
        && known.as_ref().is_some_and(|known| known.model().fingerprint != model.fingerprint().as_str());
    if switches {
        rebuild = Some(Rebuild::plan_switch(index, &args.folders, args.forget_unreachable)?);
    }
    drop(known);
    let report = match &rebuild {
        Some(rebuild) => {
            rebuild.prepare(&model)?;
            update(rebuild.beside(), rebuild.folders(), &model, args, &cancel)?
        }
        None => update(index, &args.folders, &model, args, &cancel)?,
    };
    let stopped = switches && !args.forget_unreachable && !report.unreachable.is_empty();
    if let Some(rebuild) = rebuild
        && !report.cancelled
        && !stopped
    {
        rebuild.replace()?;
    }

    let mut results = Results::new();
    if args.json {
        results.json(&Summary::from(&report))?;
    } else {
        tell(&report, &mut results)?;
        if report.cancelled && switches {
            notice("until the new model has seen every photo, the index stays as it was");
        }
    }
    results.finish()?;
    if stopped {
        bail!(
            "the index stays with its model: some folders could not be reached, and their photos would be lost; make them \
             reachable and run the same command again, or pass --forget-unreachable"
        );
    }
    if settings.is_built_in() && !args.json && !report.cancelled {
        suggest(index, &report);
    }
    Ok(exit(&report))
}

fn update(index: &Path, folders: &[PathBuf], model: &Model, args: &IndexArgs, cancel: &AtomicBool) -> Result<Report> {
    let options = IndexOptions {
        checkpoint_every: args.checkpoint,
        forget_unreachable: args.forget_unreachable,
        threads: args.work.threads,
        batch: args.work.batch,
        ..IndexOptions::default()
    };
    let progress = IndexProgress::new();
    let report = Indexer::new(model, index).options(options).progress(&progress).cancel(cancel).run(folders);
    progress.clear();
    Ok(report?)
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
    for Skipped { path, reason, .. } in &report.skipped {
        notice(format_args!("skipped: {}: {}", escaped(path), one_line(&reason.to_string())));
    }
    for Unreachable { path, reason, photos_kept, .. } in &report.unreachable {
        let kept = match photos_kept {
            0 => String::new(),
            kept => format!(
                "; what the index knows there stays in it ({}), unless you pass --forget-unreachable",
                count(*kept, "photo")
            ),
        };
        warning(format_args!("{} {}{kept}", escaped(path), one_line(reason)));
    }
    results.line(format_args!(
        "{} indexed, {} unchanged, {} moved, {} removed, {} skipped in {}",
        grouped(report.indexed),
        grouped(report.unchanged),
        grouped(report.moved),
        grouped(report.removed),
        grouped(report.skipped.len() as u64),
        duration(report.elapsed)
    ))?;
    if report.cancelled {
        notice("interrupted: what was done is kept; run the same command to go on");
    }
    Ok(())
}

/// A reason may quote a name or a decoder, and a line break in it would look like another entry.
fn one_line(text: &str) -> String {
    escaped(Path::new(text))
}

#[derive(Serialize)]
struct Summary<'a> {
    indexed: u64,
    unchanged: u64,
    moved: u64,
    removed: u64,
    skipped: Vec<Entry<'a>>,
    unreachable: Vec<Entry<'a>>,
    copied: u64,
    cancelled: bool,
    seconds: f64,
    stage_seconds: Stages,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    path: JsonPath<'a>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    photos_kept: Option<u64>,
}

#[derive(Serialize)]
struct Stages {
    walk: f64,
    read: f64,
    hash: f64,
    decode: f64,
    preprocess: f64,
    encode: f64,
    wait: f64,
    write: f64,
    graph: f64,
}

impl From<StageTimes> for Stages {
    fn from(times: StageTimes) -> Self {
        Self {
            walk: times.walk.as_secs_f64(),
            read: times.read.as_secs_f64(),
            hash: times.hash.as_secs_f64(),
            decode: times.decode.as_secs_f64(),
            preprocess: times.preprocess.as_secs_f64(),
            encode: times.encode.as_secs_f64(),
            wait: times.wait.as_secs_f64(),
            write: times.write.as_secs_f64(),
            graph: times.graph.as_secs_f64(),
        }
    }
}

impl<'a> From<&'a Report> for Summary<'a> {
    fn from(report: &'a Report) -> Self {
        let skipped = report.skipped.iter().map(|skipped| Entry {
            path: JsonPath::from(skipped.path.as_path()),
            reason: skipped.reason.to_string(),
            photos_kept: None,
        });
        let unreachable = report.unreachable.iter().map(|place| Entry {
            path: JsonPath::from(place.path.as_path()),
            reason: place.reason.clone(),
            photos_kept: Some(place.photos_kept),
        });
        Self {
            indexed: report.indexed,
            unchanged: report.unchanged,
            moved: report.moved,
            removed: report.removed,
            skipped: skipped.collect(),
            unreachable: unreachable.collect(),
            copied: report.copied,
            cancelled: report.cancelled,
            seconds: report.elapsed.as_secs_f64(),
            stage_seconds: report.stages.into(),
        }
    }
}
