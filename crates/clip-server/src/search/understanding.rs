//! What the text of a request means.

use std::path::PathBuf;

use axum::http::StatusCode;
use clip_search::json::JsonPart;
use clip_search::language::ParseOptions;
use clip_search::{Alternative, Filter, Library, Property, Term, TextField};

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
        let mut alternatives = understood.alternatives;
        let has_folders = |alternative: &Alternative| any(&alternative.filter, &|one| matches!(one, Filter::Under(_)));
        let roots =
            if alternatives.iter().any(has_folders) { library.searcher()?.reader().roots() } else { Vec::new() };
        for Alternative { terms, filter } in &mut alternatives {
            // Whoever asks must not make the server open files, or find out which there are.
            if terms.iter().any(|(term, _)| matches!(term, Term::Image(_))) {
                let detail = "expected a photo as `like:ID` or as the body of a request, found the path of a file";
                return Err(Problem::new(StatusCode::BAD_REQUEST, "query", detail));
            }
            if !settings.places && any(filter, &is_about_places) {
                let detail = "this server does not tell where photos were taken, so it cannot be searched for";
                return Err(Problem::new(StatusCode::FORBIDDEN, "places", detail));
            }
            *filter = in_roots(std::mem::replace(filter, Filter::All(Vec::new())), &roots);
        }
        Ok(Understanding {
            parts: parts::of(&understood.written),
            resolved: understood.resolved.to_string(),
            alternatives,
        })
    }

    /// Whether nothing is described: all that meet the conditions are results.
    pub(crate) fn is_conditions_only(&self) -> bool {
        self.alternatives.iter().all(|alternative| alternative.terms.is_empty())
    }
}

/// Whether a filter has such a condition.
fn any(filter: &Filter, is: &dyn Fn(&Filter) -> bool) -> bool {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().any(|filter| any(filter, is)),
        Filter::Not(filter) => any(filter, is),
        filter => is(filter),
    }
}

fn is_about_places(filter: &Filter) -> bool {
    matches!(
        filter,
        Filter::Near { .. }
            | Filter::Has(Property::Gps | Property::Place)
            | Filter::Text { field: TextField::Place | TextField::Any, .. }
    )
}

/// A folder that is not absolute is inside any of those that are indexed. The disk is not looked at.
fn in_roots(filter: Filter, roots: &[PathBuf]) -> Filter {
    let each = |filters: Vec<Filter>| filters.into_iter().map(|filter| in_roots(filter, roots)).collect();
    match filter {
        Filter::All(filters) => Filter::All(each(filters)),
        Filter::Any(filters) => Filter::Any(each(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(in_roots(*filter, roots))),
        Filter::Under(folder) if !folder.is_absolute() => {
            Filter::Any(roots.iter().map(|root| Filter::Under(root.join(&folder))).collect())
        }
        filter => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_inside_those_that_are_indexed() {
        let roots = [PathBuf::from("/photos"), PathBuf::from("/old")];
        let under = |folder: &str| Filter::Under(folder.into());
        let not = |filter: Filter| Filter::Not(Box::new(filter));
        assert_eq!(in_roots(not(under("/x")), &roots), not(under("/x")));
        let both = Filter::Any(vec![under("/photos/2019"), under("/old/2019")]);
        assert_eq!(in_roots(not(under("2019")), &roots), not(both));
    }

    #[test]
    fn conditions_about_places_are_found_wherever_they_are() {
        let near = Filter::Near { latitude: 0.0, longitude: 0.0, kilometres: 1.0 };
        for filter in [near, Filter::Has(Property::Gps)] {
            let deep = Filter::All(vec![Filter::Month(1), Filter::Not(Box::new(Filter::Any(vec![filter])))]);
            assert!(any(&deep, &is_about_places));
        }
        assert!(!any(&Filter::All(vec![Filter::Month(1), Filter::Has(Property::Date)]), &is_about_places));
    }
}
