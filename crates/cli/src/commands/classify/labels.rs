//! `--labels`: a file or a list.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clip_files::regular;
use clip_search::classify::Labels;

use crate::escape::escaped;
use crate::output::warning;

/// A file of more bytes is not a list of labels: a photo given by mistake, for instance.
const MAX_LABELS_BYTES: u64 = 64 << 20;

/// Reads a file with one label per line if the argument names one, else a comma-separated list.
pub(super) fn read(argument: &OsStr) -> Result<Labels> {
    let path = Path::new(argument);
    let labels = if path.exists() {
        let text = regular::read_to_string(path, MAX_LABELS_BYTES)
            .with_context(|| format!("cannot read labels from {}", escaped(path)))?;
        // The cause says the same.
        Labels::from_lines(&text)
            .ok()
            .with_context(|| format!("{} contains no labels; expected one per line", escaped(path)))?
    } else {
        let Some(list) = argument.to_str() else {
            bail!("the labels {} are not valid UTF-8, and no file has that name", escaped(path));
        };
        if is_path(list) {
            bail!(
                "cannot read labels from {}: no such file; to give a list, separate the labels with commas",
                escaped(path)
            );
        }
        Labels::from_list(list)
            .context("--labels is empty; expected a file with one label per line, or a comma-separated list")?
    };
    for name in labels.repeated() {
        warning(format_args!("duplicate label {}: it is used once", escaped(Path::new(name))));
    }
    Ok(labels)
}

/// Whether a text that is not a list was meant as a file name: with a single label, every photo would get it.
fn is_path(text: &str) -> bool {
    let ends_like_a_file = || {
        let extension = Path::new(text).extension().and_then(OsStr::to_str);
        extension.is_some_and(|extension| extension.chars().all(char::is_alphanumeric))
    };
    !text.contains(',') && (text.contains(std::path::is_separator) || ends_like_a_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_lists() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a,b.txt");
        std::fs::write(&file, "a cat\na dog, running\n").unwrap();
        assert_eq!(read(file.as_os_str()).unwrap().names(), ["a cat", "a dog, running"]);
        assert_eq!(read(OsStr::new("a cat, a dog")).unwrap().names(), ["a cat", "a dog"]);
        assert_eq!(read(OsStr::new("St. Bernard")).unwrap().names(), ["St. Bernard"]);
        assert_eq!(read(OsStr::new("coat/jacket,hat")).unwrap().names(), ["coat/jacket", "hat"]);
    }

    #[test]
    fn what_holds_no_labels_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| format!("{:#}", read(path.as_os_str()).unwrap_err());
        let found = error(folder.path());
        assert!(found.contains("cannot read labels") && found.contains("found a folder"), "{found}");
        let file = folder.path().join("labels.txt");
        assert!(error(&file).contains("no such file"));
        assert!(error(Path::new("labels.txt")).contains("no such file"));
        std::fs::write(&file, "\n \n").unwrap();
        assert!(error(&file).contains("contains no labels"));
        std::fs::write(&file, b"caf\xe9\n").unwrap();
        assert!(error(&file).contains("UTF-8"));
        assert!(error(Path::new(" , ")).contains("--labels is empty"));
    }
}
