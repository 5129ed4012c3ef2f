//! Pictures for the screen, made on threads of their own: of what is on the screen now, and kept for a while.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use clip_image::Decoder;
use image::RgbImage;

use crate::terminal::pictures::{Area, Cell, Drawing, Protocol, drawing, fitted};
use crate::terminal::thumbnail;

/// Threads that decode.
const THREADS: usize = 2;

/// Pictures that are kept: some megabytes.
const KEPT: usize = 300;

/// A photo, and what its picture may cover.
pub(super) type Key = (PathBuf, Area);

/// A picture as the screen takes it.
#[derive(Debug)]
pub(super) enum Picture {
    /// Drawn over the screen.
    Drawing(Drawing),
    /// Made of characters, half of each a pixel.
    Pixels(RgbImage),
}

/// What the threads are to do.
#[derive(Default)]
struct Work {
    wanted: Vec<Key>,
    begun: HashSet<Key>,
    is_over: bool,
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    work: Mutex<Work>,
    change: Condvar,
}

pub(super) struct Gallery {
    protocol: Option<Protocol>,
    shared: Arc<Shared>,
    ready: Receiver<(Key, Option<Picture>)>,
    /// Without a picture: a file that has none.
    known: HashMap<Key, Option<Picture>>,
}

impl Gallery {
    /// Starts the threads, if pictures are shown at all.
    pub fn new(protocol: Option<Protocol>, decoder: &Decoder) -> Self {
        let shared = Arc::new(Shared::default());
        let (send, ready) = mpsc::channel();
        if let Some(protocol) = protocol {
            for _ in 0..THREADS {
                let (shared, send, decoder) = (Arc::clone(&shared), send.clone(), decoder.clone());
                thread::spawn(move || make(&shared, &send, &decoder, protocol));
            }
        }
        Self { protocol, shared, ready, known: HashMap::new() }
    }

    /// How pictures are shown, if they are.
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// Has pictures made of these, the first first, and of nothing else any more.
    pub fn want(&mut self, keys: &[Key]) {
        if self.known.len() > KEPT {
            self.known.retain(|key, _| keys.contains(key));
        }
        let mut work = lock(&self.shared.work);
        work.wanted = keys
            .iter()
            .rev()
            .filter(|key| !self.known.contains_key(key) && !work.begun.contains(key))
            .cloned()
            .collect();
        drop(work);
        self.shared.change.notify_all();
    }

    /// Takes up what is ready; `true` if there is something new to be shown.
    pub fn take_up(&mut self) -> bool {
        let mut is_new = false;
        while let Ok((key, picture)) = self.ready.try_recv() {
            lock(&self.shared.work).begun.remove(&key);
            is_new |= picture.is_some();
            self.known.insert(key, picture);
        }
        is_new
    }

    pub fn get(&self, key: &Key) -> Option<&Picture> {
        self.known.get(key)?.as_ref()
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        lock(&self.shared.work).is_over = true;
        self.shared.change.notify_all();
    }
}

fn make(shared: &Shared, send: &Sender<(Key, Option<Picture>)>, decoder: &Decoder, protocol: Protocol) {
    loop {
        let mut work = lock(&shared.work);
        let key = loop {
            if work.is_over {
                return;
            }
            match work.wanted.pop() {
                Some(key) => break key,
                None => work = shared.change.wait(work).unwrap_or_else(PoisonError::into_inner),
            }
        };
        work.begun.insert(key.clone());
        drop(work);
        let (photo, room) = &key;
        let cell = Cell::of_stdout();
        let side = u32::from(room.rows) * u32::from(cell.height);
        let picture = thumbnail(photo, decoder, side).map(|picture| match protocol {
            Protocol::Blocks { .. } => Picture::Pixels(fitted(&picture, Cell::OF_BLOCKS, *room)),
            _ => Picture::Drawing(drawing(&picture, protocol, cell, *room)),
        });
        if send.send((key, picture)).is_err() {
            return;
        }
    }
}

fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    // What is guarded is whole whatever a thread did that panicked.
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_wanted_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let room = Area { columns: 10, rows: 4 };
        let mut gallery = Gallery::new(Some(Protocol::Blocks { is_true_colour: true }), &Decoder::default());
        let keys: Vec<Key> = (0..6).map(|number| (folder.path().join(format!("{number}.png")), room)).collect();
        // The last is missing.
        keys[..5].iter().for_each(|(path, _)| RgbImage::new(40, 20).save(path).unwrap());
        gallery.want(&keys);
        while gallery.known.len() < keys.len() {
            gallery.take_up();
            gallery.want(&keys);
            thread::sleep(Duration::from_millis(5));
        }
        for key in &keys[..5] {
            let Some(Picture::Pixels(picture)) = gallery.get(key) else { panic!("no picture") };
            assert_eq!(picture.dimensions(), (10, 5));
        }
        assert!(gallery.get(&keys[5]).is_none());
        assert!(lock(&gallery.shared.work).begun.is_empty() && !gallery.take_up());
    }
}
