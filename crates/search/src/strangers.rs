//! Queries of somebody who may know what is in the index, and nothing else of the disk.

use std::path::PathBuf;

use clip_index::{Filter, Property, TextField};
use clip_query::{Alternative, Term};

use crate::understand::Understood;

/// What a stranger may not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Forbidden {
    /// A file as an example: the query would read it, and tell whether it is there.
    #[error("expected a photo as `like:ID`, found the path of a file")]
    File,
    /// Where photos were taken.
    #[error("where photos were taken is not told here, so it cannot be searched for")]
    Places,
}

impl Understood {
    /// The same for a stranger: it names no file, says nothing of places unless they are not secret, and a folder that is not
    /// absolute is inside any of `roots`. The disk is not looked at.
    ///
    /// # Errors
    /// [`Forbidden`] if it asks for what is not told.
    pub fn of_stranger(mut self, roots: &[PathBuf], places: bool) -> Result<Understood, Forbidden> {
        for Alternative { terms, filter } in &mut self.alternatives {
            if terms.iter().any(|(term, _)| matches!(term, Term::Image(_))) {
                return Err(Forbidden::File);
            }
            if !places && any(filter, &is_about_places) {
                return Err(Forbidden::Places);
            }
            *filter = in_roots(std::mem::replace(filter, Filter::All(Vec::new())), roots);
        }
        Ok(self)
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

/// A folder that is not absolute is inside any of those that are indexed.
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
    use std::path::Path;

    use clip_query::language::{Date, ParseOptions};

    use super::*;
    use crate::understand::understand;

    fn of_stranger(query: &str, places: bool) -> Result<Understood, Forbidden> {
        let options = ParseOptions { today: Date::constant(2024, 9, 13), literal: false };
        understand(Path::new("nowhere"), query, &options)
            .unwrap()
            .of_stranger(&["/photos".into(), "/old".into()], places)
    }

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

    #[test]
    fn a_stranger_names_no_file_and_asks_for_no_secret_place() {
        assert_eq!(of_stranger("./beach.jpg + night", true), Err(Forbidden::File));
        assert_eq!(of_stranger("a dog near:48.86,2.35,10", false), Err(Forbidden::Places));
        assert!(of_stranger("a dog near:48.86,2.35,10", true).is_ok());
        assert!(of_stranger("a dog -beach year:2019 like:7", false).is_ok());
    }
}
