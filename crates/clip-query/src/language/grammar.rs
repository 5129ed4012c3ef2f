//! Tokens to an expression.

use std::ops::Range;
use std::path::PathBuf;

use super::error::{ParseError, ParseErrorKind};
use super::expr::Expr;
use super::fields::{self, Field};
use super::limits::{DEEPEST, MOST_TERMS};
use super::note::Note;
use super::token::{Kind, Token};

/// Reads all tokens.
pub(crate) fn expression(text: &str, tokens: &[Token]) -> Result<(Expr, Vec<Note>), ParseError> {
    let mut grammar = Grammar { text, tokens, at: 0, terms: 0, notes: Vec::new() };
    let expr = grammar.alternatives(0)?;
    Ok((expr, grammar.notes))
}

struct Grammar<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
    terms: usize,
    notes: Vec<Note>,
}

/// The parts of a conjunction. Words that follow one another are one description, even where conditions lie between them.
#[derive(Default)]
struct Parts {
    exprs: Vec<Expr>,
    /// The description that another word belongs to.
    open: Option<usize>,
}

impl Parts {
    fn word(&mut self, word: &str) {
        match self.open.and_then(|at| self.exprs.get_mut(at)) {
            Some(Expr::Text(text)) => {
                text.push(' ');
                text.push_str(word);
            }
            _ => {
                self.open = Some(self.exprs.len());
                self.exprs.push(Expr::Text(word.to_owned()));
            }
        }
    }

    fn part(&mut self, expr: Expr) {
        if !matches!(expr, Expr::Condition { .. }) {
            self.open = None;
        }
        self.exprs.push(expr);
    }
}

impl Grammar<'_> {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn span(&self, at: usize) -> Range<usize> {
        self.tokens.get(at).map_or(self.text.len()..self.text.len(), |token| token.span.clone())
    }

    /// What a token is called in a message.
    fn name(&self, at: usize) -> String {
        self.text[self.span(at)].to_owned()
    }

    fn count(&mut self) -> Result<(), ParseError> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(ParseError::new(ParseErrorKind::TooManyTerms, self.span(self.at)));
        }
        Ok(())
    }

    /// `a | b | c`
    fn alternatives(&mut self, depth: usize) -> Result<Expr, ParseError> {
        if depth > DEEPEST {
            return Err(ParseError::new(ParseErrorKind::TooDeep, self.span(self.at)));
        }
        let mut exprs = vec![self.conjunction(depth)?];
        while self.peek() == Some(&Kind::Or) {
            self.at += 1;
            exprs.push(self.conjunction(depth)?);
        }
        Ok(if exprs.len() == 1 { exprs.remove(0) } else { Expr::Or(exprs) })
    }

    /// `a b + c -d`
    fn conjunction(&mut self, depth: usize) -> Result<Expr, ParseError> {
        let start = self.at;
        let mut parts = Parts::default();
        loop {
            match self.peek() {
                None | Some(Kind::Or | Kind::Close) => break,
                Some(Kind::Plus) => {
                    if parts.exprs.is_empty() {
                        let before = self.name(self.at);
                        return Err(ParseError::new(ParseErrorKind::NothingBefore { before }, self.span(self.at)));
                    }
                    self.at += 1;
                    self.expect_operand(self.at - 1)?;
                    parts.open = None;
                }
                Some(Kind::Minus) if self.is_operator_here() => {
                    self.at += 1;
                    let expr = self.operand(depth, self.at - 1)?;
                    parts.part(not(expr));
                }
                Some(Kind::Minus) => {
                    let sign = self.name(self.at);
                    parts.word(&sign);
                    self.at += 1;
                }
                Some(Kind::Word(word)) if !is_picture(word) && !is_saved(word) => {
                    let word = word.clone();
                    self.note_lone_name(self.at);
                    parts.word(&word);
                    self.at += 1;
                }
                Some(Kind::Field { .. }) => match self.field()? {
                    Some(expr) => parts.part(expr),
                    None => {
                        let word = self.name(self.at - 1);
                        word.split_whitespace().for_each(|word| parts.word(word));
                    }
                },
                Some(_) => {
                    let expr = self.operand(depth, self.at)?;
                    parts.part(expr);
                }
            }
        }
        if parts.exprs.is_empty() {
            return Err(self.nothing_at(start));
        }
        Ok(if parts.exprs.len() == 1 { parts.exprs.remove(0) } else { Expr::And(parts.exprs) })
    }

    /// Why a conjunction that begins here cannot be empty.
    fn nothing_at(&self, start: usize) -> ParseError {
        let before = start.checked_sub(1).map(|before| &self.tokens[before].kind);
        match (before, self.peek()) {
            (Some(Kind::Open), Some(Kind::Close)) => {
                let span = self.span(start - 1).start..self.span(self.at).end;
                ParseError::new(ParseErrorKind::NothingInside, span)
            }
            (Some(Kind::Open), None) => ParseError::new(ParseErrorKind::OpenGroup, self.span(start - 1)),
            (Some(_), _) => {
                ParseError::new(ParseErrorKind::NothingAfter { after: self.name(start - 1) }, self.span(start - 1))
            }
            (None, _) => {
                ParseError::new(ParseErrorKind::NothingBefore { before: self.name(self.at) }, self.span(self.at))
            }
        }
    }

    /// "Paris - Eiffel tower" is prose; `2:snow - "sports car"` is not.
    fn is_operator_here(&self) -> bool {
        match self.tokens.get(self.at + 1).map(|token| &token.kind) {
            Some(Kind::Phrase(_) | Kind::Weight(_) | Kind::Open) => true,
            Some(Kind::Word(word)) => is_picture(word) || is_saved(word),
            Some(Kind::Field { name, .. }) => ["like", "file"].iter().any(|known| name.eq_ignore_ascii_case(known)),
            _ => false,
        }
    }

    fn expect_operand(&self, after: usize) -> Result<(), ParseError> {
        match self.peek() {
            None | Some(Kind::Or | Kind::Close | Kind::Plus) => {
                Err(ParseError::new(ParseErrorKind::NothingAfter { after: self.name(after) }, self.span(after)))
            }
            Some(_) => Ok(()),
        }
    }

    /// What a sign before it is about: one word, phrase, picture, condition or group.
    fn operand(&mut self, depth: usize, sign: usize) -> Result<Expr, ParseError> {
        if depth > DEEPEST {
            return Err(ParseError::new(ParseErrorKind::TooDeep, self.span(self.at)));
        }
        self.count()?;
        let at = self.at;
        self.expect_operand(sign)?;
        self.at += 1;
        Ok(match &self.tokens[at].kind {
            Kind::Open => {
                let expr = self.alternatives(depth + 1)?;
                if self.peek() != Some(&Kind::Close) {
                    return Err(ParseError::new(ParseErrorKind::OpenGroup, self.span(at)));
                }
                self.at += 1;
                expr
            }
            Kind::Not => not(self.operand(depth + 1, at)?),
            Kind::Weight(weight) => Expr::Weighted(*weight, Box::new(self.operand(depth + 1, at)?)),
            Kind::Phrase(phrase) => Expr::Phrase(phrase.clone()),
            Kind::Word(word) if is_picture(word) => Expr::Picture(PathBuf::from(word)),
            Kind::Word(word) if is_saved(word) => Expr::Saved(word[1..].to_owned()),
            Kind::Word(word) => {
                let word = word.clone();
                self.note_lone_name(at);
                Expr::Text(word)
            }
            Kind::Field { .. } => {
                self.at = at;
                match self.field()? {
                    Some(expr) => expr,
                    None => Expr::Text(super::expr::one_line(&self.name(at))),
                }
            }
            // A lone sign where a word is expected.
            Kind::Minus => Expr::Text(self.name(at)),
            Kind::Close | Kind::Or | Kind::Plus => {
                return Err(ParseError::new(ParseErrorKind::NothingAfter { after: self.name(sign) }, self.span(sign)));
            }
        })
    }

    /// Tells of `camera: nikon`, whose value has come away from the name.
    fn note_lone_name(&mut self, at: usize) {
        let name = self.name(at);
        // "f:" is a drive.
        let is_name = |stem: &str| stem.len() > 1 && fields::NAMES.iter().any(|known| stem.eq_ignore_ascii_case(known));
        if name.strip_suffix(':').is_some_and(is_name) {
            let reason = "expected a value right after the colon".to_owned();
            self.notes.push(Note::NotACondition { span: self.span(at), text: name, reason });
        }
    }

    /// What `name:value` stands for; `None` if it is text.
    fn field(&mut self) -> Result<Option<Expr>, ParseError> {
        let span = self.span(self.at);
        let Some(Kind::Field { name, value, quoted }) = self.peek() else { return Ok(None) };
        let mut field = fields::read(name, value, *quoted);
        // "2 MB" is rarely meant as two bytes.
        if name.eq_ignore_ascii_case("size")
            && value.ends_with(|c: char| c.is_ascii_digit())
            && let Some(Kind::Word(unit)) = self.tokens.get(self.at + 1).map(|token| &token.kind)
            && fields::is_unit_of_bytes(unit)
        {
            field = Err(format!("expected the unit right after the number, as size:{value}{unit}"));
        }
        self.at += 1;
        Ok(match field {
            Ok(Field::Condition(filter)) => {
                self.count()?;
                let text = self.text[span].to_owned();
                Some(Expr::Condition { filter, text })
            }
            Ok(Field::Picture(path)) => Some(Expr::Picture(path)),
            Ok(Field::Like(id)) => Some(Expr::Like(id)),
            Err(reason) => {
                let text = self.text[span.clone()].to_owned();
                self.notes.push(Note::NotACondition { span, text, reason });
                None
            }
        })
    }
}

/// Not this; what is not not wanted is wanted.
fn not(expr: Expr) -> Expr {
    match expr {
        Expr::Not(expr) => *expr,
        expr => Expr::Not(Box::new(expr)),
    }
}

/// Whether a saved search may have this name: letters, digits, `-` and `_`.
pub fn is_search_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name)
}

/// A path: it begins as one, so that names of files alone remain words.
pub(crate) fn is_picture(word: &str) -> bool {
    let is_path = |prefix: &str| word.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    is_path("./") || is_path("../") || is_path("~/") || is_path("/") || is_path(".\\") || is_path("..\\")
}

fn is_saved(word: &str) -> bool {
    word.strip_prefix('@').is_some_and(is_search_name)
}

/// What names of saved searches are made of.
pub(crate) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}
