//! The library as a whole: what it holds, what happens to it, and what is added to it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clip_search::json::JsonStatus;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::json_bytes;
use crate::body;
use crate::guard::{self, Peer};
use crate::problem::{self, Problem};
use crate::state::{App, stopped};
use crate::streams;

/// A stream of events on which nothing happens says so, so that neither end takes the other for gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that a client may be behind.
const BEHIND: usize = 16;

/// What the server is, and what its index holds. Without an index, only the former and no photos.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ServerStatus<'a> {
    #[serde(flatten)]
    index: Option<JsonStatus<'a>>,
    /// Whether there is an index.
    has_index: bool,
    /// Version of the program.
    version: &'static str,
    /// Whether nothing can be changed through the server.
    read_only: bool,
    /// Whether this client can add folders.
    can_add_folders: bool,
    /// Whether the server tells where photos were taken.
    places: bool,
}

/// What the index holds
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = ServerStatus)))]
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let can_add_folders = can_add_folders(&app, peer.as_deref(), &headers);
    // Counts bytes on disk.
    let bytes = tokio::task::spawn_blocking(move || -> Result<Vec<u8>, Problem> {
        let searcher = match app.searches.searcher() {
            Err(problem) if problem.is_no_index() => None,
            searcher => Some(searcher?),
        };
        let status = searcher.as_ref().map(|searcher| searcher.reader().status()).transpose()?;
        let index = searcher.as_ref().zip(status.as_ref());
        let status = ServerStatus {
            has_index: index.is_some(),
            index: index.map(|(searcher, status)| JsonStatus::new(searcher.reader(), status)),
            version: env!("CARGO_PKG_VERSION"),
            read_only: app.settings.read_only,
            can_add_folders,
            places: app.settings.places,
        };
        let mut json = serde_json::to_value(&status).map_err(Problem::internal)?;
        if !status.has_index {
            json["photos"] = 0.into();
        }
        serde_json::to_vec(&json).map_err(Problem::internal)
    });
    Ok(json_bytes(bytes.await.map_err(Problem::internal)??))
}

/// Whether whoever asks can add folders: from this machine itself.
pub(crate) fn can_add_folders(app: &App, peer: Option<&Peer>, headers: &HeaderMap) -> bool {
    app.can_add_folders() && guard::is_local(peer, headers)
}

/// What happens to the index, as server-sent events
///
/// `index` with `generation` and `photos` when it has changed, `progress` with `stage`, `done` and `total` while folders are
/// indexed, `done` with `report` or `error` afterwards.
#[utoipa::path(get, path = "/api/v1/events", responses(
    (status = 200, content_type = "text/event-stream", body = String), (status = 503, body = problem::Body)))]
pub(crate) async fn events(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| Problem::busy())?;
    let (pieces, received) = mpsc::channel::<io::Result<Bytes>>(BEHIND);
    let (now, mut coming) = app.news.listen();
    let mut stopping = app.stopping.clone();
    tokio::spawn(async move {
        let _permit = permit;
        let send = async |text: String| pieces.send(Ok(text.into())).await;
        for event in now {
            if send(event.encoded()).await.is_err() {
                return;
            }
        }
        loop {
            let next = tokio::select! {
                () = stopped(&mut stopping) => return,
                () = pieces.closed() => return,
                next = timeout(HEARTBEAT, coming.recv()) => next,
            };
            let text = match next {
                Ok(Ok(event)) => event.encoded(),
                Ok(Err(RecvError::Lagged(_))) => continue,
                Ok(Err(RecvError::Closed)) => return,
                Err(_) => ":\n\n".to_owned(),
            };
            if send(text).await.is_err() {
                return;
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx would keep events until there are many.
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::new(streams::received(received))).into_response())
}

/// A folder that is to be indexed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct NewFolder {
    /// Its absolute path on the server's machine.
    #[schema(value_type = String)]
    path: PathBuf,
}

/// Adds a folder and begins to index it
///
/// Only from the machine that the server runs on.
#[utoipa::path(post, path = "/api/v1/folders", request_body = NewFolder, responses(
    (status = 202), (status = 400, body = problem::Body), (status = 403, body = problem::Body), (status = 409, body = problem::Body)))]
pub(crate) async fn add_folder(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    if app.settings.read_only {
        return Err(Problem::forbidden("this server was started so that nothing can be changed"));
    }
    if !can_add_folders(&app, peer.as_deref(), &headers) {
        return Err(Problem::forbidden("folders can be added only from the machine that the server runs on"));
    }
    let NewFolder { path } = read_json(&app, &headers, body).await?;
    let begin = tokio::task::spawn_blocking(move || app.indexing.begin(&path));
    begin.await.map_err(Problem::internal)??;
    Ok(StatusCode::ACCEPTED)
}

/// Reads a body of JSON.
///
/// # Errors
/// [`Problem`] if it is something else.
pub(crate) async fn read_json<T: serde::de::DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    if !kind.starts_with(b"application/json") {
        let detail = "expected a body of type application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad-request", detail));
    }
    let bounds = &app.settings.bounds;
    let bytes = body::read(headers, body, bounds.body_bytes, bounds).await?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::bad(format!("cannot read the body: {error}")))
}
