//! Files that are gone.

use std::path::Path;

use clip_files::system_error;

/// Whether it is certain that no file is there.
pub(crate) fn is_absent(path: &Path) -> bool {
    path.metadata().is_err_and(|error| system_error::says_missing(&error))
}
