//! What a person typed for a query, to what is to be searched for.

use std::path::{Path, PathBuf};

use clip_index::Filter;
use clip_query::language::{self, Expr, Note, ParseOptions, Parsed};
use clip_query::{Alternative, Query, Term};

use crate::error::LibraryError;
use crate::saved::SavedSearches;

/// What a text was understood as.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// As it was written, with the names of saved searches. Its `Display` is a query that is understood in the same way.
    pub written: Expr,
    /// The same, with saved searches in the places of their names.
    pub resolved: Expr,
    /// What its writer should be told.
    pub notes: Vec<Note>,
    /// What a searcher is to carry out.
    pub alternatives: Vec<Alternative>,
}

/// Reads a query, with the searches that were saved for the index in the folder `index`.
///
/// # Errors
/// [`LibraryError::Unreadable`] if the text is no query; those of [`SavedSearches::open`] and [`SavedSearches::resolve`] if it
/// refers to saved searches.
pub fn understand(index: &Path, text: &str, options: &ParseOptions) -> Result<Understood, LibraryError> {
    let Parsed { expr: written, notes } = language::parse(text, options)?;
    // Only where there are any: a file of them that is damaged is in nobody else's way.
    let resolved = if written.searches().is_empty() {
        written.clone()
    } else {
        SavedSearches::open(index)?.resolve(written.clone(), options)?
    };
    let parsed = Parsed { expr: resolved, notes };
    let alternatives = parsed.alternatives()?;
    Ok(Understood { written, resolved: parsed.expr, notes: parsed.notes, alternatives })
}

impl Understood {
    /// The same with paths as the index has them: absolute, links resolved. Those that begin with `~` are inside `home`. Looks at
    /// the disk, so it is not for queries of strangers.
    #[must_use]
    pub fn with_real_paths(mut self, home: Option<&Path>) -> Understood {
        for Alternative { terms, filter } in &mut self.alternatives {
            for (term, _) in terms {
                if let Term::Image(path) = term {
                    *path = at_home(path, home);
                }
            }
            *filter = with_real_folders(std::mem::replace(filter, Filter::All(Vec::new())), home);
        }
        self
    }

    /// The query: 20 results from anywhere.
    pub fn query(&self) -> Query {
        Query::any(self.alternatives.clone())
    }
}

/// A path that begins with `~`, as a shell would have it.
fn at_home(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// Folders as the index has them: absolute, links resolved.
fn with_real_folders(filter: Filter, home: Option<&Path>) -> Filter {
    let each = |filters: Vec<Filter>| filters.into_iter().map(|filter| with_real_folders(filter, home)).collect();
    match filter {
        Filter::All(filters) => Filter::All(each(filters)),
        Filter::Any(filters) => Filter::Any(each(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(with_real_folders(*filter, home))),
        Filter::Under(folder) => {
            let folder = at_home(&folder, home);
            let absolute = folder.canonicalize().or_else(|_| std::path::absolute(&folder));
            Filter::Under(absolute.unwrap_or(folder))
        }
        filter => filter,
    }
}

#[cfg(test)]
mod tests {
    use clip_query::language::Date;

    use super::*;

    #[test]
    fn homes_are_found() {
        let home = Path::new("/home/anna");
        assert_eq!(at_home(Path::new("~/a.jpg"), Some(home)), Path::new("/home/anna/a.jpg"));
        assert_eq!(at_home(Path::new("./a.jpg"), Some(home)), Path::new("./a.jpg"));
        assert_eq!(at_home(Path::new("~a/b"), Some(home)), Path::new("~a/b"));
        let filter = Filter::Not(Box::new(Filter::Under("~/photos".into())));
        let expected = Filter::Not(Box::new(Filter::Under("/home/anna/photos".into())));
        assert_eq!(with_real_folders(filter, Some(home)), expected);
    }

    #[test]
    fn only_a_query_with_saved_searches_looks_for_them() {
        let options = ParseOptions { today: Date::constant(2024, 9, 13), literal: false };
        let nowhere = Path::new("nowhere");
        let understood = understand(nowhere, "a dog -beach in June 2019", &options).unwrap();
        assert_eq!(understood.written.to_string(), "a dog + -beach + on:2019-06");
        assert_eq!((understood.written, understood.alternatives.len()), (understood.resolved, 1));
        assert!(matches!(understand(nowhere, "@pets", &options), Err(LibraryError::Index(_))));
        assert!(matches!(understand(nowhere, "dog |", &options), Err(LibraryError::Unreadable(_))));
    }

    #[test]
    fn what_is_written_keeps_the_names_of_saved_searches() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        let model = clip_index::ModelId { name: "m".into(), fingerprint: "m".into(), dimension: 2 };
        clip_index::IndexWriter::open_or_create(&index, &model).unwrap().close().unwrap();
        let options = ParseOptions { today: Date::constant(2024, 9, 13), literal: false };
        SavedSearches::open(&index).unwrap().save("pets", "dog | cat", folder.path(), options.today).unwrap();
        let understood = understand(&index, "@pets year:2019", &options).unwrap();
        assert_eq!(understood.written.to_string(), "@pets + year:2019");
        assert_eq!(understood.resolved.to_string(), "(dog | cat) + year:2019");
        assert_eq!(understood.alternatives.len(), 2);
    }
}
