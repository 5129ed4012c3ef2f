//! Errors as problem details (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clip_search::language::ParseError;
use clip_search::{IndexError, LibraryError, QueryError, with_causes};
use serde::Serialize;

/// Why a request has no answer.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Tells problems of one status apart.
    kind: &'static str,
    pub(crate) detail: String,
    /// Where a query is wrong, in bytes.
    position: Option<usize>,
    /// When to try again, in seconds.
    retry_after: Option<u32>,
}

/// As it is sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    /// What kind of problem it is.
    r#type: String,
    /// The same in words.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What was expected and what was found.
    detail: &'a str,
    /// Where a query is wrong, in bytes from its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, kind, detail: detail.into(), position: None, retry_after: None }
    }

    /// A request that makes no sense.
    pub(crate) fn bad(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn no_photo(id: u64) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "no-photo", format!("there is no photo {id} in the index"))
    }

    pub(crate) fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here")
    }

    pub(crate) fn busy() -> Problem {
        let detail = "too many requests are waiting";
        Problem { retry_after: Some(1), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail) }
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Problem {
        log::error!("{error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    }

    /// Whether it is that there is no index yet.
    pub(crate) fn is_no_index(&self) -> bool {
        self.kind == "no-index"
    }

    /// Where a query is wrong, in bytes.
    pub(crate) fn position(&self) -> Option<usize> {
        self.position
    }

    fn title(&self) -> &'static str {
        match self.kind {
            "no-index" => "No index yet",
            "no-photo" => "No such photo",
            "query" => "The query cannot be read",
            "too-large" => "Too large",
            "unauthorized" => "A token is needed",
            "picture-gone" => "The image is no longer kept",
            "picture" => "The image cannot be used",
            "range" => "No such part",
            "places" => "Places are not shown",
            "indexing" => "Photos are being indexed",
            "file" => "The file cannot be read",
            _ => self.status.canonical_reason().unwrap_or("Error"),
        }
    }

    fn body(&self) -> Body<'_> {
        Body {
            r#type: format!("urn:clip-search:problem:{}", self.kind),
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            position: self.position,
        }
    }
}

impl From<&ParseError> for Problem {
    fn from(error: &ParseError) -> Problem {
        let position = Some(error.span.start);
        Problem { position, ..Problem::new(StatusCode::BAD_REQUEST, "query", error.to_string()) }
    }
}

impl From<LibraryError> for Problem {
    fn from(error: LibraryError) -> Problem {
        let of = |status, kind| Problem::new(status, kind, error.to_string());
        match &error {
            LibraryError::Unreadable(error) => Problem::from(error),
            LibraryError::UnknownSearch { .. } | LibraryError::UnreadableSearch { .. } => {
                of(StatusCode::BAD_REQUEST, "query")
            }
            LibraryError::Index(IndexError::NotFound { .. }) => {
                Problem::new(StatusCode::NOT_FOUND, "no-index", "there is no index yet: no photos were added")
            }
            LibraryError::Query(QueryError::Index(IndexError::UnknownId { id })) => Problem::no_photo(*id),
            LibraryError::Query(QueryError::Image { .. }) => of(StatusCode::UNPROCESSABLE_ENTITY, "picture"),
            LibraryError::Query(
                QueryError::NoTerms | QueryError::EmptyText | QueryError::Cancelled | QueryError::Weight { .. },
            ) => of(StatusCode::BAD_REQUEST, "query"),
            _ => Problem::internal(with_causes(&error)),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        Problem::from(LibraryError::from(error))
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Problem {
        Problem::from(LibraryError::from(error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
