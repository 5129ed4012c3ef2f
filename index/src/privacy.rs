//! Keeps an index to its owner.

use crate::error::IndexError;
use crate::files;
use crate::layout::{self, Layout};
use crate::sweep::entries;

/// Takes away other users' access to everything of ours in the directory: earlier versions left that to the umask. Files
/// that are not ours keep what access they have, but nobody else can reach them any more.
pub(crate) fn tighten(layout: &Layout) -> Result<(), IndexError> {
    for dir in [layout.root().to_path_buf(), layout.meta(), layout.vectors(), layout.graphs()] {
        // The user may have put one of them elsewhere by a link.
        if let Ok(dir) = dir.canonicalize() {
            files::tighten(&dir);
        }
    }
    files::tighten(&layout.lock());
    for (path, _) in entries(layout)? {
        files::tighten(&path);
    }
    for path in files::list(&layout.meta())? {
        if path.file_name().and_then(|name| layout::entry_in_meta(name.to_str()?)).is_some() {
            files::tighten(&path);
        }
    }
    Ok(())
}
