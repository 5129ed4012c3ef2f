//! What is on the screen, and what keys do to it. Nothing here draws, searches or opens.

use std::path::PathBuf;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::input::Input;
use super::row::Row;

/// What a key asks for beyond a change on the screen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Nothing, but the screen may have changed.
    None,
    /// Search for the text.
    Search,
    /// Show a photo in the program that the system has for it.
    Open(PathBuf),
    /// Put a path on the clipboard.
    Copy(PathBuf),
    Quit,
}

/// What has become of the search for the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Status {
    /// Nothing was typed.
    Empty,
    Searching,
    /// With what is to be said of the way in which the text was understood.
    Found {
        notes: Vec<String>,
    },
    /// Why there are no results.
    Failed(String),
}

#[derive(Debug)]
pub(super) struct State {
    pub input: Input,
    pub rows: Vec<Row>,
    pub selected: usize,
    pub status: Status,
    pub has_details: bool,
    /// What came of the last action, until the next key.
    pub flash: Option<String>,
    /// Results that fit on the screen, for whole pages.
    pub page: usize,
}

impl State {
    pub fn new(text: String) -> Self {
        let status = if text.trim().is_empty() { Status::Empty } else { Status::Searching };
        Self { input: Input::new(text), rows: Vec::new(), selected: 0, status, has_details: true, flash: None, page: 1 }
    }

    /// Takes up the results of a search.
    pub fn show(&mut self, found: Result<(Vec<Row>, Vec<String>), String>) {
        match found {
            Ok((rows, notes)) => {
                self.selected = 0;
                self.rows = rows;
                self.status = Status::Found { notes };
            }
            // The results of the last text that was understood stay: half a word is often no query.
            Err(reason) => self.status = Status::Failed(reason),
        }
    }

    pub fn selected(&self) -> Option<&Row> {
        self.rows.get(self.selected)
    }

    pub fn handle(&mut self, event: &Event) -> Action {
        match event {
            // Windows tells of keys that are let go, too.
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                self.flash = None;
                self.key(*key)
            }
            Event::Paste(text) => self.edit(|input| input.insert(text)),
            _ => Action::None,
        }
    }

    fn key(&mut self, key: KeyEvent) -> Action {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Esc => Action::Quit,
            KeyCode::Enter => self.selected().map_or(Action::None, |row| Action::Open(row.path.clone())),
            KeyCode::Tab => {
                self.has_details = !self.has_details;
                Action::None
            }
            KeyCode::Up => self.step(-1),
            KeyCode::Down => self.step(1),
            KeyCode::PageUp => self.step(-self.whole_page()),
            KeyCode::PageDown => self.step(self.whole_page()),
            KeyCode::Left => self.moved(Input::left),
            KeyCode::Right => self.moved(Input::right),
            KeyCode::Home => self.moved(Input::home),
            KeyCode::End => self.moved(Input::end),
            KeyCode::Backspace if is_alt || is_control => self.edit(Input::delete_word),
            KeyCode::Backspace => self.edit(Input::backspace),
            KeyCode::Delete => self.edit(Input::delete),
            KeyCode::Char(letter) if is_control => self.control(letter),
            KeyCode::Char(letter) if !is_alt => self.edit(|input| input.insert(letter.encode_utf8(&mut [0; 4]))),
            _ => Action::None,
        }
    }

    fn control(&mut self, letter: char) -> Action {
        let of_selected = |state: &Self, sign: &str| state.selected().map(|row| format!("{sign}like:{}", row.id));
        match letter {
            'c' => Action::Quit,
            'o' => self.selected().map_or(Action::None, |row| Action::Open(row.path.clone())),
            'y' => self.selected().map_or(Action::None, |row| Action::Copy(row.path.clone())),
            'l' => match of_selected(self, "") {
                Some(word) => self.edit(|input| input.add(&word)),
                None => Action::None,
            },
            'x' => match of_selected(self, "-") {
                Some(word) => self.edit(|input| input.add(&word)),
                None => Action::None,
            },
            'p' => self.step(-1),
            'n' => self.step(1),
            'a' => self.moved(Input::home),
            'e' => self.moved(Input::end),
            'u' => self.edit(Input::delete_to_start),
            'w' | 'h' => self.edit(Input::delete_word),
            _ => Action::None,
        }
    }

    /// Changes the text, which is searched for if it is another.
    fn edit(&mut self, change: impl FnOnce(&mut Input)) -> Action {
        let before = self.input.text().to_owned();
        change(&mut self.input);
        if self.input.text() == before {
            return Action::None;
        }
        if self.input.text().trim().is_empty() {
            self.rows.clear();
            self.selected = 0;
            self.status = Status::Empty;
        } else {
            self.status = Status::Searching;
        }
        Action::Search
    }

    fn moved(&mut self, step: fn(&mut Input)) -> Action {
        step(&mut self.input);
        Action::None
    }

    fn step(&mut self, by: isize) -> Action {
        self.selected = self.selected.saturating_add_signed(by).min(self.rows.len().saturating_sub(1));
        Action::None
    }

    fn whole_page(&self) -> isize {
        isize::try_from(self.page.max(1)).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(state: &mut State, code: KeyCode) -> Action {
        state.handle(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn control(state: &mut State, letter: char) -> Action {
        state.handle(&Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)))
    }

    fn found() -> State {
        let mut state = State::new("cat".into());
        let rows = (0..5).map(|id| Row { id, path: format!("/{id}.jpg").into(), ..Row::default() }).collect();
        state.show(Ok((rows, Vec::new())));
        state
    }

    #[test]
    fn what_is_typed_is_searched_for() {
        let mut state = State::new(String::new());
        assert_eq!(press(&mut state, KeyCode::Char('c')), Action::Search);
        assert_eq!((state.input.text(), &state.status), ("c", &Status::Searching));
        assert_eq!(press(&mut state, KeyCode::Left), Action::None);
        assert_eq!(press(&mut state, KeyCode::Delete), Action::Search);
        assert_eq!(state.status, Status::Empty);
        assert_eq!(press(&mut state, KeyCode::Backspace), Action::None);
        assert_eq!(state.handle(&Event::Paste("a\tcat\n".into())), Action::Search);
        assert_eq!(state.input.text(), "a cat ");
    }

    #[test]
    fn results_are_walked_through_and_used() {
        let mut state = found();
        assert_eq!(press(&mut state, KeyCode::Up), Action::None);
        assert_eq!(press(&mut state, KeyCode::Enter), Action::Open("/0.jpg".into()));
        press(&mut state, KeyCode::Down);
        assert_eq!(control(&mut state, 'y'), Action::Copy("/1.jpg".into()));
        state.page = 100;
        press(&mut state, KeyCode::PageDown);
        assert_eq!(control(&mut state, 'o'), Action::Open("/4.jpg".into()));
        assert_eq!((press(&mut state, KeyCode::Esc), control(&mut state, 'c')), (Action::Quit, Action::Quit));
    }

    #[test]
    fn a_search_is_refined_by_its_results() {
        let mut state = found();
        press(&mut state, KeyCode::Down);
        assert_eq!(control(&mut state, 'l'), Action::Search);
        press(&mut state, KeyCode::Down);
        assert_eq!(control(&mut state, 'x'), Action::Search);
        assert_eq!(state.input.text(), "cat like:1 -like:2");
        let mut empty = State::new(String::new());
        for letter in ['l', 'x', 'o', 'y', 'q'] {
            assert_eq!(control(&mut empty, letter), Action::None);
        }
        assert_eq!(press(&mut empty, KeyCode::Enter), Action::None);
    }

    #[test]
    fn results_stay_while_the_text_is_no_query() {
        let mut state = found();
        state.show(Err("no".into()));
        assert_eq!((state.rows.len(), &state.status), (5, &Status::Failed("no".into())));
        state.selected = 4;
        state.show(Ok((Vec::new(), Vec::new())));
        assert_eq!((state.selected, state.selected()), (0, None));
    }
}
