//! `model`: the published models, and those of them that are on this disk.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip_hub::{Catalogue, CheckedFile, Checkpoint, Entry, FileState, Hub, HubError, Machine, Named, Verified};
use clip_search::json::JsonPath;
use serde::Serialize;

use crate::args::{ModelCommand, ModelListArgs, PublishedModelArgs};
use crate::download::Download;
use crate::escape::{escaped, escaped_text};
use crate::exit::Exit;
use crate::interrupt;
use crate::machine::{cost, recommended, this_machine, time};
use crate::output::{Results, count, decimal_size, grouped, notice, size};

/// The sets whose figures the list has room for.
const LISTED_SET: &str = "MSCOCO 5k";
const MANY_LANGUAGES: &str = "XM3600";

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
    /// Memory that indexing takes, in bytes, as an upper bound.
    memory: u64,
    /// Estimated, on this machine's CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    photos_per_second: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    folder: Option<JsonPath<'a>>,
}

impl<'a> Line<'a> {
    fn new(entry: &'a Entry, folder: Option<&'a Path>, recommended: bool, machine: &Machine<'_>) -> Self {
        Self {
            entry,
            built_in: entry.is_built_in(),
            available: entry.is_built_in() || folder.is_some(),
            recommended,
            memory: entry.memory(),
            photos_per_second: machine.seconds_per_photo(entry).map(|seconds| 1.0 / seconds),
            folder: folder.map(JsonPath::from),
        }
    }
}

fn list(hub: &Hub, args: &ModelListArgs) -> Result<Exit> {
    let catalogue = Catalogue::built_in()?;
    let machine = this_machine();
    let recommended = recommended(&catalogue, &machine);
    let mut results = Results::new();
    if !args.json {
        results.line(format_args!(
            "{:<22} {:>8} {:>7}  {:<5} {:>8} {:>6} {:>6}  {}",
            "name", "download", "time", "lang", "ImageNet", "COCO", "XM3600", "licence"
        ))?;
    }
    for entry in catalogue.entries() {
        let folder = folder(hub, entry)?;
        let is_recommended = recommended.is_some_and(|recommended| recommended.name == entry.name);
        if args.json {
            results.json(&Line::new(entry, folder.as_deref(), is_recommended, &machine))?;
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
            "{:<22} {:>8} {:>7}  {:<5} {:>8} {:>6} {:>6}  {:<12} {note}",
            entry.name,
            if entry.is_built_in() { "none".to_owned() } else { decimal_size(entry.bytes) },
            time(entry, &machine).unwrap_or("-".to_owned()),
            if entry.speaks("mul") { "100+" } else { "en" },
            percent(entry.imagenet.as_ref().map(|figure| figure.percent)),
            percent(entry.retrieval_on(LISTED_SET).map(|figures| figures.text_to_image)),
            percent(entry.retrieval_on(MANY_LANGUAGES).map(|figures| figures.text_to_image)),
            entry.licence,
        );
        results.line(format_args!("{}", line.trim_end()))?;
    }
    results.finish()?;
    if !args.json {
        notice(
            "time: for 80,000 photos on this machine's CPU, estimated from a short measurement; `clip-search bench --model \
             NAME` measures a model",
        );
        notice(
            "ImageNet: zero-shot top-1 accuracy in percent; COCO and XM3600: text-to-image recall@1 in percent on MSCOCO, which \
             is in English, and on Crossmodal-3600, the mean of 36 languages; as published, see `clip-search model info NAME` for the sources",
        );
        if let Some(entry) = recommended {
            notice(format_args!("recommended for this machine: {}, at {}", entry.name, cost(entry, &machine)));
        }
    }
    Ok(Exit::Done)
}

/// The folder of an entry that was downloaded.
fn folder(hub: &Hub, entry: &Entry) -> Result<Option<PathBuf>> {
    let checkpoint = Checkpoint::of_entry(entry)?;
    Ok(checkpoint.and_then(|checkpoint| hub.locate(&checkpoint).ok()).map(|located| located.folder))
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
    let machine = this_machine();
    if args.json {
        let catalogue = Catalogue::built_in()?;
        let is_recommended =
            recommended(&catalogue, &machine).is_some_and(|recommended| recommended.name == entry.name);
        results.json(&Line::new(&entry, folder.as_deref(), is_recommended, &machine))?;
    } else {
        results.line(format_args!("name         {}", entry.name))?;
        results.line(format_args!("model        {}", entry.title))?;
        if let Some(repository) = &entry.repository {
            results.line(format_args!("repository   {repository}"))?;
        }
        results.line(format_args!(
            "size         {} {}, {:.1} million parameters",
            if entry.is_built_in() { "about" } else { "a download of about" },
            decimal_size(entry.bytes),
            entry.million_parameters
        ))?;
        results.line(format_args!("memory       up to about {} while indexing", decimal_size(entry.memory())))?;
        if let Some(time) = time(&entry, &machine) {
            results
                .line(format_args!("time         about {time} for 80,000 photos on this machine's CPU (estimated)"))?;
        }
        results.line(format_args!("embedding    {} dimensions", entry.dimension))?;
        results.line(format_args!("input size   {0} x {0} pixels", entry.image_size))?;
        if let Some(gflops) = entry.image_gflops {
            results.line(format_args!("compute      {gflops:.1} GFLOP per photo"))?;
        }
        let texts = if entry.speaks("mul") { "more than 100 languages".to_owned() } else { entry.languages.join(", ") };
        let measured = match entry.retrieval_on(MANY_LANGUAGES) {
            Some(_) => "XM3600 below is the mean of 36 languages",
            None => "the figures below are for English only",
        };
        results.line(format_args!("languages    {texts} ({measured})"))?;
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
    let cancel = interrupt::listen_for("interrupted: stopping the download")?;
    let download = Download::new();
    let outcome = hub.pull(&checkpoint, &download, &cancel);
    download.clear();
    let pulled = match outcome {
        Err(HubError::Cancelled) => {
            if download.is_kept() {
                notice("the partial download is kept; run the same command again to resume");
            }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    unlisted: Option<&'a str>,
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
    let cancel = interrupt::listen_for("interrupted")?;
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
            unlisted: verified.unlisted.as_deref(),
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
    if let Some(reason) = verified.unlisted.as_ref().filter(|_| verified.is_clean()) {
        notice(format_args!(
            "whether all files of {} are there is not known: {}",
            checkpoint.name,
            escaped_text(reason)
        ));
    }
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
