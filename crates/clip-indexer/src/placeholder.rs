//! Files that are only in the cloud: their placeholder on the disk has their name, size and time, and reading it downloads
//! them. Indexing a library must not download all of it.
//!
//! - Windows marks placeholders with file attributes: OneDrive, iCloud Drive, Dropbox, Google Drive and tape archives.
//! - macOS has a flag for files without data. Before macOS 14, iCloud Drive replaced `a.jpg` by a hidden `.a.jpg.icloud`.
//! - Nextcloud and ownCloud replace it by `a.jpg.nextcloud` or `a.jpg.owncloud`, on Linux too.
//!
//! Linux has nothing else that is reliable. A file without blocks may be small or sparse, and file systems such as rclone's
//! report blocks that do not exist.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// FILE_ATTRIBUTE_OFFLINE, FILE_ATTRIBUTE_RECALL_ON_OPEN and FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS.
#[cfg(any(windows, test))]
const ELSEWHERE: u32 = 0x1000 | 0x4_0000 | 0x40_0000;

/// SF_DATALESS
#[cfg(any(target_os = "macos", test))]
const DATALESS: u32 = 0x4000_0000;

/// The suffixes that the clients of Nextcloud and ownCloud add to names.
const SUFFIXES: [&str; 2] = ["nextcloud", "owncloud"];

/// Whether reading a file would download it.
pub(crate) fn is_placeholder(metadata: &Metadata) -> bool {
    #[cfg(windows)]
    {
        use std::os::windows::fs::MetadataExt;
        is_elsewhere(metadata.file_attributes())
    }
    #[cfg(target_os = "macos")]
    {
        use std::os::macos::fs::MetadataExt;
        is_dataless(metadata.st_flags())
    }
    #[cfg(not(any(windows, target_os = "macos")))]
    {
        let _ = metadata;
        false
    }
}

#[cfg(any(windows, test))]
fn is_elsewhere(attributes: u32) -> bool {
    attributes & ELSEWHERE != 0
}

#[cfg(any(target_os = "macos", test))]
fn is_dataless(flags: u32) -> bool {
    flags & DATALESS != 0
}

/// The photo or video that a file with another name is the placeholder of: `a.jpg` for `.a.jpg.icloud`.
pub(crate) fn stands_for(path: &Path) -> Option<PathBuf> {
    let extension = path.extension()?;
    let stem = path.file_stem()?.to_str()?;
    let name = if extension == "icloud" {
        stem.strip_prefix('.')?
    } else if SUFFIXES.iter().any(|suffix| extension == OsStr::new(suffix)) {
        stem
    } else {
        return None;
    };
    let photo = path.with_file_name(name);
    (clip_image::looks_like_photo(&photo) || clip_image::looks_like_video(&photo)).then_some(photo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_photo_has_its_name() {
        let photo = |name: &str| stands_for(&Path::new("/p").join(name));
        let a = Some(PathBuf::from("/p/a b.JPG"));
        assert_eq!(photo(".a b.JPG.icloud"), a);
        assert_eq!(photo("a b.JPG.nextcloud"), a);
        assert_eq!(photo(".a.mov.icloud"), Some(PathBuf::from("/p/a.mov")));
        assert_eq!(photo("a b.JPG.owncloud"), a);
        for other in ["a.jpg.icloud", ".notes.txt.icloud", ".icloud", "a.nextcloud", "a.jpg", "x.jpg.cloud"] {
            assert_eq!(photo(other), None, "{other}");
        }
    }

    #[test]
    fn what_systems_say_of_files_without_data() {
        // On demand, pinned to the cloud, on tape; then an archived one and one that is kept on the disk.
        for (attributes, expected) in
            [(0x40_0020, true), (0x50_1620, true), (0x1020, true), (0x20, false), (0x8_0020, false)]
        {
            assert_eq!(is_elsewhere(attributes), expected, "{attributes:x}");
        }
        assert!(is_dataless(0x4000_0060) && !is_dataless(0x60));
    }

    #[test]
    fn a_file_on_the_disk_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // A hole, which has a size and no blocks.
        file.as_file().set_len(1 << 20).unwrap();
        assert!(!is_placeholder(&file.as_file().metadata().unwrap()));
    }
}
