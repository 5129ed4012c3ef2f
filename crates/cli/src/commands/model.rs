//! `model`: the published models, and those of them that are on this disk.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip_hub::{Catalogue, CheckedFile, Checkpoint, Entry, FileState, Hub, HubError, Machine, Named, Verified};
use clip_search::json::JsonPath;
use serde::Serialize;

use crate::args::{ModelCommand, ModelListArgs, PublishedModelArgs};
use crate::download::Download;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::interrupt;
use crate::machine::{memory, modest_gflops};
use crate::output::{Results, count, grouped, notice, size};

/// The sets whose figures the list has room for.
const LISTED_SET: &str = "MSCOCO 5k";

pub(crate) fn run(hub: &Hub, command: &ModelCommand) -> Result<Exit> {
    match command {
        ModelCommand::List(args) => list(hub, args),
        ModelCommand::Info(args) => info(hub, args),
        ModelCommand::Pull(args) => pull(hub, args),
        ModelCommand::Verify(args) => verify(hub, args),
    }
}

/// An entry of the catalogue, and what this machine makes of it.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    built_in: bool,
    /// Whether it can be used without a download.
    available: bool,
    recommended: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    folder: Option<JsonPath<'a>>,
}

fn list(hub: &Hub, args: &ModelListArgs) -> Result<Exit> {
    let catalogue = Catalogue::built_in()?;
    let recommended = recommended(&catalogue).map(|entry| entry.name.clone());
    let mut results = Results::new();
    if !args.json {
        results.line(format_args!(
            "{:<22} {:>8} {:>4} {:>4}  {:<5} {:>8} {:>6}  {:<12}",
            "name", "size", "dim", "px", "lang", "ImageNet", "COCO", "licence"
        ))?;
    }
    for entry in catalogue.entries() {
        let folder = folder(hub, entry)?;
        let is_recommended = recommended.as_deref() == Some(&entry.name);
        if args.json {
            results.json(&Line {
                entry,
                built_in: entry.is_built_in(),
                available: entry.is_built_in() || folder.is_some(),
                recommended: is_recommended,
                folder: folder.as_deref().map(JsonPath::from),
            })?;
            continue;
        }
        let percent = |figure: Option<f64>| figure.map_or("-".to_owned(), |percent| format!("{percent:.1}"));
        let note = match (entry.is_built_in(), folder.is_some(), is_recommended) {
            (true, ..) => "built in",
            (_, true, true) => "downloaded, recommended",
            (_, true, false) => "downloaded",
            (_, false, true) => "recommended",
            _ => "",
        };
        let line = format!(
            "{:<22} {:>8} {:>4} {:>4}  {:<5} {:>8} {:>6}  {:<12} {note}",
            entry.name,
            megabytes(entry.bytes),
            entry.dimension,
            entry.image_size,
            if entry.speaks("mul") { "100+" } else { "en" },
            percent(entry.imagenet.as_ref().map(|figure| figure.percent)),
            percent(entry.retrieval_on(LISTED_SET).map(|figures| figures.text_to_image)),
            entry.licence,
        );
        results.line(format_args!("{}", line.trim_end()))?;
    }
    results.finish()?;
    if !args.json {
        notice(
            "ImageNet: zero-shot top-1 accuracy in percent; COCO: text-to-image recall@1 on MSCOCO in percent; \
             as published, see `clip-search model info NAME` for the sources",
        );
    }
    Ok(Exit::Done)
}

fn recommended(catalogue: &Catalogue) -> Option<&Entry> {
    catalogue.recommend(&Machine { memory: memory(), gflops: modest_gflops(), language: "en" })
}

/// The folder of an entry that was downloaded.
fn folder(hub: &Hub, entry: &Entry) -> Result<Option<PathBuf>> {
    let checkpoint = Checkpoint::of_entry(entry)?;
    Ok(checkpoint.and_then(|checkpoint| hub.locate(&checkpoint).ok()).map(|located| located.folder))
}

/// Sizes of downloads as the hub shows them, in powers of a thousand.
fn megabytes(bytes: u64) -> String {
    match bytes {
        1_000_000_000.. => format!("{:.2} GB", bytes as f64 / 1e9),
        _ => format!("{} MB", (bytes as f64 / 1e6).round()),
    }
}

/// What is known of a repository that is not in the catalogue.
#[derive(Serialize)]
struct Unlisted<'a> {
    name: &'a str,
    repository: &'a str,
    built_in: bool,
    available: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    folder: Option<JsonPath<'a>>,
}

fn info(hub: &Hub, args: &PublishedModelArgs) -> Result<Exit> {
    let (entry, folder, missing) = match Catalogue::built_in()?.resolve(&args.model)? {
        Named::BuiltIn(entry) => (entry, None, None),
        Named::OnHub { checkpoint, entry } => {
            let (folder, missing) = match hub.locate(&checkpoint) {
                Ok(located) => (Some(located.folder), None),
                Err(HubError::NotCached { missing, .. }) => (None, Some(missing)),
                Err(error) => return Err(error.into()),
            };
            let Some(entry) = entry else { return unlisted(&checkpoint, folder.as_deref(), missing, args.json) };
            (entry, folder, missing)
        }
    };
    let mut results = Results::new();
    if args.json {
        let catalogue = Catalogue::built_in()?;
        results.json(&Line {
            entry: &entry,
            built_in: entry.is_built_in(),
            available: entry.is_built_in() || folder.is_some(),
            recommended: recommended(&catalogue).is_some_and(|recommended| recommended.name == entry.name),
            folder: folder.as_deref().map(JsonPath::from),
        })?;
    } else {
        results.line(format_args!("name         {}", entry.name))?;
        results.line(format_args!("model        {}", entry.title))?;
        if let Some(repository) = &entry.repository {
            results.line(format_args!("repository   {repository}"))?;
        }
        results.line(format_args!(
            "size         about {}, {:.1} million parameters",
            megabytes(entry.bytes),
            entry.million_parameters
        ))?;
        results.line(format_args!("embedding    {} dimensions", entry.dimension))?;
        results.line(format_args!("input size   {0} x {0} pixels", entry.image_size))?;
        if let Some(gflops) = entry.image_gflops {
            results.line(format_args!("compute      {gflops:.1} GFLOP per photo"))?;
        }
        let texts = if entry.speaks("mul") { "more than 100 languages".to_owned() } else { entry.languages.join(", ") };
        results.line(format_args!("languages    {texts}"))?;
        let limit = if entry.research_only { " (research only)" } else { "" };
        results.line(format_args!("licence      {}{limit}", entry.licence))?;
        if let Some(figure) = &entry.imagenet {
            results.line(format_args!("ImageNet     {:.1} % top-1, zero-shot [{}]", figure.percent, figure.source))?;
        }
        for figures in &entry.retrieval {
            results.line(format_args!(
                "retrieval    {}: text to image {:.1} %, image to text {:.1} % recall@1 [{}]",
                figures.set, figures.text_to_image, figures.image_to_text, figures.source
            ))?;
        }
        state(&entry.name, entry.is_built_in(), folder.as_deref(), missing.as_deref(), &mut results)?;
    }
    results.finish()?;
    Ok(Exit::Done)
}

fn unlisted(checkpoint: &Checkpoint, folder: Option<&Path>, missing: Option<String>, json: bool) -> Result<Exit> {
    let repository = checkpoint.repository.as_str();
    let mut results = Results::new();
    if json {
        let (available, folder) = (folder.is_some(), folder.map(JsonPath::from));
        results.json(&Unlisted { name: &checkpoint.name, repository, built_in: false, available, folder })?;
    } else {
        results.line(format_args!("repository   {repository} (not in the catalogue)"))?;
        state(&checkpoint.name, false, folder, missing.as_deref(), &mut results)?;
    }
    results.finish()?;
    Ok(Exit::Done)
}

fn state(
    name: &str,
    built_in: bool,
    folder: Option<&Path>,
    missing: Option<&str>,
    results: &mut Results,
) -> Result<()> {
    match (built_in, folder, missing) {
        (true, ..) => results.line(format_args!("status       built in"))?,
        (_, Some(folder), _) => results.line(format_args!("status       downloaded: {}", escaped(folder)))?,
        (_, None, missing) => results.line(format_args!(
            "status       not downloaded ({}); download it with `clip-search model pull {name}`",
            missing.unwrap_or("it is not in the cache")
        ))?,
    }
    Ok(())
}

/// A model that is there now.
#[derive(Serialize)]
struct PulledLine<'a> {
    name: &'a str,
    repository: &'a str,
    commit: &'a str,
    #[serde(flatten)]
    folder: JsonPath<'a>,
    files: usize,
    bytes: u64,
    fetched: u64,
}

fn pull(hub: &Hub, args: &PublishedModelArgs) -> Result<Exit> {
    let checkpoint = match Catalogue::built_in()?.resolve(&args.model)? {
        Named::BuiltIn(entry) => {
            return built_in(&entry, args.json);
        }
        Named::OnHub { checkpoint, .. } => checkpoint,
    };
    let cancel = interrupt::listen()?;
    let download = Download::new();
    let outcome = hub.pull(&checkpoint, &download, &cancel);
    download.clear();
    let pulled = match outcome {
        Err(HubError::Cancelled) => {
            notice("interrupted: the partial download is kept; run the same command again to resume");
            return Ok(Exit::Interrupted);
        }
        outcome => outcome?,
    };
    let mut results = Results::new();
    if args.json {
        results.json(&PulledLine {
            name: &checkpoint.name,
            repository: checkpoint.repository.as_str(),
            commit: &pulled.commit,
            folder: JsonPath::from(pulled.folder.as_path()),
            files: pulled.files,
            bytes: pulled.bytes,
            fetched: pulled.fetched,
        })?;
    } else {
        results.line(format_args!(
            "{}: {}, {} ({} downloaded) in {}",
            checkpoint.name,
            count(pulled.files as u64, "file"),
            size(pulled.bytes),
            size(pulled.fetched),
            escaped(&pulled.folder)
        ))?;
    }
    results.finish()?;
    Ok(Exit::Done)
}

/// A model that needs no download and cannot be damaged alone.
fn built_in(entry: &Entry, json: bool) -> Result<Exit> {
    #[derive(Serialize)]
    struct Line<'a> {
        name: &'a str,
        built_in: bool,
        ok: bool,
    }
    let mut results = Results::new();
    if json {
        results.json(&Line { name: &entry.name, built_in: true, ok: true })?;
    } else {
        results.line(format_args!("{} is built in; there is nothing to download or check", entry.name))?;
    }
    results.finish()?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct VerifiedLine<'a> {
    ok: bool,
    name: &'a str,
    repository: &'a str,
    commit: &'a str,
    #[serde(flatten)]
    folder: JsonPath<'a>,
    files: Vec<FileLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a str>,
}

#[derive(Serialize)]
struct FileLine<'a> {
    file: &'a str,
    bytes: u64,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

fn verify(hub: &Hub, args: &PublishedModelArgs) -> Result<Exit> {
    let checkpoint = match Catalogue::built_in()?.resolve(&args.model)? {
        Named::BuiltIn(entry) => return built_in(&entry, args.json),
        Named::OnHub { checkpoint, .. } => checkpoint,
    };
    let cancel = interrupt::listen()?;
    let download = Download::new();
    let outcome = hub.verify(&checkpoint, &download, &cancel);
    download.clear();
    let verified = match outcome {
        Err(HubError::Cancelled) => return Ok(Exit::Interrupted),
        outcome => outcome?,
    };
    let mut results = Results::new();
    if args.json {
        results.json(&VerifiedLine {
            ok: verified.is_clean(),
            name: &checkpoint.name,
            repository: checkpoint.repository.as_str(),
            commit: &verified.commit,
            folder: JsonPath::from(verified.folder.as_path()),
            files: file_lines(&verified),
            missing: verified.missing.as_deref(),
        })?;
    } else {
        for file in file_lines(&verified) {
            if let Some(message) = file.message {
                results.line(format_args!("{}: {}: {message}", escaped(Path::new(file.file)), file.state))?;
            }
        }
        if let Some(missing) = &verified.missing {
            results.line(format_args!("{missing}"))?;
        }
        if verified.is_clean() {
            let checked = verified.files.iter().filter(|file| file.state == FileState::Good).count();
            results.line(format_args!(
                "{}: {} of {} checked, no damage found",
                checkpoint.name,
                grouped(checked as u64),
                count(verified.files.len() as u64, "file")
            ))?;
        }
    }
    results.finish()?;
    if verified.is_clean() {
        return Ok(Exit::Done);
    }
    bail!(
        "{} in {} is damaged or incomplete; repair it with `clip-search model pull {}`",
        checkpoint.name,
        escaped(&verified.folder),
        checkpoint.name
    )
}

fn file_lines(verified: &Verified) -> Vec<FileLine<'_>> {
    let line = |file: &'_ CheckedFile| match &file.state {
        FileState::Good => ("good", None),
        FileState::Damaged { expected, found } => {
            ("damaged", Some(format!("expected the hash {expected}, found {found}")))
        }
        FileState::Unchecked { reason } => ("unchecked", Some(reason.clone())),
    };
    let lines = verified.files.iter().map(|file| {
        let (state, message) = line(file);
        FileLine { file: &file.name, bytes: file.bytes, state, message }
    });
    lines.collect()
}
