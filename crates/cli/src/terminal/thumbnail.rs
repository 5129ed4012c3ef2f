//! Small pictures of photos, made on threads of their own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use clip_image::{Decoder, Limits};
use image::RgbImage;

use super::pictures::{Area, Cell, Drawing, Protocol, drawing};

/// Pictures that are decoded at a time, at most: each may take hundreds of megabytes.
const MAX_THREADS: usize = 4;

/// A photo, upright, with a shorter side of at least so many pixels where it has them. A file that is missing or broken has
/// none.
pub(crate) fn thumbnail(photo: &Path, decoder: &Decoder, shorter_side: u32) -> Option<RgbImage> {
    let limits = Limits::default();
    let bytes = clip_image::read_file(photo, &limits).ok()?;
    // The decoder gives up to twice as many for a smooth reduction, which would be more than a screen shows.
    let wanted = (shorter_side / 2).max(1);
    Some(decoder.decode_bytes(&bytes, &limits, Some(wanted), &|_| {}).ok()?.image)
}

/// Drawings of photos, in their order. They are made ahead.
pub(crate) struct Thumbnails {
    receive: mpsc::Receiver<(usize, Option<Drawing>)>,
    /// What came before its turn.
    early: Vec<Option<Option<Drawing>>>,
    next: usize,
}

impl Thumbnails {
    /// Begins to draw photos for a terminal.
    pub fn of(photos: Vec<PathBuf>, decoder: &Decoder, protocol: Protocol, room: Area) -> Self {
        let cell = Cell::of_stdout();
        let side = u32::from(room.rows) * u32::from(cell.height);
        let early = vec![None; photos.len()];
        let (send, receive) = mpsc::channel();
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS).min(photos.len());
        let (photos, taken) = (Arc::new(photos), Arc::new(AtomicUsize::new(0)));
        for _ in 0..threads {
            let (send, photos, taken, decoder) =
                (send.clone(), Arc::clone(&photos), Arc::clone(&taken), decoder.clone());
            std::thread::spawn(move || {
                loop {
                    let at = taken.fetch_add(1, Ordering::Relaxed);
                    let Some(photo) = photos.get(at) else { return };
                    let picture = thumbnail(photo, &decoder, side);
                    let drawing = picture.map(|picture| drawing(&picture, protocol, cell, room));
                    // Nobody may be waiting any more.
                    if send.send((at, drawing)).is_err() {
                        return;
                    }
                }
            });
        }
        Self { receive, early, next: 0 }
    }

    /// The next photo's drawing, once it is ready; none if the photo cannot be read, or there are no more.
    pub fn next(&mut self) -> Option<Drawing> {
        let turn = self.next;
        self.next += 1;
        while self.early.get(turn)?.is_none() {
            let (at, drawing) = self.receive.recv().ok()?;
            self.early[at] = Some(drawing);
        }
        self.early[turn].take()?
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn drawings_come_in_order_and_without_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let photos: Vec<PathBuf> = (0..9_u32)
            .map(|number| {
                let path = folder.path().join(format!("{number}.png"));
                match number {
                    3 => fs::write(&path, "no photo").unwrap(),
                    4 => {}
                    // Each has a width of its own.
                    _ => RgbImage::new(8 * (number + 1), 80).save(&path).unwrap(),
                }
                path
            })
            .collect();
        let room = Area { columns: 40, rows: 10 };
        let mut thumbnails =
            Thumbnails::of(photos, &Decoder::default(), Protocol::Blocks { is_true_colour: true }, room);
        let widths: Vec<Option<u16>> = (0..10).map(|_| thumbnails.next().map(|drawing| drawing.area.columns)).collect();
        let expected = [Some(2), Some(4), Some(6), None, None, Some(12), Some(14), Some(16), Some(18), None];
        assert_eq!(widths, expected);
    }
}
