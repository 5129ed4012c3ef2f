//! Texts as they are compared: without case, accents and signs.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer texts are cut off: nobody looks for what comes after.
const LONGEST: usize = 4096;

/// A text in small letters without accents, in which every run of other signs is one blank. It begins and ends with a blank
/// if there is anything in it.
///
/// Characters of scripts without blanks between words (Chinese, Japanese, Thai and others) stand for themselves, with
/// blanks around each, so that any part of a text can be found.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let gap = |out: &mut String| {
        if !out.ends_with(' ') {
            out.push(' ');
        }
    };
    for c in text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).take(LONGEST) {
        if !c.is_alphanumeric() {
            gap(&mut out);
            continue;
        }
        if out.is_empty() || is_whole(c) {
            gap(&mut out);
        }
        // Ligatures and the like that have no decomposition.
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            c => out.push(c),
        }
        if is_whole(c) {
            gap(&mut out);
        }
    }
    if out.trim().is_empty() {
        return String::new();
    }
    gap(&mut out);
    out
}

/// What to look for in a folded text: a part of words if it has at least three letters, else whole words. `None` if there is
/// nothing in it to look for.
pub(crate) fn sought(text: &str) -> Option<String> {
    let folded = folded(text);
    let inside = folded.trim();
    if inside.is_empty() {
        return None;
    }
    let is_long = inside.chars().count() >= 3 && !inside.chars().any(is_whole);
    Some(if is_long { inside.to_owned() } else { folded })
}

/// Whether a character is a word, or may be one, by itself.
fn is_whole(c: char) -> bool {
    matches!(u32::from(c),
        // Thai, Lao, Tibetan, Myanmar, Khmer.
        0x0e00..=0x0eff | 0x0f00..=0x0fff | 0x1000..=0x109f | 0x1780..=0x17ff
        // Kana, ideographs and their extensions.
        | 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finds(text: &str, part: &str) -> bool {
        folded(text).contains(&sought(part).unwrap())
    }

    #[test]
    fn case_accents_and_signs_do_not_count() {
        assert_eq!(folded("Crème-Brûlée (1).JPG"), " creme brulee 1 jpg ");
        assert_eq!(folded("Straße_Øre"), " strasse ore ");
        assert_eq!(folded("北京2008"), " 北 京 2008 ");
        assert_eq!(folded("..."), "");
        assert!(finds("IMG_1234.jpg", "img 1234"));
        assert!(finds("IMG_1234.jpg", "234"));
        assert!(finds("IMG_1234.jpg", "IMG_12"));
        assert!(finds("HH-AB 1234", "ab 123"));
        assert!(finds("Ноябрь в Москве", "москв"));
        assert!(finds("北京的秋天", "京的"));
        assert!(finds("東京タワー", "東京"));
        assert!(finds("Nikon D70", "d70"));
        assert!(finds("Nikon D7", "d7"));
        assert!(!finds("Nikon D70", "d7"), "two letters are a word");
        assert!(!finds("IMG_1234.jpg", "12 34"));
        assert_eq!(sought(" ._ "), None);
    }

    proptest! {
        #[test]
        fn a_text_is_found_in_itself(before in "\\PC{0,10}", text in "\\PC{0,20}", after in "\\PC{0,10}") {
            if let Some(part) = sought(&text) {
                let whole = format!("{before} {text} {after}");
                prop_assert!(folded(&whole).contains(&part), "{part:?} in {:?}", folded(&whole));
            }
        }
    }
}
