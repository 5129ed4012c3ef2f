//! Characters to tokens.

use std::ops::Range;

use winnow::combinator::{alt, opt, preceded, terminated};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::{any, one_of, take_while};

use super::error::{ParseError, ParseErrorKind};
use super::limits::MOST_TERMS;
use super::{expr, fields};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Open,
    Close,
    /// `|` or `OR`.
    Or,
    /// A `+` with blanks around it, or `AND`.
    Plus,
    /// A minus with blanks around it: an operator only before what is no plain word.
    Minus,
    /// A minus that sticks to what follows, or `NOT`.
    Not,
    /// `2:` before something.
    Weight(f32),
    Phrase(String),
    /// `name:value`.
    Field {
        name: String,
        value: String,
        /// The value was in quotation marks.
        quoted: bool,
    },
    Word(String),
}

type Result_<T> = winnow::Result<T, ContextError>;

/// Words that stand for themselves are cheap; everything else is counted.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { text, at: 0, open: 0, tokens: Vec::new(), counted: 0 };
    while lexer.skip_blanks() {
        lexer.token()?;
    }
    lexer.words_that_stand_for_signs();
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Groups that are open.
    open: usize,
    tokens: Vec<Token>,
    counted: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// False at the end.
    fn skip_blanks(&mut self) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at < self.text.len()
    }

    /// Tries to read something here.
    fn take<T>(&mut self, parser: impl FnOnce(&mut &'t str) -> Result_<T>) -> Option<(T, Range<usize>)> {
        let start = self.at;
        let mut rest = self.rest();
        let value = parser(&mut rest).ok()?;
        self.at = self.text.len() - rest.len();
        Some((value, start..self.at))
    }

    fn push(&mut self, kind: Kind, span: Range<usize>) -> Result<(), ParseError> {
        self.counted += usize::from(!matches!(kind, Kind::Word(_)));
        if self.counted > 2 * MOST_TERMS {
            return Err(ParseError::new(ParseErrorKind::TooManyTerms, span));
        }
        self.tokens.push(Token { kind, span });
        Ok(())
    }

    fn token(&mut self) -> Result<(), ParseError> {
        if let Some((sign, span)) = self.take(|rest| one_of(['(', ')', '|']).parse_next(rest)) {
            match sign {
                '(' => {
                    self.open += 1;
                    return self.push(Kind::Open, span);
                }
                ')' if self.open > 0 => {
                    self.open -= 1;
                    return self.push(Kind::Close, span);
                }
                '|' => return self.push(Kind::Or, span),
                // It closes nothing.
                _ => return Err(ParseError::new(ParseErrorKind::UnopenedGroup, span)),
            }
        }
        if let Some((kind, span)) = self.take(spaced_sign) {
            return self.push(kind, span);
        }
        if let Some(((), span)) = self.take(minus) {
            return self.push(Kind::Not, span);
        }
        if let Some((weight, span)) = self.take(weight) {
            if !(weight > 0.0 && weight <= 100.0) {
                return Err(ParseError::new(ParseErrorKind::Weight { weight }, span));
            }
            return self.push(Kind::Weight(weight), span);
        }
        if let Some((phrase, span)) = self.phrase()? {
            return self.push(Kind::Phrase(phrase), span);
        }
        if let Some((name, start)) = self.take(field_name) {
            if let Some((value, span)) = self.phrase()? {
                return self.push(Kind::Field { name: name.to_owned(), value, quoted: true }, start.start..span.end);
            }
            let is_condition = fields::NAMES.iter().any(|known| name.eq_ignore_ascii_case(known));
            // What is no condition may be a smiley.
            let span = self.word(!is_condition).map_err(|error| match error.kind {
                ParseErrorKind::OpenGroup if is_condition && self.is_group_from(error.span.start) => {
                    ParseError::new(ParseErrorKind::GroupOfValues { name: name.to_owned() }, error.span)
                }
                _ => error,
            })?;
            let value = self.text[span.clone()].to_owned();
            return self.push(Kind::Field { name: name.to_owned(), value, quoted: false }, start.start..span.end);
        }
        let span = self.word(false)?;
        let word = self.text[span.clone()].to_owned();
        self.push(Kind::Word(word), span)
    }

    /// Whether the value of a condition begins with a parenthesis here, which is closed behind a blank or a bar.
    fn is_group_from(&self, at: usize) -> bool {
        let behind_colon = self.text[..at].ends_with(':');
        behind_colon && self.text[at..].contains(')')
    }

    /// What is in quotation marks here.
    fn phrase(&mut self) -> Result<Option<(String, Range<usize>)>, ParseError> {
        let Some((mark, start)) = self.take(|rest| one_of(['"', '“', '„', '«', '”']).parse_next(rest)) else {
            return Ok(None);
        };
        let closes = |c: char| match mark {
            '"' => c == '"',
            '«' => c == '»',
            _ => matches!(c, '“' | '”'),
        };
        let Some(length) = self.rest().find(closes) else {
            return Err(ParseError::new(ParseErrorKind::OpenQuote, start));
        };
        let inside = expr::one_line(&self.rest()[..length].replace('"', " "));
        let end = self.at + length;
        self.at = end + self.text[end..].chars().next().map_or(0, char::len_utf8);
        let span = start.start..self.at;
        if inside.is_empty() {
            return Err(ParseError::new(ParseErrorKind::NothingInside, span));
        }
        Ok(Some((inside, span)))
    }

    /// Everything up to a blank, a bar, or the parenthesis that closes a group. Parentheses that open and close inside are part
    /// of it, and so are the mouths of smileys, whose eyes may come before the word. Others without their other are mistakes.
    fn word(&mut self, mut below_eyes: bool) -> Result<Range<usize>, ParseError> {
        let start = self.at;
        let error = |kind, at: usize| Err(ParseError::new(kind, start + at..start + at + 1));
        // Where parentheses opened inside, and whether each may be a mouth.
        let mut inside: Vec<(usize, bool)> = Vec::new();
        for (at, c) in self.rest().char_indices() {
            match c {
                '(' => inside.push((at, below_eyes)),
                ')' if inside.pop().is_some() => below_eyes = false,
                ')' if self.open > 0 && at > 0 => break,
                ')' if !below_eyes => return error(ParseErrorKind::UnopenedGroup, at),
                // Some have several.
                ')' => {}
                c if c.is_whitespace() || c == '|' => break,
                c => below_eyes = is_of_face(c),
            }
            self.at = start + at + c.len_utf8();
        }
        match inside.into_iter().find(|&(_, is_mouth)| !is_mouth) {
            Some((at, _)) => error(ParseErrorKind::OpenGroup, at),
            None => Ok(start..self.at),
        }
    }

    /// `AND`, `OR` and `NOT` are signs, unless everything around them is in capitals too, as on a sign at a door.
    fn words_that_stand_for_signs(&mut self) {
        let shouts = |token: Option<&Token>| match token.map(|token| &token.kind) {
            Some(Kind::Word(word)) => {
                word.starts_with(char::is_alphanumeric) && !word.chars().any(char::is_lowercase) && !is_sign(word)
            }
            _ => false,
        };
        for at in 0..self.tokens.len() {
            let Kind::Word(word) = &self.tokens[at].kind else { continue };
            let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
            if shouts(before) && shouts(self.tokens.get(at + 1)) {
                continue;
            }
            self.tokens[at].kind = match word.as_str() {
                "AND" => Kind::Plus,
                "OR" => Kind::Or,
                "NOT" => Kind::Not,
                _ => continue,
            };
        }
    }
}

/// The eyes and noses of smileys.
fn is_of_face(c: char) -> bool {
    matches!(c, ':' | ';' | '=' | '-' | '^' | '\'' | '*')
}

fn is_sign(word: &str) -> bool {
    matches!(word, "AND" | "OR" | "NOT")
}

/// A plus or minus with blanks, or ends, around it. What comes before it is a blank wherever a token begins.
fn spaced_sign(rest: &mut &str) -> Result_<Kind> {
    let sign = alt((one_of(['+']).value(Kind::Plus), one_of(['-', '−', '–', '—']).value(Kind::Minus)));
    terminated(sign, |rest: &mut &str| {
        if rest.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, '|' | ')')) {
            Ok(())
        } else {
            Err(ContextError::new())
        }
    })
    .parse_next(rest)
}

/// A minus that sticks to what follows.
fn minus(rest: &mut &str) -> Result_<()> {
    one_of(['-', '−']).void().parse_next(rest)?;
    match rest.chars().next() {
        Some('-' | '−' | ')' | '|') | None => Err(ContextError::new()),
        Some(c) if c.is_whitespace() => Err(ContextError::new()),
        Some(_) => Ok(()),
    }
}

/// `2:` or `0.5:` before something that is no digit: times of day and aspect ratios are prose.
fn weight(rest: &mut &str) -> Result_<f32> {
    let digits = |rest: &mut &str| take_while(1..=9, |c: char| c.is_ascii_digit()).void().parse_next(rest);
    let number = (digits, opt(preceded('.', digits))).take();
    let weight: f32 = terminated(number, ':').try_map(str::parse).parse_next(rest)?;
    match rest.chars().next() {
        None => Err(ContextError::new()),
        Some(c) if c.is_whitespace() || c.is_ascii_digit() || matches!(c, ')' | '|' | ':') => Err(ContextError::new()),
        Some(_) => Ok(weight),
    }
}

/// Letters and a colon before something.
fn field_name<'t>(rest: &mut &'t str) -> Result_<&'t str> {
    let name = terminated(take_while(1..=16, |c: char| c.is_ascii_alphabetic()), ':').parse_next(rest)?;
    let mut next = *rest;
    match any::<_, ContextError>.parse_next(&mut next) {
        // One letter is a drive or the like, but for apertures; and that may be one, too.
        Ok(c) if name.len() == 1 && !(name.eq_ignore_ascii_case("f") && begins_value(c)) => Err(ContextError::new()),
        Ok(c) if !(c.is_whitespace() || matches!(c, ')' | '|' | ':')) => Ok(name),
        _ => Err(ContextError::new()),
    }
}

/// What the value of a condition may begin with, and the path on a drive does not.
fn begins_value(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '<' | '>' | '=' | '.' | '"' | '“' | '„' | '«' | '”')
}
