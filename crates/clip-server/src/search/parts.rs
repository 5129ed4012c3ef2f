//! The parts of a query, so that each can be seen and taken away.

use clip_search::json::JsonPart;
use clip_search::language::Expr;

/// The parts of a query that were understood, in their order.
pub(crate) fn of(written: &Expr) -> Vec<JsonPart> {
    let alone = std::slice::from_ref(written);
    let parts = match written {
        Expr::And(parts) => parts.as_slice(),
        _ => alone,
    };
    parts.iter().enumerate().map(|(at, part)| one(part, &without(parts, at))).collect()
}

/// The query without one of its parts.
fn without(parts: &[Expr], left_out: usize) -> String {
    let mut rest: Vec<Expr> = parts.to_vec();
    rest.remove(left_out);
    match rest.len() {
        0 => String::new(),
        1 => rest.remove(0).to_string(),
        _ => Expr::And(rest).to_string(),
    }
}

fn one(part: &Expr, without: &str) -> JsonPart {
    JsonPart { kind: kind(part), text: part.to_string(), label: label(part), without: without.to_owned() }
}

fn kind(part: &Expr) -> &'static str {
    match part {
        Expr::Not(part) | Expr::Weighted(_, part) => kind(part),
        Expr::Condition { .. } => "filter",
        Expr::And(parts) | Expr::Or(parts) if parts.iter().all(|part| kind(part) == "filter") => "filter",
        Expr::Like(_) => "like",
        Expr::Picture(_) => "picture",
        _ => "text",
    }
}

fn label(part: &Expr) -> String {
    match part {
        Expr::Not(part) => format!("not {}", label(part)),
        Expr::Like(id) => format!("like photo {id}"),
        Expr::Phrase(text) => text.clone(),
        Expr::Condition { text, .. } => match text.split_once(':') {
            Some((name, value)) => format!("{} {}", name.to_lowercase(), value.trim_matches('"')),
            None => text.clone(),
        },
        part => part.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clip_search::language::{self, Date, ParseOptions};

    use super::*;

    fn parts(text: &str) -> Vec<JsonPart> {
        let options = ParseOptions { today: Date::constant(2024, 9, 1), literal: false };
        of(&language::parse(text, &options).unwrap().expr)
    }

    #[test]
    fn each_part_can_be_taken_away() {
        let found = parts("a dog -beach year:2019 camera:\"Nikon D70\"");
        let shown: Vec<_> = found.iter().map(|part| (part.kind, part.label.as_str(), part.without.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("text", "a dog", "-beach + year:2019 + camera:\"Nikon D70\""),
                ("text", "not beach", "a dog + year:2019 + camera:\"Nikon D70\""),
                ("filter", "year 2019", "a dog + -beach + camera:\"Nikon D70\""),
                ("filter", "camera Nikon D70", "a dog + -beach + year:2019"),
            ]
        );
        // What is left is understood as before.
        for part in &found {
            let left: Vec<_> = parts(&part.without).into_iter().map(|left| left.text).collect();
            let expected: Vec<_> =
                found.iter().filter(|other| *other != part).map(|other| other.text.clone()).collect();
            assert_eq!(left, expected);
        }
    }

    #[test]
    fn a_query_of_one_part_is_empty_without_it() {
        let shown = |text: &str| {
            let found = parts(text);
            assert_eq!(found.len(), 1, "{text}");
            (found[0].kind, found[0].label.clone(), found[0].without.clone())
        };
        assert_eq!(shown("like:12"), ("like", "like photo 12".into(), String::new()));
        assert_eq!(shown("-like:12"), ("like", "not like photo 12".into(), String::new()));
        assert_eq!(shown("dog | cat"), ("text", "dog | cat".into(), String::new()));
        assert_eq!(shown("iso:>800 | rating:5"), ("filter", "iso:>800 | rating:5".into(), String::new()));
        assert_eq!(shown("@pets"), ("text", "@pets".into(), String::new()));
        assert_eq!(shown("./a.jpg").0, "picture");
        assert_eq!(shown("last summer").0, "filter");
    }
}
