//! What a searcher can carry out: alternatives, each with things to look for and a condition.

use clip_index::Filter;

use super::error::{ParseError, ParseErrorKind};
use super::expr::Expr;
use super::limits::MOST_ALTERNATIVES;
use crate::query::{Alternative, Term};

/// The alternatives that an expression comes to.
pub(crate) fn of(expr: &Expr) -> Result<Vec<Alternative>, ParseError> {
    Ok(alternatives(expr, 1.0)?.into_iter().map(|form| form.into_alternative()).collect())
}

/// A conjunction.
#[derive(Debug, Clone, Default)]
struct Form {
    terms: Vec<(Term, f32)>,
    filters: Vec<Filter>,
}

impl Form {
    fn into_alternative(mut self) -> Alternative {
        let filter = if self.filters.len() == 1 { self.filters.remove(0) } else { Filter::All(self.filters) };
        Alternative { terms: self.terms, filter }
    }

    fn term(term: Term, weight: f32) -> Vec<Form> {
        vec![Form { terms: vec![(term, weight)], filters: Vec::new() }]
    }

    fn and(&self, other: &Form) -> Form {
        let (mut terms, mut filters) = (self.terms.clone(), self.filters.clone());
        terms.extend_from_slice(&other.terms);
        filters.extend_from_slice(&other.filters);
        Form { terms, filters }
    }
}

/// The condition that an expression is, if it is nothing else.
fn condition(expr: &Expr) -> Option<Filter> {
    match expr {
        Expr::Condition { filter, .. } => Some(filter.clone()),
        Expr::And(exprs) => exprs.iter().map(condition).collect::<Option<Vec<_>>>().map(Filter::All),
        Expr::Or(exprs) => exprs.iter().map(condition).collect::<Option<Vec<_>>>().map(Filter::Any),
        Expr::Not(expr) => condition(expr).map(|filter| Filter::Not(Box::new(filter))),
        Expr::Weighted(_, expr) => condition(expr),
        _ => None,
    }
}

fn alternatives(expr: &Expr, weight: f32) -> Result<Vec<Form>, ParseError> {
    if let Some(filter) = condition(expr) {
        return Ok(vec![Form { terms: Vec::new(), filters: vec![filter] }]);
    }
    let too_many = || ParseError::new(ParseErrorKind::TooManyAlternatives, 0..0);
    match expr {
        Expr::And(exprs) => {
            let mut forms = vec![Form::default()];
            for expr in exprs {
                let more = alternatives(expr, weight)?;
                if forms.len() * more.len() > MOST_ALTERNATIVES {
                    return Err(too_many());
                }
                forms = forms.iter().flat_map(|form| more.iter().map(|other| form.and(other))).collect();
            }
            Ok(forms)
        }
        Expr::Or(exprs) => {
            let mut forms = Vec::new();
            for expr in exprs {
                forms.extend(alternatives(expr, weight)?);
                if forms.len() > MOST_ALTERNATIVES {
                    return Err(too_many());
                }
            }
            Ok(forms)
        }
        Expr::Not(expr) => negated(expr, weight),
        Expr::Weighted(factor, expr) => alternatives(expr, weight * factor),
        Expr::Text(text) | Expr::Phrase(text) => Ok(Form::term(Term::Text(text.clone()), weight)),
        Expr::Picture(path) => Ok(Form::term(Term::Image(path.clone()), weight)),
        Expr::Like(id) => Ok(Form::term(Term::Like(*id), weight)),
        Expr::Saved(name) => Err(ParseError::new(ParseErrorKind::UnknownSearch { name: name.clone() }, 0..0)),
        // Seen by `condition`.
        Expr::Condition { filter, .. } => Ok(vec![Form { terms: Vec::new(), filters: vec![filter.clone()] }]),
    }
}

/// Not this. A photo shows a description more or less, so what is not wanted counts against it; a condition is met or not.
fn negated(expr: &Expr, weight: f32) -> Result<Vec<Form>, ParseError> {
    match expr {
        Expr::And(exprs) => {
            let not = |expr: &Expr| Expr::Not(Box::new(expr.clone()));
            // Descriptions that are not wanted together count against a photo together.
            let (conditions, others): (Vec<_>, Vec<_>) = exprs.iter().partition(|expr| condition(expr).is_some());
            let mut forms = alternatives_of_all(&others, -weight)?;
            if !conditions.is_empty() {
                forms.extend(alternatives(&Expr::Or(conditions.into_iter().map(not).collect()), weight)?);
            }
            if forms.len() > MOST_ALTERNATIVES {
                return Err(ParseError::new(ParseErrorKind::TooManyAlternatives, 0..0));
            }
            Ok(forms)
        }
        Expr::Or(exprs) => {
            alternatives(&Expr::And(exprs.iter().map(|expr| Expr::Not(Box::new(expr.clone()))).collect()), weight)
        }
        Expr::Not(expr) => alternatives(expr, weight),
        Expr::Weighted(factor, expr) => negated(expr, weight * factor),
        expr => alternatives(expr, -weight),
    }
}

fn alternatives_of_all(exprs: &[&Expr], weight: f32) -> Result<Vec<Form>, ParseError> {
    alternatives(&Expr::And(exprs.iter().map(|&expr| expr.clone()).collect()), weight)
}
