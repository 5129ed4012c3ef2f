//! Searches on a thread of its own, so that typing never waits.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::row::Row;

/// Results, and what is to be said of the way in which the text was understood; or why there are none.
pub(super) type Found = Result<(Vec<Row>, Vec<String>), String>;

/// A thread that searches for the last text that it was given.
pub(super) struct Searching {
    texts: Sender<String>,
    found: Receiver<(String, Found)>,
}

impl Searching {
    /// Starts the thread. It ends when this is dropped and its last search is done.
    pub fn with(search: impl Fn(&str) -> Found + Send + 'static) -> Self {
        let (texts, asked) = mpsc::channel::<String>();
        let (send, found) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(mut text) = asked.recv() {
                // Whatever was typed before the last letter is not worth a search.
                while let Ok(later) = asked.try_recv() {
                    text = later;
                }
                let found = search(&text);
                if send.send((text, found)).is_err() {
                    return;
                }
            }
        });
        Self { texts, found }
    }

    /// Searches for a text, once the search that goes on is done.
    pub fn ask(&self, text: &str) {
        // A thread that is gone says so below.
        let _ = self.texts.send(text.to_owned());
    }

    /// What was found meanwhile, with the text that it was found for; an error if the thread has crashed.
    pub fn answer(&self) -> Result<Option<(String, Found)>, Crashed> {
        match self.found.try_recv() {
            Ok(found) => Ok(Some(found)),
            Err(mpsc::TryRecvError::Empty) => Ok(None),
            Err(mpsc::TryRecvError::Disconnected) => Err(Crashed),
        }
    }
}

/// The thread that searches is gone.
#[derive(Debug, thiserror::Error)]
#[error("the search crashed")]
pub(super) struct Crashed;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_text_is_searched_for() {
        let searching = Searching::with(|text| {
            thread::sleep(Duration::from_millis(20));
            Err(text.to_owned())
        });
        for length in 1..=20 {
            searching.ask(&"x".repeat(length));
        }
        let mut searches = 0;
        loop {
            if let Some((text, found)) = searching.answer().unwrap() {
                searches += 1;
                assert_eq!(found, Err(text.clone()));
                if text.len() == 20 {
                    break;
                }
            }
        }
        assert!(searches < 20, "{searches}");
    }

    #[test]
    fn a_crash_is_told() {
        let searching = Searching::with(|_| panic!("on purpose"));
        searching.ask("x");
        while let Ok(found) = searching.answer() {
            assert!(found.is_none());
        }
    }
}
