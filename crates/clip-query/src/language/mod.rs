//! The language of queries: text that a person types to conditions and things to look for.
//!
//! `docs/query.md` describes it for people, with its grammar. Free text is what a photo shows; the rest is syntax that few
//! queries need, so whatever may be meant as prose is taken as prose: a hyphen in a word, a smiley, a time of day. Only what
//! nobody writes by accident can be wrong, and the error says where.
//!
//! | module | |
//! | --- | --- |
//! | `token` | characters to tokens |
//! | `grammar` | tokens to an [`Expr`] |
//! | `fields`, `values` | `iso:>800` to a condition |
//! | `dates` | "last summer" at the end of a description to a condition |
//! | `paths` | relative paths in a query to absolute ones |
//! | `limits`, `note` | how long a query may be, and what its writer is told |
//! | `alternatives` | an [`Expr`] to what a searcher can carry out |

mod alternatives;
mod dates;
mod error;
mod expr;
mod fields;
mod grammar;
mod limits;
mod note;
mod paths;
mod token;
mod values;

/// A day.
pub use jiff::civil::Date;

use crate::query::Alternative;
pub use error::{ParseError, ParseErrorKind};
pub use expr::Expr;
pub use grammar::is_search_name;
pub use limits::MOST_BYTES;
pub use note::Note;
pub use paths::with_absolute_paths;

/// How a query is read.
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions {
    /// The day that "last summer" is told from.
    pub today: Date,
    /// The whole text is a description: nothing in it is syntax.
    pub literal: bool,
}

/// A query that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What was understood. Its `Display` is a query that is understood in the same way.
    pub expr: Expr,
    /// What its writer should be told.
    pub notes: Vec<Note>,
}

impl Parsed {
    /// What a searcher is to carry out.
    ///
    /// # Errors
    /// [`ParseErrorKind::TooManyAlternatives`]; [`ParseErrorKind::UnknownSearch`] if a saved search was not put in its place.
    pub fn alternatives(&self) -> Result<Vec<Alternative>, ParseError> {
        alternatives::of(&self.expr)
    }
}

/// Reads a query.
///
/// ```
/// use clip_query::language::{self, Date, ParseOptions};
///
/// let options = ParseOptions { today: Date::constant(2024, 9, 1), literal: false };
/// let parsed = language::parse("a dog -beach iso:>800 last summer", &options)?;
/// assert_eq!(parsed.expr.to_string(), "a dog + -beach + iso:>800 + on:2024-06..2024-08");
/// assert_eq!(parsed.notes.len(), 1);
/// # Ok::<(), clip_query::language::ParseError>(())
/// ```
///
/// # Errors
/// [`ParseError`] if the text is empty or too long, or where its syntax is wrong.
pub fn parse(text: &str, options: &ParseOptions) -> Result<Parsed, ParseError> {
    if text.len() > MOST_BYTES {
        return Err(ParseError::new(ParseErrorKind::TooLong { bytes: text.len() }, 0..0));
    }
    if text.trim().is_empty() {
        return Err(ParseError::new(ParseErrorKind::Empty, 0..text.len()));
    }
    if options.literal {
        return Ok(Parsed { expr: Expr::Text(expr::one_line(text)), notes: Vec::new() });
    }
    let tokens = token::tokens(text)?;
    let (expr, mut notes) = grammar::expression(text, &tokens)?;
    let expr = dates::taken_out(expr, options.today, &mut notes);
    Ok(Parsed { expr, notes })
}

#[cfg(test)]
mod tests;
