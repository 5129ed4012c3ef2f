//! The parsers of text from outside, run on any bytes: for `cargo fuzz`, and as a seeded loop in the tests.

use crate::{Labels, Templates};

/// A file of labels or of prompt templates, or a list of labels.
pub fn labels_and_templates(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for labels in [Labels::from_lines(&text), Labels::from_list(&text)].into_iter().flatten() {
        assert!(labels.count() > 0 && labels.names().iter().all(|name| !name.is_empty() && name.trim() == name));
        let again = Labels::new(labels.names()).expect("there are some");
        assert_eq!((again.names(), again.repeated().len()), (labels.names(), 0));
    }
    match Templates::parse(&text) {
        Ok(templates) => {
            let prompts: Vec<String> = templates.prompts("{}").collect();
            assert_eq!((templates.count(), prompts.as_slice()), (prompts.len(), templates.lines()));
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: [&str; 14] = [
        "{}",
        "{",
        "}",
        "a photo of a ",
        "\n",
        "\r\n",
        ",",
        " ",
        "#",
        "\u{feff}",
        "\u{1b}[2J",
        "\u{202e}",
        "dog",
        "\0",
    ];

    #[test]
    fn any_bytes_are_parsed_or_refused() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 16) % below
        };
        for _ in 0..5000 {
            let mut bytes = Vec::new();
            for _ in 0..next(20) {
                match next(8) {
                    0 => bytes.push(next(256) as u8),
                    _ => bytes.extend(PIECES[next(PIECES.len() as u64) as usize].bytes()),
                }
            }
            labels_and_templates(&bytes);
        }
    }
}
