//! A result as it is shown in the list and beside it.

use std::path::PathBuf;

use clip_search::Hit;

use crate::escape::escaped;
use crate::hit_line::{clock, day};
use crate::output::{grouped, size};

/// A result.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    /// The photo's id in the index.
    pub id: u64,
    /// Where a file of it is.
    pub path: PathBuf,
    pub relevance: Option<f32>,
    pub is_match: bool,
    /// The score or the date: what results are told apart by.
    pub mark: String,
    /// What is known of it, with the names of the values.
    pub details: Vec<(&'static str, String)>,
}

impl From<&Hit> for Row {
    fn from(hit: &Hit) -> Self {
        let mark = match hit.relevance.or(hit.adjusted) {
            Some(score) => format!("{score:.3}"),
            None => day(hit).unwrap_or_else(|| "no date".to_owned()),
        };
        let path = hit.paths().find(|path| path.exists()).unwrap_or(&hit.path).to_owned();
        let asset = &hit.record.asset;
        let mut details = vec![("folder", path.parent().map(escaped).unwrap_or_default())];
        let mut add = |name, value: Option<String>| details.extend(value.map(|value| (name, value)));
        add("taken", day(hit));
        add("pixels", Some(format!("{} x {}", grouped(asset.width.into()), grouped(asset.height.into()))));
        add("length", asset.duration.map(clock));
        add("size", Some(size(asset.stamp.size)));
        add("camera", asset.camera.clone());
        add("lens", asset.lens.clone());
        add("iso", asset.iso.map(|iso| iso.to_string()));
        add("focal length", asset.focal_length.map(|length| format!("{length} mm")));
        add("rating", asset.rating.map(|stars| "★".repeat(stars.min(5).into())));
        add("title", asset.title.clone());
        add("description", asset.description.clone());
        let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
        add("keywords", list(&asset.tags));
        add("people", list(&asset.people));
        add("label", asset.label.clone());
        add("places", list(&asset.places));
        add("position", asset.gps.map(|(latitude, longitude)| format!("{latitude:.5}, {longitude:.5}")));
        add("relevance", hit.relevance.map(|relevance| format!("{relevance:.3}")));
        add("similarity", hit.score.map(|score| format!("{score:.3}")));
        add("id", Some(hit.id.to_string()));
        for record in &hit.duplicates {
            add("also", Some(escaped(&record.asset.path)));
        }
        if !hit.alike.is_empty() {
            add("more like it", Some(grouped(hit.alike.len() as u64)));
        }
        Self { id: hit.id, path, relevance: hit.relevance, is_match: hit.is_match, mark, details }
    }
}
