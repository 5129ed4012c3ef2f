//! Text for HTML and for URLs.

use std::fmt::{self, Display, Formatter, Write};

/// Text as it may stand in HTML, between tags and in quoted attributes.
///
/// Shown as it is, but for the signs that HTML gives a meaning to, and controls that HTML does not allow.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|sign| escape(formatter, sign))
    }
}

/// Text that others chose, such as the name of a file, as it is shown to people: [`Escaped`], and without signs that would make it
/// look like something else.
///
/// Control characters and signs that turn the direction of text around become U+FFFD, so that `photo<U+202E>gpj.exe` is not
/// taken for a JPEG file.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|sign| escape(formatter, if misleads(sign) { char::REPLACEMENT_CHARACTER } else { sign }))
    }
}

fn escape(formatter: &mut Formatter<'_>, sign: char) -> fmt::Result {
    match sign {
        '&' => formatter.write_str("&amp;"),
        '<' => formatter.write_str("&lt;"),
        '>' => formatter.write_str("&gt;"),
        '"' => formatter.write_str("&quot;"),
        '\'' => formatter.write_str("&#39;"),
        // In an attribute, parsers turn line ends into something else unless they are written as references.
        '\n' => formatter.write_str("&#10;"),
        '\r' => formatter.write_str("&#13;"),
        '\t' => formatter.write_char(sign),
        sign if sign.is_control() => formatter.write_char(char::REPLACEMENT_CHARACTER),
        sign => formatter.write_char(sign),
    }
}

fn misleads(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// A value in the query of a URL, in percent-encoding.
pub fn in_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            b' ' => out.push('+'),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &[&str] = &[
        "\"><script>alert(1)</script>",
        "' onerror='alert(1)",
        "</title><script>",
        "<!-- -->",
        "&lt;b&gt; &amp;amp;",
        "photo\u{202e}gpj.exe",
        "\u{2066}a\u{2069}",
        "a\0b\u{1b}[31m\u{7f}\u{85}",
        "line\nbreak\r\ttab",
        "鳥鳥 ñ é 🐦",
        "{{v}} {{results}}",
        "",
    ];

    /// The reverse of `Escaped`, as a browser reads it.
    fn read(html: &str) -> String {
        let mut text = html.to_owned();
        for (reference, sign) in [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#39;", "'"),
            ("&#10;", "\n"),
            ("&#13;", "\r"),
            ("&amp;", "&"),
        ] {
            text = text.replace(reference, sign);
        }
        text
    }

    fn is_inert(html: &str) {
        assert!(!html.contains(['<', '>', '"', '\'']), "{html:?}");
        for (at, _) in html.match_indices('&') {
            let ends = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#10;", "&#13;"]
                .iter()
                .any(|reference| html[at..].starts_with(reference));
            assert!(ends, "{html:?} at {at}");
        }
        assert!(!html.contains(|sign: char| sign.is_control() && sign != '\t'), "{html:?}");
    }

    #[test]
    fn hostile_text_is_inert() {
        for text in HOSTILE {
            is_inert(&Escaped(text).to_string());
            is_inert(&Shown(text).to_string());
        }
    }

    #[test]
    fn what_is_no_control_is_kept() {
        for text in
            HOSTILE.iter().filter(|text| !text.contains(|sign: char| sign.is_control() && !"\n\r\t".contains(sign)))
        {
            assert_eq!(read(&Escaped(text).to_string()), *text);
        }
    }

    #[test]
    fn any_text_is_inert() {
        // A seeded generator that prefers the signs that matter.
        let signs: Vec<char> = "<>&\"'`=/ \n\r\t\0\u{1b}\u{85}\u{202e}\u{2067}\u{fffd}aé鳥🐦;#".chars().collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            while !state.is_multiple_of(17) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push(signs[(state >> 33) as usize % signs.len()]);
            }
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            is_inert(&Escaped(&text).to_string());
            let shown = Shown(&text).to_string();
            is_inert(&shown);
            assert!(!shown.contains(['\u{202e}', '\u{2067}']), "{shown:?}");
        }
    }

    #[test]
    fn names_do_not_turn_around() {
        assert_eq!(Shown("a\u{202e}gpj.exe").to_string(), "a\u{fffd}gpj.exe");
        assert_eq!(Shown("a\nb").to_string(), "a\u{fffd}b");
        assert_eq!(Shown(&String::from_utf8_lossy(b"caf\xe9.jpg")).to_string(), "caf\u{fffd}.jpg");
    }

    #[test]
    fn values_in_urls_are_encoded() {
        assert_eq!(in_query("dog & cat=\"ñ\"#"), "dog+%26+cat%3D%22%C3%B1%22%23");
        for text in HOSTILE {
            assert!(in_query(text).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+%".contains(&byte)));
        }
    }
}
