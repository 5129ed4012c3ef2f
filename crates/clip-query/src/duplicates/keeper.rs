//! Which of several duplicates is to be kept, and why.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::path::Path;

use clip_image::Format;
use clip_index::Asset;

/// What speaks for keeping a photo. The better one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Merits {
    /// A camera's raw file is what all others were made from, and often a few pixels smaller or larger than those.
    is_raw: Reverse<bool>,
    pixels: Reverse<u64>,
    is_lossless: Reverse<bool>,
    has_time: Reverse<bool>,
    has_place: Reverse<bool>,
    is_named_like_a_copy: bool,
    bytes: Reverse<u64>,
    mtime_ns: i128,
    path_length: usize,
}

impl Merits {
    pub fn of(asset: &Asset) -> Merits {
        let format = asset.path.extension().and_then(|extension| extension.to_str()).and_then(Format::from_extension);
        let is_lossless = |format| {
            use Format::{Bmp, Exr, Hdr, Png, Pnm, Psd, Qoi, Tga, Tiff};
            matches!(format, Png | Tiff | Bmp | Pnm | Qoi | Psd | Exr | Hdr | Tga)
        };
        Merits {
            is_raw: Reverse(format == Some(Format::Raw)),
            pixels: Reverse(u64::from(asset.width) * u64::from(asset.height)),
            is_lossless: Reverse(format.is_some_and(is_lossless)),
            has_time: Reverse(asset.taken_at.is_some()),
            has_place: Reverse(asset.gps.is_some()),
            is_named_like_a_copy: is_named_like_a_copy(&asset.path),
            bytes: Reverse(asset.stamp.size),
            mtime_ns: asset.stamp.mtime_ns,
            path_length: asset.path.as_os_str().len(),
        }
    }
}

/// Why a photo is to be kept rather than the next best of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is the camera's raw file.
    Raw,
    /// It has most pixels: its width and height.
    Largest(u32, u32),
    /// Its format loses nothing.
    Lossless,
    /// It has the time and the place at which it was taken.
    TimeAndPlace,
    /// It has the time at which it was taken.
    Time,
    /// It has the place at which it was taken.
    Place,
    /// The other is named like a copy.
    NotACopy,
    /// Its file is larger.
    MoreBytes,
    /// Its file is older.
    Oldest,
    /// Its path is shorter.
    ShortestPath,
    /// Nothing: its path comes first.
    FirstPath,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Raw => "camera raw file",
            Reason::Largest(width, height) => return write!(f, "largest: {width}x{height}"),
            Reason::Lossless => "lossless format",
            Reason::TimeAndPlace => "has capture time and place",
            Reason::Time => "has capture time",
            Reason::Place => "has capture place",
            Reason::NotACopy => "not named like a copy",
            Reason::MoreBytes => "largest file",
            Reason::Oldest => "oldest file",
            Reason::ShortestPath => "shortest path",
            Reason::FirstPath => "first by path",
        })
    }
}

/// Why a photo with the merits `a`, and of this width and height, is better than one with the merits `b`, which it is.
pub(super) fn reason(a: &Merits, (width, height): (u32, u32), b: &Merits) -> Reason {
    let has_more = |a: Reverse<bool>, b: Reverse<bool>| a.0 && !b.0;
    let reasons = [
        (a.is_raw.cmp(&b.is_raw), Reason::Raw),
        (a.pixels.cmp(&b.pixels), Reason::Largest(width, height)),
        (a.is_lossless.cmp(&b.is_lossless), Reason::Lossless),
        (
            a.has_time.cmp(&b.has_time),
            if has_more(a.has_place, b.has_place) { Reason::TimeAndPlace } else { Reason::Time },
        ),
        (a.has_place.cmp(&b.has_place), Reason::Place),
        (a.is_named_like_a_copy.cmp(&b.is_named_like_a_copy), Reason::NotACopy),
        (a.bytes.cmp(&b.bytes), Reason::MoreBytes),
        (a.mtime_ns.cmp(&b.mtime_ns), Reason::Oldest),
        (a.path_length.cmp(&b.path_length), Reason::ShortestPath),
    ];
    reasons.into_iter().find(|(order, _)| *order == Ordering::Less).map_or(Reason::FirstPath, |(_, reason)| reason)
}

/// Whether programs name copies and edited pictures so: `x (1).jpg`, `x copy.jpg`, `Copy of x.jpg`, `x-edited.jpg`.
fn is_named_like_a_copy(path: &Path) -> bool {
    const WORDS: [&str; 8] = ["copy", "copie", "kopie", "copia", "edited", "edit", "thumb", "thumbnail"];
    let Some(stem) = path.file_stem() else { return false };
    let stem = stem.to_string_lossy().to_lowercase();
    let is_numbered = stem.strip_suffix(')').and_then(|stem| stem.rsplit_once('(')).is_some_and(|(name, number)| {
        !name.is_empty() && !number.is_empty() && number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let mut words = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    // A picture that is called nothing but "copy" is no copy of something else.
    let is_alone = words.clone().count() < 2;
    is_numbered || !is_alone && words.any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_copies() {
        for yes in [
            "a (1).jpg",
            "a(12).jpg",
            "Copy of a.jpg",
            "a - Copy.jpg",
            "a copy 2.JPG",
            "IMG_1-edited.jpg",
            "Kopie von a.png",
        ] {
            assert!(is_named_like_a_copy(Path::new(yes)), "{yes}");
        }
        for no in [
            "a.jpg",
            "(1).jpg",
            "party (2019).jpg",
            "copy.jpg",
            "photocopy of a.jpg",
            "a().jpg",
            "credits.jpg",
            "copy/a.jpg",
        ] {
            assert!(!is_named_like_a_copy(Path::new(no)), "{no}");
        }
    }

    #[test]
    fn reasons_in_their_order() {
        let asset = |path: &str| Asset { path: path.into(), width: 40, height: 30, ..Asset::default() };
        let plain = asset("a.jpg");
        let mut timed = asset("a.jpg");
        timed.taken_at = Some(1);
        let mut wide = asset("a (1).jpg");
        wide.width = 41;
        let better = [(&asset("longer.dng"), &wide), (&wide, &plain), (&asset("a.png"), &timed), (&timed, &plain)];
        for (better, worse) in better {
            assert!(Merits::of(better) < Merits::of(worse), "{better:?}, {worse:?}");
        }
    }
}
