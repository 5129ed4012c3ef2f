//! The tools.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clip_search::json::{JsonHit, JsonPhoto, JsonStatus};
use clip_search::language::ParseOptions;
use clip_search::{
    IndexError, Library, LibrarySearcher, Limits, Order, Query, Record, read_indexed, thumbnail, understand,
};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::schemars::{self, JsonSchema};
use rmcp::{ErrorData, ServerHandler, tool, tool_handler, tool_router};
use serde::Deserialize;

use crate::answer::{self, Failure};
use crate::options::Options;

/// Results that an answer has at most: an assistant reads them all.
const MOST_RESULTS: usize = 200;
/// The sides that a picture has at least and at most.
const SIDES: (u32, u32) = (64, 1568);

/// What is searched for.
#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// What the photos show, in plain words, and conditions if need be: "a dog on a beach", "snow -people camera:nikon",
    /// "birthday cake year:2019..2021", "near:48.86,2.35,10", "person:Anna rating:>3", "tag:holiday", "name:IMG_1234". Empty: all
    /// photos, newest first.
    query: String,
    /// How many results, at most 200; 20 if it is left out.
    limit: Option<usize>,
    /// How many results to leave out at the beginning.
    offset: Option<usize>,
    /// "relevance" (the default), "date" (newest first), "oldest", "path" or "size".
    sort: Option<Sort>,
    /// True searches for the very words: no conditions, no dates.
    literal: Option<bool>,
}

/// In which order results come.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Relevance,
    #[serde(alias = "newest")]
    Date,
    Oldest,
    Path,
    Size,
}

/// A photo that others should resemble.
#[derive(Debug, Deserialize, JsonSchema)]
struct Similar {
    /// The photo's id.
    id: u64,
    /// How many results, at most 200; 20 if it is left out.
    limit: Option<usize>,
}

/// A photo to look at.
#[derive(Debug, Deserialize, JsonSchema)]
struct Look {
    /// The photo's id.
    id: u64,
    /// The longer side of the picture in pixels, 64 to 1568; 512 if it is left out.
    size: Option<u32>,
}

/// A photo.
#[derive(Debug, Deserialize, JsonSchema)]
struct Photo {
    /// The photo's id.
    id: u64,
}

/// The server that a client talks to.
#[derive(Clone)]
pub(crate) struct Tools {
    options: Arc<Options>,
}

impl Tools {
    pub(crate) fn new(options: Options) -> Tools {
        Tools { options: Arc::new(options) }
    }

    /// Does work that takes long on a thread for such work. What fails is told to the assistant, which may do better.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Options) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Result<T, CallToolResult>, ErrorData> {
        let options = Arc::clone(&self.options);
        match tokio::task::spawn_blocking(move || work(&options)).await {
            Ok(Ok(result)) => Ok(Ok(result)),
            Ok(Err(failure)) => Ok(Err(CallToolResult::error(vec![ContentBlock::text(failure.to_string())]))),
            Err(_) => Err(ErrorData::internal_error("the work was not finished", None)),
        }
    }

    async fn json(
        &self,
        work: impl FnOnce(&Options) -> Result<serde_json::Value, Failure> + Send + 'static,
    ) -> Result<CallToolResult, ErrorData> {
        Ok(self.work(work).await?.map_or_else(|failure| failure, CallToolResult::structured))
    }
}

#[tool_router]
impl Tools {
    /// Finds photos.
    #[tool(
        description = "Find photos by describing what they show, with conditions on date, place, camera, people, keywords and \
            names. Gives the best photos first, with their ids. \"match\" is false for photos that are only the nearest.",
        annotations(title = "Search photos", read_only_hint = true, open_world_hint = false)
    )]
    async fn search(&self, Parameters(search): Parameters<Search>) -> Result<CallToolResult, ErrorData> {
        self.json(move |options| {
            let today = jiff::ZonedDateTime::now().date();
            let parse = ParseOptions { today, literal: search.literal.unwrap_or(false) };
            let text = search.query.trim();
            let (query, understood, notes) = if text.is_empty() {
                (Query::any(vec![answer::everything()]).order(Order::Newest), String::new(), Vec::new())
            } else {
                let roots = searcher(&options.library)?.reader().roots();
                let understood =
                    understand(options.library.index(), text, &parse)?.of_stranger(&roots, options.places)?;
                let notes: Vec<String> = understood.notes.iter().filter_map(answer::note).collect();
                (understood.query(), understood.written.to_string(), notes)
            };
            let query = match search.sort {
                None | Some(Sort::Relevance) => query,
                Some(Sort::Date) => query.order(Order::Newest),
                Some(Sort::Oldest) => query.order(Order::Oldest),
                Some(Sort::Path) => query.order(Order::Path),
                Some(Sort::Size) => query.order(Order::Largest),
            };
            let mut answer = found(options, query.offset(search.offset.unwrap_or(0)), search.limit, None)?;
            // What was taken as a condition, so that a wrong guess can be mended.
            answer["understood"] = understood.into();
            if !notes.is_empty() {
                answer["notes"] = notes.into();
            }
            Ok(answer)
        })
        .await
    }

    /// Finds photos that resemble one.
    #[tool(
        description = "Find photos that resemble a photo of the library.",
        annotations(title = "Similar photos", read_only_hint = true, open_world_hint = false)
    )]
    async fn similar(&self, Parameters(similar): Parameters<Similar>) -> Result<CallToolResult, ErrorData> {
        self.json(move |options| found(options, Query::like(similar.id), similar.limit, Some(similar.id))).await
    }

    /// Shows a photo.
    #[tool(
        description = "Look at a photo: returns it as a small image.",
        annotations(title = "Look at a photo", read_only_hint = true, open_world_hint = false)
    )]
    async fn look(&self, Parameters(look): Parameters<Look>) -> Result<CallToolResult, ErrorData> {
        let jpeg = self.work(move |options| {
            let record = record(&*searcher(&options.library)?, look.id)?;
            let side = look.size.unwrap_or(512).clamp(SIDES.0, SIDES.1);
            let limits = Limits::default();
            let bytes = read_indexed(&record.asset, limits.max_file_bytes)?;
            Ok(thumbnail(&options.decoder, &bytes, &limits, (side, side))?)
        });
        Ok(match jpeg.await? {
            Ok(jpeg) => CallToolResult::success(vec![ContentBlock::image(BASE64_STANDARD.encode(jpeg), "image/jpeg")]),
            Err(failure) => failure,
        })
    }

    /// Tells what is known of a photo.
    #[tool(
        description = "Tell all that is known of a photo: file, time, camera and settings, place, title, keywords, people.",
        annotations(title = "Details of a photo", read_only_hint = true, open_world_hint = false)
    )]
    async fn details(&self, Parameters(photo): Parameters<Photo>) -> Result<CallToolResult, ErrorData> {
        self.json(move |options| {
            let record = record(&*searcher(&options.library)?, photo.id)?;
            answer::photo(&JsonPhoto::from(&record), options.places)
        })
        .await
    }

    /// Tells what the library holds.
    #[tool(
        description = "Tell how many photos the library has, in which folders, and what model searches them.",
        annotations(title = "Status of the library", read_only_hint = true, open_world_hint = false)
    )]
    async fn status(&self) -> Result<CallToolResult, ErrorData> {
        self.json(|options| {
            let searcher = searcher(&options.library)?;
            let status = searcher.reader().status()?;
            answer::json(&JsonStatus::new(searcher.reader(), &status))
        })
        .await
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let instructions = "A library of photos on this computer. Search it by describing what a photo shows; look at the \
            photos that seem right before you say what is on them.";
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("clip-search", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }
}

/// The library as it is now.
fn searcher(library: &Library) -> Result<Arc<LibrarySearcher>, Failure> {
    library.reload()?;
    Ok(library.searcher()?)
}

fn record(searcher: &LibrarySearcher, id: u64) -> Result<Record, Failure> {
    let records = searcher.reader().records(&[id])?;
    Ok(records.into_iter().next().ok_or(IndexError::UnknownId { id })?)
}

/// The results of a query, without the photo that others are to resemble.
fn found(
    options: &Options,
    query: Query,
    limit: Option<usize>,
    without: Option<u64>,
) -> Result<serde_json::Value, Failure> {
    options.library.reload()?;
    let limit = limit.unwrap_or(20).clamp(1, MOST_RESULTS);
    let query = query.limit(limit + usize::from(without.is_some())).decoder(options.decoder.clone());
    let mut hits = options.library.search(&query)?;
    hits.retain(|hit| without != Some(hit.record.id));
    hits.truncate(limit);
    let mut results = Vec::with_capacity(hits.len());
    for hit in &hits {
        results.push(answer::photo(&JsonHit::from(hit), options.places)?);
    }
    let matches = hits.iter().any(|hit| hit.is_match);
    Ok(serde_json::json!({ "nothing_matches_well": !hits.is_empty() && !matches, "results": results }))
}
