//! Which columns of a table mean what.

use clip_parquet::{Column, Type};

use super::EMBEDDING;

/// What a member of an item is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A path, which may be no Unicode.
    Path,
    Text,
    /// Tables with gaps in them have floating-point numbers where whole ones are meant.
    Number,
    TextOrNumber,
    Truth,
    Texts,
    Numbers,
}

impl Shape {
    /// Whether a column can be such members.
    fn is_of(self, column: &Column) -> bool {
        let Some(kind) = column.kind else { return false };
        let is_number = matches!(kind, Type::Integer | Type::Unsigned | Type::Half | Type::Float | Type::Double);
        let (is_list, fits) = match self {
            Shape::Path => (false, matches!(kind, Type::Text | Type::Bytes)),
            Shape::Text => (false, kind == Type::Text),
            Shape::Number => (false, is_number),
            Shape::TextOrNumber => (false, is_number || kind == Type::Text),
            Shape::Truth => (false, kind == Type::Bool),
            Shape::Texts => (true, kind == Type::Text),
            Shape::Numbers => (true, is_number),
        };
        fits && column.is_list == is_list
    }
}

/// The members that are columns of their own, besides that with the path.
const MEMBERS: [(&str, Shape); 36] = [
    ("asset", Shape::Number),
    ("position", Shape::Number),
    ("hash", Shape::Text),
    ("size", Shape::Number),
    ("mtime_ns", Shape::TextOrNumber),
    ("kind", Shape::Text),
    ("width", Shape::Number),
    ("height", Shape::Number),
    ("taken_at", Shape::Number),
    ("camera", Shape::Text),
    ("lens", Shape::Text),
    ("gps", Shape::Numbers),
    ("utc_offset", Shape::Number),
    ("iso", Shape::Number),
    ("focal_length", Shape::Number),
    ("exposure_time", Shape::Number),
    ("aperture", Shape::Number),
    ("exposure_compensation", Shape::Number),
    ("flash", Shape::Truth),
    ("duration", Shape::Number),
    ("rotation", Shape::Number),
    ("burst", Shape::Text),
    ("burst_primary", Shape::Truth),
    ("live_photo", Shape::Text),
    ("motion", Shape::Truth),
    ("rating", Shape::Number),
    ("title", Shape::Text),
    ("description", Shape::Text),
    ("tags", Shape::Texts),
    ("people", Shape::Texts),
    ("places", Shape::Texts),
    // In many tables this is a number, which does not fit.
    ("label", Shape::Text),
    ("picture_text", Shape::Text),
    ("picture_text_version", Shape::Number),
    ("picture_text_languages", Shape::Text),
    ("picture_text_confidences", Shape::Numbers),
];

/// Names of columns of paths, the likeliest first. datasets puts it beside the bytes of a picture.
const PATHS: [&str; 10] = [
    "path",
    "path_bytes",
    "image_path",
    "file_path",
    "filepath",
    "file_name",
    "filename",
    "file",
    "image.path",
    "image",
];

/// Names of columns of embeddings, the likeliest first.
const EMBEDDINGS: [&str; 9] = [
    EMBEDDING,
    "embeddings",
    "image_embedding",
    "image_embeddings",
    "img_emb",
    "clip_embedding",
    "emb",
    "vector",
    "features",
];

/// The columns that describe items: the member that each is, its place in the table and its shape.
pub(super) fn of_items(columns: &[Column], path: Option<&str>) -> Result<Vec<(&'static str, usize, Shape)>, String> {
    let mut found = paths(columns, path)?;
    for &(name, shape) in &MEMBERS {
        let at = columns.iter().position(|column| column.name == name && shape.is_of(column));
        found.extend(at.map(|at| (name, at, shape)));
    }
    Ok(found)
}

fn paths(columns: &[Column], wanted: Option<&str>) -> Result<Vec<(&'static str, usize, Shape)>, String> {
    let find = |name: &str| columns.iter().position(|column| column.name == name && Shape::Path.is_of(column));
    if let Some(wanted) = wanted {
        let at = find(wanted).ok_or_else(|| format!("expected a column {wanted} of texts, {}", found(columns)))?;
        return Ok(vec![("path", at, Shape::Path)]);
    }
    let first = PATHS.iter().find_map(|name| find(name));
    let first =
        first.ok_or_else(|| format!("expected a column of paths, such as path or image_path, {}", found(columns)))?;
    let mut paths = vec![("path", first, Shape::Path)];
    // Where a path is no Unicode, it is there.
    paths.extend(find("path_bytes").filter(|&at| at != first).map(|at| ("path_bytes", at, Shape::Path)));
    Ok(paths)
}

/// The place of the column of embeddings.
pub(super) fn of_embeddings(columns: &[Column], wanted: Option<&str>) -> Result<usize, String> {
    let is_one = |column: &Column| {
        column.is_list && matches!(column.kind, Some(Type::Half | Type::Float | Type::Double)) && column.name != "gps"
    };
    let find = |name: &str| columns.iter().position(|column| column.name == name && is_one(column));
    if let Some(wanted) = wanted {
        let expected = || format!("expected a column {wanted} of lists of floating-point numbers, {}", found(columns));
        return find(wanted).ok_or_else(expected);
    }
    let mut all = columns.iter().enumerate().filter(|(_, column)| is_one(column));
    match (all.next(), all.next()) {
        (Some((only, _)), None) => return Ok(only),
        (None, _) => {
            return Err(format!(
                "expected a column of embeddings, lists of floating-point numbers, {}",
                found(columns)
            ));
        }
        _ => {}
    }
    let unclear = || format!("expected one column of embeddings, or one of the name embedding, {}", found(columns));
    EMBEDDINGS.iter().find_map(|name| find(name)).ok_or_else(unclear)
}

/// Says what columns there are.
fn found(columns: &[Column]) -> String {
    const MOST: usize = 20;
    const LONGEST: usize = 60;

    if columns.is_empty() {
        return "found no column".into();
    }
    let describe = |column: &Column| {
        let name: String = column.name.chars().take(LONGEST).collect();
        let cut = if name.len() < column.name.len() { "…" } else { "" };
        format!("{name}{cut} ({})", column.describe())
    };
    let named = columns.iter().take(MOST).map(describe).collect::<Vec<_>>().join(", ");
    let more = match columns.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("found {named}{more}")
}
