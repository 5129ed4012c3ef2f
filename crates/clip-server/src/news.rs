//! What happens to the index, for whoever wants to hear of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;

/// Events that a slow listener may fall behind; then it misses some.
const BACKLOG: usize = 64;

/// An event: its name and data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) data: Value,
}

impl Event {
    /// As a stream of events has it.
    pub(crate) fn encoded(&self) -> String {
        // JSON on one line has no line breaks.
        format!("event: {}\ndata: {}\n\n", self.name, self.data)
    }
}

/// Tells listeners what happens.
pub(crate) struct News {
    sender: broadcast::Sender<Event>,
    /// What a new listener is told at once: the index, and what is being done to it.
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    index: Option<Event>,
    progress: Option<Event>,
}

impl News {
    pub(crate) fn new() -> News {
        News { sender: broadcast::Sender::new(BACKLOG), latest: Mutex::default() }
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        // No change is left half done by a panic.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: Event) {
        // Nobody may listen.
        let _ = self.sender.send(event);
    }

    /// The index has another generation.
    pub(crate) fn index(&self, generation: u64, photos: u64) {
        let event = Event { name: "index", data: json!({ "generation": generation, "photos": photos }) };
        let mut latest = self.latest();
        if latest.index.as_ref() != Some(&event) {
            latest.index = Some(event.clone());
            self.tell(event);
        }
    }

    /// Photos are being indexed.
    pub(crate) fn progress(&self, stage: &'static str, done: u64, total: Option<u64>) {
        let event = Event { name: "progress", data: json!({ "stage": stage, "done": done, "total": total }) };
        let mut latest = self.latest();
        latest.progress = Some(event.clone());
        self.tell(event);
    }

    /// Photos were indexed.
    pub(crate) fn done(&self, data: Value) {
        let mut latest = self.latest();
        latest.progress = None;
        self.tell(Event { name: "done", data });
    }

    /// What is so now, and what comes.
    pub(crate) fn listen(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let latest = self.latest();
        let now = latest.index.iter().chain(&latest.progress).cloned().collect();
        (now, self.sender.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_listener_hears_how_things_are() {
        let news = News::new();
        assert!(news.listen().0.is_empty());
        news.index(1, 10);
        news.progress("reading", 3, Some(10));
        let (now, mut coming) = news.listen();
        let names: Vec<_> = now.iter().map(|event| event.name).collect();
        assert_eq!(names, ["index", "progress"]);
        assert_eq!(now[1].encoded(), "event: progress\ndata: {\"done\":3,\"stage\":\"reading\",\"total\":10}\n\n");
        news.index(1, 10);
        news.done(json!({}));
        assert_eq!(coming.try_recv().unwrap().name, "done", "nothing new is not told again");
        assert_eq!(news.listen().0.len(), 1);
    }
}
