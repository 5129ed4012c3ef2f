//! `status`: what is in the index.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clip_hub::Catalogue;
use clip_search::json::JsonStatus;
use clip_search::{Exclude, IndexReader, KeptRefinement, ModelOrigin};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::output::{Results, count, describe, grouped, holdings, notice, size};
use crate::progress::duration;

/// What the index says of itself, and the name that `--model` and `model list` have for its model.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    status: JsonStatus<'a>,
    model_name: &'a str,
    /// What captions say of relevance.
    #[serde(skip_serializing_if = "Option::is_none")]
    relevance: Option<Refined>,
}

#[derive(Serialize)]
struct Refined {
    captions: usize,
    photos: usize,
    /// False if it was for another model, or for an earlier version of the program.
    holds: bool,
}

pub(crate) fn run(index: &Path, args: &StatusArgs) -> Result<Exit> {
    let reader = IndexReader::open(index)?;
    let status = reader.status()?;
    let model = reader.model();
    let roots = reader.roots();
    let name = name(&reader);
    let mut results = Results::new();
    let kept = clip_search::refinement_of(&reader);
    if args.json {
        let refined =
            |kept: KeptRefinement| Refined { captions: kept.captions, photos: kept.photos, holds: kept.holds };
        let relevance = kept.ok().flatten().map(refined);
        results.json(&Line { status: JsonStatus::new(&reader, &status), model_name: &name, relevance })?;
    } else {
        results.line(format_args!("index        {}", escaped(index)))?;
        results.line(format_args!("photos       {}", grouped(status.photos)))?;
        if status.videos > 0 {
            let frames = count(status.frames, "frame");
            results.line(format_args!("videos       {} ({frames})", grouped(status.videos)))?;
        }
        if status.remaining > 0 {
            results.line(format_args!(
                "remaining    {} to be read; `clip-search index` continues",
                count(status.remaining, "photo")
            ))?;
        }
        if let Some(rebuild) = &status.rebuild {
            let remaining = match rebuild.remaining {
                0 => String::new(),
                files => format!(", {} to be read", grouped(files)),
            };
            results.line(format_args!(
                "rebuild      {} so far with the model {}{remaining}; repeat the `clip-search index` command that began it \
                 to continue",
                holdings(rebuild.photos, rebuild.videos),
                rebuild.model.name
            ))?;
        }
        for root in &roots {
            let kind = if root.is_file() { "file" } else { "folder" };
            let away = if root.exists() { "" } else { " (cannot be reached)" };
            results.line(format_args!("{kind:<12} {}{away}", escaped(root)))?;
        }
        results.line(format_args!("model        {} ({} dimensions)", escaped_text(&name), model.dimension))?;
        if let Some(ModelOrigin::Path { path }) = reader.origin() {
            let path = path.path();
            let gone = if path.exists() { "" } else { " (not found)" };
            results.line(format_args!("model from   {}{gone}", escaped(&path)))?;
        }
        match kept {
            Ok(Some(KeptRefinement { captions, photos, holds, .. })) => {
                let by = format!("{} for {}", count(captions as u64, "caption"), count(photos as u64, "photo"));
                let refined = if holds {
                    format!("refined by {by}")
                } else {
                    format!(
                        "was refined by {by}, for another model or version; `clip-search eval --refine` does it again"
                    )
                };
                results.line(format_args!("relevance    {refined}"))?;
            }
            Ok(None) => {}
            Err(error) => notice(describe(&error.into())),
        }
        for exclude in reader.excluded() {
            let (what, named) = match exclude {
                Exclude::Except(named) => ("included", named.as_ref()),
                named => ("excluded", named),
            };
            let named = match named {
                Exclude::Path(path) => escaped(&path.path()),
                Exclude::Pattern(pattern) => escaped_text(pattern),
                Exclude::DeeperThan(1) => "all folders in these (--max-depth 1)".to_owned(),
                Exclude::DeeperThan(levels) => format!("what is in more than {levels} levels (--max-depth {levels})"),
                Exclude::OtherFileSystems => "other file systems (--one-file-system)".to_owned(),
                Exclude::Except(_) => continue,
            };
            results.line(format_args!("{what:<12} {named}"))?;
        }
        if reader.bad_file_count() > 0 {
            let files = count(reader.bad_file_count(), "file");
            results.line(format_args!("skipped      {files}; `clip-search index --verbose` lists them"))?;
        }
        results.line(format_args!("fingerprint  {}", escaped_text(&model.fingerprint)))?;
        results.line(format_args!(
            "size         {} in {}",
            size(status.bytes),
            count(status.segments as u64, "segment")
        ))?;
        results.line(format_args!("last change  {}", ago(status.committed_at)))?;
        match status.graph {
            Some(graph) => results.line(format_args!(
                "graph        {}, {} removed since it was built; {} not yet in it",
                // Each frame of a video has a place of its own in it.
                count(graph.nodes, if status.videos == 0 { "photo" } else { "photo or frame" }),
                grouped(graph.removed),
                grouped(graph.missing)
            ))?,
            None => results.line(format_args!("graph        none (every query scans all photos)"))?,
        }
    }
    results.finish()?;
    Ok(Exit::Done)
}

/// The model's name as users give it: that of the catalogue, or the repository. A model of their own keeps the name that its
/// file has for it.
fn name(reader: &IndexReader) -> String {
    let model = reader.model();
    match reader.origin() {
        Some(ModelOrigin::Repository { name: Some(name), .. }) => name.clone(),
        Some(ModelOrigin::Repository { repository, .. }) => repository.clone(),
        Some(_) => model.name.clone(),
        // Before indexes remembered where a model came from, they knew the repository without the organisation.
        None => {
            let catalogue = Catalogue::built_in().ok();
            let entry = catalogue.as_ref().and_then(|catalogue| catalogue.find_model(&model.name));
            entry.map_or(&model.name, |entry| &entry.name).clone()
        }
    }
}

/// How long ago a commit was. Clocks can be set back, so it may be in the future.
fn ago(committed_at: i64) -> String {
    let then = Duration::from_secs(u64::try_from(committed_at).unwrap_or(0));
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + then) {
        Ok(ago) if ago < Duration::from_secs(2) => "just now".to_owned(),
        Ok(ago) if ago < Duration::from_secs(48 * 3600) => {
            format!("{} ago", duration(Duration::from_secs(ago.as_secs())))
        }
        Ok(ago) => format!("{} ago", count(ago.as_secs() / 86_400, "day")),
        Err(_) => "in the future (was the clock set back?)".to_owned(),
    }
}
