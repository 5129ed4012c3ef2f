//! What a raw file contains besides raw data.

use image::metadata::Orientation;

use crate::formats::codec::Blocks;

/// What a raw file contains besides raw data.
#[derive(Debug, Default)]
pub(super) struct Contents<'a> {
    pub(super) jpegs: Jpegs<'a>,
    /// Width and height of the photo, according to the camera.
    pub(super) size: Option<(u32, u32)>,
    /// From the format itself, if there are no EXIF data.
    pub(super) orientation: Option<Orientation>,
    /// Metadata of the file itself. Previews may have their own.
    pub(super) blocks: Blocks<'a>,
}

/// Parts of a file that begin like JPEG files.
#[derive(Debug, Default)]
pub(super) struct Jpegs<'a> {
    pub(super) found: Vec<&'a [u8]>,
    /// At least one part extends beyond the end of the file.
    pub(super) is_cut: bool,
}

impl<'a> Jpegs<'a> {
    /// The most that are looked at. Cameras write up to four.
    const MOST: usize = 64;

    /// Adds the bytes from `start` on, if they are a JPEG. If the file is cut, those that it has are taken.
    pub(super) fn add(&mut self, file: &'a [u8], start: usize, length: usize) {
        if length == 0 {
            return;
        }
        let end = start.saturating_add(length);
        self.is_cut |= end > file.len();
        if let Some(bytes) = file.get(start..end.min(file.len())) {
            self.add_bytes(bytes);
        }
    }

    /// Adds these bytes, if they are a JPEG.
    pub(super) fn add_bytes(&mut self, bytes: &'a [u8]) {
        if is_jpeg(bytes)
            && self.found.len() < Self::MOST
            && !self.found.iter().any(|known| known.as_ptr() == bytes.as_ptr())
        {
            self.found.push(bytes);
        }
    }
}

/// Whether bytes begin like a JPEG. Minolta's previews have another byte in place of their first one.
pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    matches!(bytes, [_, 0xd8, 0xff, 0xc0..=0xfe, ..])
}
