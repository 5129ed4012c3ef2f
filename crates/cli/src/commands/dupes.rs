//! `dupes`: photos that are there more than once. Nothing is deleted.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use clip_search::json::JsonDuplicates;
use clip_search::{
    DuplicateGroup, DuplicateOptions, DuplicateProgress, DuplicateStep, Duplicates, IndexReader, Level, Record,
    RoaringTreemap,
};

use crate::args::{DupesArgs, LevelArg};
use crate::decoder::decoder;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{Results, count, notice, size};
use crate::progress::Meter;
use crate::query_text::{understand, words};

pub(crate) fn run(index: &Path, args: &DupesArgs) -> Result<Exit> {
    let reader = IndexReader::open(index)?;
    let levels = args.level.iter().map(|level| match level {
        LevelArg::Bytes => Level::Bytes,
        LevelArg::Picture => Level::Picture,
        LevelArg::Burst => Level::Burst,
    });
    let options = DuplicateOptions {
        levels: if args.level.is_empty() { Level::ALL.to_vec() } else { levels.collect() },
        among: among(&reader, index, args)?,
        decoder: decoder(),
        ..DuplicateOptions::default()
    };
    let meter = Meter::new("photo");
    let progress = |DuplicateProgress { step, done, total }| {
        let what = match step {
            DuplicateStep::Reading => "reading the index",
            DuplicateStep::Neighbours => "looking for similar photos",
            DuplicateStep::Decoding => "reading photos",
            _ => "comparing",
        };
        meter.stage(what, done, total);
    };
    // There is nothing to save, so Ctrl-C ends the program as the system does.
    let found = clip_search::duplicates(&reader, &options, &progress, &AtomicBool::new(false));
    meter.clear();
    let found = found?.unwrap_or_default();
    let mut results = Results::new();
    for group in &found.groups {
        if args.json { results.json(&JsonDuplicates::from(group))? } else { print(group, &mut results)? }
    }
    results.finish()?;
    if !args.json {
        summarise(&found, &options.levels);
    }
    if found.unread > 0 {
        notice(format_args!(
            "{} could not be read, and were only compared by their bytes and times",
            count(found.unread, "photo")
        ));
    }
    Ok(Exit::Done)
}

/// The items that meet the conditions, if there are any.
fn among(reader: &IndexReader, index: &Path, args: &DupesArgs) -> Result<Option<RoaringTreemap>> {
    if args.conditions.is_empty() {
        return Ok(None);
    }
    let mut among = RoaringTreemap::new();
    for alternative in understand(index, &words(&args.conditions)?, false)?.alternatives {
        if !alternative.terms.is_empty() {
            bail!(
                "expected only conditions such as `path:holiday` or `year:2019`, found a description; \
                 duplicates are not looked for by what photos show"
            );
        }
        among |= reader.matching(&alternative.filter)?;
    }
    Ok(Some(among))
}

fn print(group: &DuplicateGroup, results: &mut Results) -> Result<()> {
    let what = match group.level {
        Level::Bytes => "same bytes",
        Level::Picture => "same picture",
        Level::Burst => "burst",
    };
    results.line(format_args!("{what}, {}", count(group.photos.len() as u64, "photo")))?;
    for (at, Record { asset, .. }) in group.photos.iter().enumerate() {
        let (mark, reason) = if at == 0 { ("keep", format!(" ({})", group.reason)) } else { ("", String::new()) };
        let (path, bytes) = (escaped(&asset.path), size(asset.stamp.size));
        results.line(format_args!("  {mark:4}  {path}  {}x{}, {bytes}{reason}", asset.width, asset.height))?;
    }
    Ok(results.line(format_args!(""))?)
}

fn summarise(found: &Duplicates, levels: &[Level]) {
    if found.groups.is_empty() {
        return notice(format_args!("no duplicates among {}", count(found.photos, "photo")));
    }
    for level in Level::ALL.into_iter().filter(|level| levels.contains(level)) {
        let groups = || found.groups.iter().filter(|group| group.level == level);
        let others = groups().map(|group| group.photos.len() as u64 - 1).sum();
        let number = count(groups().count() as u64, "group");
        match level {
            Level::Bytes => {
                let bytes = groups().flat_map(|group| &group.photos[1..]).map(|record| record.asset.stamp.size).sum();
                notice(format_args!(
                    "same bytes: {number}, {} besides those to keep, {}",
                    count(others, "file"),
                    size(bytes)
                ));
            }
            Level::Picture => {
                notice(format_args!("same image: {number}, {} besides those to keep", count(others, "photo")))
            }
            Level::Burst => notice(format_args!("bursts: {number}, {} besides those to keep", count(others, "photo"))),
        }
    }
}
