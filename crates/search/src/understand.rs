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
        self.resolved = expr_with_real_folders(self.resolved, home);
        self
    }

    /// The conditions in it, each once, with the text that they are written as in a query.
    pub fn conditions(&self) -> Vec<(&str, &Filter)> {
        let mut conditions: Vec<(&str, &Filter)> = Vec::new();
        each_condition(&self.resolved, &mut |text, filter| {
            if !conditions.iter().any(|(known, _)| *known == text) {
                conditions.push((text, filter));
            }
        });
        conditions
    }

    /// The query: 20 results from anywhere.
    pub fn query(&self) -> Query {
        Query::any(self.alternatives.clone())
    }
}

/// Calls `tell` for each condition of an expression.
fn each_condition<'e>(expr: &'e Expr, tell: &mut dyn FnMut(&'e str, &'e Filter)) {
    match expr {
        Expr::And(exprs) | Expr::Or(exprs) => exprs.iter().for_each(|expr| each_condition(expr, tell)),
        Expr::Not(expr) | Expr::Weighted(_, expr) => each_condition(expr, tell),
        Expr::Condition { filter, text } => tell(text, filter),
        _ => {}
    }
}

/// The same expression, with folders as the index has them; it is written as before.
fn expr_with_real_folders(expr: Expr, home: Option<&Path>) -> Expr {
    let each = |exprs: Vec<Expr>| exprs.into_iter().map(|expr| expr_with_real_folders(expr, home)).collect();
    match expr {
        Expr::And(exprs) => Expr::And(each(exprs)),
        Expr::Or(exprs) => Expr::Or(each(exprs)),
        Expr::Not(expr) => Expr::Not(Box::new(expr_with_real_folders(*expr, home))),
        Expr::Weighted(weight, expr) => Expr::Weighted(weight, Box::new(expr_with_real_folders(*expr, home))),
        Expr::Condition { filter, text } => Expr::Condition { filter: with_real_folders(filter, home), text },
        expr => expr,
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
    fn conditions_are_named_once_each() {
        let options = ParseOptions { today: Date::constant(2024, 9, 13), literal: false };
        let text = "(dog iso:>800 | cat iso:>800) -under:~/photos in June 2019";
        let understood =
            understand(Path::new("nowhere"), text, &options).unwrap().with_real_paths(Some(Path::new("/h")));
        let conditions = understood.conditions();
        let texts: Vec<&str> = conditions.iter().map(|(text, _)| *text).collect();
        assert_eq!(texts, ["iso:>800", "under:~/photos", "on:2019-06"]);
        assert_eq!(*conditions[1].1, Filter::Under("/h/photos".into()));
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
