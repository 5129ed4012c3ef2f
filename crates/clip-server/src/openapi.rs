//! The description of the API for programs.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;

use crate::api::{export, library, photos, search};

/// The HTTP API.
#[derive(OpenApi)]
#[openapi(
    info(title = "clip-search", description = "Find photos by describing them.", license(name = "MIT OR Apache-2.0")),
    paths(
        search::search,
        search::search_by_picture,
        search::timeline,
        search::places,
        photos::details,
        photos::thumbnail,
        photos::file,
        library::status,
        library::events,
        library::add_folder,
        export::export,
    )
)]
struct Description;

/// Made once.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| Description::openapi().to_json().unwrap_or_default());

pub(crate) async fn document() -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], DOCUMENT.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_paths_are_described() {
        let document: serde_json::Value = serde_json::from_str(&DOCUMENT).unwrap();
        let paths: Vec<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "events",
            "export",
            "folders",
            "photos/{id}",
            "photos/{id}/file",
            "photos/{id}/thumbnail",
            "places",
            "search",
            "status",
            "timeline",
        ];
        assert_eq!(paths, expected.map(|path| format!("/api/v1/{path}")));
        let hit = &document["components"]["schemas"]["JsonHit"];
        assert!(hit.to_string().contains("relevance"), "{hit}");
        // What is referred to is there.
        let text = DOCUMENT.as_str();
        for (at, sign) in text.match_indices("\"#/components/schemas/") {
            let name = text[at + sign.len()..].split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
