//! What was understood of a query.

use std::fmt;
use std::path::PathBuf;

use clip_index::Filter;

use super::error::{ParseError, ParseErrorKind};

/// How deep saved searches may refer to one another.
const DEEPEST_SEARCH: usize = 8;

/// What was understood of a query. `Display` writes it as a query again.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// All of these, at least two.
    And(Vec<Expr>),
    /// Any of these, at least two.
    Or(Vec<Expr>),
    /// Not this: a photo that meets the condition is no result, one that shows it comes later.
    Not(Box<Expr>),
    /// This counts more, or less.
    Weighted(f32, Box<Expr>),
    /// Words that describe a photo.
    Text(String),
    /// The same, from quotation marks: words that belong together.
    Phrase(String),
    /// An example photo, as it was written.
    Picture(PathBuf),
    /// The photo of the index with this id.
    Like(u64),
    /// The search that was saved under this name.
    Saved(String),
    /// A condition.
    Condition {
        /// The condition.
        filter: Filter,
        /// As it is written in a query.
        text: String,
    },
}

impl Expr {
    /// Puts saved searches in the places of their names.
    ///
    /// # Errors
    /// [`ParseErrorKind::UnknownSearch`] or [`ParseErrorKind::CircularSearch`].
    pub fn resolve(self, saved: &dyn Fn(&str) -> Option<Expr>) -> Result<Expr, ParseError> {
        self.resolve_within(saved, 0)
    }

    fn resolve_within(self, saved: &dyn Fn(&str) -> Option<Expr>, depth: usize) -> Result<Expr, ParseError> {
        let all = |exprs: Vec<Expr>| {
            exprs.into_iter().map(|expr| expr.resolve_within(saved, depth)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match self {
            Expr::And(exprs) => Expr::And(all(exprs)?),
            Expr::Or(exprs) => Expr::Or(all(exprs)?),
            Expr::Not(expr) => Expr::Not(Box::new(expr.resolve_within(saved, depth)?)),
            Expr::Weighted(weight, expr) => Expr::Weighted(weight, Box::new(expr.resolve_within(saved, depth)?)),
            Expr::Saved(name) if depth == DEEPEST_SEARCH => {
                return Err(ParseError::new(ParseErrorKind::CircularSearch { name }, 0..0));
            }
            Expr::Saved(name) => match saved(&name) {
                Some(expr) => expr.resolve_within(saved, depth + 1)?,
                None => return Err(ParseError::new(ParseErrorKind::UnknownSearch { name }, 0..0)),
            },
            expr => expr,
        })
    }

    /// Whether it needs parentheses where one word is expected.
    fn is_compound(&self) -> bool {
        match self {
            Expr::And(_) | Expr::Or(_) => true,
            // What is a word by itself may be something else after a sign. A parenthesis that closes nothing is no part of a
            // group.
            Expr::Text(text) => text.contains(' ') || !is_plain(text) && !text.contains(['(', ')']),
            _ => false,
        }
    }

    fn write_operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_compound() { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::And(exprs) => {
                for (at, expr) in exprs.iter().enumerate() {
                    f.write_str(if at > 0 { " + " } else { "" })?;
                    match expr {
                        Expr::And(_) | Expr::Or(_) => write!(f, "({expr})")?,
                        expr => write!(f, "{expr}")?,
                    }
                }
                Ok(())
            }
            Expr::Or(exprs) => {
                for (at, expr) in exprs.iter().enumerate() {
                    f.write_str(if at > 0 { " | " } else { "" })?;
                    match expr {
                        Expr::Or(_) => write!(f, "({expr})")?,
                        expr => write!(f, "{expr}")?,
                    }
                }
                Ok(())
            }
            Expr::Not(expr) => {
                // A minus does not stick to every sign.
                let begins_oddly = matches!(&**expr, Expr::Text(text) if text.starts_with(['-', '−', ')', '|']) && !text.contains(' '));
                f.write_str(if begins_oddly { "NOT " } else { "-" })?;
                expr.write_operand(f)
            }
            Expr::Weighted(weight, expr) => {
                write!(f, "{weight}:")?;
                match **expr {
                    // Two numbers would be a time of day.
                    Expr::Weighted(..) => write!(f, "({expr})"),
                    _ => expr.write_operand(f),
                }
            }
            Expr::Text(text) => f.write_str(text),
            Expr::Phrase(text) => write!(f, "\"{text}\""),
            // A quotation mark cannot be between others.
            Expr::Picture(path) if path.as_os_str().to_string_lossy().contains('"') => {
                write!(f, "file:{}", path.display())
            }
            Expr::Picture(path) => write!(f, "file:\"{}\"", path.display()),
            Expr::Like(id) => write!(f, "like:{id}"),
            Expr::Saved(name) => write!(f, "@{name}"),
            Expr::Condition { text, .. } => f.write_str(text),
        }
    }
}

/// A word that is nothing else wherever it is.
fn is_plain(word: &str) -> bool {
    word.starts_with(char::is_alphabetic)
        && word.chars().all(char::is_alphanumeric)
        && !matches!(word, "AND" | "OR" | "NOT")
}

/// A text with one blank wherever there is a gap.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
