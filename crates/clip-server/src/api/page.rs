//! The page, and the files that belong to it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};

use super::parameters;
use super::search::{Found, Parameters, USUAL, find};
use crate::files;
use crate::page::{self, Chip, Failure, Model, Photo};
use crate::problem::Problem;
use crate::state::App;

/// Files of the page change with the program, and their URLs with them.
const OF_ASSETS: &str = "public, max-age=31536000, immutable";

/// The page with the results of the query in the URL. What is wrong with the query is told on the page.
pub(crate) async fn index(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let mut model =
        Model { limit: USUAL as u64, matches: true, version: env!("CARGO_PKG_VERSION").to_owned(), ..Model::default() };
    let filled = match parameters::<Parameters>(&uri) {
        Ok(parameters) => {
            model.query.clone_from(&parameters.q);
            (model.sort, model.more) = kept(&uri);
            fill(&app, &parameters, &mut model).await
        }
        Err(problem) => Err(problem),
    };
    let mut status = StatusCode::OK;
    if let Err(problem) = filled
        // Without an index the page shows how to begin.
        && !problem.is_no_index()
    {
        status = problem.status;
        model.failure = Some(Failure { position: problem.position(), detail: problem.detail });
    }
    (status, Html(page::index(&model))).into_response()
}

/// The parameters that other pages of the results have too: `sort`, and the rest.
fn kept(uri: &Uri) -> (String, Vec<(String, String)>) {
    let all: Vec<(String, String)> = parameters(uri).unwrap_or_default();
    let sort = all.iter().find(|(name, _)| name == "sort").map(|(_, value)| value.clone()).unwrap_or_default();
    let of_the_form = ["q", "sort", "offset"];
    (sort, all.into_iter().filter(|(name, _)| !of_the_form.contains(&name.as_str())).collect())
}

async fn fill(app: &Arc<App>, parameters: &Parameters, model: &mut Model) -> Result<(), Problem> {
    model.photos = app.searches.searcher()?.reader().len() as u64;
    let (offset, limit) = (parameters.offset, parameters.limit()?);
    let Found { understanding, ranking } = find(app, &parameters.request()?, offset.saturating_add(limit)).await?;
    let (next, length) = (offset.saturating_add(limit), ranking.len());
    model.chips = understanding
        .parts
        .into_iter()
        .map(|part| Chip { kind: part.kind.to_owned(), label: part.label, without: part.without })
        .collect();
    (model.offset, model.limit) = (offset as u64, limit as u64);
    model.total = ranking.is_all.then_some(length as u64);
    model.next_offset = (next < length || !ranking.is_all).then_some(next as u64);
    model.matches = ranking.matches;
    let hits = app.searches.compute(move || ranking.page(offset, limit)).await?;
    model.results = hits
        .iter()
        .map(|hit| Photo {
            id: hit.id,
            path: hit.path.to_string_lossy().into_owned(),
            width: hit.record.asset.width,
            height: hit.record.asset.height,
            relevance: hit.relevance,
            is_match: hit.is_match,
        })
        .collect();
    Ok(())
}

/// A file of the page.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = page::asset(&name).ok_or_else(Problem::not_found)?;
    if let Some(response) = files::not_modified(&headers, asset.etag, OF_ASSETS)? {
        return Ok(response);
    }
    files::send_tagged(asset.bytes.into_owned(), asset.content_type, asset.etag, OF_ASSETS)
}
