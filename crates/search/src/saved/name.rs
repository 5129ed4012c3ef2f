//! Names of saved searches.

use clip_query::language;

/// Names have at most this many characters.
pub(crate) const MOST_NAME_CHARS: usize = 64;

/// Whether a search may be saved under this name.
pub(crate) fn is_name(name: &str) -> bool {
    language::is_search_name(name) && name.chars().count() <= MOST_NAME_CHARS
}
