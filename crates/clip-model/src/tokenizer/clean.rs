//! What happens to a text before CLIP's byte-pair encoding sees it: open_clip's `_clean_lower`.
//!
//! The original is `whitespace_clean(html.unescape(html.unescape(ftfy.fix_text(text)))).lower()`. Of ftfy 6.3 this
//! module has HTML references, C1 control characters read as Windows-1252, Latin ligatures, character width, curly
//! quotes, terminal escapes, control characters and NFC. It leaves out one thing: undoing mojibake (`schÃ¶n` for
//! `schön`), which is a heuristic of its own size and meant for scraped text rather than for something just typed.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::html::{WINDOWS_1252, unescape, unescape_strict};

/// How often nested escapes (`&amp;amp;amp;`) are taken apart. ftfy goes on until nothing changes, which takes
/// quadratic time on hostile input; nobody escapes sixteen times by accident.
const MAX_PASSES: usize = 16;

/// Cleans `text` as open_clip does and lower-cases it.
pub(super) fn clean_lower(text: &str) -> String {
    single_spaces(&basic_clean(text)).to_lowercase()
}

/// Cleans `text` as open_clip does for SigLIP: its `_clean_canonicalize`.
pub(super) fn canonicalize(text: &str) -> String {
    let cleaned = basic_clean(text).replace('_', " ");
    let kept: String = cleaned.chars().filter(|c| !c.is_ascii_punctuation()).collect();
    single_spaces(&kept.to_lowercase())
}

/// open_clip's `basic_clean`, but for white space at the ends.
fn basic_clean(text: &str) -> String {
    let fixed = fix_text(text);
    unescape(&unescape(&fixed)).into_owned()
}

/// Python's `" ".join(text.split())`.
pub(super) fn single_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(is_python_space).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// What Python's `str.split()` takes for a space: Unicode's White_Space and the four ASCII separators.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// The parts of `ftfy.fix_text` named in the module's documentation, line by line as there.
fn fix_text(text: &str) -> String {
    // A `<` anywhere so far says that this is HTML source, whose references are meant as they stand.
    let mut unescapes = true;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        unescapes &= !line.contains('<');
        out.push_str(&fix_line(line, unescapes));
    }
    out
}

fn fix_line(line: &str, unescapes: bool) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(line);
    for _ in 0..MAX_PASSES {
        let fixed = fix_once(&text, unescapes);
        if fixed == text {
            break;
        }
        text = Cow::Owned(fixed);
    }
    text
}

fn fix_once(text: &str, unescapes: bool) -> String {
    let unescaped = if unescapes { unescape_strict(text) } else { Cow::Borrowed(text) };
    let mut fixed = String::with_capacity(unescaped.len());
    for c in unescaped.chars() {
        match latin_ligature(c1_control(c)) {
            Ok(letters) => fixed.extend(letters.chars().map(straight_quote)),
            Err(c) => push_standard_width(c, &mut fixed),
        }
    }
    let fixed = remove_terminal_escapes(&fixed);
    fixed.chars().filter(|c| !is_unwanted_control(*c)).nfc().collect()
}

/// A C1 control character is nearly always a byte of Windows-1252 that was taken for Latin-1.
fn c1_control(c: char) -> char {
    match c {
        '\u{80}'..='\u{9f}' => WINDOWS_1252[c as usize - 0x80],
        _ => c,
    }
}

/// The letters of a typographic ligature or digraph, or the character itself where it is none.
fn latin_ligature(c: char) -> Result<&'static str, char> {
    Ok(match c {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "\u{2bc}n",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return Err(c),
    })
}

/// Full-width and half-width forms become the ordinary characters, then curly quotes become straight ones.
fn push_standard_width(c: char, out: &mut String) {
    match c {
        '\u{3000}' => out.push(' '),
        '\u{ff01}'..='\u{ffef}' => out.extend(std::iter::once(c).nfkc().map(straight_quote)),
        _ => out.push(straight_quote(c)),
    }
}

fn straight_quote(c: char) -> char {
    match c {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        _ => c,
    }
}

/// Drops ANSI sequences such as `ESC [ 36 ; 44 m`.
fn remove_terminal_escapes(text: &str) -> Cow<'_, str> {
    const START: &str = "\u{1b}[";
    if !text.contains(START) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(START) {
        let body = &rest[at + START.len()..];
        let after = body.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        out.push_str(&rest[..at]);
        if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            rest = &after[1..];
        } else {
            out.push_str(START);
            rest = body;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Control characters that are no white space and say nothing about how text is drawn.
fn is_unwanted_control(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}'
            | '\u{b}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_like_open_clip() {
        for (text, cleaned) in [
            ("  A \t Dog\n\nruns\u{3000}\u{a0}fast ", "a dog runs fast"),
            ("Fish &amp;amp; Chips &lt;3", "fish & chips <3"),
            ("<b>R&amp;B</b> &amp;amp;amp;", "<b>r&b</b> &amp;"),
            ("ﬂubberiﬁc “Quotes” ‘n’ ＬＯＵＤ", "flubberific \"quotes\" 'n' loud"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("\u{1b}[36;44mblue\u{1b}[0m \u{1b}[", "blue ["),
            ("a\u{0}b\u{7f}c\u{feff}", "abc"),
            ("ΌΣΟΣ", "όσος"),
            ("", ""),
            (" \u{1c}\u{1f} ", ""),
        ] {
            assert_eq!(clean_lower(text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn canonicalizes_like_open_clip() {
        for (text, cleaned) in [
            ("A  Dog, runs_fast!", "a dog runs fast"),
            ("Fish &amp;amp; Chips &lt;3", "fish chips 3"),
            ("“Quotes” it's ＬＯＵＤ", "quotes its loud"),
            ("ΌΣΟΣ!", "όσος"),
            ("?!", ""),
        ] {
            assert_eq!(canonicalize(text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn nested_escapes_take_bounded_work() {
        let hostile = format!("&{}lt;", "amp;".repeat(16_000));
        assert!(clean_lower(&hostile).len() < hostile.len());
    }
}
