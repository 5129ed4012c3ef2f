//! Why a text is no query.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;

use super::limits::{DEEPEST, DEEPEST_SEARCH, MOST_ALTERNATIVES, MOST_BYTES, MOST_SEARCHES, MOST_TERMS};

/// Why a text is no query, and where.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{kind}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in bytes of the text; empty where it is the text as a whole.
    pub span: Range<usize>,
}

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, span: Range<usize>) -> ParseError {
        ParseError { kind, span }
    }
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// There is nothing in it.
    Empty,
    /// It is too long.
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// A quotation mark has no other.
    OpenQuote,
    /// There is nothing between two quotation marks or parentheses.
    NothingInside,
    /// A parenthesis is not closed.
    OpenGroup,
    /// A parenthesis closes nothing.
    UnopenedGroup,
    /// The values of a condition are in parentheses, with blanks or bars between them.
    GroupOfValues {
        /// The name of the condition.
        name: String,
    },
    /// Something must follow, and nothing does: what it follows.
    NothingAfter {
        /// What it must follow.
        after: String,
    },
    /// Something must come before, and nothing does.
    NothingBefore {
        /// What it must come before.
        before: String,
    },
    /// A weight is out of range.
    Weight {
        /// The weight.
        weight: f32,
    },
    /// Groups lie too deep in one another.
    TooDeep,
    /// It has too many parts.
    TooManyTerms,
    /// Groups of alternatives multiply to too many.
    TooManyAlternatives,
    /// A saved search that there is not.
    UnknownSearch {
        /// Its name.
        name: String,
    },
    /// Saved searches refer to one another in a circle.
    CircularSearch {
        /// The name of one.
        name: String,
    },
    /// Saved searches lie too deep in one another.
    SearchTooDeep {
        /// The name of the innermost.
        name: String,
    },
    /// Saved searches come to too many together.
    TooManySearches,
    /// A path that no query can have.
    UnwritablePath {
        /// The path.
        path: PathBuf,
    },
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseErrorKind::Empty => f.write_str("the query is empty"),
            ParseErrorKind::TooLong { bytes } => {
                write!(f, "the query is too long: expected at most {MOST_BYTES} bytes, found {bytes}")
            }
            ParseErrorKind::OpenQuote => f.write_str("the quotation mark is not closed"),
            ParseErrorKind::NothingInside => f.write_str("there is nothing inside"),
            ParseErrorKind::OpenGroup => f.write_str("the parenthesis is not closed"),
            ParseErrorKind::UnopenedGroup => f.write_str("the parenthesis was not opened"),
            ParseErrorKind::GroupOfValues { name } => {
                write!(f, "expected values with commas between them and no parentheses, as {name}:A,B")
            }
            ParseErrorKind::NothingAfter { after } => write!(f, "expected something after {after}"),
            ParseErrorKind::NothingBefore { before } => write!(f, "expected something before {before}"),
            ParseErrorKind::Weight { weight } => {
                write!(f, "expected a weight greater than 0 and at most 100, found {weight}")
            }
            ParseErrorKind::TooDeep => write!(f, "expected at most {DEEPEST} groups inside one another"),
            ParseErrorKind::TooManyTerms => write!(f, "the query has more than {MOST_TERMS} parts"),
            ParseErrorKind::TooManyAlternatives => {
                write!(f, "the query comes to more than {MOST_ALTERNATIVES} alternatives")
            }
            ParseErrorKind::UnknownSearch { name } => write!(f, "there is no saved search named {name}"),
            ParseErrorKind::CircularSearch { name } => write!(f, "the saved search {name} refers to itself"),
            ParseErrorKind::SearchTooDeep { name } => {
                write!(f, "the saved search {name} lies inside {DEEPEST_SEARCH} others, expected fewer")
            }
            ParseErrorKind::TooManySearches => {
                write!(f, "the query comes to more than {MOST_SEARCHES} saved searches")
            }
            ParseErrorKind::UnwritablePath { path } => write!(
                f,
                "cannot write the path {} in a query: expected text without quotation marks, line breaks or several blanks \
                 in a row",
                path.display()
            ),
        }
    }
}
