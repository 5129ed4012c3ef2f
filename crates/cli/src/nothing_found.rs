//! Why a query found nothing.

use anyhow::Result;
use clip_search::{Alternative, Explanation, LibrarySearcher, Query, Understood};

use crate::escape::escaped_text;

/// Each condition of a query by itself, and how many photos meet it.
pub(crate) fn conditions(understood: &Understood, searcher: &LibrarySearcher) -> Result<Vec<(String, u64)>> {
    let mut counted = Vec::new();
    for (text, filter) in understood.conditions() {
        let alone = Query::any(vec![Alternative { terms: Vec::new(), filter: filter.clone() }]);
        counted.push((text.to_owned(), searcher.count(&alone.without_pairs())?));
    }
    Ok(counted)
}

/// A line for people, where something is known: which condition no photo meets, or how relevant no result is.
pub(crate) fn reason(
    understood: Option<&Understood>,
    explanation: &Explanation,
    min_relevance: Option<f32>,
    searcher: &LibrarySearcher,
) -> Result<Option<String>> {
    let is_excluded = explanation.passing.iter().all(|passing| *passing == Some(0));
    if let (true, Some(understood)) = (is_excluded, understood) {
        let conditions = conditions(understood, searcher)?;
        let unmet = conditions.iter().find(|(_, photos)| *photos == 0);
        return Ok(Some(match unmet {
            Some((text, _)) => format!("nothing found: no photo meets `{}`", escaped_text(text)),
            None => "nothing found: no photo meets all conditions".to_owned(),
        }));
    }
    // What was left out for another reason is told elsewhere.
    let least = min_relevance.filter(|_| explanation.missing == 0);
    Ok(least.map(|least| format!("nothing found: no result has a relevance of {least} or more")))
}
