//! The part of a file that a request asks for (RFC 9110, section 14).

use std::ops::Range;

/// What a header `Range` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Everything: it asks for no part, for several, or for what is not understood.
    Whole,
    /// Some bytes, at least one.
    Part(Range<u64>),
    /// Bytes that there are not.
    Unsatisfiable,
}

/// Reads a header `Range` for a file of this length.
pub(crate) fn of(header: Option<&str>, length: u64) -> Wanted {
    let Some(ranges) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    // Several parts are never needed for photos.
    let Some((from, to)) = ranges.split_once('-').filter(|_| !ranges.contains(',')) else { return Wanted::Whole };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // What is too large for a number is beyond every end.
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (from.trim(), to.trim()) {
        ("", last) => match number(last) {
            Some(last) => length.saturating_sub(last)..length,
            None => return Wanted::Whole,
        },
        (from, "") => match number(from) {
            Some(from) => from..length,
            None => return Wanted::Whole,
        },
        (from, to) => match number(from).zip(number(to)) {
            Some((from, to)) if from <= to => from..to.saturating_add(1).min(length),
            _ => return Wanted::Whole,
        },
    };
    if range.is_empty() { Wanted::Unsatisfiable } else { Wanted::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_in_the_standard() {
        let part = |range: Range<u64>| Wanted::Part(range);
        for (header, expected) in [
            ("bytes=0-499", part(0..500)),
            ("bytes=500-999", part(500..1000)),
            ("bytes=500-", part(500..1000)),
            ("bytes=-300", part(700..1000)),
            ("bytes=-3000", part(0..1000)),
            ("bytes=999-", part(999..1000)),
            ("bytes=0-99999999999999999999999", part(0..1000)),
            ("bytes=1000-", Wanted::Unsatisfiable),
            ("bytes=1000-2000", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("pages=1-2", Wanted::Whole),
        ] {
            assert_eq!(of(Some(header), 1000), expected, "{header}");
        }
        assert_eq!(of(None, 1000), Wanted::Whole);
        assert_eq!(of(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
    }
}
