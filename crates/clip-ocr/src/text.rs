//! What was read.

/// The most characters that are kept of a picture's text, about a page.
pub const LONGEST_TEXT: usize = 4_000;
/// A word with more characters is none.
const LONGEST_WORD: usize = 64;

/// A word of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Without whitespace and control characters in it.
    pub text: String,
    /// How sure it is, in percent.
    pub confidence: u8,
    /// Whether it is the first of its line.
    pub begins_line: bool,
}

/// The text of a picture: its words as they follow one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    words: Vec<Word>,
    chars: usize,
}

impl Text {
    /// Adds a word, without what does not belong to it. One without letters and digits is passed over, and so is what comes after
    /// [`LONGEST_TEXT`] characters.
    pub fn push(&mut self, text: &str, confidence: u8, begins_line: bool) {
        let is_kept = |c: &char| !(c.is_control() || c.is_whitespace());
        let text: String = text.chars().filter(is_kept).collect();
        // Frames and specks are read as bars and dots at either end.
        let text = text.trim_matches(|c: char| !c.is_alphanumeric());
        let chars = text.chars().count();
        if text.is_empty() || chars > LONGEST_WORD || self.chars + chars + 1 > LONGEST_TEXT {
            return;
        }
        self.chars += chars + 1;
        let begins_line = begins_line || self.words.is_empty();
        self.words.push(Word { text: text.to_owned(), confidence: confidence.min(100), begins_line });
    }

    /// The words.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words with blanks between them, and line feeds between lines.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for word in &self.words {
            if !text.is_empty() {
                text.push(if word.begins_line { '\n' } else { ' ' });
            }
            text.push_str(&word.text);
        }
        text
    }

    /// The confidence of each word, in percent.
    pub fn confidences(&self) -> Vec<u8> {
        self.words.iter().map(|word| word.confidence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_normalised_and_bounded() {
        let mut text = Text::default();
        for (word, begins_line) in
            [("|Open", true), ("9-17h.", false), ("—", false), ("Mo\u{7}ntag", true), (&"x".repeat(65), false)]
        {
            text.push(word, 101, begins_line);
        }
        assert_eq!(text.to_text(), "Open 9-17h\nMontag");
        assert_eq!(text.confidences(), [100; 3]);
        for _ in 0..10_000 {
            text.push("Ä1234567", 60, false);
        }
        assert!((LONGEST_TEXT - 9..=LONGEST_TEXT).contains(&text.to_text().chars().count()));
        assert_eq!(text.to_text().split([' ', '\n']).count(), text.words().len());
    }
}
