//! What the paths of the server answer.

pub(crate) mod export;
pub(crate) mod library;
pub(crate) mod login;
pub(crate) mod page;
pub(crate) mod photos;
pub(crate) mod search;

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::{HeaderValue, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;

use crate::guard;
use crate::openapi;
use crate::problem::Problem;
use crate::state::App;

/// All paths, behind the guard.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/login", get(login::form).post(login::enter))
        .route("/openapi.json", get(openapi::document))
        .route("/api/v1/search", get(search::search).post(search::search_by_picture))
        .route("/api/v1/photos/{id}", get(photos::details))
        .route("/api/v1/photos/{id}/thumbnail", get(photos::thumbnail))
        .route("/api/v1/photos/{id}/file", get(photos::file))
        .route("/api/v1/timeline", get(search::timeline))
        .route("/api/v1/places", get(search::places))
        .route("/api/v1/status", get(library::status))
        .route("/api/v1/events", get(library::events))
        .route("/api/v1/folders", post(library::add_folder))
        .route("/api/v1/export", post(export::export))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "bad-request", "expected another method")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(app), guard::check))
        .with_state(Arc::clone(app))
}

/// The parameters of a URL. Those without a value, as forms send them, are as if they were not there.
fn parameters<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let has_value = |pair: &&str| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty());
    let pairs: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(has_value).collect();
    let uri: Uri = format!("/?{}", pairs.join("&")).parse().map_err(|_| Problem::bad("expected parameters"))?;
    Query::try_from_uri(&uri).map(|Query(parameters)| parameters).map_err(|error| Problem::bad(error.body_text()))
}

/// A number in a path.
fn id(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::bad("expected the id of a photo, a number"))
}

/// A value as JSON.
fn json(value: &impl serde::Serialize) -> Result<Response, Problem> {
    Ok(json_bytes(serde_json::to_vec(value).map_err(Problem::internal)?))
}

fn json_bytes(bytes: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

/// The fields of a form.
fn form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A form is written as the query of a URL is.
    let query = str::from_utf8(bytes).ok().and_then(|text| format!("/?{text}").parse::<Uri>().ok());
    query.ok_or_else(|| Problem::bad("expected the fields of a form")).and_then(|uri| parameters(&uri))
}
