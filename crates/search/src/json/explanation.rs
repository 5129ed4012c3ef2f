//! How a query was understood and carried out.

use std::borrow::Cow;
use std::time::Duration;

use clip_query::language::Expr;
use clip_query::{Breakdown, Explanation, FoundWord, Hit, Method, Plan, Term};
use serde::Serialize;

use super::JsonPath;

/// How a query was understood and carried out.
#[derive(Debug, Serialize)]
pub struct JsonExplanation<'a> {
    /// The query as it was understood, in the language of queries; null where there was only an example.
    pub understood: Option<String>,
    /// Each condition in it.
    pub conditions: Vec<JsonCondition<'a>>,
    /// What the query comes to: each photo answers one of these.
    pub alternatives: Vec<JsonAlternative>,
    /// How those alternatives that describe something were searched for, in their order.
    pub searches: Vec<JsonPlan>,
    /// The words that were found in names, keywords and texts of photos.
    pub words: Vec<JsonWord<'a>>,
    /// Whether photos that are near to every text counted for less.
    pub corrected: bool,
    /// How the score of the first result is put together; null if there is none, or if nothing was described.
    pub best: Option<JsonBreakdown<'a>>,
    /// Better results than the last that were left out because their files are not there.
    pub missing: u64,
    /// How long each part took.
    pub milliseconds: JsonTimes,
}

impl<'a> JsonExplanation<'a> {
    /// That of a search. `best` is its first result.
    pub fn new(
        understood: Option<&Expr>,
        conditions: &'a [(String, u64)],
        explanation: &'a Explanation,
        best: Option<(&'a Hit, &'a Breakdown)>,
        milliseconds: JsonTimes,
    ) -> Self {
        Self {
            understood: understood.map(ToString::to_string),
            conditions: conditions
                .iter()
                .map(|(text, photos)| JsonCondition { condition: text, photos: *photos })
                .collect(),
            alternatives: explanation.passing.iter().map(|&passing| JsonAlternative { passing }).collect(),
            searches: explanation.plans.iter().map(JsonPlan::from).collect(),
            words: explanation.words.iter().map(JsonWord::from).collect(),
            corrected: explanation.is_corrected,
            best: best.map(|(hit, breakdown)| JsonBreakdown::new(hit, breakdown)),
            missing: explanation.missing,
            milliseconds,
        }
    }
}

/// A condition of a query.
#[derive(Debug, Serialize)]
pub struct JsonCondition<'a> {
    /// As it is written in a query.
    pub condition: &'a str,
    /// How many photos meet it, whatever else is asked for.
    pub photos: u64,
}

/// One of the alternatives that a query comes to.
#[derive(Debug, Serialize)]
pub struct JsonAlternative {
    /// How many items meet all of its conditions; null if it sets none.
    pub passing: Option<u64>,
}

/// How an index was searched.
#[derive(Debug, Serialize)]
pub struct JsonPlan {
    /// "exact", "scan" or "graph".
    pub method: &'static str,
    /// Candidates that a walk through the graph keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<usize>,
    /// Why, as a phrase.
    pub reason: String,
    /// Items of the index.
    pub items: u64,
    /// Items that a walk through the graph can find; null if there is no graph.
    pub in_graph: Option<u64>,
}

impl From<&Plan> for JsonPlan {
    fn from(plan: &Plan) -> Self {
        let (method, candidates) = match plan.method {
            Method::Exact => ("exact", None),
            Method::Graph { effort } => ("graph", Some(effort)),
            _ => ("scan", None),
        };
        Self { method, candidates, reason: plan.reason.to_string(), items: plan.items, in_graph: plan.in_graph }
    }
}

/// A word of a query that is written about photos.
#[derive(Debug, Serialize)]
pub struct JsonWord<'a> {
    /// The word.
    pub word: &'a str,
    /// How many items have it.
    pub items: u64,
}

impl<'a> From<&'a FoundWord> for JsonWord<'a> {
    fn from(found: &'a FoundWord) -> Self {
        Self { word: &found.word, items: found.items }
    }
}

/// How the score of a result is put together: `adjusted` is `score` less `correction`, and `words` added.
#[derive(Debug, Serialize)]
pub struct JsonBreakdown<'a> {
    /// Where the photo is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// Which of the alternatives it answers best, from 0.
    pub alternative: usize,
    /// Cosine similarity.
    pub score: f32,
    /// What is taken from it because the photo is near to every text.
    pub correction: f32,
    /// What is added for words in names, keywords and texts.
    pub words: f32,
    /// What results are ranked by.
    pub adjusted: f32,
    /// How much the query is like a phrase (1) rather than a caption (0); null where that does not count.
    pub phrase_weight: Option<f32>,
    /// The estimate that it shows what was asked for; null where none is to be had.
    pub relevance: Option<f32>,
    /// How it answers each part of the alternative by itself.
    pub parts: Vec<JsonTerm<'a>>,
}

impl<'a> JsonBreakdown<'a> {
    /// That of a result.
    pub fn new(hit: &'a Hit, breakdown: &'a Breakdown) -> Self {
        let parts = breakdown.terms.iter().map(|part| JsonTerm {
            part: term_text(&part.term),
            weight: part.weight,
            score: part.score,
            relevance: part.relevance,
        });
        Self {
            path: JsonPath::from(hit.path.as_path()),
            alternative: breakdown.alternative,
            score: breakdown.score,
            correction: breakdown.correction,
            words: breakdown.words,
            adjusted: breakdown.adjusted,
            phrase_weight: breakdown.phrase_weight,
            relevance: hit.relevance,
            parts: parts.collect(),
        }
    }
}

/// How a result answers a part of the query by itself.
#[derive(Debug, Serialize)]
pub struct JsonTerm<'a> {
    /// The words, the path of the example, or what else was looked for.
    pub part: Cow<'a, str>,
    /// Its weight; negative if it is not wanted.
    pub weight: f32,
    /// The cosine similarity of the photo and this part.
    pub score: f32,
    /// The estimate that the photo shows this, were it the best result for this part alone; null where none is to be had.
    pub relevance: Option<f32>,
}

/// What a term is called.
pub fn term_text(term: &Term) -> Cow<'_, str> {
    match term {
        Term::Text(text) => text.into(),
        Term::Image(path) => path.to_string_lossy(),
        Term::Like(id) => format!("like:{id}").into(),
        Term::Bytes(_) | Term::Pixels(_) => "an image".into(),
        Term::Embedding(_) => "an embedding".into(),
    }
}

/// How long the parts of a search took, in milliseconds.
#[derive(Debug, Default, Serialize)]
pub struct JsonTimes {
    /// Opening the index.
    pub opening: f64,
    /// Understanding the query.
    pub understanding: f64,
    /// Loading the model.
    pub loading: f64,
    /// Encoding the query.
    pub encoding: f64,
    /// Finding what meets the conditions.
    pub conditions: f64,
    /// Looking for words in names, keywords and texts.
    pub words: f64,
    /// Searching the vectors.
    pub searching: f64,
    /// Reading the records of the results.
    pub records: f64,
}

/// As numbers in JSON are.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl JsonTimes {
    /// Those of a search, which took `searched` in all; the part of it that is in no other went into loading the model.
    pub fn new(explanation: &Explanation, opening: Duration, understanding: Duration, searched: Duration) -> Self {
        Self {
            opening: milliseconds(opening),
            understanding: milliseconds(understanding),
            loading: milliseconds(searched.saturating_sub(explanation.total())),
            encoding: milliseconds(explanation.embedding),
            conditions: milliseconds(explanation.filtering),
            words: milliseconds(explanation.matching_words),
            searching: milliseconds(explanation.searching),
            records: milliseconds(explanation.records),
        }
    }
}
