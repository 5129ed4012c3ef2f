//! Which names a walk passes over without a word.
//!
//! Two rules, both about names only, so that no system call is spent on what they exclude:
//!
//! - **Hidden entries**, whose name starts with a dot. This covers the `._*` companions that macOS leaves on foreign
//!   drives, `.Trash-1000`, `.Trashes`, `.thumbnails`, `.git`, `.@__thumb` and every program's private folder.
//! - **Folders that systems and photo programs keep for themselves** ([`SYSTEM_FOLDERS`]): recycle bins, snapshots,
//!   thumbnails and previews. What lies in them is a copy of, or no longer, a photo of the user's.
//!
//! A folder that the user names as a root is always entered, whatever it is called.

use std::ffi::OsStr;

/// Names of folders that are never entered, compared without regard to case.
pub const SYSTEM_FOLDERS: &[&str] = &[
    "$RECYCLE.BIN",              // Windows: deleted files
    "RECYCLER",                  // Windows XP: deleted files
    "System Volume Information", // Windows: restore points
    "found.000",                 // Windows: fragments saved by chkdsk
    "lost+found",                // ext2/3/4: fragments saved by fsck
    "@eaDir",                    // Synology: thumbnails beside every photo
    "#recycle",                  // Synology: deleted files
    "#snapshot",                 // Synology: earlier states of the whole share
    "@Recycle",                  // QNAP: deleted files
    "@Recently-Snapshot",        // QNAP: earlier states of the whole share
    "__MACOSX",                  // zip archives from macOS: `._*` companions
    "node_modules",              // npm: icons and test images by the thousand
];

/// Extensions of folders that hold nothing but rendered previews, compared without regard to case.
const PREVIEW_EXTENSIONS: &[&str] = &["lrdata"]; // Adobe Lightroom: `Catalog Previews.lrdata`

/// The folders of an Apple Photos or iPhoto library that hold what the camera took; all its others hold thumbnails,
/// rendered versions and databases.
const LIBRARY_ORIGINALS: &[&str] = &["originals", "masters"];

/// Files that systems leave in folders, even in empty ones, compared without regard to case.
const JUNK: &[&str] = &["Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r"];

/// Whether a file is one that a system left, not the user.
pub(crate) fn is_junk(name: &OsStr) -> bool {
    JUNK.iter().any(|junk| name.eq_ignore_ascii_case(junk))
}

/// Whether an entry's name starts with a dot.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

/// Whether a folder called `name`, which lies in a folder called `parent`, is one of those never entered.
pub(crate) fn is_system_folder(name: &OsStr, parent: Option<&OsStr>) -> bool {
    let is_any = |names: &[&str]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    let has_extension = |name: &OsStr, extension: &str| {
        let (name, extension) = (name.as_encoded_bytes(), extension.as_bytes());
        name.len() > extension.len()
            && name[name.len() - extension.len() - 1] == b'.'
            && name[name.len() - extension.len()..].eq_ignore_ascii_case(extension)
    };
    is_any(SYSTEM_FOLDERS)
        || PREVIEW_EXTENSIONS.iter().any(|e| has_extension(name, e))
        || parent.is_some_and(|p| has_extension(p, "photoslibrary") || has_extension(p, "photolibrary"))
            && !is_any(LIBRARY_ORIGINALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(name: &str, parent: &str) -> bool {
        is_system_folder(OsStr::new(name), Some(OsStr::new(parent)))
    }

    #[test]
    fn names_are_compared_without_regard_to_case() {
        assert!(system("@eaDir", "photos"));
        assert!(system("$Recycle.Bin", "photos"));
        assert!(system("Holiday Previews.LRDATA", "photos"));
        assert!(!system("Recycle", "photos"));
        assert!(!system("lrdata", "photos"));
    }

    #[test]
    fn only_the_originals_of_a_photo_library_are_entered() {
        assert!(!system("originals", "My.photoslibrary"));
        assert!(!system("Masters", "My.photolibrary"));
        assert!(system("resources", "My.photoslibrary"));
        assert!(!system("resources", "photos"));
        assert!(!is_system_folder(OsStr::new("resources"), None));
    }

    #[test]
    fn a_leading_dot_hides() {
        assert!(is_hidden(OsStr::new("._IMG_1.jpg")));
        assert!(is_hidden(OsStr::new(".Trash-1000")));
        assert!(!is_hidden(OsStr::new("a.jpg")));
    }
}
