//! Whatever is said of a date, the condition means exactly that, or there is none.

use std::ops::Bound;

use clip_index::{Filter, NumberField};
use jiff::ToSpan;
use jiff::civil::Date;
use proptest::prelude::*;

use crate::language::{Expr, ParseOptions, parse, values};

/// A Monday.
const TODAY: Date = Date::constant(2026, 11, 30);

fn read(text: &str, literal: bool) -> Expr {
    parse(text, &ParseOptions { today: TODAY, literal }).unwrap().expr
}

#[test]
fn phrases() {
    for (phrase, condition) in [
        // periods
        ("yesterday", "on:2026-11-29"),
        ("last summer", "on:2026-06..2026-08"),
        ("in the summer of last year", "on:2025-06..2025-08"),
        ("during the summer of 2018", "on:2018-06..2018-08"),
        ("last fall", "on:2025-09..2025-11"),
        ("last march", "on:2026-03"),
        ("this march", "on:2026-03"),
        ("in June last year", "on:2025-06"),
        ("in June, 2019", "on:2019-06"),
        ("in June in 2019", "on:2019-06"),
        ("in the year 2019", "on:2019"),
        ("taken in 2019", "on:2019"),
        ("on the 4th of June 2019", "on:2019-06-04"),
        ("in the 1990s", "on:1990..1999"),
        ("in the 2000s", "on:2000..2009"),
        ("in march", "month:3"),
        ("in may", "month:5"),
        // before and after periods and moments
        ("before last summer", "before:2026-06"),
        ("before yesterday", "before:2026-11-29"),
        ("before last year", "before:2025"),
        ("before the 1990s", "before:1990"),
        ("before June 2019", "before:2019-06"),
        ("before 4 June 2019", "before:2019-06-04"),
        ("taken before 2010", "before:2010"),
        ("after last summer", "after:2026-08"),
        ("after winter 2018", "after:2019-02"),
        ("after last week", "after:2026-11-29"),
        ("since last year", "on:2025.."),
        ("since last summer", "on:2026-06.."),
        ("since yesterday", "on:2026-11-29.."),
        ("since March", "on:2026-03.."),
        ("since December", "on:2025-12.."),
        ("from 2019 on", "on:2019.."),
        ("until last year", "on:..2025"),
        ("until last summer", "on:..2026-08"),
        ("up to June 2019", "on:..2019-06"),
        // ranges
        ("from June to August 2019", "on:2019-06..2019-08"),
        ("from 4 to 6 June 2019", "on:2019-06-04..2019-06-06"),
        ("from 28 June to 2 July 2019", "on:2019-06-28..2019-07-02"),
        ("from the 4th to the 6th of June 2019", "on:2019-06-04..2019-06-06"),
        ("from yesterday to today", "on:2026-11-29..2026-11-30"),
        ("from June 2019 until last summer", "on:2019-06..2026-08"),
        ("from spring to autumn 2018", "on:2018-03..2018-11"),
        ("between June and August last year", "on:2025-06..2025-08"),
        ("between last summer and yesterday", "on:2026-06..2026-11-29"),
        ("2015 - 2018", "on:2015..2018"),
        ("2015-2018", "on:2015..2018"),
        ("2015–2018", "on:2015..2018"),
        ("2015 to 2018", "on:2015..2018"),
        ("june - august 2019", "on:2019-06..2019-08"),
        ("4-6 June 2019", "on:2019-06-04..2019-06-06"),
        ("from june to august", "month:6..8"),
        ("between november and february", "month:11..2"),
        // alternatives
        ("in June or July 2019", "on:2019-06,2019-07"),
        ("in June and July 2019", "on:2019-06,2019-07"),
        ("in June or in July 2019", "on:2019-06,2019-07"),
        ("in 2015 or 2018", "on:2015,2018"),
        ("2015 and 2018", "on:2015,2018"),
        ("on 4 or 6 June 2019", "on:2019-06-04,2019-06-06"),
        ("yesterday or today", "on:2026-11-29,2026-11-30"),
        ("this or last year", "on:2026,2025"),
        ("in june or july", "month:6,7"),
        // not
        ("not in 2019", "-on:2019"),
        ("but not in 2019", "-on:2019"),
        ("except 2019", "-on:2019"),
        ("except for June 2019", "-on:2019-06"),
        ("without 2019", "-on:2019"),
        ("not taken in 2019", "-on:2019"),
        ("not in June or July 2019", "-on:2019-06,2019-07"),
        ("not from 2015 to 2018", "-on:2015..2018"),
        ("not before 2019", "-before:2019"),
        ("not in june", "-month:6"),
    ] {
        for text in [format!("dog {phrase}"), format!("dog {}.", phrase.to_uppercase().replace("NOT", "not"))] {
            let expr = read(&text, false);
            assert_eq!(expr.to_string(), format!("dog + {condition}"), "{text}");
            assert_eq!(read(&expr.to_string(), false), expr, "{text}");
            assert_eq!(read(&text, true), Expr::Text(text.clone()));
        }
    }
}

/// What is not understood as a whole is no condition, even if a part of it would be.
#[test]
fn half_a_phrase_is_no_condition() {
    for text in [
        "dog older than 2015",
        "dog newer than 2015",
        "dog newer than last summer",
        "dog unlike in 2019",
        "dog no later than 2015",
        "dog not until 2019",
        "dog not since 2019",
        "dog next to june 2019",
        "dog or 2019",
        "dog in June or 2019",
        "dog in 2015, 2016 or 2017",
        "dog in June, July and August 2019",
        "dog in 2018 or cat in 2019",
        "dog in june or cat in july",
        "dog on or before 2019",
        "dog before or after 2019",
        "dog the day before yesterday",
        "the week after 4 June 2019",
        "two years before 2019",
        "two weeks from yesterday",
        "dog at the end of June 2019",
        "dog in early 2019",
        "dog early in 2019",
        "dog mid-june 2019",
        "dog mid june 2019",
        "the first week of june 2019",
        "dog every summer 2019",
        "dog next june 2019",
        "dog in the last week",
        "dog the last summer",
        "his last fall",
        "dog around 2019",
        "about 2019",
        "calendar for 2019",
        "a man born in 1990",
        "a house built before 2010",
        "a book on 2019",
        "dog from 2018 to 2015",
        "dog from december to february 2019",
        "dog june 31 2019",
        "dog on 31 june 2019",
        "dog on 4 June in 2019",
        "dog 31 - 4 june 2019",
        "dog from june 2019 to august",
        "dog 4 june last",
        "dog in the 1800s",
        "dog in the 1900s",
        "music of the 1990s",
        "love the 1990s",
        "people on the march",
        "people on march",
        "people on the march of 2019",
        "people in the march",
        "the may",
        "photos of april",
        "a letter from june",
        "before june",
        "until may",
        "waterfall in fall",
        "hot spring",
        "2015 - 2018",
        "2015 or 2018",
        "dog (not) 2019 or so",
        "usually in 2019",
        "dog isn't from 2019",
        "new year 2019",
        "a bath in this spring",
        "dog in summer 2018 or 2019",
        "dog in June 2018 or 2019",
        "dog from summer 2018 to 2019",
        "dog 4 June or July 2019",
        "dog apart from 2019",
        "dog aside from last summer",
        "dog minus 2019",
        "dog predating 2019",
        "all but photos from 2019",
        "all photos except those from 2019",
        "no pictures of 2019",
        "everything but photos taken in 2019",
        "photos that aren't taken in 2019",
        "photos not seen in 2019",
        "dog not only in 2019",
        "before 2019 and after 2015",
        "dog after 2015 before 2019",
        "dog in june since 2015",
        "dog last year in june",
        "neither in 2019 nor in 2020",
        "most of last summer",
        "shortly after 2010",
        "the summer before last year",
    ] {
        let expr = read(text, false);
        assert!(!expr.to_string().contains(':'), "{text} is {expr}");
        assert_eq!(read(&expr.to_string(), false), expr, "{text}");
    }
    let long = format!("{}dog in 2019", "a ".repeat(300));
    assert_eq!(read(&long, false), Expr::Text(long));
    // The words that change what it means may be outside of the description.
    for (text, meaning) in [
        ("dog NOT in June 2019", "dog + -in + June 2019"),
        ("dog -in June 2019", "dog + -in + June 2019"),
        ("dog -june 4 2019", "dog + -june + 4 2019"),
        ("dog not (in June 2019)", "dog not + in June 2019"),
        ("dog -people in June 2019", "dog + -people + on:2019-06"),
        ("dog (not in June 2019)", "dog + -on:2019-06"),
    ] {
        let expr = read(text, false);
        assert_eq!(expr.to_string(), meaning, "{text}");
        assert_eq!(read(meaning, false), expr, "{text}");
    }
    for (text, meaning) in [
        ("Paris - June 2019", "Paris + on:2019-06"),
        ("beach without people in 2019", "beach without people + on:2019"),
        ("those from 2019", "those + on:2019"),
        ("iphone 11 in 2019", "iphone 11 + on:2019"),
        ("a dog outside in 2019", "a dog outside + on:2019"),
        ("all photos of 2019", "on:2019"),
        ("a week in June 2019", "a week + on:2019-06"),
    ] {
        assert_eq!(read(text, false).to_string(), meaning, "{text}");
    }
}

/// Days from one to another, which is not among them, and how that is said.
#[derive(Debug, Clone)]
struct Named {
    words: String,
    from: Date,
    to: Date,
}

impl Named {
    /// Told in days, in months or in years.
    fn exactness(&self) -> u8 {
        match (self.to - self.from).get_days() {
            ..10 => 0,
            10..300 => 1,
            _ => 2,
        }
    }
}

fn span(words: String, span: Option<values::Span>) -> Named {
    let span = span.unwrap();
    Named { words, from: span.start, to: span.end }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn named() -> impl Strategy<Value = Named> {
    let (years, months) = (2014i16..2026, 1i16..13);
    let day = |year, month, day| values::day_of(year, month, day);
    prop_oneof![
        years.clone().prop_map(|year| span(year.to_string(), values::year(year))),
        (years.clone(), months.clone()).prop_map(|(year, month)| {
            span(format!("{} {year}", MONTHS[month as usize - 1]), values::month_of(year, month))
        }),
        (years.clone(), months.clone(), 1i16..29, 0..3).prop_map(move |(year, month, number, form)| {
            let name = MONTHS[month as usize - 1];
            let words = match form {
                0 => format!("{number} {name} {year}"),
                1 => format!("{name} {number}, {year}"),
                _ => format!("{year}-{month:02}-{number:02}"),
            };
            span(words, day(year, month, number))
        }),
        (years, 0..3i16).prop_map(|(year, season)| {
            let (from, to) = (3 * season + 3, 3 * season + 5);
            let to = values::month_of(year, to).unwrap().end;
            let from = values::month_of(year, from).unwrap().start;
            Named { words: format!("{} {year}", ["spring", "summer", "autumn"][season as usize]), from, to }
        }),
        prop::sample::select(vec![
            ("yesterday", "2026-11-29", "2026-11-30"),
            ("last summer", "2026-06-01", "2026-09-01"),
            ("last year", "2025-01-01", "2026-01-01"),
            ("last month", "2026-10-01", "2026-11-01"),
            ("last week", "2026-11-23", "2026-11-30"),
            ("last May", "2026-05-01", "2026-06-01"),
            ("June last year", "2025-06-01", "2025-07-01"),
        ])
        .prop_map(|(words, from, to)| Named {
            words: words.to_owned(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }),
    ]
}

/// Ranges of days, of which any is meant, or none of them is.
#[derive(Debug, Clone)]
struct Meaning {
    ranges: Vec<(Option<Date>, Option<Date>)>,
    negated: bool,
}

/// What is said, what that means if it means anything of the time of a photo, and whether that must be understood.
fn said() -> impl Strategy<Value = (String, Option<Meaning>, bool)> {
    let descriptions = prop::sample::select(vec![
        "two people at night",
        "people on the march",
        "a fall",
        "route 66",
        "cats and dogs",
        "the day",
        "we were never",
        "older",
        "Paris -",
        "in 2012 with",
        "early",
        "",
    ]);
    let understood = prop::sample::select(vec![
        "dog",
        "a red car",
        "snow on the roof",
        "two people at home",
        "May with a cake",
        "a dog or a cat",
    ]);
    let descriptions =
        prop_oneof![descriptions.prop_map(|text| (text, false)), understood.prop_map(|text| (text, true))];
    (descriptions, named(), named(), 0..24).prop_map(|((description, is_plain), one, other, form)| {
        let (from, to) = (Some(one.from), Some(one.to));
        let (a, b) = (&one.words, &other.words);
        let all = |ranges: &[(Option<Date>, Option<Date>)]| Some(Meaning { ranges: ranges.to_vec(), negated: false });
        let not = |ranges: &[(Option<Date>, Option<Date>)]| Some(Meaning { ranges: ranges.to_vec(), negated: true });
        let is_same = one.exactness() == other.exactness();
        let is_range = one.from < other.to && (is_same || b.len() > 4);
        let range = is_range.then(|| all(&[(from, Some(other.to))])).flatten();
        let both = [(from, to), (Some(other.from), Some(other.to))];
        let (words, meaning) = match form {
            0 => (a.clone(), all(&[(from, to)])),
            1 => (format!("in {a}"), all(&[(from, to)])),
            2 => (format!("before {a}"), all(&[(None, from)])),
            3 => (format!("after {a}"), all(&[(to, None)])),
            4 => (format!("since {a}"), all(&[(from, None)])),
            5 => (format!("until {a}"), all(&[(None, to)])),
            6 => (format!("from {a} to {b}"), range),
            7 => (format!("between {a} and {b}"), range),
            8 => (format!("{a} - {b}"), range),
            9 => (format!("in {a} or {b}"), all(&both).filter(|_| is_same)),
            10 => (format!("{a} and {b}"), all(&both).filter(|_| is_same)),
            11 => (format!("not in {a}"), not(&[(from, to)])),
            12 => (format!("except {a}"), not(&[(from, to)])),
            13 => (format!("not before {a}"), not(&[(None, from)])),
            14 => (format!("not in {a} or {b}"), not(&both).filter(|_| is_same)),
            15 => (format!("older than {a}"), None),
            16 => (format!("unlike {a}"), None),
            17 => (format!("around {a}"), None),
            18 => (format!("the week before {a}"), None),
            19 => (format!("early in {a}"), None),
            20 => (format!("in {a} or something else in {b}"), None),
            21 => (format!("on or after {a}"), None),
            22 => (format!("the end of {a}"), None),
            _ => (format!("from {a} to nowhere in {b}"), None),
        };
        let must = is_plain && meaning.is_some();
        // What stands before may make it mean something else.
        let changes = matches!(description, "we were never" | "older" | "in 2012 with" | "early")
            || description == "the day" && matches!(form, 2..=7);
        let meaning = if changes { None } else { meaning };
        (format!("{description} {words}").trim().to_owned(), meaning, must)
    })
}

fn conditions(expr: &Expr) -> Vec<Filter> {
    match expr {
        Expr::And(exprs) => exprs.iter().flat_map(conditions).collect(),
        Expr::Condition { filter, .. } => vec![filter.clone()],
        Expr::Not(expr) => conditions(expr).into_iter().map(|filter| Filter::Not(Box::new(filter))).collect(),
        _ => Vec::new(),
    }
}

fn meets(filter: &Filter, day: Date) -> bool {
    match filter {
        Filter::Number { field: NumberField::TakenAt, from, to } => {
            let noon = values::seconds(day) + 43_200.0;
            let is_after = match from {
                Bound::Unbounded => true,
                Bound::Included(from) | Bound::Excluded(from) => noon > *from,
            };
            let is_before = match to {
                Bound::Unbounded => true,
                Bound::Included(to) | Bound::Excluded(to) => noon < *to,
            };
            is_after && is_before
        }
        Filter::Month(month) => i16::from(*month) == i16::from(day.month()),
        Filter::Any(filters) => filters.iter().any(|filter| meets(filter, day)),
        Filter::Not(filter) => !meets(filter, day),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]
    #[test]
    fn a_condition_means_what_was_said((text, meaning, must) in said()) {
        let expr = read(&text, false);
        let conditions = conditions(&expr);
        prop_assert_eq!(&read(&expr.to_string(), false), &expr);
        if conditions.is_empty() {
            prop_assert!(!must, "nothing was understood of {}", text);
            prop_assert_eq!(expr, Expr::Text(text));
            return Ok(());
        }
        let Some(meaning) = meaning else { return Err(TestCaseError::fail(format!("{text} became {expr}"))) };
        // All ends, and days in between.
        let ends = meaning.ranges.iter().flat_map(|(from, to)| from.iter().chain(to));
        let near = ends.flat_map(|&end| (-1i64..=1).map(move |days| end.checked_add(days.days()).unwrap()));
        let between = (0i64..700).map(|week| Date::constant(2013, 12, 1).checked_add((week * 7).days()).unwrap());
        for day in near.chain(between) {
            let is_within = meaning.ranges.iter().any(|(from, to)| {
                from.is_none_or(|from| day >= from) && to.is_none_or(|to| day < to)
            });
            let is_met = conditions.iter().all(|filter| meets(filter, day));
            prop_assert_eq!(is_met, is_within != meaning.negated, "{} became {}: {}", text, expr, day);
        }
    }
}
