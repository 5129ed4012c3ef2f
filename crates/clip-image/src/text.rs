//! Texts from files as lines fit to print and search.

/// The most characters of a name: a camera, a lens, a keyword.
pub(crate) const LONGEST_NAME: usize = 128;
/// The most characters of a title or description.
pub(crate) const LONGEST_TEXT: usize = 1000;

/// The text as one line: no control characters, no padding, at most so many characters. `None` if nothing is left.
pub(crate) fn line(text: &str, longest: usize) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut line = String::new();
    let mut left = longest;
    for word in words {
        let gap = usize::from(!line.is_empty());
        if left <= gap {
            break;
        }
        if gap > 0 {
            line.push(' ');
        }
        let taken: String = word.chars().take(left - gap).collect();
        left -= gap + taken.chars().count();
        line.push_str(&taken);
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_control_characters_go() {
        assert_eq!(line("  OLYMPUS \t CORP.\r\n\0\0 ", 100).as_deref(), Some("OLYMPUS CORP."));
        assert_eq!(line(" \0\u{7f} ", 100), None);
        assert_eq!(line("äöü äöü", 5).as_deref(), Some("äöü ä"));
        assert_eq!(line("äöü äöü", 4).as_deref(), Some("äöü"));
    }
}
