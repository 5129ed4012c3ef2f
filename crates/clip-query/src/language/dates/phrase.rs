//! Phrases to conditions: "before last summer", "from June to August 2019", "not in June or July 2019".
//!
//! A phrase means what it says as a whole, or nothing.

use jiff::civil::Date;

use super::period::{self, Period, month_of_every_year, period};
use crate::language::values;

/// What stands between the two ends of a range.
const TO: &[&str] = &["to", "until", "till", "through", "-", "–", "—", "−"];
/// The same after "between".
const AND: &[&str] = &["and", "&", "-", "–", "—", "−"];
/// What stands between two periods of which either is meant.
const OR: &[&str] = &["or", "and", "&"];

/// The condition that words stand for as a whole, as it is written in a query. `follows` says whether other words come before
/// them: without any, a year is just a number.
pub(super) fn condition(words: &[&str], follows: bool, today: Date) -> Option<String> {
    match words {
        ["but" | "and", "not", rest @ ..] | ["except" | "excluding", "for", rest @ ..] => negated(rest, today),
        ["not" | "except" | "excluding" | "without", rest @ ..] => negated(rest, today),
        _ => positive(words, follows, today),
    }
}

fn negated(words: &[&str], today: Date) -> Option<String> {
    match words {
        // "Not until 2019" is no opposite of "until 2019".
        ["since" | "until" | "till" | "up", ..] | ["taken", "since" | "until" | "till" | "up", ..] => None,
        _ => positive(words, true, today).map(|condition| format!("-{condition}")),
    }
}

fn positive(words: &[&str], follows: bool, today: Date) -> Option<String> {
    let one = |words: &[&str]| period(words, today);
    match words {
        ["taken", rest @ ..] if rest.first() != Some(&"taken") => positive(rest, true, today),
        ["since", rest @ ..] => {
            let since = one(rest).or_else(|| latest(month_of_every_year(rest)?, today))?;
            Some(format!("on:{}..", since.first))
        }
        ["from", rest @ .., "on" | "onward" | "onwards"] => Some(format!("on:{}..", one(rest)?.first)),
        ["until" | "till", rest @ ..] | ["up", "to" | "until", rest @ ..] => Some(format!("on:..{}", one(rest)?.last)),
        ["before", rest @ ..] => Some(format!("before:{}", one(rest)?.first)),
        ["after", rest @ ..] => Some(format!("after:{}", one(rest)?.last)),
        ["between", rest @ ..] => range(rest, AND, today).or_else(|| months_in_range(rest, AND)),
        ["from", rest @ ..] => {
            range(rest, TO, today).or_else(|| months_in_range(rest, TO)).or_else(|| any(rest, today))
        }
        // "In June in 2019"; without the first word, June may be a girl.
        ["in", name, "in", rest @ ..] if period::is_named(name) => {
            any(&[&[*name], rest].concat(), today).filter(|_| rest.len() == 1)
        }
        // That is somewhere, not some time.
        ["in" | "on", "this" | "last", "spring" | "fall" | "march"] => None,
        ["in" | "during", rest @ ..] => any(rest, today)
            .or_else(|| months(rest))
            .or_else(|| range(rest, TO, today))
            .or_else(|| months_in_range(rest, TO)),
        // A book on 2019 is not of that year.
        ["on", rest @ ..] => {
            let periods = one_or_two(rest, today)?;
            periods.iter().all(Period::is_of_days).then(|| on(&periods))
        }
        ["of", rest @ ..] => any(rest, today),
        _ if are_dated(words, follows, today) => any(words, today).or_else(|| range(words, TO, today)),
        _ => None,
    }
}

/// Whether words are dates without a preposition. Years are so only where a photo of this library may well be of them.
fn are_dated(words: &[&str], follows: bool, today: Date) -> bool {
    let is_recent = |year| (1990..=today.year()).contains(&year);
    let is_topic = words.first() == Some(&"the") && words.len() == 2
        || words.starts_with(&["the", "year"])
        || words.iter().any(|word| word.ends_with('s') && word.starts_with(|c: char| c.is_ascii_digit()));
    let mut parts = words.split(|word| TO.contains(word) || OR.contains(word));
    !is_topic
        && parts.all(|part| match part {
            [word] => values::year_number(word).is_none_or(|year| follows && is_recent(year)),
            _ => true,
        })
}

fn on(periods: &[Period]) -> String {
    format!("on:{}", periods.iter().map(Period::value).collect::<Vec<_>>().join(","))
}

/// "2019", "June or July 2019"
fn any(words: &[&str], today: Date) -> Option<String> {
    one_or_two(words, today).map(|periods| on(&periods))
}

fn one_or_two(words: &[&str], today: Date) -> Option<Vec<Period>> {
    if let Some(period) = period(words, today) {
        return Some(vec![period]);
    }
    let (left, right) = split(words, OR)?;
    let right = match right {
        ["in" | "on" | "from" | "during", rest @ ..] => rest,
        _ => right,
    };
    let (left, right) = pair(left, right, today)?;
    // "4 June or July 2019" may be a day of July, and "summer 2018 or 2019" two summers.
    left.is_as_exact_as(&right).then(|| vec![left, right])
}

/// "June to August 2019"
fn range(words: &[&str], between: &[&str], today: Date) -> Option<String> {
    let (left, right) = split(words, between)?;
    let (from, to) = pair(left, right, today)?;
    // In "from summer 2018 to 2019", another summer may be meant.
    let is_bare_year = matches!(right, [word] if values::year_number(word).is_some());
    if is_bare_year && !from.is_as_exact_as(&to) {
        return None;
    }
    Some(on(&[from.up_to(to)?]))
}

/// "June", "June or July"
fn months(words: &[&str]) -> Option<String> {
    if let Some(month) = month_of_every_year(words) {
        return Some(format!("month:{month}"));
    }
    let (left, right) = split(words, OR)?;
    let right = right.strip_prefix(&["in"]).unwrap_or(right);
    Some(format!("month:{},{}", month_of_every_year(left)?, month_of_every_year(right)?))
}

/// "June to August", which may go over the turn of the year.
fn months_in_range(words: &[&str], between: &[&str]) -> Option<String> {
    let (left, right) = split(words, between)?;
    Some(format!("month:{}..{}", month_of_every_year(left)?, month_of_every_year(right)?))
}

/// The last one that has begun.
fn latest(month: i16, today: Date) -> Option<Period> {
    period::month_of(today.year() - i16::from(month > today.month().into()), month)
}

/// What stands before and after the only word that separates.
fn split<'w, 't>(words: &'w [&'t str], separators: &[&str]) -> Option<(&'w [&'t str], &'w [&'t str])> {
    let at = words.iter().position(|word| separators.contains(word))?;
    Some((&words[..at], &words[at + 1..]))
}

/// Two periods, of which the first has the month and year of the second where it lacks them: "4 to 6 June 2019".
fn pair(left: &[&str], right: &[&str], today: Date) -> Option<(Period, Period)> {
    let second = period(right, today)?;
    let borrowed = || (1..right.len()).find_map(|from| period(&[left, &right[from..]].concat(), today));
    let first = period(left, today).or_else(|| if left.is_empty() { None } else { borrowed() })?;
    Some((first, second))
}
