//! What a server answers to a search, and to who wants to look around among its results.

use clip_query::Hit;
use serde::Serialize;

use super::JsonHit;

/// A page of the results of a search.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonAnswer<'a> {
    /// How the query was understood.
    pub query: JsonUnderstood<'a>,
    /// How many results there are on all pages; null where a description has no end of results.
    pub total: Option<u64>,
    /// How many results come before this page.
    pub offset: u64,
    /// How many results the page may have.
    pub limit: u64,
    /// False if nothing matches well: the results are only the nearest.
    pub matches: bool,
    /// Where the next page begins; null if this is the last.
    pub next_offset: Option<u64>,
    /// The generation of the index.
    pub generation: u64,
    /// How long it took.
    pub milliseconds: f64,
    /// What further pages pass as `picture`, if the search was for a picture that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<&'a str>,
    /// The results, the best first.
    pub results: Vec<JsonHit<'a>>,
}

/// How a query was understood.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonUnderstood<'a> {
    /// As it was typed.
    pub text: &'a str,
    /// Its parts.
    pub understood: &'a [JsonPart],
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonPart {
    /// `"text"`, `"picture"`, `"like"` or `"filter"`.
    pub kind: &'static str,
    /// As it is written in a query.
    pub text: String,
    /// The same for people.
    pub label: String,
    /// The query without this part.
    pub without: String,
}

/// Days on which results were taken, the latest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonTimeline {
    /// The days.
    pub days: Vec<JsonDay>,
}

/// A day on which results were taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonDay {
    /// Year, month and day by the clock of the place; null for results without a date.
    pub day: Option<String>,
    /// How many results.
    pub photos: u64,
    /// Where the first of them is among the results in the order of their dates.
    pub offset: u64,
}

/// Places at which results were taken.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonPlaces {
    /// The places, those with most results first.
    pub places: Vec<JsonSpot>,
}

/// Results that were taken near one another.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonSpot {
    /// Latitude of their middle in degrees.
    pub lat: f64,
    /// Longitude of their middle in degrees.
    pub lon: f64,
    /// How many results.
    pub photos: u64,
    /// The id of one of them.
    pub id: u64,
    /// The name of its place, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl<'a> JsonHit<'a> {
    /// The result without where it was taken.
    pub fn without_place(hit: &'a Hit) -> Self {
        Self { gps: None, ..Self::from(hit) }
    }
}
