//! `status`: what the index holds.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clip_search::IndexReader;
use serde::Serialize;

use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::output::{Results, base64_unless_text, count, escaped, grouped, size};
use crate::progress::duration;

#[derive(Serialize)]
struct Line<'a> {
    photos: u64,
    model: &'a str,
    fingerprint: &'a str,
    dimension: usize,
    roots: Vec<String>,
    /// A root's bytes in base64 where it is no UTF-8, else null; in the order of `roots`. Left out if all are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    roots_bytes: Option<Vec<Option<String>>>,
    bytes: u64,
    index: String,
    committed_at: i64,
    generation: u64,
    segments: usize,
    deleted: u64,
    format_version: u32,
    graph: Option<Graph>,
}

#[derive(Serialize)]
struct Graph {
    nodes: u64,
    removed: u64,
    missing: u64,
}

pub(crate) fn run(index: &Path, args: &StatusArgs) -> Result<Exit> {
    let reader = IndexReader::open(index)?;
    let status = reader.status()?;
    let model = reader.model();
    let roots = reader.roots();
    let mut results = Results::new();
    if args.json {
        let bytes: Vec<_> = roots.iter().map(|root| base64_unless_text(root)).collect();
        results.json(&Line {
            photos: status.photos,
            model: &model.name,
            fingerprint: &model.fingerprint,
            dimension: model.dimension,
            roots: roots.iter().map(|root| root.to_string_lossy().into_owned()).collect(),
            roots_bytes: bytes.iter().any(Option::is_some).then_some(bytes),
            bytes: status.bytes,
            index: index.to_string_lossy().into_owned(),
            committed_at: status.committed_at,
            generation: status.generation,
            segments: status.segments,
            deleted: status.deleted,
            format_version: status.format_version,
            graph: status.graph.map(|graph| Graph {
                nodes: graph.nodes,
                removed: graph.removed,
                missing: graph.missing,
            }),
        })?;
    } else {
        results.line(format_args!("index        {}", escaped(index)))?;
        results.line(format_args!("photos       {}", grouped(status.photos)))?;
        for root in &roots {
            results.line(format_args!("folder       {}", escaped(root)))?;
        }
        results.line(format_args!("model        {} ({} numbers a photo)", model.name, model.dimension))?;
        results.line(format_args!("fingerprint  {}", model.fingerprint))?;
        results.line(format_args!(
            "size         {} in {}",
            size(status.bytes),
            count(status.segments as u64, "segment")
        ))?;
        results.line(format_args!("last change  {}", ago(status.committed_at)))?;
        match status.graph {
            Some(graph) => results.line(format_args!(
                "graph        {}, {} of them removed since; {} not in it yet",
                count(graph.nodes, "photo"),
                grouped(graph.removed),
                grouped(graph.missing)
            ))?,
            None => results.line(format_args!("graph        none: every photo is compared"))?,
        }
    }
    results.finish()?;
    Ok(Exit::Done)
}

/// How long ago a commit was; clocks can be set back, so it may lie ahead.
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
