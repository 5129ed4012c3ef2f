//! What is proposed to a user who has no index yet.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip_search::{IndexError, IndexReader};

use crate::escape::{escaped, quoted};
use crate::output::question;

/// The user's folder for pictures, if there is one.
pub(crate) fn pictures_folder() -> Option<PathBuf> {
    let folders = directories::UserDirs::new()?;
    folders.picture_dir().filter(|folder| folder.is_dir()).map(Path::to_owned)
}

/// The folders to index where none were named and there is no index: the user's folder for pictures, if the user agrees. None
/// where an index knows its folders, or the user has no such folder: then the indexer says what is missing.
///
/// # Errors
/// Where nobody can be asked, or the answer is no: says what to run.
pub(crate) fn proposed(index: &Path) -> Result<Vec<PathBuf>> {
    if !matches!(IndexReader::open(index), Err(IndexError::NotFound { .. })) {
        return Ok(Vec::new());
    }
    let Some(folder) = pictures_folder() else { return Ok(Vec::new()) };
    let command = format!("clip-search index {}", quoted(&folder));
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        bail!(
            "no folder to index: there is no index yet in {}, and none was named; for example `{command}`",
            escaped(index)
        );
    }
    if !agrees(&format!("There is no index yet. Index the photos in {}? [Y/n] ", escaped(&folder))) {
        bail!("nothing was indexed; name the folder with your photos: `clip-search index DIR`");
    }
    Ok(vec![folder])
}

/// Asks a question that an empty line answers with yes. The end of input is no.
fn agrees(what: &str) -> bool {
    question(what);
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    let is_end = !read.is_ok_and(|length| length > 0);
    !is_end && is_yes(&answer)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        assert!(["\n", "y\n", " Yes \r\n", ""].into_iter().all(is_yes));
        assert!(!["n\n", "no", "q", "yesterday"].into_iter().any(is_yes));
    }
}
