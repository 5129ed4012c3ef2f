//! What was understood of a query.

use std::fmt;
use std::path::PathBuf;

use clip_index::Filter;

use super::error::{ParseError, ParseErrorKind};
use super::limits::{DEEPEST_SEARCH, MOST_SEARCHES};

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
    /// The names of the saved searches that it refers to itself, in order; one may come more than once.
    pub fn searches(&self) -> Vec<&str> {
        match self {
            Expr::And(exprs) | Expr::Or(exprs) => exprs.iter().flat_map(Expr::searches).collect(),
            Expr::Not(expr) | Expr::Weighted(_, expr) => expr.searches(),
            Expr::Saved(name) => vec![name],
            _ => Vec::new(),
        }
    }

    /// Puts saved searches in the places of their names.
    ///
    /// # Errors
    /// [`ParseErrorKind::UnknownSearch`], [`ParseErrorKind::CircularSearch`], [`ParseErrorKind::SearchTooDeep`] or
    /// [`ParseErrorKind::TooManySearches`], none of which has a place.
    pub fn resolve(self, saved: &dyn Fn(&str) -> Option<Expr>) -> Result<Expr, ParseError> {
        Resolving { saved, within: Vec::new(), resolved: 0 }.resolve(self)
    }

    /// Whether it needs parentheses where one word is expected.
    fn is_compound(&self) -> bool {
        match self {
            Expr::And(_) | Expr::Or(_) => true,
            // What is a word by itself may be something else after a sign. The mouth of a smiley would close a group.
            Expr::Text(text) => text.contains(' ') || !is_plain(text) && !text.contains(['(', ')']),
            _ => false,
        }
    }

    fn write_operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_compound() { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

/// Saved searches on their way to the places of their names.
struct Resolving<'s> {
    saved: &'s dyn Fn(&str) -> Option<Expr>,
    /// The searches that are being resolved, each inside the one before.
    within: Vec<String>,
    /// How many names were replaced. Without a limit, a few short searches could come to a query of any size.
    resolved: usize,
}

impl Resolving<'_> {
    fn resolve(&mut self, expr: Expr) -> Result<Expr, ParseError> {
        Ok(match expr {
            Expr::And(exprs) => Expr::And(self.all(exprs)?),
            Expr::Or(exprs) => Expr::Or(self.all(exprs)?),
            Expr::Not(expr) => Expr::Not(Box::new(self.resolve(*expr)?)),
            Expr::Weighted(weight, expr) => Expr::Weighted(weight, Box::new(self.resolve(*expr)?)),
            Expr::Saved(name) => self.search(name)?,
            expr => expr,
        })
    }

    fn all(&mut self, exprs: Vec<Expr>) -> Result<Vec<Expr>, ParseError> {
        exprs.into_iter().map(|expr| self.resolve(expr)).collect()
    }

    fn search(&mut self, name: String) -> Result<Expr, ParseError> {
        let error = |kind| Err(ParseError::new(kind, 0..0));
        if self.within.contains(&name) {
            return error(ParseErrorKind::CircularSearch { name });
        }
        if self.within.len() == DEEPEST_SEARCH {
            return error(ParseErrorKind::SearchTooDeep { name });
        }
        self.resolved += 1;
        if self.resolved > MOST_SEARCHES {
            return error(ParseErrorKind::TooManySearches);
        }
        let Some(expr) = (self.saved)(&name) else { return error(ParseErrorKind::UnknownSearch { name }) };
        self.within.push(name);
        let expr = self.resolve(expr)?;
        self.within.pop();
        Ok(expr)
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
                let begins_oddly =
                    matches!(&**expr, Expr::Text(text) if text.starts_with(['-', '−', '|']) && !text.contains(' '));
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
