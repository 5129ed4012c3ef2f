//! What the text of a request means.

use axum::http::StatusCode;
use clip_search::json::JsonPart;
use clip_search::language::ParseOptions;
use clip_search::{Alternative, Filter, Forbidden, Library};

use super::parts;
use super::request::Request;
use crate::problem::Problem;
use crate::settings::Settings;

/// What the text of a request means.
#[derive(Debug)]
pub(crate) struct Understanding {
    pub(crate) parts: Vec<JsonPart>,
    /// The query with saved searches in their places: the same text means the same.
    pub(crate) resolved: String,
    pub(crate) alternatives: Vec<Alternative>,
}

impl Understanding {
    /// Reads the text of a request.
    ///
    /// # Errors
    /// [`Problem`] if it cannot be read, or asks for what is not answered.
    pub(crate) fn of(library: &Library, request: &Request, settings: &Settings) -> Result<Understanding, Problem> {
        if request.text.trim().is_empty() {
            let all = Alternative { terms: Vec::new(), filter: Filter::All(Vec::new()) };
            return Ok(Understanding { parts: Vec::new(), resolved: String::new(), alternatives: vec![all] });
        }
        let options = ParseOptions { today: (settings.today)(), literal: request.literal };
        let understood = clip_search::understand(library.index(), &request.text, &options)?;
        let roots = library.searcher()?.reader().roots();
        let understood = understood.of_stranger(&roots, settings.places).map_err(refused)?;
        Ok(Understanding {
            parts: parts::of(&understood.written),
            resolved: understood.resolved.to_string(),
            alternatives: understood.alternatives,
        })
    }

    /// Whether nothing is described: all that meet the conditions are results.
    pub(crate) fn is_conditions_only(&self) -> bool {
        self.alternatives.iter().all(|alternative| alternative.terms.is_empty())
    }
}

/// What is wrong with a query that asks for what is not told.
fn refused(why: Forbidden) -> Problem {
    match why {
        Forbidden::Places => {
            let detail = "this server does not tell where photos were taken, so it cannot be searched for";
            Problem::new(StatusCode::FORBIDDEN, "places", detail)
        }
        _ => {
            let detail = "expected a photo as `like:ID` or as the body of a request, found the path of a file";
            Problem::new(StatusCode::BAD_REQUEST, "query", detail)
        }
    }
}
