//! HTML character references: Python's `html.unescape`, and the stricter variant inside ftfy.
//!
//! CLIP's training captions were scraped from web pages and pass through both before they are split into tokens, so a
//! query that holds `&amp;` must as well. The table `html5_entities.txt` lists the names of the HTML standard, one a
//! line in byte order: the name (with its semicolon, where it needs one) and the code points it stands for.

use std::borrow::Cow;
use std::sync::OnceLock;

const TABLE: &str = include_str!("html5_entities.txt");

/// What a numeric reference to 0x80..=0x9F means: the byte read as Windows-1252, as every browser does.
/// Positions that Windows-1252 leaves open keep their code point.
pub(super) const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The longest name that a reference without a closing semicolon is searched for, in characters.
const MAX_NAME_CHARS: usize = 32;

/// The longest reference that [`unescape_strict`] reads between `&` and `;`.
const MAX_STRICT_CHARS: usize = 24;

/// The meaning of a name as the table writes it, for example `amp;` or `amp`.
fn named(name: &str) -> Option<String> {
    static SORTED: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    let table = SORTED.get_or_init(|| TABLE.lines().filter_map(|line| line.split_once(' ')).collect());
    let at = table.binary_search_by(|(key, _)| (*key).cmp(name)).ok()?;
    let codes = table[at].1.split(' ');
    Some(codes.filter_map(|code| u32::from_str_radix(code, 16).ok().and_then(char::from_u32)).collect())
}

/// Decodes every character reference of the HTML standard, also those without a semicolon (`&ampx` is `&x`).
///
/// Equal to Python's `html.unescape`.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let body = &rest[at + 1..];
        let used = match numeric_reference(body) {
            Some((used, value)) => {
                out.extend(value);
                used
            }
            None => named_reference(body, &mut out),
        };
        rest = &body[used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Reads `#123;` or `#x1f;` (the semicolon is optional) and returns its length and meaning.
fn numeric_reference(body: &str) -> Option<(usize, Option<char>)> {
    let digits = body.strip_prefix('#')?;
    let (radix, digits) = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => (16, hex),
        None => (10, digits),
    };
    let length = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    // Too many digits for a u32 are certainly past the last code point.
    let code = u32::from_str_radix(&digits[..length], radix).unwrap_or(u32::MAX);
    let semicolon = usize::from(digits[length..].starts_with(';'));
    let used = body.len() - digits.len() + length + semicolon;
    Some((used, code_point(code)))
}

/// The character of a numeric reference; `None` where the standard lets it vanish.
fn code_point(code: u32) -> Option<char> {
    match code {
        0 => Some(char::REPLACEMENT_CHARACTER),
        0x0d => Some('\r'),
        0x80..=0x9f => Some(WINDOWS_1252[(code - 0x80) as usize]),
        0x01..=0x08 | 0x0b | 0x0e..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        // U+FFFE and U+FFFF of every plane are not characters.
        _ if code <= 0x10ffff && code & 0xfffe == 0xfffe => None,
        _ => Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

/// Writes the meaning of a named reference (or the bare `&` and the name, where it has none) and returns its length.
fn named_reference(body: &str, out: &mut String) -> usize {
    let name_end = body
        .char_indices()
        .take(MAX_NAME_CHARS)
        .find(|(_, c)| matches!(c, '\t' | '\n' | '\x0c' | ' ' | '<' | '&' | '#' | ';'))
        .map(|(at, _)| at)
        .unwrap_or_else(|| body.char_indices().nth(MAX_NAME_CHARS).map_or(body.len(), |(at, _)| at));
    if name_end == 0 {
        out.push('&');
        return 0;
    }
    let name = &body[..name_end + usize::from(body[name_end..].starts_with(';'))];
    if let Some(value) = named(name) {
        out.push_str(&value);
        return name.len();
    }
    // The longest known name that the text begins with, of at least two characters.
    let prefix = name.char_indices().map(|(at, _)| at).skip(2).collect::<Vec<_>>();
    for &end in prefix.iter().rev() {
        if let Some(value) = named(&name[..end]) {
            out.push_str(&value);
            out.push_str(&name[end..]);
            return name.len();
        }
    }
    out.push('&');
    out.push_str(name);
    name.len()
}

/// Decodes only unambiguous references: those closed by a semicolon, and upper-cased spellings such as `&EACUTE;`.
///
/// Equal to `ftfy.fixes.unescape_html`.
pub(super) fn unescape_strict(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let reference = &rest[at..];
        match strict_reference(reference) {
            Some((used, value)) => {
                out.push_str(&value);
                rest = &reference[used..];
            }
            None => {
                out.push('&');
                rest = &reference[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Reads `&name;` or `&#123;` at the start of `text` and returns its length and meaning.
fn strict_reference(text: &str) -> Option<(usize, String)> {
    let body = &text[1..];
    let digits = body.strip_prefix('#').unwrap_or(body);
    let length = digits.bytes().take_while(u8::is_ascii_alphanumeric).count();
    if !(1..=MAX_STRICT_CHARS).contains(&length) || !digits[length..].starts_with(';') {
        return None;
    }
    let used = 1 + body.len() - digits.len() + length + 1;
    let reference = &text[..used];
    if body.starts_with('#') {
        let value = unescape(reference);
        return (!value.contains(';')).then(|| (used, value.into_owned()));
    }
    let name = &reference[1..];
    let value = named(name).or_else(|| {
        let shouted = name == name.to_ascii_uppercase() && unescape(reference) == reference;
        let quiet = shouted.then(|| named(&name.to_ascii_lowercase()))??;
        Some(quiet.to_uppercase())
    })?;
    Some((used, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        let names: Vec<&str> = TABLE.lines().map(|line| line.split_once(' ').unwrap().0).collect();
        assert_eq!(names.len(), 2231);
        assert!(names.is_sorted());
    }

    #[test]
    fn unescapes_like_python() {
        for (escaped, plain) in [
            ("fish &amp; chips", "fish & chips"),
            ("&ampx &notit; &notin;", "&x ¬it; ∉"),
            ("&#233;&#xE9;&#Xe9 &#233", "éééé"),
            ("&#0;&#x80;&#xd800;&#1114112;&#99999999999999", "\u{fffd}€\u{fffd}\u{fffd}\u{fffd}"),
            ("&#1;&#65534;&#x1ffff;", ""),
            ("& &; &# &#x; &unknown; &&lt;", "& &; &# &#x; &unknown; &<"),
            ("&NotEqualTilde;", "\u{2242}\u{338}"),
            ("&äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü;", "&äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü;"),
        ] {
            assert_eq!(unescape(escaped).replace(' ', ""), plain.replace(' ', ""), "{escaped}");
        }
    }

    #[test]
    fn strict_needs_the_semicolon() {
        assert_eq!(unescape_strict("this&not that &eacute; P&EACUTE;REZ &#233;"), "this&not that é PÉREZ é");
        assert_eq!(unescape_strict("&nTILDE; &; &#;"), "&nTILDE; &; &#;");
    }
}
