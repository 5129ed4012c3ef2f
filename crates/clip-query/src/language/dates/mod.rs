//! Plain dates at the end of a description: "dog on a beach in June 2019", "before last summer".
//!
//! A filter hides photos, so a wrong one is worse than none: a phrase becomes a condition only if all of it is understood, and
//! the words before it leave it as it is. Everything else stays what it was, a description.
//!
//! Summers last from June to August, as in the northern half of the world, and winters from December to February. "Last
//! summer" is the last one that is over; weeks begin on Monday.
//!
//! | module | |
//! | --- | --- |
//! | `period` | "last summer", "4 June 2019" |
//! | `phrase` | "before last summer" to a condition |
//! | `before` | "not", "older than": whether what stands before a phrase changes what it means |

mod before;
mod period;
mod phrase;

use jiff::civil::Date;

use super::expr::Expr;
use super::{Note, fields, values};

/// Phrases have at most this many words: "not taken between the 4th of June 2019 and the 6th of July 2019".
const LONGEST: usize = 16;

/// In descriptions of more words, no dates are looked for.
const MOST_WORDS: usize = 256;

/// The expression with conditions in the place of dates at the end of its descriptions.
pub(crate) fn taken_out(expr: Expr, today: Date, notes: &mut Vec<Note>) -> Expr {
    match expr {
        Expr::Or(exprs) => Expr::Or(exprs.into_iter().map(|expr| taken_out(expr, today, notes)).collect()),
        Expr::And(mut exprs) => {
            // Where nothing is left of a description, there may be one before it.
            while take_out_of_last(&mut exprs, today, notes) {}
            Expr::And(exprs)
        }
        Expr::Text(text) => {
            let mut exprs = vec![Expr::Text(text)];
            take_out_of_last(&mut exprs, today, notes);
            if exprs.len() == 1 { exprs.remove(0) } else { Expr::And(exprs) }
        }
        expr => expr,
    }
}

/// Takes a date out of the last description, if it ends in one.
fn take_out_of_last(exprs: &mut Vec<Expr>, today: Date, notes: &mut Vec<Note>) -> bool {
    let Some(at) = exprs.iter().rposition(|expr| matches!(expr, Expr::Text(_))) else { return false };
    let Expr::Text(text) = &exprs[at] else { return false };
    let Some((rest, condition)) = split(text, said_before(&exprs[..at]), today, notes) else { return false };
    exprs.splice(at..=at, rest.into_iter().chain([condition]));
    true
}

/// The words that stand before a description without belonging to it: "-in June 2019", "dog not (in 2019)".
fn said_before(exprs: &[Expr]) -> &str {
    match exprs.iter().rfind(|expr| !matches!(expr, Expr::Condition { .. })) {
        Some(Expr::Text(text)) => text,
        Some(Expr::Not(expr) | Expr::Weighted(_, expr)) => said_before(std::slice::from_ref(expr)),
        _ => "",
    }
}

/// What is left of a description, and the condition that its end stands for.
fn split(text: &str, said_before: &str, today: Date, notes: &mut Vec<Note>) -> Option<(Option<Expr>, Expr)> {
    let words: Vec<&str> = text.split(' ').take(MOST_WORDS + 1).collect();
    if words.len() > MOST_WORDS {
        return None;
    }
    let lower = lower_words(text);
    let lower: Vec<(&str, usize)> = lower.iter().map(|(word, at)| (word.as_str(), *at)).collect();
    let (start, condition) = found(&lower, said_before, today)?;
    if has_date(&lower[..start], today) {
        return None;
    }
    let (name, value) = condition.trim_start_matches('-').split_once(':')?;
    let Ok(fields::Field::Condition(filter)) = fields::read(name, value, false) else { return None };
    let expr = Expr::Condition { filter, text: format!("{name}:{value}") };
    let expr = if condition.starts_with('-') { Expr::Not(Box::new(expr)) } else { expr };
    let start = lower[start].1;
    notes.push(Note::Date { words: words[start..].join(" "), condition });
    let rest = words[..start].join(" ");
    let rest = rest.trim_end_matches([',', ' ']);
    let rest = [" -", " –", " —"].iter().find_map(|dash| rest.strip_suffix(dash)).unwrap_or(rest);
    // What only says that photos are meant.
    let photos = rest.to_lowercase();
    let is_nothing = rest.is_empty() || before::PHOTOS.contains(&photos.as_str()) || photos == "all photos";
    Some(((!is_nothing).then(|| Expr::Text(rest.to_owned())), expr))
}

/// Words without the signs behind them, in small letters, and the places of the words that they are from. "2015-2018" and
/// "june-august" are several.
fn lower_words(text: &str) -> Vec<(String, usize)> {
    let mut lower = Vec::new();
    for (at, word) in text.split(' ').enumerate() {
        let word = word.trim_end_matches([',', '.', '!', '?', ';']).to_lowercase();
        match word.split_once(['-', '–', '—']) {
            Some((from, to)) if are_ends(from, to) => {
                lower.extend([(from.to_owned(), at), ("-".to_owned(), at), (to.to_owned(), at)]);
            }
            _ => lower.push((word, at)),
        }
    }
    lower
}

/// Whether a range may have these ends: two years, two days or two names of months or seasons.
fn are_ends(from: &str, to: &str) -> bool {
    let is_year = |word: &str| values::year_number(word).is_some();
    let is_day = |word: &str| (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_end: [fn(&str) -> bool; 3] = [is_year, is_day, period::is_named];
    is_end.iter().any(|is_end| is_end(from) && is_end(to))
}

/// The longest phrase at the end, and where it begins.
fn found(words: &[(&str, usize)], said_before: &str, today: Date) -> Option<(usize, String)> {
    let lower: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let first = lower.len().saturating_sub(LONGEST);
    (first..lower.len()).find_map(|start| {
        // A word is taken as a whole.
        let begins_word = start == 0 || words[start - 1].1 != words[start].1;
        let condition = phrase::condition(&lower[start..], start > 0, today).filter(|_| begins_word)?;
        let allowed = if start > 0 {
            before::leaves(&lower[..start], lower[start])
        } else {
            let said: Vec<String> = lower_words(said_before).into_iter().map(|(word, _)| word).collect();
            before::leaves(&said.iter().map(String::as_str).collect::<Vec<_>>(), lower[start])
        };
        allowed.then_some((start, condition))
    })
}

/// Whether there is another date. What it has to do with the one at the end ("dog in June or cat in July") is not understood.
fn has_date(words: &[(&str, usize)], today: Date) -> bool {
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    (1..=words.len()).filter(|&end| before::is_date(words[end - 1])).any(|end| {
        (end.saturating_sub(LONGEST)..end)
            .any(|start| phrase::condition(&words[start..end], start > 0, today).is_some())
    })
}

#[cfg(test)]
mod tests;
