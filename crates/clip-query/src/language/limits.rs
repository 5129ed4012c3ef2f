//! How long and how deep a query may be.

/// Longer queries are refused.
pub const MOST_BYTES: usize = 64 << 10;
/// How deep groups may lie in one another.
pub(crate) const DEEPEST: usize = 64;
/// How many words, phrases, pictures and conditions a query may have besides its description.
pub(crate) const MOST_TERMS: usize = 256;
/// How many alternatives a query may come to.
pub(crate) const MOST_ALTERNATIVES: usize = 32;
/// How deep saved searches may lie in one another.
pub(crate) const DEEPEST_SEARCH: usize = 8;
/// How many saved searches a query may come to, those inside others counted each time.
pub(crate) const MOST_SEARCHES: usize = 256;
