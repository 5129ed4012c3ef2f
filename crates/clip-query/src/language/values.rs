//! Numbers, ranges and days in the values of conditions.

use std::ops::Bound;

use jiff::ToSpan;
use jiff::civil::Date;
use winnow::ascii::digit1;
use winnow::combinator::{alt, opt, preceded};
use winnow::error::ContextError;
use winnow::prelude::*;

type Result_<T> = winnow::Result<T, ContextError>;

/// Days from one, and up to but without another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) from: Option<Date>,
    pub(crate) to: Option<Date>,
}

/// A year, month or day: its first day, and the first day after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: Date,
    pub(crate) end: Date,
}

impl From<Span> for Range {
    fn from(span: Span) -> Range {
        Range { from: Some(span.start), to: Some(span.end) }
    }
}

/// Seconds from the beginning of 1970 to that of a day.
pub(crate) fn seconds(day: Date) -> f64 {
    let days = (day - Date::constant(1970, 1, 1)).get_days();
    f64::from(days) * 86_400.0
}

/// `>800`, `>=800`, `<800`, `<=800`, `800`, `200..800`, `..800`, `200..`
pub(crate) fn bounds<T: PartialOrd>(
    value: &str,
    one: impl Fn(&str) -> Result<T, String>,
) -> Result<(Bound<T>, Bound<T>), String> {
    let mut left = value;
    if let Ok(sign) = comparison(&mut left) {
        let number = || one(left.trim());
        return Ok(match sign {
            ">=" | "≥" => (Bound::Included(number()?), Bound::Unbounded),
            "<=" | "≤" => (Bound::Unbounded, Bound::Included(number()?)),
            ">" => (Bound::Excluded(number()?), Bound::Unbounded),
            "<" => (Bound::Unbounded, Bound::Excluded(number()?)),
            _ => (Bound::Included(number()?), Bound::Included(number()?)),
        });
    }
    let Some((from, to)) = value.split_once("..") else {
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        return match (one(value), value.split_once(['-', '–'])) {
            (Ok(number), _) => Ok((Bound::Included(number), Bound::Included(one(value)?))),
            (Err(_), Some((from, to))) if is_number(from) && is_number(to) => {
                Err(format!("expected two dots between two numbers, as {from}..{to}"))
            }
            (Err(reason), _) => Err(reason),
        };
    };
    if from.is_empty() && to.is_empty() {
        return Err("expected a number on one side of the dots".to_owned());
    }
    let bound = |text: &str| if text.is_empty() { Ok(Bound::Unbounded) } else { one(text).map(Bound::Included) };
    let (from, to) = (bound(from)?, bound(to)?);
    match (&from, &to) {
        (Bound::Included(from), Bound::Included(to)) if from > to => {
            Err("expected the smaller number before the dots".to_owned())
        }
        _ => Ok((from, to)),
    }
}

fn comparison<'t>(input: &mut &'t str) -> Result_<&'t str> {
    alt((">=", "<=", "≥", "≤", ">", "<", "=")).parse_next(input)
}

/// A plain number.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    match decimal(text) {
        Some((number, "")) => Ok(number),
        _ => Err("expected a number".to_owned()),
    }
}

/// A number of bytes: `300k`, `2MB`, `1.5 GB`. The units are powers of ten.
pub(crate) fn bytes(text: &str) -> Result<f64, String> {
    let expected = || "expected a size, as 300kB or 2MB".to_owned();
    let (number, unit) = decimal(text).ok_or_else(expected)?;
    let factor = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        _ => return Err(expected()),
    };
    Ok(number * factor)
}

/// A number of millimetres, with or without the unit; the nearest that an index can hold, so that 4.15 is what it is there.
pub(crate) fn millimetres(text: &str) -> Result<f64, String> {
    let number = number(text.strip_suffix("mm").unwrap_or(text))?;
    Ok(f64::from(number as f32))
}

/// An exposure time in seconds, with or without the unit, as a number or a fraction: `1/250`, `0.5`, `2s`.
pub(crate) fn seconds_of_exposure(text: &str) -> Result<f64, String> {
    let expected = || "expected an exposure time, as 1/250 or 2s".to_owned();
    let time = text.strip_suffix(['s', '"', '\u{2033}']).unwrap_or(text).trim_end();
    let time = match time.split_once('/') {
        Some((part, whole)) => number(part).ok().zip(number(whole).ok()).map(|(part, whole)| part / whole),
        None => number(time).ok(),
    };
    time.filter(|time| time.is_finite()).ok_or_else(expected)
}

/// Times that are the same exposure time: cameras round 1/60 to 0.0166 or 0.017. One third of a step is 26 percent.
pub(crate) const SAME_EXPOSURE: fn(f64) -> (f64, f64) = |time| (time * 0.97, time * 1.03);

/// How long a video is, in seconds: `90`, `90s`, `5min`, `2h`, and as players show it, `1:30` and `1:02:03`.
pub(crate) fn seconds_of_video(text: &str) -> Result<f64, String> {
    let expected = || "expected a duration, as 90, 1:30 or 5min".to_owned();
    if text.contains(':') {
        // Of minutes after hours and seconds after minutes there are fewer than sixty; "90:00" is an hour and a half.
        let parts: Vec<&str> = text.split(':').collect();
        let (hours, minutes, seconds) = match parts.as_slice() {
            [minutes, seconds] => ("0", *minutes, *seconds),
            [hours, minutes, seconds] => (*hours, *minutes, *seconds),
            _ => return Err(expected()),
        };
        let whole = |text: &str| text.parse::<u32>().ok().map(f64::from);
        let below_sixty = |number: &f64| *number < 60.0;
        let seconds = number(seconds).ok().filter(below_sixty).ok_or_else(expected)?;
        let minutes = whole(minutes).filter(|minutes| parts.len() == 2 || below_sixty(minutes)).ok_or_else(expected)?;
        return Ok(seconds + 60.0 * minutes + 3600.0 * whole(hours).ok_or_else(expected)?);
    }
    let (number, unit) = decimal(text).ok_or_else(expected)?;
    let factor = match unit.trim().to_lowercase().as_str() {
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(expected()),
    };
    Ok(number * factor)
}

/// Durations that are the same: players show whole seconds, so a video of 90.4 seconds has 1:30.
pub(crate) const SAME_DURATION: fn(f64) -> (f64, f64) = |seconds| {
    // The index has milliseconds.
    if seconds.fract() == 0.0 { (seconds, seconds + 0.9995) } else { (seconds - 0.0005, seconds + 0.0005) }
};

/// An f-number, with or without the letter: `2.8`, `f/2.8`. The nearest that an index can hold.
pub(crate) fn f_number(text: &str) -> Result<f64, String> {
    let bare = text.strip_prefix(['f', 'F']).map_or(text, |rest| rest.strip_prefix('/').unwrap_or(rest));
    let number = number(bare).map_err(|_| "expected an f-number, as 2.8 or f/2.8".to_owned())?;
    Ok(f64::from(number as f32))
}

/// Steps of exposure, which may be negative: `-0.7`, `+1`, `1/3`.
pub(crate) fn steps(text: &str) -> Result<f64, String> {
    let expected = || "expected steps of exposure, as -0.7 or 1".to_owned();
    let text = text.strip_suffix("EV").unwrap_or(text);
    let (sign, bare) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(bare) => (-1.0, bare),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let steps = match bare.split_once('/') {
        Some((part, whole)) => number(part).ok().zip(number(whole).ok()).map(|(part, whole)| part / whole),
        None => number(bare).ok(),
    };
    steps.filter(|steps| steps.is_finite()).map(|steps| sign * steps).ok_or_else(expected)
}

/// Steps that are the same: 0.3 and 0.33 are both a third.
pub(crate) const SAME_STEPS: fn(f64) -> (f64, f64) = |steps| (steps - 0.05, steps + 0.05);

/// A number, and what follows it.
fn decimal(text: &str) -> Option<(f64, &str)> {
    let plain = |input: &mut &str| -> Result_<f64> {
        (digit1, opt(preceded('.', digit1))).take().try_map(str::parse).parse_next(input)
    };
    let mut left = text;
    let number = plain(&mut left).ok()?;
    Some((number, left))
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A month by its number, its name or the first three letters of that.
pub(crate) fn month(text: &str) -> Option<i16> {
    if text.chars().all(|c| c.is_ascii_digit()) {
        return text.parse().ok().filter(|month| (1..=12).contains(month));
    }
    month_by_name(text)
}

/// A month by its name or the first three letters of that.
pub(crate) fn month_by_name(text: &str) -> Option<i16> {
    let text = text.to_lowercase();
    let is_short = text.len() == 3 || text == "sept";
    MONTHS.iter().position(|name| *name == text || is_short && name.starts_with(&text)).map(|at| at as i16 + 1)
}

/// A whole year.
pub(crate) fn year(year: i16) -> Option<Span> {
    Some(Span { start: Date::new(year, 1, 1).ok()?, end: Date::new(year + 1, 1, 1).ok()? })
}

/// A whole month.
pub(crate) fn month_of(year: i16, month: i16) -> Option<Span> {
    let start = Date::new(year, month as i8, 1).ok()?;
    Some(Span { start, end: start.checked_add(1.month()).ok()? })
}

/// One day.
pub(crate) fn day_of(year: i16, month: i16, day: i16) -> Option<Span> {
    let start = Date::new(year, month as i8, i8::try_from(day).ok()?).ok()?;
    Some(Span { start, end: start.checked_add(1.day()).ok()? })
}

/// A year that photos are from. Photographs begin in 1826.
pub(crate) fn year_number(text: &str) -> Option<i16> {
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|year| is_year && (1800..=2199).contains(year))
}

/// `2019`, `2019-06` or `2019-06-04`.
pub(crate) fn day(text: &str) -> Result<Span, String> {
    let expected = || {
        let numbers = if text.starts_with(char::is_alphabetic) { " in numbers" } else { "" };
        format!("expected a date{numbers}, as 2019, 2019-06 or 2019-06-04")
    };
    let mut parts = text.split('-');
    let year_text = parts.next().unwrap_or_default();
    let number = year_number(year_text).ok_or_else(expected)?;
    let two = |text: &str| {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i16>().ok().filter(|_| is_number)
    };
    let span = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => year(number),
        (Some(month), None, _) => two(month).and_then(|month| month_of(number, month)),
        (Some(month), Some(day), None) => two(month).zip(two(day)).and_then(|(month, day)| day_of(number, month, day)),
        _ => None,
    };
    span.ok_or_else(expected)
}

/// A day, month or year, or several from one to another.
pub(crate) fn days(text: &str) -> Result<Range, String> {
    let Some((from, to)) = text.split_once("..") else { return day(text).map(Range::from) };
    if from.is_empty() && to.is_empty() {
        return Err("expected a date on one side of the dots".to_owned());
    }
    let one = |text: &str| if text.is_empty() { Ok(None) } else { day(text).map(Some) };
    let (from, to) = (one(from)?, one(to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from.start >= to.end
    {
        return Err("expected the earlier date before the dots".to_owned());
    }
    Ok(Range { from: from.map(|span| span.start), to: to.map(|span| span.end) })
}

/// Years, compared or from one to another.
pub(crate) fn years(text: &str) -> Result<Range, String> {
    let one = |text: &str| year_number(text).ok_or_else(|| "expected a year, as 2019 or 2019..2021".to_owned());
    let (from, to) = bounds(text, one)?;
    let start = |number: i16| Date::new(number, 1, 1).ok();
    Ok(Range {
        from: match from {
            Bound::Included(number) => start(number),
            Bound::Excluded(number) => start(number + 1),
            Bound::Unbounded => None,
        },
        to: match to {
            Bound::Included(number) => start(number + 1),
            Bound::Excluded(number) => start(number),
            Bound::Unbounded => None,
        },
    })
}
