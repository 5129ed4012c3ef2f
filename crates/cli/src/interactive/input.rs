//! A line of text that is being typed.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::escape::escaped_text;

/// Text and a cursor in it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Input {
    text: String,
    /// In bytes, between two characters.
    cursor: usize,
}

impl Input {
    pub fn new(text: String) -> Self {
        Self { cursor: text.len(), text }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Inserts what was typed or pasted. Control characters are blanks.
    pub fn insert(&mut self, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.text.insert_str(self.cursor, &text);
        self.cursor += text.len();
    }

    /// Adds a word at the end.
    pub fn add(&mut self, word: &str) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
        self.text.push_str(word);
        self.cursor = self.text.len();
    }

    pub fn left(&mut self) {
        self.cursor = self.before();
    }

    pub fn right(&mut self) {
        self.cursor += self.text[self.cursor..].chars().next().map_or(0, char::len_utf8);
    }

    pub fn home(&mut self) {
        self.cursor = 0;
    }

    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub fn backspace(&mut self) {
        let before = self.before();
        self.text.drain(before..self.cursor);
        self.cursor = before;
    }

    pub fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    /// Removes the word before the cursor, and the blanks after it.
    pub fn delete_word(&mut self) {
        let before = self.text[..self.cursor].trim_end();
        let start = before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }

    /// Removes all before the cursor.
    pub fn delete_to_start(&mut self) {
        self.text.drain(..self.cursor);
        self.cursor = 0;
    }

    fn before(&self) -> usize {
        self.cursor - self.text[..self.cursor].chars().next_back().map_or(0, char::len_utf8)
    }

    /// What is shown in so many columns, and the cursor's column: the end of a long text, if that is where the cursor is.
    pub fn shown(&self, columns: usize) -> (String, usize) {
        let mut start = 0;
        let mut width = self.text[..self.cursor].width();
        while width >= columns.max(1) {
            let Some(first) = self.text[start..].chars().next() else { break };
            start += first.len_utf8();
            width -= first.width().unwrap_or(0);
        }
        (escaped_text(&self.text[start..]), width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_and_editing() {
        let mut input = Input::new("a cat".into());
        input.insert("s");
        input.left();
        input.backspace();
        assert_eq!(input.text(), "a cas");
        input.delete();
        input.insert("t\non é");
        assert_eq!(input.text(), "a cat on é");
        input.backspace();
        input.backspace();
        input.delete_word();
        assert_eq!(input.text(), "a cat ");
        input.delete_word();
        assert_eq!(input.text(), "a ");
        input.add("like:3");
        input.add("-like:4");
        assert_eq!(input.text(), "a like:3 -like:4");
        input.home();
        input.right();
        input.delete_to_start();
        assert_eq!(input.text(), " like:3 -like:4");
        for edit in [Input::backspace, Input::left, Input::delete_word, Input::delete_to_start] {
            let mut input = Input::default();
            edit(&mut input);
            assert_eq!(input, Input::default());
        }
    }

    #[test]
    fn the_cursor_is_always_shown() {
        for text in ["", "a cat on a sofa", "照片照片照片照片"] {
            let mut input = Input::new(text.into());
            loop {
                for columns in 1..12 {
                    let (_, cursor) = input.shown(columns);
                    assert!(cursor < columns, "{text} {columns}");
                }
                if input.cursor == 0 {
                    break;
                }
                input.left();
            }
        }
    }
}
