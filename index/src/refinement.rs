//! Where it lies what captions of a user say of the relevance of results. What is in that file is the affair of whoever ranks
//! results: an index only knows it for its own, keeps it to its owner and otherwise leaves it alone.

/// The file, in the directory of the index.
pub const FILE: &str = "relevance";
/// The file begins with this, a version in decimal and a line break.
pub const HEAD: &str = "# clip-search relevance ";
