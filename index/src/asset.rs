//! What an index holds: assets, which are files, and their items, which have the embeddings.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clip_files::path_bytes;
use serde::{Deserialize, Serialize};

use crate::error::IndexError;

/// A file, as an index describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asset {
    /// Where the file is; byte-exact on Unix, even if it is not UTF-8.
    pub path: PathBuf,
    /// What tells whether the file was changed.
    pub stamp: Stamp,
    /// Hash of the file's content.
    pub hash: [u8; 16],
    /// What the file is.
    pub kind: Kind,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// When the photo was taken, in seconds since 1970, UTC.
    pub taken_at: Option<i64>,
    /// What the clock of the place showed then, in minutes ahead of UTC, where that is known.
    pub utc_offset: Option<i16>,
    /// Make and model of the camera.
    pub camera: Option<String>,
    /// Lens.
    pub lens: Option<String>,
    /// Latitude and longitude in degrees.
    pub gps: Option<(f64, f64)>,
    /// Sensitivity (ISO speed).
    pub iso: Option<u32>,
    /// Focal length of the lens, in millimetres.
    pub focal_length: Option<f32>,
    /// How it was exposed.
    pub exposure: Exposure,
    /// How long a video is, in milliseconds.
    pub duration: Option<u64>,
    /// By how many degrees, clockwise, the stored pictures of a video are turned to be upright: 90, 180 or 270. `None` if they are
    /// not.
    pub rotation: Option<u16>,
    /// What ties it to other files.
    pub related: Related,
    /// Stars, 0 to 5.
    pub rating: Option<u8>,
    /// What it is called.
    pub title: Option<String>,
    /// What is said about it.
    pub description: Option<String>,
    /// Keywords.
    pub tags: Vec<String>,
    /// Names of the people on it.
    pub people: Vec<String>,
    /// The label that somebody gave it, mostly the name of a colour.
    pub label: Option<String>,
    /// Names of the place that it shows or was taken at: city, region, country.
    pub places: Vec<String>,
    /// The version of what read these details from the file, so that they can be read again once more is understood; 0 if
    /// that was before versions were noted.
    pub details_version: u32,
    /// Stands for files beside it that details were read from too, so that a change of theirs shows; `None` if there were none.
    pub sidecars: Option<u64>,
    /// Names of files in the same folder that belong to it and are no assets: the video of a Live Photo.
    pub companions: Vec<PathBuf>,
    /// What the picture looks like, to find it in other files; empty if that was not computed. Its bytes mean nothing to the index.
    pub picture_hash: Vec<u8>,
    /// The text that the picture shows; `None` if nobody looked for any.
    pub text: Option<PictureText>,
}

/// The hash of an asset whose content nobody has hashed, such as one that was imported.
pub const UNKNOWN_CONTENT: [u8; 16] = [0; 16];

impl Asset {
    /// The hash of its content, if that is known. Assets without one are not the same for that.
    pub fn content(&self) -> Option<[u8; 16]> {
        (self.hash != UNKNOWN_CONTENT).then_some(self.hash)
    }

    /// When the photo was taken by the clock of the place, in seconds since the beginning of 1970 there. Without an offset,
    /// `taken_at` is that.
    pub fn taken_at_place(&self) -> Option<i64> {
        Some(self.taken_at?.saturating_add(i64::from(self.utc_offset.unwrap_or(0)) * 60))
    }

    /// Whether it is a Live Photo or a motion photo: it has a short video besides the picture.
    pub fn moves(&self) -> bool {
        self.related.has_motion || self.related.live_photo.is_some() || !self.companions.is_empty()
    }
}

/// What was read in a picture, and by what, so that it can be read again by something better. Empty if there was nothing to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PictureText {
    /// The version of what read it.
    pub version: u32,
    /// The languages that were looked for, as `eng+deu`.
    pub languages: String,
    /// Words, with blanks between them and line feeds between lines.
    pub words: String,
    /// How sure each of the words is, in percent.
    pub confidences: Vec<u8>,
}

impl PictureText {
    /// How sure the words are on average, in percent; `None` if there are none.
    pub fn confidence(&self) -> Option<f32> {
        let sum: u32 = self.confidences.iter().map(|&percent| u32::from(percent)).sum();
        (!self.confidences.is_empty()).then(|| sum as f32 / self.confidences.len() as f32)
    }
}

/// How a photo was exposed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Exposure {
    /// For how long, in seconds.
    pub time: Option<f32>,
    /// At which aperture: the f-number.
    pub aperture: Option<f32>,
    /// Exposure compensation, in steps (EV).
    pub compensation: Option<f32>,
    /// Whether the flash fired.
    pub flash: Option<bool>,
}

/// What ties a photo to other files, or says that it moves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Related {
    /// The identifier that the shots of a burst share, in capitals.
    pub burst: Option<String>,
    /// Whether it stands for its burst.
    pub is_burst_primary: bool,
    /// The identifier that the picture and the video of a Live Photo share, in capitals.
    pub live_photo: Option<String>,
    /// Whether the file also contains a short video.
    pub has_motion: bool,
}

/// What a file's directory entry tells, to notice that the file was changed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Size of the file in bytes.
    pub size: u64,
    /// Time of last modification, in nanoseconds since 1970. Programs can set it.
    pub mtime_ns: i128,
    /// Time of last change of content, name or attributes, in nanoseconds since 1970, where the system has it. Only the
    /// system sets it, so it shows that a file was rewritten even where size and `mtime_ns` are as before.
    pub ctime_ns: Option<i128>,
    /// Which file of the file system it is, where the system tells.
    pub inode: Option<Inode>,
}

impl Stamp {
    /// False if the file may have been changed between the two looks at it. What only one of them tells is not compared.
    pub fn same_content(&self, later: &Stamp) -> bool {
        fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.zip(b).is_none_or(|(a, b)| a == b)
        }
        // Numbers of files change when a disk is copied or a share mounted again, so the change time, which says more,
        // goes first.
        let identity = match (self.ctime_ns, later.ctime_ns) {
            (Some(before), Some(after)) => before == after,
            _ => agree(self.inode, later.inode),
        };
        self.size == later.size && self.mtime_ns == later.mtime_ns && identity
    }
}

/// A file's number in its file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inode {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub number: u64,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Kind {
    /// A picture.
    #[default]
    Photo,
    /// Moving pictures: an item for each of some moments.
    Video,
    /// Pages: an item for each of some pages.
    Document,
}

/// Where in an asset an item is: 0 in a photo, milliseconds from the beginning of a video, pages from the first (which is 0)
/// in a document.
pub type Position = u64;

/// An asset of an index, and where its items are.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The asset's id, and that of its first item; the others have the numbers that follow.
    pub id: u64,
    /// The file.
    pub asset: Asset,
    /// The positions of its items, at least one; 0 for a photo.
    pub positions: Vec<Position>,
}

impl Record {
    /// The ids of its items.
    pub fn items(&self) -> std::ops::Range<u64> {
        self.id..self.id.saturating_add(self.positions.len() as u64)
    }

    /// Where the item with this id is in the asset; `None` if it is not one of its items.
    pub fn position(&self, item: u64) -> Option<Position> {
        self.positions.get(usize::try_from(item.checked_sub(self.id)?).ok()?).copied()
    }
}

/// An item to be added with its asset.
#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    /// Where in the asset it is.
    pub position: Position,
    /// Unit vector of the index's dimension.
    pub embedding: Vec<f32>,
}

/// A path as it is stored: byte-exact on Unix, UTF-8 elsewhere.
pub(crate) fn stored_path(path: &Path) -> Result<Cow<'_, [u8]>, IndexError> {
    path_bytes::exact(path).ok_or_else(|| IndexError::Path { path: path.to_path_buf() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_file_shows_where_the_system_tells() {
        let before = Stamp { size: 5, mtime_ns: 7, ctime_ns: Some(9), inode: Some(Inode { device: 1, number: 2 }) };
        assert!(before.same_content(&before));
        for changed in [
            Stamp { size: 6, ..before },
            Stamp { mtime_ns: 8, ..before },
            // Rewritten with the same size, and its time set back.
            Stamp { ctime_ns: Some(10), ..before },
            // Replaced by another file, on a system without change times.
            Stamp { ctime_ns: None, inode: Some(Inode { device: 1, number: 3 }), ..before },
        ] {
            assert!(!before.same_content(&changed), "{changed:?}");
        }
        // A share that is mounted again numbers its files afresh, and an index of an earlier version knows no more.
        for same in [
            Stamp { inode: Some(Inode { device: 4, number: 2 }), ..before },
            Stamp { ctime_ns: None, inode: None, ..before },
            Stamp { ctime_ns: None, ..before },
        ] {
            assert!(before.same_content(&same) && same.same_content(&before), "{same:?}");
        }
    }
}
