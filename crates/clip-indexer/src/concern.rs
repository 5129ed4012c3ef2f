//! What a change may be about, by the name of what has changed.

use std::path::Path;

use clip_image::{looks_like_photo, looks_like_video, subject_of_sidecar};

use crate::ignore_file::IGNORE_FILE;
use crate::placeholder::stands_for;
use crate::system_folders::{is_hidden, is_system_folder};

/// What a change of a file or folder may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Nothing that is indexed: it is hidden, or a system's.
    Nothing,
    /// Photos, if it is a folder or a link to one.
    Folder,
    /// A photo or a video, or what is said about photos.
    Photo,
}

impl Concern {
    /// That of something with this name. Does not look at the disk.
    pub fn of(path: &Path) -> Concern {
        let Some(name) = path.file_name() else { return Concern::Folder };
        if name == IGNORE_FILE || stands_for(path).is_some() {
            Concern::Photo
        } else if is_hidden(name) || is_system_folder(name, path.parent().and_then(Path::file_name)) {
            Concern::Nothing
        } else if looks_like_photo(path) || looks_like_video(path) || subject_of_sidecar(path).is_some() {
            Concern::Photo
        } else {
            Concern::Folder
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_change_is_about() {
        let of = |path: &str| Concern::of(Path::new(path));
        for path in ["/p/a.JPG", "/p/a.xmp", "/p/a.mkv", "/p/a.jpg.json", "/p/.clipignore", "/p/.a.jpg.icloud"] {
            assert_eq!(of(path), Concern::Photo, "{path}");
        }
        for path in ["/p/.a.jpg", "/p/.git", "/p/@eaDir", "/p/._a.jpg"] {
            assert_eq!(of(path), Concern::Nothing, "{path}");
        }
        for path in ["/p/2019", "/p/notes.txt", "/"] {
            assert_eq!(of(path), Concern::Folder, "{path}");
        }
    }
}
