//! What a walk passed over, by kind: a folder of files that cannot be read must not end in silence.

use std::collections::BTreeMap;
use std::path::Path;

/// Files of one kind that a walk passed over because of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// What they are.
    pub kind: PassedOverKind,
    /// Their extension, in lower case; `None` where they have none, or none that is worth telling apart.
    pub extension: Option<String>,
    /// How many there are.
    pub files: u64,
}

/// What was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PassedOverKind {
    /// Pictures in a format that cannot be read: JPEG 2000, drawings.
    Picture,
    /// Videos.
    Video,
    /// Files that are neither.
    Other,
    /// Files and folders whose names begin with a dot. What lies in the folders was not counted.
    Hidden,
    /// Folders that systems and programs keep for themselves. What lies in them was not counted.
    SystemFolder,
    /// Photos, and videos where these are indexed, that excludes and ignore files leave out.
    Excluded,
    /// Folders that they leave out. What lies in them was not counted.
    ExcludedFolder,
}

/// Extensions of pictures that cannot be read.
const PICTURES: &[&str] = &[
    "jxr", "wdp", "hdp", // other successors of JPEG
    "ari", "bay", "dcr", "fff", "iiq", "k25", "mef", "mos", "raw", // cameras
    "xcf", "kra", "clip", "afphoto", "svg", "svgz", "ai", "eps", // drawings and works in progress
    "icns", "pcx", "sgi", "fits", "djvu", // the rest
];

/// Extensions of videos.
const VIDEOS: &[&str] = &[
    "mp4", "mov", "m4v", "avi", "mkv", "webm", "mts", "m2ts", "mpg", "mpeg", "wmv", "3gp", "3g2", "flv", "vob", "ogv",
    "insv", "lrv", "360", "mod", "tod", "dv", "asf", "rmvb",
];

/// More extensions than this are counted together: the files of a cache may have a million.
const MOST_EXTENSIONS: usize = 100;

/// No extension that means anything is longer.
const LONGEST_EXTENSION: usize = 12;

/// Counts what is passed over.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<(PassedOverKind, Option<String>), u64>,
}

impl Tally {
    /// A file that does not look like a photo.
    pub fn file(&mut self, path: &Path) {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let is_plain = |extension: &String| {
            extension.len() <= LONGEST_EXTENSION && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let extension = extension.filter(is_plain);
        let kind = match extension.as_deref() {
            Some(known) if PICTURES.contains(&known) => PassedOverKind::Picture,
            Some(known) if VIDEOS.contains(&known) => PassedOverKind::Video,
            _ => PassedOverKind::Other,
        };
        let key = (kind, extension);
        let is_one_too_many =
            kind == PassedOverKind::Other && self.counts.len() >= MOST_EXTENSIONS && !self.counts.contains_key(&key);
        self.add(if is_one_too_many { (kind, None) } else { key });
    }

    /// A hidden file or folder.
    pub fn hidden(&mut self) {
        self.add((PassedOverKind::Hidden, None));
    }

    /// A folder of the system's.
    pub fn system_folder(&mut self) {
        self.add((PassedOverKind::SystemFolder, None));
    }

    /// A photo that is left out though its name is that of one.
    pub fn excluded(&mut self) {
        self.add((PassedOverKind::Excluded, None));
    }

    /// A folder that is left out.
    pub fn excluded_folder(&mut self) {
        self.add((PassedOverKind::ExcludedFolder, None));
    }

    fn add(&mut self, key: (PassedOverKind, Option<String>)) {
        *self.counts.entry(key).or_default() += 1;
    }

    /// By kind, and the most frequent first.
    pub fn into_list(self) -> Vec<PassedOver> {
        let entry = |((kind, extension), files)| PassedOver { kind, extension, files };
        let mut list: Vec<_> = self.counts.into_iter().map(entry).collect();
        list.sort_by_key(|passed| (passed.kind, std::cmp::Reverse(passed.files)));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(names: &[&str]) -> Vec<(PassedOverKind, Option<String>, u64)> {
        let mut tally = Tally::default();
        names.iter().for_each(|name| tally.file(Path::new(name)));
        tally.into_list().into_iter().map(|passed| (passed.kind, passed.extension, passed.files)).collect()
    }

    #[test]
    fn files_are_counted_by_kind_the_most_frequent_first() {
        use PassedOverKind::{Other, Picture, Video};
        let names = ["a.txt", "b.XCF", "c.kra", "d.xcf", "e.MOV", "README", "f.pdf", "g.pdf", "h.a b", "i.é"];
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            tally(&names),
            [
                (Picture, text("xcf"), 2),
                (Picture, text("kra"), 1),
                (Video, text("mov"), 1),
                (Other, None, 3),
                (Other, text("pdf"), 2),
                (Other, text("txt"), 1),
            ]
        );
    }

    #[test]
    fn a_million_extensions_are_not_kept_apart() {
        let names: Vec<String> = (0..1000).map(|number| format!("cache.{number}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.push("x.xcf");
        let list = tally(&names);
        assert!(list.len() < MOST_EXTENSIONS + 10, "{}", list.len());
        assert_eq!(list.iter().map(|(_, _, files)| files).sum::<u64>(), 1001);
        assert_eq!(list[0], (PassedOverKind::Picture, Some("xcf".into()), 1));
    }

    #[test]
    fn what_can_be_read_is_not_said_to_be_unreadable() {
        for extension in PICTURES.iter().chain(VIDEOS) {
            assert!(!clip_image::looks_like_photo(Path::new(&format!("a.{extension}"))), "{extension}");
            assert_eq!(*extension, extension.to_ascii_lowercase());
        }
    }
}
