//! Keeps an index to its owner.

use std::path::PathBuf;

use crate::error::IndexError;
use crate::files;
use crate::layout::{self, Layout};
use crate::sweep::entries;

/// Takes away other users' access to everything of ours in the directory: earlier versions left that to the umask. Files
/// that are not ours keep what access they have, but nobody else can reach them any more.
///
/// Where the system does not allow it, because the files are another user's or the file system knows no access rights,
/// that is no reason not to write.
pub(crate) fn tighten(layout: &Layout) -> Result<(), IndexError> {
    let mut dirs = vec![layout.root().to_path_buf(), layout.v1_meta()];
    dirs.extend(layout.folders());
    // The user may have put one of them elsewhere by a link.
    let mut paths: Vec<PathBuf> = dirs.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
    paths.extend([layout.lock(), layout.manifest(), layout.spare_manifest(), layout.searches(), layout.refinement()]);
    paths.extend(entries(layout)?.into_iter().map(|(path, _)| path));
    let is_ours = |path: &PathBuf| path.file_name().and_then(|name| layout::entry_in_words(name.to_str()?)).is_some();
    for dir in [layout.v1_meta(), layout.words()] {
        paths.extend(files::list(&dir)?.into_iter().filter(is_ours));
    }
    let failed = paths.iter().filter_map(|path| files::tighten(path).err()).next_back();
    if let Some(error) = failed {
        log::debug!("other users may be able to read {}: {error}", layout.root().display());
    }
    Ok(())
}
