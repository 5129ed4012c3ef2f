//! What queries mean, that they are read without a panic whatever they are, and that what is written is read again.

use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;

use super::limits::DEEPEST_SEARCH;
use super::*;

fn options() -> ParseOptions {
    // A Friday.
    ParseOptions { today: Date::constant(2024, 9, 13), literal: false }
}

fn read(text: &str) -> Parsed {
    parse(text, &options()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A query as it is understood, with what is told.
fn understood(text: &str) -> String {
    read(text).expr.to_string()
}

fn error(text: &str) -> (String, Range<usize>) {
    let error = parse(text, &options()).unwrap_err();
    (error.to_string(), error.span)
}

#[test]
fn prose_is_a_description() {
    for prose in [
        "a dog on a beach",
        "rock 'n' roll",
        "a t-shirt with stripes",
        "screen with 16:9 format at 12:30",
        "Paris - Eiffel tower",
        "smile :) and :-)",
        "sad:( or :( or ;-)) or ^_^) or :'( or ¯\\_(ツ)_/¯",
        "50% off!",
        "IMG_1234(1).jpg",
        "DO NOT ENTER sign",
        "black & white",
        "see http://example.com/x",
        "北京的秋天",
        "🐕 on the 🏖",
        "well-known face",
        "5'10\" man",
        "and/or",
        "tom@example.com",
        "C++ book",
    ] {
        assert_eq!(read(prose).expr, Expr::Text(prose.to_owned()), "{prose}");
    }
}

#[test]
fn syntax() {
    for (query, meaning) in [
        ("a  dog\non a beach", "a dog on a beach"),
        ("dog | cat", "dog | cat"),
        ("dog|cat", "dog | cat"),
        ("dog OR black cat", "dog | black cat"),
        ("beach -people", "beach + -people"),
        ("beach NOT people", "beach + -people"),
        ("beach −people", "beach + -people"),
        ("2:snow - \"sports car\"", "2:snow + -\"sports car\""),
        ("./beach.jpg + night", "file:\"./beach.jpg\" + night"),
        ("file:\"my beach.jpg\" AND night", "file:\"my beach.jpg\" + night"),
        ("dog camera:nikon on a beach", "dog on a beach + camera:nikon"),
        ("dog \"red ball\" beach", "dog + \"red ball\" + beach"),
        ("“red ball”", "\"red ball\""),
        ("(dog | cat) -(camera:nikon iso:>800)", "(dog | cat) + -(camera:nikon + iso:>800)"),
        ("0.5:(dog on a beach) like:17", "0.5:(dog on a beach) + like:17"),
        ("@holidays sea", "@holidays + sea"),
        ("-\"red car\"", "-\"red car\""),
        ("camera:\"Nikon D70\"", "camera:\"Nikon D70\""),
        ("(((dog)))", "dog"),
    ] {
        assert_eq!(understood(query), meaning, "{query}");
        assert_eq!(read(meaning).expr, read(query).expr, "{query}");
        assert_eq!(read(query).notes, [], "{query}");
    }
}

#[test]
fn dates_at_the_end() {
    for (query, meaning) in [
        ("a dog in June 2019", "a dog + on:2019-06"),
        ("a dog, june 2019.", "a dog + on:2019-06"),
        ("beach 2019", "beach + on:2019"),
        ("beach in 2019", "beach + on:2019"),
        ("beach on 4 June 2019", "beach + on:2019-06-04"),
        ("beach on the 4th of june 2019", "beach + on:2019-06-04"),
        ("beach june 4 2019", "beach + on:2019-06-04"),
        ("beach 2019-06-04", "beach + on:2019-06-04"),
        ("dog last summer", "dog + on:2024-06..2024-08"),
        ("dog last autumn", "dog + on:2023-09..2023-11"),
        ("snow last winter", "snow + on:2023-12..2024-02"),
        ("snow in the winter of 2018", "snow + on:2018-12..2019-02"),
        ("snow winter 2018", "snow + on:2018-12..2019-02"),
        ("dog yesterday", "dog + on:2024-09-12"),
        ("dog last week", "dog + on:2024-09-02..2024-09-08"),
        ("dog this week", "dog + on:2024-09-09..2024-09-15"),
        ("dog last month", "dog + on:2024-08"),
        ("dog last june", "dog + on:2024-06"),
        ("dog last october", "dog + on:2023-10"),
        ("dog from last year", "dog + on:2023"),
        ("dog since 2020", "dog + on:2020.."),
        ("dog before 2010", "dog + before:2010"),
        ("dog after march 2010", "dog + after:2010-03"),
        ("dog from 2015 to 2018", "dog + on:2015..2018"),
        ("dog between may 2015 and june 2016", "dog + on:2015-05..2016-06"),
        ("cars in the 1990s", "cars + on:1990..1999"),
        ("flowers in june", "flowers + month:6"),
        ("photos from last summer", "on:2024-06..2024-08"),
        ("yesterday", "on:2024-09-12"),
        ("dog in June 2019 | cat in 2018", "dog + on:2019-06 | cat + on:2018"),
    ] {
        assert_eq!(understood(query), meaning, "{query}");
        assert!(!read(query).notes.is_empty(), "{query}");
        assert_eq!(read(meaning).expr, read(query).expr, "{query}");
    }
    // What is no date, or says what a photo shows.
    for prose in [
        "a calendar for 2019 and a pen",
        "beach in summer",
        "house number 1234",
        "a space odyssey 2101",
        "2019",
        "may",
        "the last supper",
        "on 31 February 2019 we met",
        "from 2018 to 2015",
    ] {
        assert_eq!(read(prose).expr, Expr::Text(prose.to_owned()), "{prose}");
    }
    let literal = ParseOptions { literal: true, ..options() };
    let text = "\"a dog\" -cat in 2019";
    assert_eq!(parse(text, &literal).unwrap().expr, Expr::Text(text.to_owned()));
}

#[test]
fn conditions() {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use clip_index::{Filter, Kind, NumberField, Property, Shape, TextField};
    let filter = |query: &str| match read(query).expr {
        Expr::Condition { filter, .. } => filter,
        other => panic!("{query} is {other:?}"),
    };
    let number = |field, from, to| Filter::Number { field, from, to };
    let text = |field, text: &str| Filter::Text { field, text: text.to_owned() };
    let day = 86_400.0;
    for (query, expected) in [
        ("iso:>800", number(NumberField::Iso, Excluded(800.0), Unbounded)),
        ("iso:>=800", number(NumberField::Iso, Included(800.0), Unbounded)),
        ("ISO:<800", number(NumberField::Iso, Unbounded, Excluded(800.0))),
        ("iso:100..400", number(NumberField::Iso, Included(100.0), Included(400.0))),
        ("iso:..400", number(NumberField::Iso, Unbounded, Included(400.0))),
        ("rating:5", number(NumberField::Rating, Included(5.0), Included(5.0))),
        ("focal:24mm..70mm", number(NumberField::FocalLength, Included(24.0), Included(70.0))),
        ("name:\"IMG(1\"", text(TextField::Name, "IMG(1")),
        ("f:2.8", number(NumberField::Aperture, Included(f64::from(2.8f32)), Included(f64::from(2.8f32)))),
        ("aperture:<f/4", number(NumberField::Aperture, Unbounded, Excluded(4.0))),
        ("exposure:1/250", number(NumberField::ExposureTime, Included(0.004 * 0.97), Included(0.004 * 1.03))),
        ("shutter:>1/4s", number(NumberField::ExposureTime, Excluded(0.25 * 1.03), Unbounded)),
        ("exposure:>=2s", number(NumberField::ExposureTime, Included(2.0 * 0.97), Unbounded)),
        ("exposure:1/8..1/4", number(NumberField::ExposureTime, Included(0.125 * 0.97), Included(0.25 * 1.03))),
        ("ev:-2..-1/2", number(NumberField::Compensation, Included(-2.05), Included(-0.5 + 0.05))),
        ("ev:<0", number(NumberField::Compensation, Unbounded, Excluded(-0.05))),
        ("ev:+0.5", number(NumberField::Compensation, Included(0.5 - 0.05), Included(0.5 + 0.05))),
        ("duration:1:30", number(NumberField::Duration, Included(90.0), Included(90.0 + 0.9995))),
        ("duration:>90s", number(NumberField::Duration, Excluded(90.0 + 0.9995), Unbounded)),
        ("duration:<0:30", number(NumberField::Duration, Unbounded, Excluded(30.0))),
        ("duration:1:30..5:00", number(NumberField::Duration, Included(90.0), Included(300.0 + 0.9995))),
        ("duration:>=1:02:03", number(NumberField::Duration, Included(3723.0), Unbounded)),
        ("duration:2min..1.5h", number(NumberField::Duration, Included(120.0), Included(5400.0 + 0.9995))),
        ("duration:90:00", number(NumberField::Duration, Included(5400.0), Included(5400.0 + 0.9995))),
        ("duration:<=2.5", number(NumberField::Duration, Unbounded, Included(2.5 + 0.0005))),
        ("flash:on", Filter::Flash(true)),
        ("burst:5E9B-11", Filter::Burst("5E9B-11".into())),
        ("has:motion", Filter::Has(Property::Motion)),
        ("has:text", Filter::Has(Property::Text)),
        ("text:\"no parking\"", text(TextField::Text, "no parking")),
        ("size:>2MB", number(NumberField::Size, Excluded(2e6), Unbounded)),
        ("size:<1.5k", number(NumberField::Size, Unbounded, Excluded(1500.0))),
        ("width:>=4000", number(NumberField::Width, Included(4000.0), Unbounded)),
        ("year:1970", number(NumberField::TakenAt, Included(0.0), Excluded(365.0 * day))),
        ("year:>1970", number(NumberField::TakenAt, Included(365.0 * day), Unbounded)),
        ("year:1970..1971", number(NumberField::TakenAt, Included(0.0), Excluded(730.0 * day))),
        ("on:1970-02", number(NumberField::TakenAt, Included(31.0 * day), Excluded(59.0 * day))),
        ("before:1970-01-02", number(NumberField::TakenAt, Unbounded, Excluded(day))),
        ("after:1970-01-02", number(NumberField::TakenAt, Included(2.0 * day), Unbounded)),
        ("month:june", Filter::Month(6)),
        ("month:nov..feb", Filter::Any([11, 12, 1, 2].map(Filter::Month).to_vec())),
        ("ext:JPG,.png", Filter::Any(vec![Filter::Extension("jpg".into()), Filter::Extension("png".into())])),
        ("camera:nikon", text(TextField::Camera, "nikon")),
        ("lens:\"50mm, f/1.8\"", text(TextField::Lens, "50mm, f/1.8")),
        ("name:IMG_1234", text(TextField::Name, "IMG_1234")),
        ("tag:holiday", text(TextField::Tag, "holiday")),
        ("person:anna", text(TextField::Person, "anna")),
        ("label:red", text(TextField::Label, "red")),
        ("place:\"New York, NY\"", text(TextField::Place, "New York, NY")),
        ("has:people", Filter::Has(Property::Person)),
        ("is:portrait", Filter::Shape(Shape::Portrait)),
        ("is:video", Filter::Kind(Kind::Video)),
        ("kind:photo", Filter::Kind(Kind::Photo)),
        ("has:gps", Filter::Has(Property::Gps)),
        ("near:48.86,2.35,10km", Filter::Near { latitude: 48.86, longitude: 2.35, kilometres: 10.0 }),
        ("under:/photos/2019", Filter::Under("/photos/2019".into())),
    ] {
        assert_eq!(filter(query), expected, "{query}");
        let negated = read(&format!("-{query}")).alternatives().unwrap();
        assert_eq!(negated.len(), 1);
        assert_eq!(negated[0].filter, Filter::Not(Box::new(expected)), "{query}");
        assert!(negated[0].terms.is_empty());
    }
}

/// A name is one wherever a condition may be, however it is written; names for the same thing take the same values.
#[test]
fn every_name_is_one_everywhere() {
    for (names, values) in [
        (&["aperture", "f"][..], &["2.8", "f/2.8", "F2.8", "f/2..f/4", "<f/4", ">=F/4", "..f/4", "=2", "2,f/4"][..]),
        (&["exposure", "shutter"], &["1/250", ">=2s", "1/60..1/30"]),
        (&["on"], &["2019-06", "2019..2021", "2018,2019"]),
        (&["after", "before"], &["2019-06"]),
        (&["camera", "label", "lens", "name", "path", "person", "place", "tag", "title", "burst", "under"], &["a"]),
        (&["ext"], &["jpg", ".jpg"]),
        (&["ev"], &["-1", "<0"]),
        (&["duration"], &["90", "1:30", "<1:02:03", "1:30..5:00", "..5min", "0:10,0:20"]),
        (&["flash"], &["on"]),
        (&["focal", "height", "iso", "rating", "size", "width"], &["5", ">=5", "..5"]),
        (&["has"], &["gps"]),
        (&["is", "kind"], &["video"]),
        (&["month"], &["june", "6", "nov..feb"]),
        (&["near"], &["1,2,3"]),
        (&["year"], &["2019", ">2019"]),
        (&["file"], &["a.jpg"]),
        (&["like"], &["5"]),
    ] {
        for value in values {
            let first = crate::language::fields::read(names[0], value, false);
            for name in names {
                assert!(crate::language::fields::NAMES.contains(name));
                let is_field = |query: &str| {
                    let parsed = read(query);
                    assert!(matches!(parsed.expr, Expr::And(_)), "{query}: {}", parsed.expr);
                    assert_eq!(parsed.notes, [], "{query}");
                };
                is_field(&format!("{name}:{value} dog"));
                is_field(&format!("{name}:\"{value}\" dog"));
                is_field(&format!("-{}:{value} dog", name.to_uppercase()));
                is_field(&format!("2:({name}:{value}) dog"));
                if matches!(*name, "like" | "file") {
                    is_field(&format!("dog - {}:{value}", name.to_uppercase()));
                }
                let own = crate::language::fields::read(name, value, false);
                if names.len() == 2 && names != ["after", "before"] && names != ["is", "kind"] {
                    assert_eq!(own, first, "{name}:{value}");
                }
            }
        }
    }
    // A drive, and what is none.
    for path in ["f:/photos", "F:\\photos", "c:2.8"] {
        let parsed = read(path);
        assert_eq!((parsed.expr, parsed.notes), (Expr::Text(path.to_owned()), Vec::new()));
    }
    assert!(matches!(read("f:fast").notes[..], [Note::NotACondition { .. }]));
}

#[test]
fn what_looks_like_a_condition_is_told() {
    for (query, reason) in [
        ("a foo:bar", "there is no condition foo:"),
        ("a camra:nikon", "there is no condition camra:; there is camera:"),
        ("a iso:abc", "expected a number"),
        ("a exposure:fast", "expected an exposure time, as 1/250 or 2s"),
        ("a exposure:1/0", "expected an exposure time, as 1/250 or 2s"),
        ("a exposure:-1", "expected an exposure time, as 1/250 or 2s"),
        ("a aperture:fast", "expected an f-number, as 2.8 or f/2.8"),
        ("a f:2x", "expected an f-number, as 2.8 or f/2.8"),
        ("a ev:--1", "expected steps of exposure, as -0.7 or 1"),
        ("a duration:long", "expected a duration, as 90, 1:30 or 5min"),
        ("a duration:1:75", "expected a duration, as 90, 1:30 or 5min"),
        ("a duration:1:75:00", "expected a duration, as 90, 1:30 or 5min"),
        ("a duration:1:2:3:4", "expected a duration, as 90, 1:30 or 5min"),
        ("a duration:-5", "expected a duration, as 90, 1:30 or 5min"),
        ("a flash:maybe", "expected on or off"),
        ("a year:12", "expected a year, as 2019 or 2019..2021"),
        ("a on:2019-13", "expected a date, as 2019, 2019-06 or 2019-06-04"),
        ("a month:smarch", "expected a month, as 6 or june"),
        ("a near:48", "expected latitude, longitude and kilometres, as near:48.86,2.35,10"),
        ("a iso:400..100", "expected the smaller number before the dots"),
        ("a iso:..", "expected a number on one side of the dots"),
        (
            "a near:Paris",
            "expected latitude, longitude and kilometres, as near:48.86,2.35,10; the name of a place goes after place:",
        ),
        ("a iso:100-400", "expected two dots between two numbers, as 100..400"),
        ("a width:100–400", "expected two dots between two numbers, as 100..400"),
        ("a year:2019-2021", "expected two dots between two numbers, as 2019..2021"),
        ("a on:yesterday", "expected a date in numbers, as 2019, 2019-06 or 2019-06-04"),
        ("a like:dog", "expected the id of a photo"),
        ("a is:nice", "expected landscape, portrait, square, photo or video"),
        ("a camera:-", "expected a word"),
    ] {
        let parsed = read(query);
        assert_eq!(parsed.expr, Expr::Text(query.to_owned()));
        let Note::NotACondition { span, text, reason: found } = &parsed.notes[0] else { panic!("{query}") };
        assert_eq!((&query[span.clone()], text.as_str(), found.as_str()), (&query[2..], &query[2..], reason));
    }
}

#[test]
fn values_that_have_come_away_are_told() {
    for (query, told, reason) in [
        ("camera: nikon", "camera:", "expected a value right after the colon"),
        ("dog -Camera: nikon", "Camera:", "expected a value right after the colon"),
        ("dog has:", "has:", "expected a value right after the colon"),
        ("dog size:>2 MB", "size:>2", "expected the unit right after the number, as size:>2MB"),
        ("dog size:1..2 gb", "size:1..2", "expected the unit right after the number, as size:1..2gb"),
    ] {
        let parsed = read(query);
        let [Note::NotACondition { span, text, reason: found }] = parsed.notes.as_slice() else {
            panic!("{query}: {:?}", parsed.notes)
        };
        assert_eq!((&query[span.clone()], text.as_str(), found.as_str()), (told, told, reason));
        assert!(!parsed.expr.to_string().contains("size:>2 +"), "{query}");
    }
    for prose in ["F: dog", "note: a dog", "size:2MB mb", "size:>2000 people", "12: dog"] {
        assert_eq!(read(prose).notes, [], "{prose}");
    }
    assert_eq!(understood("iso:≥800 focal:≤50"), "iso:≥800 + focal:≤50");
    assert_eq!(read("iso:≥800").alternatives(), read("iso:>=800").alternatives());
}

#[test]
fn errors_point_at_the_place() {
    for (query, message, span) in [
        ("", "the query is empty", 0..0),
        ("  ", "the query is empty", 0..2),
        ("a \"dog on", "the quotation mark is not closed", 2..3),
        ("a \" \" b", "there is nothing inside", 2..5),
        ("a (dog", "the parenthesis is not closed", 2..3),
        ("a ()", "there is nothing inside", 2..4),
        ("dog)", "the parenthesis was not opened", 3..4),
        ("dog ) cat", "the parenthesis was not opened", 4..5),
        ("(dog))", "the parenthesis was not opened", 5..6),
        ("(dog)) cat", "the parenthesis was not opened", 5..6),
        ("a b(1)) c", "the parenthesis was not opened", 6..7),
        ("-dog)", "the parenthesis was not opened", 4..5),
        ("camera:nikon)", "the parenthesis was not opened", 12..13),
        ("\"dog\")", "the parenthesis was not opened", 5..6),
        ("dog (", "the parenthesis is not closed", 4..5),
        ("é(dog", "the parenthesis is not closed", 2..3),
        ("a(b(c) d", "the parenthesis is not closed", 1..2),
        ("(a b(c)", "the parenthesis is not closed", 0..1),
        ("file:(a", "the parenthesis is not closed", 5..6),
        ("name:IMG(1", "the parenthesis is not closed", 8..9),
        ("camera:(nikon canon)", "expected values with commas between them and no parentheses, as camera:A,B", 7..8),
        ("-iso:(100 | 200)", "expected values with commas between them and no parentheses, as iso:A,B", 5..6),
        ("a | ", "expected something after |", 2..3),
        ("| a", "expected something before |", 0..1),
        ("a | | b", "expected something after |", 2..3),
        ("a +", "expected something after +", 2..3),
        ("+ a", "expected something before +", 0..1),
        ("dogs NOT", "expected something after NOT", 5..8),
        ("200:dog", "expected a weight greater than 0 and at most 100, found 200", 0..4),
        ("0:dog", "expected a weight greater than 0 and at most 100, found 0", 0..2),
    ] {
        assert_eq!(error(query), (message.to_owned(), span), "{query}");
    }
    assert!(error(&"a".repeat(MOST_BYTES + 1)).0.contains("too long"));
    assert!(error(&"(".repeat(100)).0.contains("inside one another"));
    assert!(error(&"(".repeat(60_000)).0.contains("more than 256 parts"));
    assert_eq!(read("-").expr, Expr::Text("-".into()));
    assert!(error(&"camera:a ".repeat(300)).0.contains("more than 256 parts"));
}

#[test]
fn alternatives_are_what_a_searcher_carries_out() {
    let shape = |query: &str| -> Vec<(Vec<(String, f32)>, bool)> {
        let alternatives = read(query).alternatives().unwrap();
        let name = |term: &crate::Term| match term {
            crate::Term::Text(text) => text.clone(),
            crate::Term::Image(path) => path.display().to_string(),
            other => format!("{other:?}"),
        };
        let of = |one: &Alternative| {
            let terms = one.terms.iter().map(|(term, weight)| (name(term), *weight)).collect();
            (terms, one.filter != clip_index::Filter::All(Vec::new()))
        };
        alternatives.iter().map(of).collect()
    };
    let terms =
        |terms: &[(&str, f32)]| terms.iter().map(|&(name, weight)| (name.to_owned(), weight)).collect::<Vec<_>>();
    assert_eq!(shape("a dog on a beach"), [(terms(&[("a dog on a beach", 1.0)]), false)]);
    assert_eq!(shape("dog | cat"), [(terms(&[("dog", 1.0)]), false), (terms(&[("cat", 1.0)]), false)]);
    assert_eq!(shape("beach -people"), [(terms(&[("beach", 1.0), ("people", -1.0)]), false)]);
    assert_eq!(
        shape("2:(./a.jpg + night) -0.5:dog"),
        [(terms(&[("./a.jpg", 2.0), ("night", 2.0), ("dog", -0.5)]), false)]
    );
    // Conditions are one, however they are put together.
    assert_eq!(shape("(camera:nikon | camera:canon) dog"), [(terms(&[("dog", 1.0)]), true)]);
    assert_eq!(shape("camera:nikon | iso:>800"), [(vec![], true)]);
    assert_eq!(shape("-(dog | cat)"), [(terms(&[("dog", -1.0), ("cat", -1.0)]), false)]);
    assert_eq!(shape("-(dog camera:nikon)"), [(terms(&[("dog", -1.0)]), false), (vec![], true)]);
    assert_eq!(shape("dog | camera:nikon cat"), [(terms(&[("dog", 1.0)]), false), (terms(&[("cat", 1.0)]), true)]);
    let many = "(a | b) + (c | d) + (e | f) + (g | h) + (i | j)";
    assert_eq!(read(many).alternatives().unwrap().len(), 32);
    let error = read(&format!("{many} + (k | l)")).alternatives().unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooManyAlternatives);
    let error = read("@none").alternatives().unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::UnknownSearch { name: "none".into() });
}

#[test]
fn saved_searches_are_put_in() {
    let saved = |name: &str| match name {
        "pets" => Some(read("dog | cat").expr),
        "round" => Some(read("@round beach").expr),
        _ => None,
    };
    let resolved = read("beach @pets").expr.resolve(&saved).unwrap();
    assert_eq!(resolved.to_string(), "beach + (dog | cat)");
    let error = read("@round").expr.resolve(&saved).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::CircularSearch { name: "round".into() });
    let error = read("-2:(@nothing)").expr.resolve(&saved).unwrap_err();
    assert_eq!(error.to_string(), "there is no saved search named nothing");
    assert_eq!(read("-(@a | 2:@b) dog @a").expr.searches(), ["a", "b", "a"]);
    assert_eq!(read("a dog -cat").expr.searches(), [""; 0]);
}

#[test]
fn saved_searches_come_to_no_query_of_any_size() {
    // Each of these has the next one `times` times.
    let resolve = |deepest: usize, times: usize| {
        let saved = |name: &str| match name.parse::<usize>().unwrap() {
            number if number == deepest => Some(read("dog").expr),
            number => Some(read(&format!("@{} ", number + 1).repeat(times)).expr),
        };
        read("@1").expr.resolve(&saved).map_err(|error| error.kind)
    };
    assert_eq!(resolve(DEEPEST_SEARCH, 1), Ok(Expr::Text("dog".into())));
    let too_deep = ParseErrorKind::SearchTooDeep { name: (DEEPEST_SEARCH + 1).to_string() };
    assert_eq!(resolve(DEEPEST_SEARCH + 1, 1), Err(too_deep));
    assert_eq!(resolve(DEEPEST_SEARCH, 100), Err(ParseErrorKind::TooManySearches));
}

#[test]
#[cfg(unix)]
fn paths_are_made_absolute() {
    let absolute = |query: &str, folder: &str| with_absolute_paths(query, Path::new(folder));
    for (query, expected) in [
        ("a dog -cat in 2019 16:9", "a dog -cat in 2019 16:9"),
        ("./a.jpg  night", "file:\"/p q/a.jpg\"  night"),
        ("2:(../a.jpg | x) - ./b.jpg", "2:(file:\"/p q/../a.jpg\" | x) - file:\"/p q/b.jpg\""),
        ("file:a.jpg -FILE:\"b  c.jpg\" last summer", "file:\"/p q/a.jpg\" -FILE:\"/p q/b c.jpg\" last summer"),
        ("under:a/b|-under:“c”", "under:\"/p q/a/b\"|-under:\"/p q/c\""),
        ("under:. dog", "under:\"/p q\" dog"),
        ("/x/a.jpg ~/a.jpg under:~ under:/y file:~/z", "/x/a.jpg ~/a.jpg under:~ under:/y file:~/z"),
        ("under:~anna", "under:\"/p q/~anna\""),
        ("path:a/b name:c \"./a.jpg\" note:./a", "path:a/b name:c \"./a.jpg\" note:./a"),
    ] {
        assert_eq!(absolute(query, "/p q").as_deref(), Ok(expected), "{query}");
    }
    // A quotation mark cannot be between others.
    assert_eq!(absolute("./a.jpg b", "/p\"q").as_deref(), Ok("file:/p\"q/a.jpg b"));
    for folder in ["/p\" q", "/p  q\"", "/p  q", "/p\nq"] {
        let error = absolute("dog ./a.jpg", folder).unwrap_err();
        assert_eq!((error.span, error.kind.to_string().contains("cannot write the path")), (4..11, true), "{folder}");
    }
    let no_text = Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"/\xff"));
    assert!(with_absolute_paths("./a.jpg", no_text).is_err());
    assert!(with_absolute_paths("dog", no_text).is_ok());
}

/// Expressions of all kinds, as the grammar makes them.
fn exprs() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "dog",
        "a red car",
        "in June 2019",
        "北京",
        "it's",
        "x-ray",
        "last summer",
        "2019",
        "not in 2019",
        "in June or July 2019",
        "except",
        "before",
        "4 - 6 june 2019",
        "photos",
    ]);
    let fields = prop::sample::select(vec![
        "camera:nikon",
        "iso:>800",
        "year:2019..2021",
        "near:1,2,3",
        "ext:jpg,png",
        "has:gps",
        "size:>2MB",
        "month:june",
        "camera:\"Nikon D70\"",
        "on:2019-06",
        "foo:bar",
        "iso:abc",
        "exposure:<1/60",
        "ev:-1..1",
        "like:5",
        "under:/a/b",
    ]);
    let leaf = prop_oneof![
        words.prop_map(str::to_owned),
        fields.prop_map(str::to_owned),
        "[a-z]{1,5}( [a-z]{1,5}){0,2}".prop_map(|text| format!("\"{text}\"")),
        Just("./a.jpg".to_owned()),
        Just("file:\"b c.jpg\"".to_owned()),
        Just("@saved".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.join(" ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| all.join(" + ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" | "))),
            inner.clone().prop_map(|one| format!("-({one})")),
            (1u8..50, inner.clone()).prop_map(|(weight, one)| format!("{}:({one})", f32::from(weight) / 10.0)),
            inner.prop_map(|one| format!("({one})")),
        ]
    })
}

fn assert_stable(text: &str) {
    crate::fuzzing::query(text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]
    #[test]
    fn what_is_written_is_read_again(query in exprs()) {
        prop_assert!(parse(&query, &options()).is_ok(), "{query}");
        assert_stable(&query);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        assert_stable(&text);
    }
}

/// Strings of the characters and words that mean something.
#[test]
fn a_hundred_thousand_random_strings() {
    const PIECES: &[&str] = &[
        " ",
        " ",
        " ",
        "(",
        ")",
        "|",
        "+",
        "-",
        "–",
        "\"",
        "“",
        "”",
        "«",
        "»",
        ":",
        "2:",
        "0.5:",
        "iso:",
        ">",
        "..",
        "8",
        "2019",
        "-06",
        "camera:",
        "file:",
        "like:",
        "@a",
        "./a",
        "/",
        "~/",
        "a",
        "dog",
        "NOT",
        "OR",
        "AND",
        "in",
        "june",
        "last",
        "summer",
        "from",
        "to",
        "é",
        "京",
        "\u{301}",
        "\u{200b}",
        "\n",
        "\t",
        ",",
        "\u{0}",
        "🐕",
        "on:",
        "near:",
        "1,2,3",
        "not ",
        "or ",
        "and ",
        "before ",
        "since ",
        "4 ",
        "2015-2018",
        "last ",
        "year",
        "f:",
        "'",
    ];
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..100_000 {
        let text: String = (0..next(14)).map(|_| PIECES[next(PIECES.len())]).collect();
        assert_stable(&text);
    }
}

/// The first table of docs/query.md.
#[test]
fn the_examples_of_the_document_are_queries() {
    let document = include_str!("../../../../docs/query.md");
    let table = document.split("## Conditions").next().unwrap();
    let mut examples = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let query = row.trim_start_matches("| `").split("` |").next().unwrap().replace("\\|", "|");
        let parsed = read(&query);
        let is_plain = matches!(parsed.expr, Expr::Text(_));
        assert_eq!(is_plain, query == "a dog on a beach", "{query}");
        assert!(parsed.notes.iter().all(|note| matches!(note, Note::Date { .. })), "{query}");
        let expr = parsed.expr.resolve(&|_| Some(Expr::Text("a saved search".into()))).unwrap();
        assert!(!Parsed { expr, notes: Vec::new() }.alternatives().unwrap().is_empty());
        examples += 1;
    }
    assert!(examples > 8, "{examples} examples");
}
