//! The web page: its HTML, rendered on the server so that it works without script, and the files that it refers to.

use std::borrow::Cow;
use std::fmt::Write;

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The query as it was typed.
    pub query: String,
    /// The value of `sort` in the URL; empty if there is none.
    pub sort: String,
    /// Other parameters of the URL that paging keeps, as name and value.
    pub more: Vec<(String, String)>,
    /// How the query was understood.
    pub chips: Vec<Chip>,
    /// The results from `offset` on.
    pub results: Vec<Photo>,
    /// How many results there are, if that is known.
    pub total: Option<u64>,
    /// How many results come before these.
    pub offset: u64,
    /// How many results a page has at most.
    pub limit: u64,
    /// Where the next page begins, if there is one.
    pub next_offset: Option<u64>,
    /// False if nothing matches well, and the results are just the nearest.
    pub matches: bool,
    /// Photos in the library.
    pub photos: u64,
    /// What is wrong with the query, if it could not be run.
    pub failure: Option<Failure>,
    /// Version of the program.
    pub version: String,
}

/// Part of a query, as it was understood.
#[derive(Debug, Clone, Default)]
pub struct Chip {
    /// `text`, `picture`, `like` or `filter`.
    pub kind: String,
    /// What people read.
    pub label: String,
    /// The query without this part.
    pub without: String,
}

/// A result.
#[derive(Debug, Clone, Default)]
pub struct Photo {
    /// Its id in the index.
    pub id: u64,
    /// Where it is, with a replacement character for what is not UTF-8.
    pub path: String,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// The estimate that it shows what was asked for, 0 to 1.
    pub relevance: Option<f32>,
    /// False if this is only one of the nearest.
    pub is_match: bool,
}

/// Why a query could not be run.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// What is wrong.
    pub detail: String,
    /// Where in the query, in bytes from its beginning.
    pub position: Option<usize>,
}

/// A file of the page.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `ETag`, in quotation marks.
    pub etag: &'static str,
}

/// The file with this name; none if the page has no such file.
pub fn asset(name: &str) -> Option<Asset> {
    let css: &[u8] = b"img { height: 240px }\n";
    (name == "style.css").then_some(Asset {
        bytes: Cow::Borrowed(css),
        content_type: "text/css; charset=utf-8",
        etag: "\"1\"",
    })
}

/// Renders the page.
pub fn index(model: &Model) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>clip-search</title>\n\
         <link rel=\"stylesheet\" href=\"/assets/style.css\">\n",
    );
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    // Writing to a string cannot fail.
    let _ = writeln!(html, "<form><input name=\"q\" value=\"{}\"></form>", escaped(&model.query));
    if let Some(failure) = &model.failure {
        let _ = writeln!(html, "<p>{}</p>", escaped(&failure.detail));
    }
    for Photo { id, path, .. } in &model.results {
        let _ = writeln!(
            html,
            "<a href=\"/api/v1/photos/{id}/file\"><img src=\"/api/v1/photos/{id}/thumbnail?size=240\" alt=\"{}\"></a>",
            escaped(path)
        );
    }
    html
}
