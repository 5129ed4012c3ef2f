//! How files are imported.

use std::path::{Path, PathBuf};

use crate::asset::Stamp;

/// Tells the stamp of a file and the hash of its content.
pub type Describe<'a> = dyn FnMut(&Path) -> Option<(Stamp, [u8; 16])> + 'a;

/// How [`import`](super::import) treats what it reads.
#[derive(Default)]
pub struct ImportOptions<'a> {
    /// Take out what the index has under the same path, instead of skipping the new item.
    pub replace: bool,
    /// Where paths begin that are not absolute; without it, their lines are skipped.
    pub folder: Option<PathBuf>,
    /// Tells the stamp of a file and the hash of its content, `None` if it cannot be read. Asked for files whose lines
    /// lack one of them, and to be believed that the vector is that of this content. Without it, the next update of the
    /// index reads such files and, since it does not know what the vectors are of, makes new ones.
    pub describe: Option<&'a mut Describe<'a>>,
    /// The column of a Parquet file that has the paths; without it, it is known by its name.
    pub path_column: Option<String>,
    /// The column of a Parquet file that has the embeddings; without it, it is known by its type and its name.
    pub embedding_column: Option<String>,
}

impl std::fmt::Debug for ImportOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportOptions")
            .field("replace", &self.replace)
            .field("folder", &self.folder)
            .field("describe", &self.describe.is_some())
            .field("path_column", &self.path_column)
            .field("embedding_column", &self.embedding_column)
            .finish()
    }
}
