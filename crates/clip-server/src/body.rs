//! Reading the bodies of requests, with an end.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::problem::Problem;
use crate::settings::Bounds;

/// Reads a body of at most `most` bytes. Nothing is unpacked: what is sent packed is refused.
///
/// # Errors
/// [`Problem`] if it is too large, packed, too slow or incomplete.
pub(crate) async fn read(headers: &HeaderMap, body: Body, most: u64, bounds: &Bounds) -> Result<Vec<u8>, Problem> {
    let encoding = headers.get(header::CONTENT_ENCODING).map_or(&b"identity"[..], |value| value.as_bytes());
    if !encoding.eq_ignore_ascii_case(b"identity") {
        let detail = "expected a body without Content-Encoding";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad-request", detail));
    }
    let too_large = || {
        let detail = format!("expected a body of at most {most} bytes, found a larger one");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    };
    if length(headers).is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let too_slow = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the body did not come in time");
    let deadline = Instant::now() + bounds.body;
    let mut body = body;
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(deadline.min(after(bounds.stall)), body.frame()).await.map_err(too_slow)?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|_| Problem::bad("the body is incomplete"))?;
        let Ok(data) = frame.into_data() else { continue };
        if (bytes.len() + data.len()) as u64 > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
}

fn after(time: Duration) -> Instant {
    Instant::now() + time
}

/// What a client says the length of its body is.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Waits no longer than a request may take for its answer.
///
/// # Errors
/// [`Problem`] if it takes longer.
pub(crate) async fn in_time<T>(
    bounds: &Bounds,
    answer: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    timeout(bounds.answer, answer).await.unwrap_or_else(|_| Err(Problem::busy()))
}
