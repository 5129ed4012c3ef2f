//! The HTML of the page. What scripts add lies in `assets/`; this is all that there is without them.

use std::fmt::Write;

use super::assets;
use super::escape::{Escaped, Shown, in_query};

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

/// Renders the page.
pub fn index(model: &Model) -> String {
    fill(include_str!("index.html"), |name, out| match name {
        "v" => out.push_str(assets::version()),
        "title" if model.query.is_empty() => out.push_str("clip-search"),
        "title" => put(out, format_args!("{} – clip-search", Shown(&model.query))),
        "query" => put(out, format_args!("{}", Escaped(&model.query))),
        "hidden" => hidden_fields(out, model),
        "failure" => failure(out, model),
        "summary" => summary(out, model),
        "chips" => chips(out, model),
        "results" => results(out, model),
        "paging" => paging(out, model),
        "version" => put(out, format_args!("{}", Shown(&model.version))),
        _ => debug_assert!(false, "no value for {name}"),
    })
}

/// Replaces each `{{name}}` of a template, in one pass: what a value contains is never looked at again.
fn fill(template: &str, mut value: impl FnMut(&str, &mut String)) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        value(name, &mut out);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Writing to a `String` cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn hidden_fields(out: &mut String, model: &Model) {
    if !model.sort.is_empty() {
        put(out, format_args!("<input type=\"hidden\" name=\"sort\" value=\"{}\">", Escaped(&model.sort)));
    }
}

fn failure(out: &mut String, model: &Model) {
    let Some(failure) = &model.failure else { return };
    put(out, format_args!("{}", Shown(&failure.detail)));
    let at = failure.position.filter(|at| *at < model.query.len() && model.query.is_char_boundary(*at));
    if let Some(at) = at {
        let (before, after) = model.query.split_at(at);
        let sign = after.chars().next().map_or(0, char::len_utf8);
        let (sign, after) = after.split_at(sign);
        put(out, format_args!("<code>{}<mark>{}</mark>{}</code>", Shown(before), Shown(sign), Shown(after)));
    }
}

fn summary(out: &mut String, model: &Model) {
    if model.failure.is_some() {
        return;
    }
    match model.total {
        _ if model.results.is_empty() && model.photos == 0 => out.push_str("No photos are indexed yet"),
        Some(0) => out.push_str("No photo meets these conditions"),
        _ if model.results.is_empty() => out.push_str("No more results"),
        _ if !model.matches => out.push_str("Nothing matches well. The nearest are:"),
        total => {
            let (first, last) = (model.offset + 1, model.offset + model.results.len() as u64);
            match total {
                Some(total) if first == 1 && last == total => put(out, format_args!("{}", plural(total))),
                Some(total) => put(out, format_args!("{} to {} of {}", grouped(first), grouped(last), plural(total))),
                None => put(out, format_args!("Photos {} to {}", grouped(first), grouped(last))),
            }
        }
    }
}

fn plural(photos: u64) -> String {
    if photos == 1 { "1 photo".to_owned() } else { format!("{} photos", grouped(photos)) }
}

/// 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn chips(out: &mut String, model: &Model) {
    // What was typed as a description is in the box already, unless there is more besides.
    if model.chips.iter().all(|chip| chip.kind == "text") {
        return;
    }
    for chip in &model.chips {
        let label = Shown(&chip.label);
        put(
            out,
            format_args!(
                "<li><a class=\"chip {kind}\" href=\"{href}\"><span class=\"sr\">Remove </span><bdi>{label}</bdi><svg class=\"i\" aria-hidden=\"true\"><use \
                 href=\"#i-close\"/></svg></a></li>",
                kind = Escaped(&chip.kind),
                href = Escaped(&href(model, &chip.without, 0)),
            ),
        );
    }
}

/// A URL of the page, relative to it.
fn href(model: &Model, query: &str, offset: u64) -> String {
    let mut out = String::from("/?q=");
    out.push_str(&in_query(query));
    if !model.sort.is_empty() {
        put(&mut out, format_args!("&sort={}", in_query(&model.sort)));
    }
    for (name, value) in &model.more {
        put(&mut out, format_args!("&{}={}", in_query(name), in_query(value)));
    }
    if offset > 0 {
        put(&mut out, format_args!("&offset={offset}"));
    }
    out
}

fn results(out: &mut String, model: &Model) {
    if model.results.is_empty() {
        return;
    }
    out.push_str("<ul class=\"plain\">\n");
    for photo in &model.results {
        let name = Shown(name(&photo.path));
        let weak = if photo.is_match { "" } else { " class=\"weak\"" };
        put(
            out,
            format_args!(
                "<li{weak}><a href=\"/api/v1/photos/{id}/file\"><img src=\"/api/v1/photos/{id}/thumbnail?size=240\" alt=\"{name}\" title=\"{path}\" \
                 width=\"{width}\" height=\"240\" loading=\"lazy\" decoding=\"async\"></a><a class=\"more\" href=\"/?q=like%3A{id}\">More like this<span \
                 class=\"sr\">: {name}</span></a></li>\n",
                id = photo.id,
                path = Shown(&photo.path),
                width = shown_width(photo.width, photo.height),
            ),
        );
    }
    out.push_str("</ul>\n");
}

/// How wide a photo is that is 240 pixels high.
fn shown_width(width: u32, height: u32) -> u64 {
    (u64::from(width) * 240 / u64::from(height.max(1))).clamp(60, 960)
}

/// What follows the last separator, of either kind.
fn name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}

fn paging(out: &mut String, model: &Model) {
    if model.offset > 0 {
        let before = href(model, &model.query, model.offset.saturating_sub(model.limit));
        put(out, format_args!("<a class=\"button\" rel=\"prev\" href=\"{}\">Previous page</a>", Escaped(&before)));
    }
    if let Some(next) = model.next_offset {
        let next = href(model, &model.query, next);
        put(out, format_args!("<a class=\"button\" rel=\"next\" href=\"{}\">Next page</a>", Escaped(&next)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let photo =
            Photo { id: 7, path: "/p/cat.jpg".into(), width: 300, height: 200, relevance: Some(0.9), is_match: true };
        Model {
            query: "dog year:2019".into(),
            chips: vec![
                Chip { kind: "text".into(), label: "dog".into(), without: "year:2019".into() },
                Chip { kind: "filter".into(), label: "year 2019".into(), without: "dog".into() },
            ],
            results: vec![photo],
            total: Some(1234),
            offset: 120,
            limit: 60,
            next_offset: Some(180),
            matches: true,
            photos: 2000,
            ..Model::default()
        }
    }

    #[test]
    fn the_page_works_without_script() {
        let html = index(&model());
        for part in [
            "<form",
            "action=\"/\"",
            "name=\"q\"",
            "value=\"dog year:2019\"",
            "alt=\"cat.jpg\"",
            "/api/v1/photos/7/thumbnail?size=240",
            "width=\"360\"",
            "href=\"/?q=dog\"",
            "href=\"/?q=year%3A2019\"",
            "href=\"/?q=dog+year%3A2019&amp;offset=60\"",
            "href=\"/?q=dog+year%3A2019&amp;offset=180\"",
            "121 to 121 of 1,234 photos",
            "href=\"/?q=like%3A7\"",
        ] {
            assert!(html.contains(part), "no {part}");
        }
        assert!(!html.contains("{{") && !html.contains("}}"));
    }

    #[test]
    fn nothing_needs_more_than_the_policy_allows() {
        let html = index(&model());
        assert!(!html.contains(" style=") && !html.contains("<style"));
        assert_eq!(html.matches("<script").count(), html.matches("<script ").count());
        assert_eq!(html.matches("<script").count(), html.matches("></script>").count());
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("javascript:"));
        for (at, _) in html.match_indices(" on") {
            let word: String = html[at + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(!html[at + 1 + word.len()..].starts_with('='), "{word}");
        }
    }

    #[test]
    fn hostile_values_stay_text() {
        let hostile = "\"><script>alert(1)</script>' {{results}} \u{202e}\0\u{1b}\r\n";
        let mut model = model();
        let tags = |html: &str| html.matches('<').count();
        let before = tags(&index(&model));
        model.query = hostile.into();
        model.version = hostile.into();
        for chip in &mut model.chips {
            (chip.label, chip.without) = (hostile.into(), hostile.into());
            chip.kind = format!("filter{hostile}");
        }
        model.results[0].path = format!("/p/{hostile}");
        let html = index(&model);
        assert_eq!(tags(&html), before);
        assert!(
            !html.contains("<script>")
                && !html.contains('\0')
                && !html.contains('\u{1b}')
                && !html.contains("\u{202e}gpj")
        );
        assert!(html.contains("alt=\"script&gt;&#39; {{results}}"), "the name is what follows the last slash");

        model.failure = Some(Failure { detail: hostile.into(), position: Some(0) });
        model.results.clear();
        assert!(!index(&model).contains("<script>"));
    }

    #[test]
    fn a_fault_of_the_query_is_marked() {
        let mut model = model();
        model.query = "ñ \"dog".into();
        for (position, part) in [
            (Some(3), "no end<code>ñ <mark>&quot;</mark>dog</code>"),
            (Some(0), "no end<code><mark>ñ</mark> &quot;dog</code>"),
            (Some(1), "no end<"),
            (Some(7), "no end<"),
            (Some(usize::MAX), "no end<"),
            (None, "no end<"),
        ] {
            model.failure = Some(Failure { detail: "no end".into(), position });
            assert!(index(&model).contains(part), "{position:?}");
        }
    }

    #[test]
    fn summaries_say_what_there_is() {
        let said = |change: fn(&mut Model)| {
            let mut model = model();
            change(&mut model);
            let mut out = String::new();
            summary(&mut out, &model);
            out
        };
        assert_eq!(said(|model| model.matches = false), "Nothing matches well. The nearest are:");
        assert_eq!(said(|model| (model.total, model.offset) = (Some(1), 0)), "1 photo");
        assert_eq!(said(|model| model.total = None), "Photos 121 to 121");
        assert_eq!(
            said(|model| (model.total, model.results) = (Some(0), Vec::new())),
            "No photo meets these conditions"
        );
        let none = |model: &mut Model| (model.total, model.photos, model.results) = (None, 0, Vec::new());
        assert_eq!(said(none), "No photos are indexed yet");
    }

    #[test]
    fn names_are_the_last_part_of_paths() {
        assert_eq!(
            [name("/a/b.jpg"), name("C:\\a\\b.jpg"), name("b.jpg"), name("/a/")],
            ["b.jpg", "b.jpg", "b.jpg", "/a/"]
        );
        assert_eq!([grouped(0), grouped(999), grouped(1000), grouped(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([shown_width(0, 0), shown_width(100, 100), shown_width(100_000, 1)], [60, 240, 960]);
    }
}
