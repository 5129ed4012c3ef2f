//! Several photos at once.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use clip_files::path_bytes;
use clip_search::{Record, open_indexed};
use serde::Deserialize;

use super::library::read_json;
use super::photos::with_places;
use crate::body;
use crate::problem::{self, Problem};
use crate::state::App;
use crate::streams;
use crate::zip::{DosTime, ZipWriter};

/// Which photos, and as what.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct Export {
    /// Their ids.
    ids: Vec<u64>,
    /// As what.
    r#as: Form,
}

/// As what photos are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// An archive of their files.
    Zip,
    /// Their paths on the server's machine, one in a line.
    Paths,
}

/// The files of some photos in an archive, or their paths
///
/// A form (`ids=1,2,3&as=zip`) does as well as JSON. Photos whose files are not there are left out.
#[utoipa::path(post, path = "/api/v1/export", request_body = Export, responses(
    (status = 200, content_type = "application/zip", body = Vec<u8>), (status = 400, body = problem::Body),
    (status = 503, body = problem::Body)))]
pub(crate) async fn export(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let Export { ids, r#as: form } = read(&app, &headers, body).await?;
    let most = app.settings.bounds.exported;
    if ids.is_empty() || ids.len() > most {
        return Err(Problem::bad(format!("expected 1 to {most} ids, found {}", ids.len())));
    }
    let searcher = app.searches.searcher()?;
    let records = app.searches.compute(move || Ok(searcher.reader().records(&ids)?)).await?;
    if records.is_empty() {
        return Err(Problem::not_found());
    }
    match form {
        Form::Paths => {
            let mut text = Vec::new();
            for record in records {
                text.extend_from_slice(&path_bytes::lossy(&record.asset.path));
                text.push(b'\n');
            }
            Ok(attachment("text/plain; charset=utf-8", "photos.txt", text.into()))
        }
        Form::Zip => {
            with_places(&app)?;
            let permit = Arc::clone(&app.exports).try_acquire_owned().map_err(|_| Problem::busy())?;
            let archive = streams::written(move |out| {
                let _permit = permit;
                let mut zip = ZipWriter::new(out);
                for record in &records {
                    add(&mut zip, record)?;
                }
                zip.finish()
            });
            Ok(attachment("application/zip", "photos.zip", Body::new(archive)))
        }
    }
}

/// Adds a photo's file to an archive, if it is there.
fn add(zip: &mut ZipWriter<impl std::io::Write>, record: &Record) -> std::io::Result<()> {
    let asset = &record.asset;
    let file = match open_indexed(asset) {
        Ok((file, _)) => file,
        Err(error) => {
            log::info!("a photo is left out of an archive: {error}");
            return Ok(());
        }
    };
    let name = asset.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let seconds = asset.taken_at_place().or_else(|| i64::try_from(asset.stamp.mtime_ns / 1_000_000_000).ok());
    zip.add(&name, DosTime::of(seconds.unwrap_or_default()), file)
}

async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Export, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    if !kind.starts_with(b"application/x-www-form-urlencoded") {
        return read_json(app, headers, body).await;
    }
    #[derive(Deserialize)]
    struct Fields {
        ids: String,
        r#as: Form,
    }
    let bounds = &app.settings.bounds;
    let bytes = body::read(headers, body, bounds.body_bytes, bounds).await?;
    let fields: Result<Fields, _> = super::form(&bytes);
    let Fields { ids, r#as } = fields?;
    let ids: Result<Vec<u64>, _> = ids.split([',', ' ']).filter(|id| !id.is_empty()).map(str::parse).collect();
    Ok(Export { ids: ids.map_err(|_| Problem::bad("expected ids that are separated by commas"))?, r#as })
}

fn attachment(kind: &'static str, name: &str, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
                .unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    (headers, body).into_response()
}
