//! `query`: the photos that fit a description or look like an example, best first.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use clip_search::{CachedEncoder, Hit, IndexReader, Query, Searcher, Strategy, TextCache, Towers};
use serde::Serialize;

use crate::args::QueryArgs;
use crate::exit::Exit;
use crate::output::{JsonPath, Results, escaped, notice};
use crate::settings::{self, ModelSettings};

#[derive(Serialize)]
struct Line<'a> {
    rank: usize,
    score: f32,
    #[serde(flatten)]
    path: JsonPath<'a>,
    id: u64,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lens: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gps: Option<(f64, f64)>,
}

impl<'a> From<&'a Hit> for Line<'a> {
    fn from(hit: &'a Hit) -> Self {
        Self {
            rank: hit.rank,
            score: hit.score,
            path: JsonPath::from(hit.path.as_path()),
            id: hit.id,
            width: hit.record.width,
            height: hit.record.height,
            taken_at: hit.record.taken_at,
            camera: hit.record.camera.as_deref(),
            lens: hit.record.lens.as_deref(),
            gps: hit.record.gps,
        }
    }
}

/// What is searched for.
enum What<'a> {
    Text(String),
    Image(&'a Path),
}

pub(crate) fn run(index: &Path, args: &QueryArgs) -> Result<Exit> {
    // First of all: a missing index is known at once.
    let reader = IndexReader::open(index)?;
    let settings = ModelSettings::resolve_for_index(&args.model, reader.model())?;
    let what = match &args.image {
        Some(image) => What::Image(image),
        None => What::Text(words(&args.text)?),
    };
    let strategy = match (args.exact, args.graph) {
        (true, _) => Strategy::Exact,
        (_, true) => Strategy::Graph,
        _ => Strategy::Auto,
    };

    if reader.is_empty() {
        notice(format_args!(
            "the index in {} holds no photos yet; index some with `clip-search index DIR`",
            escaped(index)
        ));
        return Ok(Exit::Partly);
    }
    let model = reader.model().clone();
    drop(reader);
    let (query, encoder) = match what {
        What::Image(image) => {
            let cache = Arc::new(TextCache::in_memory());
            (Query::image(image), CachedEncoder::new(settings.load(Towers::ImageOnly)?, cache))
        }
        What::Text(text) => {
            let cache = match settings::query_cache() {
                Some(file) if !args.no_cache => TextCache::open(file),
                _ => TextCache::in_memory(),
            };
            let is_known = cache.get(&model.fingerprint, &text, model.dimension).is_some();
            let cache = Arc::new(cache);
            let encoder = if is_known && settings.may_be_cached(&model) {
                CachedEncoder::without_model(model, cache)
            } else {
                CachedEncoder::new(settings.load(Towers::TextOnly)?, cache)
            };
            (Query::text(text), encoder)
        }
    };
    let searcher = Searcher::open(index, encoder)?;
    let hits = searcher.search(&query.limit(usize::try_from(args.limit).unwrap_or(usize::MAX)).strategy(strategy))?;

    let mut results = Results::new();
    for hit in &hits {
        if args.json {
            results.json(&Line::from(hit))?;
        } else if args.null {
            results.path(&hit.path, 0)?;
        } else if args.paths_only {
            results.path(&hit.path, b'\n')?;
        } else {
            results.line(format_args!("{:.3}  {}", hit.score, escaped(&hit.path)))?;
        }
    }
    results.finish()?;
    Ok(if hits.is_empty() { Exit::Partly } else { Exit::Done })
}

/// The description, which may come as one argument or as a word each.
fn words(arguments: &[String]) -> Result<String> {
    let text = arguments.join(" ");
    if text.trim().is_empty() {
        bail!(
            "the description is empty; say what the photos show, for instance `clip-search query \"a dog on a beach\"`"
        );
    }
    Ok(text)
}
