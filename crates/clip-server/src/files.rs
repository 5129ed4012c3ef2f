//! Sending the files of photos.
//!
//! Only what the index has can be asked for, and by its id. What lies at its path may have become anything since, so only what was
//! indexed is sent, or a picture that was written to the same place.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clip_search::{Asset, open_indexed};

use crate::media_type;
use crate::problem::Problem;
use crate::range::{self, Wanted};
use crate::streams;
use crate::thumbnails::unreadable;

/// An open file, and what is known of it.
struct Opened {
    file: File,
    length: u64,
    tag: String,
    media_type: &'static str,
}

fn open(asset: &Asset) -> io::Result<Opened> {
    let (mut file, metadata) = open_indexed(asset)?;
    let mut beginning = Vec::with_capacity(media_type::BEGINNING);
    file.by_ref().take(media_type::BEGINNING as u64).read_to_end(&mut beginning)?;
    let media_type = media_type::of(&beginning);
    Ok(Opened { file, length: metadata.len(), tag: tag(&metadata), media_type })
}

/// Differs once the file was written to.
fn tag(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("\"{:x}-{:x}\"", metadata.len(), modified.as_nanos())
}

/// The file of a photo, or the part of it that the headers ask for. `download` makes browsers save it.
///
/// # Errors
/// [`Problem`] if it cannot be read, or has no such part.
pub(crate) async fn send(asset: Asset, headers: &HeaderMap, download: bool) -> Result<Response, Problem> {
    let disposition = disposition(&asset.path, download);
    let opened = tokio::task::spawn_blocking(move || open(&asset)).await.map_err(Problem::internal)?;
    let Opened { mut file, length, tag, media_type } = opened.map_err(|error| unreadable(&error))?;
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let mut common = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).map_err(Problem::internal);
    common.insert(header::ETAG, value(&tag)?);
    common.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    common.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if text(header::IF_NONE_MATCH).is_some_and(|known| matches(known, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    // A part of another state of the file would not fit to what the client has.
    let asked = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|known| known.trim() == tag));
    let (status, part) = match range::of(asked, length) {
        Wanted::Whole => (StatusCode::OK, 0..length),
        Wanted::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            common.insert(header::CONTENT_RANGE, value(&range)?);
            (StatusCode::PARTIAL_CONTENT, part)
        }
        Wanted::Unsatisfiable => {
            let detail = format!("the file has {length} bytes, and not the part that was asked for");
            let mut response = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", detail).into_response();
            response.headers_mut().insert(header::CONTENT_RANGE, value(&format!("bytes */{length}"))?);
            return Ok(response);
        }
    };
    common.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    common.insert(header::CONTENT_LENGTH, (part.end - part.start).into());
    common.insert(header::CONTENT_DISPOSITION, value(&disposition)?);
    if file.seek(SeekFrom::Start(part.start)).is_err() {
        return Err(Problem::internal("cannot seek in a file"));
    }
    let body = Body::new(streams::of_file(file, part.end - part.start));
    Ok((status, common, body).into_response())
}

/// Bytes that the client may have already, as their tag says.
pub(crate) fn send_tagged(
    bytes: impl Into<Bytes>,
    media_type: &'static str,
    tag: &str,
    cache: &'static str,
) -> Result<Response, Problem> {
    let mut headers = tagged(tag, cache)?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let bytes: Bytes = bytes.into();
    Ok((headers, bytes).into_response())
}

/// The answer to a client that has it already; `None` if it does not.
///
/// # Errors
/// [`Problem`] if the tag is none.
pub(crate) fn not_modified(asked: &HeaderMap, tag: &str, cache: &'static str) -> Result<Option<Response>, Problem> {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if !known.is_some_and(|known| matches(known, tag)) {
        return Ok(None);
    }
    Ok(Some((StatusCode::NOT_MODIFIED, tagged(tag, cache)?).into_response()))
}

fn tagged(tag: &str, cache: &'static str) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, HeaderValue::from_str(tag).map_err(Problem::internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(headers)
}

/// Whether a list of tags has this one.
fn matches(known: &str, tag: &str) -> bool {
    known.trim() == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

/// What a file is to be saved as. Names that a header cannot have are given twice (RFC 6266).
fn disposition(path: &Path, download: bool) -> String {
    let kind = if download { "attachment" } else { "inline" };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == name {
        return format!("{kind}; filename=\"{plain}\"");
    }
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(&name))
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_header() {
        assert_eq!(disposition(Path::new("/a/b c.jpg"), false), "inline; filename=\"b c.jpg\"");
        let hostile = disposition(Path::new("/a/x\"\r\nSet-Cookie: a=b; .html"), true);
        assert!(!hostile.contains(['\r', '\n']) && hostile.matches('"').count() == 2, "{hostile}");
        let umlaut = disposition(Path::new("/grün.jpg"), true);
        assert_eq!(umlaut, "attachment; filename=\"gr_n.jpg\"; filename*=UTF-8''gr%C3%BCn.jpg");
        assert!(HeaderValue::from_str(&disposition(Path::new("/\u{202e}gpj.exe"), true)).is_ok());
    }

    #[test]
    fn tags_are_compared_as_a_list() {
        assert!(matches("\"a\", W/\"b\"", "\"b\"") && matches("*", "\"b\""));
        assert!(!matches("\"bb\"", "\"b\"") && !matches("", "\"b\""));
    }
}
