//! What the writer of a query should be told.

use std::ops::Range;

/// Something that the reader of a query did that its writer may not have expected.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// It looks like a condition and is none, so it was taken as text.
    NotACondition {
        /// Where it is, in bytes.
        span: Range<usize>,
        /// What it is.
        text: String,
        /// Why it is none.
        reason: String,
    },
    /// Words at the end of a description were taken as a condition.
    Date {
        /// The words.
        words: String,
        /// The condition, as it is written in a query.
        condition: String,
    },
}
