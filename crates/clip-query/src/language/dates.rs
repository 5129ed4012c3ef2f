//! Plain dates at the end of a description: "dog on a beach in June 2019", "last summer".
//!
//! Summers last from June to August, as in the northern half of the world, and winters from December to February. "Last
//! summer" is the last one that is over; weeks begin on Monday.

use jiff::ToSpan;
use jiff::civil::Date;

use super::expr::Expr;
use super::{Note, fields, values};

/// Phrases have at most this many words.
const LONGEST: usize = 8;

/// What only says that photos are meant.
const PHOTOS: &[&str] = &["photo", "photos", "picture", "pictures", "image", "images", "pic", "pics", "all photos"];

/// The expression with conditions in the place of dates at the end of its descriptions.
pub(crate) fn taken_out(expr: Expr, today: Date, notes: &mut Vec<Note>) -> Expr {
    match expr {
        Expr::Or(exprs) => Expr::Or(exprs.into_iter().map(|expr| taken_out(expr, today, notes)).collect()),
        Expr::And(mut exprs) => {
            // Before a date there may be another.
            while take_out_of_last(&mut exprs, today, notes) {}
            Expr::And(exprs)
        }
        Expr::Text(text) => {
            let mut exprs = vec![Expr::Text(text)];
            while take_out_of_last(&mut exprs, today, notes) {}
            if exprs.len() == 1 { exprs.remove(0) } else { Expr::And(exprs) }
        }
        expr => expr,
    }
}

/// Takes a date out of the last description, if it ends in one.
fn take_out_of_last(exprs: &mut Vec<Expr>, today: Date, notes: &mut Vec<Note>) -> bool {
    let Some(at) = exprs.iter().rposition(|expr| matches!(expr, Expr::Text(_))) else { return false };
    let Expr::Text(text) = &exprs[at] else { return false };
    let Some((rest, condition)) = split(text, today, notes) else { return false };
    exprs.splice(at..=at, rest.into_iter().chain([condition]));
    true
}

/// What is left of a description, and the condition that its end stands for.
fn split(text: &str, today: Date, notes: &mut Vec<Note>) -> Option<(Option<Expr>, Expr)> {
    let words: Vec<&str> = text.split(' ').collect();
    let bare = |word: &&str| word.trim_end_matches([',', '.', '!', '?', ';']).to_lowercase();
    let lower: Vec<String> = words.iter().map(bare).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let first = words.len().saturating_sub(LONGEST);
    let (start, condition) =
        (first..words.len()).find_map(|start| Some((start, phrase(&lower[start..], &lower[..start], today)?)))?;
    let (name, value) = condition.split_once(':')?;
    let Ok(fields::Field::Condition(filter)) = fields::read(name, value, false) else { return None };
    notes.push(Note::Date { words: words[start..].join(" "), condition: condition.clone() });
    let rest = words[..start].join(" ");
    let rest = rest.trim_end_matches([',', ' ']);
    let is_nothing = rest.is_empty() || PHOTOS.contains(&rest.to_lowercase().as_str());
    Some(((!is_nothing).then(|| Expr::Text(rest.to_owned())), Expr::Condition { filter, text: condition }))
}

/// The condition that words stand for as a whole. A year alone is one only after other words that leave it alone.
fn phrase(words: &[&str], before: &[&str], today: Date) -> Option<String> {
    match words {
        ["from" | "between", rest @ ..] if rest.contains(&"to") || rest.contains(&"and") => {
            let middle = rest.iter().position(|word| matches!(*word, "to" | "and"))?;
            let (from, to) = (moment(&rest[..middle])?, moment(&rest[middle + 1..])?);
            let condition = format!("{from}..{to}");
            values::days(&condition).ok()?;
            Some(format!("on:{condition}"))
        }
        ["since", rest @ ..] => Some(format!("on:{}..", moment(rest)?)),
        ["before", rest @ ..] => Some(format!("before:{}", moment(rest)?)),
        ["after", rest @ ..] => Some(format!("after:{}", moment(rest)?)),
        ["in", "the", decade] => Some(format!("on:{}", self::decade(decade)?)),
        ["in" | "on" | "from" | "during" | "of" | "taken", rest @ ..] => after_preposition(rest, today),
        _ => period(words, today).or_else(|| {
            let is_alone = !matches!(before.last(), None | Some(&("to" | "and" | "or" | "from" | "between" | "until")));
            let is_dated = words.len() > 1 || is_alone && is_recent(words, today) || is_iso(words);
            moment(words).filter(|_| is_dated).map(|moment| format!("on:{moment}"))
        }),
    }
}

fn after_preposition(words: &[&str], today: Date) -> Option<String> {
    match words {
        ["in" | "on" | "the" | "from" | "during", rest @ ..] => after_preposition(rest, today),
        [month] if values::month_by_name(month).is_some() && month.len() > 3 => {
            Some(format!("month:{}", values::month_by_name(month)?))
        }
        _ => period(words, today).or_else(|| Some(format!("on:{}", moment(words)?))),
    }
}

/// A year that a photo of this library may well be of.
fn is_recent(words: &[&str], today: Date) -> bool {
    matches!(words, [year] if values::year_number(year).is_some_and(|year| (1990..=today.year()).contains(&year)))
}

fn is_iso(words: &[&str]) -> bool {
    matches!(words, [word] if word.len() > 4 && values::day(word).is_ok())
}

/// "last week", "this year", "yesterday", "summer of 2018"
fn period(words: &[&str], today: Date) -> Option<String> {
    let month = |day: Date| format!("{:04}-{:02}", day.year(), day.month());
    match words {
        ["today"] => Some(format!("on:{today}")),
        ["yesterday"] => Some(format!("on:{}", today.yesterday().ok()?)),
        ["this" | "last", "week"] => {
            let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
            let monday = if words[0] == "last" { monday.checked_sub(7.days()).ok()? } else { monday };
            Some(format!("on:{monday}..{}", monday.checked_add(6.days()).ok()?))
        }
        ["this", "month"] => Some(format!("on:{}", month(today))),
        ["last", "month"] => Some(format!("on:{}", month(today.first_of_month().yesterday().ok()?))),
        ["this", "year"] => Some(format!("on:{:04}", today.year())),
        ["last", "year"] => Some(format!("on:{:04}", today.year() - 1)),
        ["last", name] if values::month_by_name(name).is_some() => {
            let number = values::month_by_name(name)?;
            let over = (today.year() - 1..=today.year()).rev();
            let year =
                over.into_iter().find(|&year| values::month_of(year, number).is_some_and(|span| span.end <= today))?;
            Some(format!("on:{year:04}-{number:02}"))
        }
        ["last", name] => {
            let years = (today.year() - 2..=today.year()).rev();
            let over = |year: &i16| season(name, *year).is_some_and(|value| ends_before(&value, today));
            Some(format!("on:{}", season(name, years.into_iter().find(over)?)?))
        }
        ["this", name] => Some(format!("on:{}", season(name, today.year())?)),
        [name, "of", year] | [name, year] | ["the", name, "of", year] => {
            Some(format!("on:{}", season(name, values::year_number(year)?)?))
        }
        _ => None,
    }
}

fn ends_before(value: &str, today: Date) -> bool {
    values::days(value).is_ok_and(|range| range.to.is_some_and(|end| end <= today))
}

/// The months of a season, which belongs to the year that it begins in.
fn season(name: &str, year: i16) -> Option<String> {
    let (first, last, next) = match name {
        "spring" => (3, 5, 0),
        "summer" => (6, 8, 0),
        "autumn" | "fall" => (9, 11, 0),
        "winter" => (12, 2, 1),
        _ => return None,
    };
    Some(format!("{year:04}-{first:02}..{:04}-{last:02}", year + next))
}

/// "1990s"
fn decade(word: &str) -> Option<String> {
    let first = values::year_number(word.strip_suffix('s')?)?;
    (first % 10 == 0).then(|| format!("{first:04}..{:04}", first + 9))
}

/// A day, month or year, as conditions have it.
fn moment(words: &[&str]) -> Option<String> {
    let day = |word: &str| {
        let number = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
        number.parse::<i16>().ok().filter(|day| (1..=31).contains(day) && number.len() <= 2)
    };
    let dated = |year: i16, month: i16, day: i16| {
        values::day_of(year, month, day).map(|_| format!("{year:04}-{month:02}-{day:02}"))
    };
    match words {
        [word] => values::day(word).ok().map(|_| (*word).to_owned()),
        [month, year] | [month, "of", year] if values::month_by_name(month).is_some() => {
            Some(format!("{:04}-{:02}", values::year_number(year)?, values::month_by_name(month)?))
        }
        [d, month, year] | [d, "of", month, year] | ["the", d, "of", month, year] if day(d).is_some() => {
            dated(values::year_number(year)?, values::month_by_name(month)?, day(d)?)
        }
        [month, d, year] => dated(values::year_number(year)?, values::month_by_name(month)?, day(d)?),
        _ => None,
    }
}
