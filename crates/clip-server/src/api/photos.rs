//! A single photo: what is known of it, its thumbnail and its file.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use clip_files::system_error;
use clip_search::Kind;
use clip_search::json::JsonPhoto;
use serde::Deserialize;

use super::{id, json_bytes, parameters};
use crate::body;
use crate::files;
use crate::problem::{self, Problem};
use crate::state::App;
use crate::thumbnails::{SIZES, Thumbnails};

/// How long a browser need not ask again for a thumbnail.
const OF_THUMBNAILS: &str = "private, max-age=3600";

/// All that the index knows of a photo
#[utoipa::path(get, path = "/api/v1/photos/{id}", params(("id" = u64, Path)), responses(
    (status = 200, body = JsonPhoto), (status = 404, body = problem::Body)))]
pub(crate) async fn details(State(app): State<Arc<App>>, Path(photo): Path<String>) -> Result<Response, Problem> {
    let record = app.record(id(&photo)?)?;
    let places = app.settings.places;
    // Looking for the file may wait for a disk.
    let bytes = tokio::task::spawn_blocking(move || {
        let mut json = JsonPhoto::from(&record);
        json.missing = record.asset.path.metadata().is_err_and(|error| system_error::says_missing(&error));
        serde_json::to_vec(&if places { json } else { json.without_place() })
    });
    let bytes = bytes.await.map_err(Problem::internal)?;
    Ok(json_bytes(bytes.map_err(Problem::internal)?))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ThumbnailParameters {
    /// Height in pixels: 120, 240, 480, 960 or 1920. Smaller photos stay as they are.
    #[serde(default = "usual_size")]
    size: u32,
    /// Of a video, the moment to show, in milliseconds from its beginning.
    #[serde(default)]
    at: u64,
}

fn usual_size() -> u32 {
    240
}

/// A JPEG file of a photo, upright and no higher than was asked for
#[utoipa::path(get, path = "/api/v1/photos/{id}/thumbnail", params(("id" = u64, Path), ThumbnailParameters), responses(
    (status = 200, content_type = "image/jpeg", body = Vec<u8>), (status = 304), (status = 404, body = problem::Body),
    (status = 422, body = problem::Body)))]
pub(crate) async fn thumbnail(
    State(app): State<Arc<App>>,
    Path(photo): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ThumbnailParameters { size, at } = parameters(&uri)?;
    if !SIZES.contains(&size) {
        return Err(Problem::bad(format!("expected one of the sizes {SIZES:?}, found {size}")));
    }
    let record = app.record(id(&photo)?)?;
    // A photo has one moment.
    let at = if record.asset.kind == Kind::Video { at } else { 0 };
    let tag = Thumbnails::tag(&record, size, at);
    if let Some(response) = files::not_modified(&headers, &tag, OF_THUMBNAILS)? {
        return Ok(response);
    }
    let jpeg = body::in_time(&app.settings.bounds, app.thumbnails.get(record, size, at, &app.decoding)).await?;
    files::send_tagged(jpeg, "image/jpeg", &tag, OF_THUMBNAILS)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct FileParameters {
    /// 1 makes browsers save the file.
    #[serde(default)]
    download: u8,
}

/// The file of a photo, or the part of it that the header `Range` asks for
#[utoipa::path(get, path = "/api/v1/photos/{id}/file", params(("id" = u64, Path), FileParameters), responses(
    (status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = 206), (status = 304),
    (status = 403, body = problem::Body), (status = 404, body = problem::Body), (status = 416, body = problem::Body)))]
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    Path(photo): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let FileParameters { download } = parameters(&uri)?;
    with_places(&app)?;
    let record = app.record(id(&photo)?)?;
    files::send(record.asset, &headers, download != 0).await
}

/// The files of photos have inside where these were taken.
///
/// # Errors
/// [`Problem`] if nobody is to know that.
pub(crate) fn with_places(app: &App) -> Result<(), Problem> {
    if app.settings.places {
        return Ok(());
    }
    let detail = "this server does not tell where photos were taken, so it does not send their files, which may have that inside; \
                  the thumbnails of size 1920 do not";
    Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "places", detail))
}
