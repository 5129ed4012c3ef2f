//! Words that name a day, a month, a season, a year or a decade.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::language::values;

/// Days that follow one another, each end as conditions have it: a year, a month or a day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Period {
    pub(super) first: String,
    pub(super) last: String,
}

impl Period {
    fn whole(moment: String) -> Period {
        Period { first: moment.clone(), last: moment }
    }

    /// As `on:` has it.
    pub(super) fn value(&self) -> String {
        if self.first == self.last { self.first.clone() } else { format!("{}..{}", self.first, self.last) }
    }

    /// From the beginning of one to the end of another, unless that is earlier.
    pub(super) fn up_to(self, last: Period) -> Option<Period> {
        let period = Period { first: self.first, last: last.last };
        values::days(&period.value()).is_ok().then_some(period)
    }

    /// Whether both are told in days, in months or in years.
    pub(super) fn is_as_exact_as(&self, other: &Period) -> bool {
        let parts = |moment: &str| moment.split('-').count();
        parts(&self.first) == parts(&other.first)
    }

    pub(super) fn is_of_days(&self) -> bool {
        values::day(&self.first).is_ok_and(|span| span.start.checked_add(1.day()).is_ok_and(|next| next == span.end))
    }
}

/// What words mean as a whole.
pub(super) fn period(words: &[&str], today: Date) -> Option<Period> {
    let day = |day: Option<Date>| day.map(|day| Period::whole(day.to_string()));
    match words {
        ["today"] => day(Some(today)),
        ["yesterday"] => day(today.yesterday().ok()),
        [this @ ("this" | "last"), "week"] => {
            let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
            let monday = if *this == "last" { monday.checked_sub(7.days()).ok()? } else { monday };
            Some(Period { first: monday.to_string(), last: monday.checked_add(6.days()).ok()?.to_string() })
        }
        ["this", "month"] => month_of(today.year(), today.month().into()),
        ["last", "month"] => {
            let last = today.first_of_month().yesterday().ok()?;
            month_of(last.year(), last.month().into())
        }
        ["this", name] if is_named(name) => named(name, today.year()),
        ["last", name] if is_named(name) => {
            // The last one that is over.
            let is_over = |period: &Period| values::day(&period.last).is_ok_and(|span| span.end <= today);
            (today.year() - 2..=today.year()).rev().filter_map(|year| named(name, year)).find(is_over)
        }
        [name, rest @ ..] if is_named(name) && !rest.is_empty() => {
            year_of(rest, today).map_or_else(|| month_first(words, today), |year| named(name, year))
        }
        ["the", name, rest @ ..] if season(name).is_some() => named(name, year_of(rest, today)?),
        ["the", "year", rest @ ..] => period(rest, today).filter(|period| period.value().len() == 4),
        ["the", number, "of", rest @ ..] if day_number(number).is_some() => day_first(number, rest, today),
        ["the", decade] => self::decade(decade),
        [number, "of", rest @ ..] | [number, rest @ ..] if day_number(number).is_some() => {
            day_first(number, rest, today)
        }
        [word] => values::day(word).ok().map(|_| Period::whole((*word).to_owned())).or_else(|| decade(word)),
        ["this" | "last", "year"] => year_of(words, today).map(|year| Period::whole(format!("{year:04}"))),
        _ => None,
    }
}

/// A month that is written out, which stands for that of every year where no year is named.
pub(super) fn month_of_every_year(words: &[&str]) -> Option<i16> {
    let [name] = words else { return None };
    values::month_by_name(name).filter(|_| name.len() > 3 || *name == "may")
}

/// A month of a year.
pub(super) fn month_of(year: i16, month: i16) -> Option<Period> {
    values::month_of(year, month).map(|_| Period::whole(format!("{year:04}-{month:02}")))
}

/// Whether this is the name of a month or season.
pub(super) fn is_named(word: &str) -> bool {
    values::month_by_name(word).is_some() || season(word).is_some()
}

/// The first and the last month of a season; the last is of the next year where it is the smaller one.
pub(super) fn season(name: &str) -> Option<(i16, i16)> {
    match name {
        "spring" => Some((3, 5)),
        "summer" => Some((6, 8)),
        "autumn" | "fall" => Some((9, 11)),
        "winter" => Some((12, 2)),
        _ => None,
    }
}

/// A month or season, which belongs to the year that it begins in.
fn named(name: &str, year: i16) -> Option<Period> {
    if let Some(month) = values::month_by_name(name) {
        return month_of(year, month);
    }
    let (first, last) = season(name)?;
    month_of(year, first)?.up_to(month_of(year + i16::from(last < first), last)?)
}

/// "2019", "of 2019", "last year"
fn year_of(words: &[&str], today: Date) -> Option<i16> {
    match words {
        ["of", rest @ ..] if rest.first() != Some(&"of") => year_of(rest, today),
        ["this", "year"] => Some(today.year()),
        ["last", "year"] => Some(today.year() - 1),
        [year] => values::year_number(year),
        _ => None,
    }
}

/// "june 4 2019"
fn month_first(words: &[&str], today: Date) -> Option<Period> {
    let [month, number, year @ ..] = words else { return None };
    dated(year_of(year, today)?, month, number)
}

/// "4", "june 2019"
fn day_first(number: &str, rest: &[&str], today: Date) -> Option<Period> {
    let [month, year @ ..] = rest else { return None };
    dated(year_of(year, today)?, month, number)
}

fn dated(year: i16, month: &str, number: &str) -> Option<Period> {
    let (month, day) = (values::month_by_name(month)?, day_number(number)?);
    values::day_of(year, month, day).map(|_| Period::whole(format!("{year:04}-{month:02}-{day:02}")))
}

/// "4", "4th"
fn day_number(word: &str) -> Option<i16> {
    let number = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    let is_number = number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|day| is_number && (1..=31).contains(day))
}

/// "1990s". "1900s" may be a century and "1800s" is one; "2000s" is said of ten years only.
fn decade(word: &str) -> Option<Period> {
    let first = values::year_number(word.strip_suffix('s')?)?;
    let is_decade = first % 10 == 0 && (first % 100 != 0 || first == 2000);
    is_decade.then(|| Period { first: format!("{first:04}"), last: format!("{:04}", first + 9) })
}
