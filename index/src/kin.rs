//! Which files may come from the same press of the shutter: the raw file of a photo, an edited copy, the other shots of a burst.
//!
//! Names and identifiers tell which files come into question, so that they are found without looking at all others. Whether
//! they belong together is for whoever asks to find out: many files merely have like names.

use std::path::Path;

use clip_files::path_bytes;

use crate::asset::Asset;

/// What a file is by its name, compared with the one that the camera wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// The name is as a camera writes it.
    Original,
    /// The name says that it was edited: `IMG_E1234.HEIC`, `IMG_1234-edited.jpg`.
    Edited,
    /// The name has what programs add to that of a copy: `IMG_1234(1).jpg`.
    Copy,
}

/// A file name without what programs add to that of a photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShotName {
    /// What the names of a photo, its raw file and its edited copies have in common, in small letters.
    pub shot: String,
    /// What the name says besides.
    pub variant: Variant,
    /// What the names of the shots of a burst have in common, in small letters, for cameras that write such names.
    pub burst: Option<String>,
    /// Whether the name says that it stands for its burst.
    pub is_cover: bool,
}

/// Endings that programs give to edited photos. Google's are in the language of the user.
const EDITED: &[&str] = &[
    "-edited",
    "_edited",
    "(edited)",
    "-edit",
    "_edit",
    "-bearbeitet",
    "-editado",
    "-editada",
    "-modifi\u{e9}",
    "-modificato",
    "-bewerkt",
];

/// Endings of copies, which may have a number in parentheses as well.
const COPIES: &[&str] = &[" - copy", " copy"];

impl ShotName {
    /// Of the file at a path; `None` if it has no name.
    pub fn of(path: &Path) -> Option<ShotName> {
        /// "IMG_1234-edited (1).jpg"
        const MOST_ENDINGS: usize = 3;
        let stem = path.file_stem()?.to_string_lossy().to_lowercase();
        let (burst, is_cover) = burst_of(&stem);
        let mut shot = stem.as_str();
        let mut variant = Variant::Original;
        // Google's camera adds words about the kind of picture after a dot: "PXL_20230604_153000123.RAW-02.ORIGINAL.dng".
        if shot.starts_with("pxl_")
            && let Some((name, _)) = shot.split_once('.')
        {
            shot = name;
        }
        for _ in 0..MOST_ENDINGS {
            let (rest, found) = if let Some(rest) = ending(shot, EDITED) {
                (rest, Variant::Edited)
            } else if let Some(rest) = without_number(shot).or_else(|| ending(shot, COPIES)) {
                (rest, Variant::Copy)
            } else {
                break;
            };
            shot = rest;
            variant = if variant == Variant::Edited { variant } else { found };
        }
        let is_digits = |digits: &str| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let shot = match shot.strip_prefix("img_e").filter(|number| is_digits(number)) {
            Some(number) => {
                variant = Variant::Edited;
                format!("img_{number}")
            }
            None => shot.to_owned(),
        };
        Some(ShotName { shot, variant, burst, is_cover })
    }
}

/// A name without one of some endings, and without blanks before that. Something must be left.
fn ending<'n>(name: &'n str, endings: &[&str]) -> Option<&'n str> {
    let rest = endings.iter().find_map(|ending| name.strip_suffix(ending))?.trim_end();
    (!rest.is_empty()).then_some(rest)
}

/// A name without "(1)", " (1)" or "~2" at its end.
fn without_number(name: &str) -> Option<&str> {
    let is_number = |digits: &str| (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let in_parentheses = name.strip_suffix(')').and_then(|name| name.rsplit_once('('));
    let (rest, number) = in_parentheses.or_else(|| name.rsplit_once('~'))?;
    let rest = rest.trim_end();
    (is_number(number) && !rest.is_empty()).then_some(rest)
}

/// What the names of the shots of a burst have in common, and whether this one stands for it.
fn burst_of(stem: &str) -> (Option<String>, bool) {
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (name, is_cover) = match stem.strip_suffix("_cover") {
        Some(name) => (name, true),
        None => (stem, false),
    };
    if let Some((before, number)) = name.rsplit_once("_burst")
        && all_digits(number)
    {
        // "00000IMG_00000_BURST20190604153000123_COVER.jpg" or "IMG_20190604_153000_BURST001_COVER.jpg".
        let common = if number.len() >= 14 { number } else { before };
        return (Some(common.to_owned()).filter(|common| !common.is_empty()), is_cover);
    }
    // Samsung: "20190604_153000_001.jpg".
    let parts: Vec<&str> = stem.split('_').collect();
    match parts.as_slice() {
        &[day, time, number]
            if [(day, 8), (time, 6), (number, 3)]
                .into_iter()
                .all(|(part, digits): (&str, usize)| part.len() == digits && all_digits(part)) =>
        {
            (Some(format!("{day}_{time}")), false)
        }
        _ => (None, false),
    }
}

/// Stand for what files may have in common: two that may come from the same press of the shutter share one, unless they are in
/// different folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KinKeys {
    /// For the photo, its raw file and its copies.
    pub shot: Option<u64>,
    /// For the shots of a burst, by identifier.
    pub burst: Option<u64>,
    /// For the shots of a burst, by name.
    pub named_burst: Option<u64>,
    /// For the picture and the video of a Live Photo.
    pub live_photo: Option<u64>,
}

impl KinKeys {
    /// Of an asset.
    pub fn of(asset: &Asset) -> KinKeys {
        let Some((name, folder)) = ShotName::of(&asset.path).zip(asset.path.parent()) else {
            return KinKeys::default();
        };
        let key = |kind: &str, text: &str| key(folder, kind, text);
        KinKeys {
            shot: Some(key("shot", &name.shot)),
            burst: asset.related.burst.as_ref().map(|id| key("burst", id)),
            named_burst: name.burst.as_ref().map(|name| key("named burst", name)),
            live_photo: asset.related.live_photo.as_ref().map(|id| key("live photo", id)),
        }
    }

    /// Those that there are.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        [self.shot, self.burst, self.named_burst, self.live_photo].into_iter().flatten()
    }
}

/// The first 8 bytes of the BLAKE3 hash of a folder's path, a kind and a text, each followed by a zero byte.
fn key(folder: &Path, kind: &str, text: &str) -> u64 {
    let folder = path_bytes::lossy(folder);
    let mut hasher = blake3::Hasher::new();
    for part in [&*folder, kind.as_bytes(), text.as_bytes()] {
        hasher.update(part);
        hasher.update(&[0]);
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::asset::Related;

    fn name(name: &str) -> ShotName {
        ShotName::of(Path::new(name)).unwrap()
    }

    #[test]
    fn names_of_the_same_shot() {
        use Variant::{Copy, Edited, Original};
        for (file, shot, variant) in [
            ("IMG_1234.JPG", "img_1234", Original),
            ("IMG_1234.CR2", "img_1234", Original),
            ("IMG_E1234.HEIC", "img_1234", Edited),
            ("IMG_1234(1).jpg", "img_1234", Copy),
            ("IMG_1234 (12).jpg", "img_1234", Copy),
            ("IMG_1234~2.jpg", "img_1234", Copy),
            ("IMG_1234-edited.jpg", "img_1234", Edited),
            ("IMG_1234-edited(1).jpg", "img_1234", Edited),
            ("IMG_1234 (Edited).jpg", "img_1234", Edited),
            ("IMG_1234-bearbeitet.jpg", "img_1234", Edited),
            ("DSC_0001 - Copy (2).JPG", "dsc_0001", Copy),
            ("PXL_20230604_153000123.RAW-01.COVER.jpg", "pxl_20230604_153000123", Original),
            ("PXL_20230604_153000123.RAW-02.ORIGINAL.dng", "pxl_20230604_153000123", Original),
            ("PXL_20230604_153000123.MP~2.jpg", "pxl_20230604_153000123", Original),
        ] {
            let found = name(file);
            assert_eq!((found.shot.as_str(), found.variant), (shot, variant), "{file}");
        }
    }

    #[test]
    fn names_that_are_merely_like_it() {
        for file in [
            "IMG_12345.JPG",
            "IMG_123.JPG",
            "IMG_E123.JPG",
            "IMG_EAST.jpg",
            "IMG_1234b.jpg",
            "IMG_1234_1.jpg",
            "1234.jpg",
        ] {
            assert_ne!(name(file).shot, "img_1234", "{file}");
        }
        for file in ["(1).jpg", "-edited.jpg", " copy.jpg", "~1.jpg", "party (2019).jpg", "a().jpg", "IMG_E12345.jpg"] {
            assert_eq!(name(file).variant, Variant::Original, "{file}");
        }
        assert_eq!(name("party (2019).jpg").shot, "party (2019)", "a year");
        assert_eq!(name("..0").shot, ".");
    }

    #[test]
    fn bursts_by_name() {
        let burst = |file: &str| (name(file).burst, name(file).is_cover);
        let of = |common: &str, is_cover| (Some(common.to_owned()), is_cover);
        assert_eq!(burst("20190604_153000_001.jpg"), of("20190604_153000", false));
        assert_eq!(burst("00000IMG_00000_BURST20190604153000123_COVER.jpg"), of("20190604153000123", true));
        assert_eq!(burst("00001IMG_00001_BURST20190604153000123.jpg"), of("20190604153000123", false));
        assert_eq!(burst("IMG_20190604_153000_BURST002.jpg"), of("img_20190604_153000", false));
        for file in ["20190604_153000.jpg", "20190604_153000_1.jpg", "IMG_BURST.jpg", "_BURST1.jpg", "2019_06_04.jpg"] {
            assert_eq!(burst(file), (None, false), "{file}");
        }
    }

    #[test]
    fn keys_differ_by_folder_and_kind() {
        let asset = |path: &str, burst: Option<&str>| Asset {
            path: path.into(),
            related: Related { burst: burst.map(str::to_owned), ..Related::default() },
            ..Asset::default()
        };
        let keys = |path: &str, burst| KinKeys::of(&asset(path, burst));
        assert_eq!(keys("/a/IMG_1234.jpg", None).shot, keys("/a/img_e1234.HEIC", None).shot);
        assert_ne!(keys("/a/IMG_1.jpg", None).shot, keys("/b/IMG_1.jpg", None).shot);
        assert_ne!(keys("/a/IMG_1.jpg", None).shot, keys("/a/IMG_10.jpg", None).shot);
        assert_eq!(keys("/a/1.jpg", Some("X")).burst, keys("/a/2.jpg", Some("X")).burst);
        assert_ne!(keys("/a/x.jpg", Some("x")).burst, keys("/a/x.jpg", Some("x")).shot);
        assert_eq!(keys("/a/1.jpg", None).iter().count(), 1);
        assert_eq!(keys("/", None), KinKeys::default());
    }

    proptest! {
        #[test]
        fn any_name_has_a_shot(name in ".{0,20}", ending in "[-_ ()~a-z0-9.]{0,12}") {
            let path = format!("/folder/{name}{ending}");
            if let Some(found) = ShotName::of(Path::new(&path)) {
                prop_assert!(!found.shot.is_empty());
                // A raw file beside it has the same, whatever its extension.
                // (`with_extension` makes a path without a name of "..0".)
                let stem = Path::new(&path).file_stem().unwrap().to_str().unwrap();
                let raw = format!("/folder/{stem}.CR2");
                let same = ShotName::of(Path::new(&raw)).unwrap();
                prop_assert_eq!(same.shot, found.shot);
            }
        }
    }
}
