//! Finding what is to be imported.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clip_files::regular;

use crate::error::IndexError;

/// What an import reads: descriptions of items, and their embeddings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSource {
    pub(super) parts: Vec<Part>,
    /// Folders beside them that are left out: they hold embeddings of something else than pictures.
    pub ignored: Vec<PathBuf>,
}

/// A file of descriptions, and the arrays whose rows, all of them together, are the embeddings. Without arrays, these are in
/// the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) items: PathBuf,
    pub(super) arrays: Vec<PathBuf>,
}

impl ImportSource {
    /// A file of lines or a Parquet file, whose rows describe what the rows of NumPy arrays are embeddings of.
    #[must_use]
    pub fn of(items: &Path, arrays: &[PathBuf]) -> ImportSource {
        ImportSource { parts: vec![Part { items: items.into(), arrays: arrays.to_vec() }], ignored: Vec::new() }
    }

    /// What there is to import at a path:
    ///
    /// - a Parquet file that has embeddings;
    /// - a folder that clip-retrieval has written, with `img_emb` and `metadata` in it;
    /// - a folder that was exported to;
    /// - a folder of Parquet files that have embeddings. They are taken in the order of their names.
    ///
    /// # Errors
    /// [`IndexError::Import`] if it is something else, or if clip-retrieval's files are not all there; [`IndexError::Exchange`] if
    /// it cannot be looked at.
    pub fn find(path: &Path) -> Result<ImportSource, IndexError> {
        let metadata = fs::metadata(path).map_err(IndexError::exchange("open", path))?;
        if metadata.is_dir() {
            return of_folder(path);
        }
        if is_table(path)? {
            return Ok(ImportSource::of(path, &[]));
        }
        let reason = "expected a Parquet file, or NumPy arrays of the embeddings besides the lines that describe them";
        Err(wrong(path, reason))
    }
}

/// Whether a file begins as a Parquet file does.
pub(super) fn is_table(path: &Path) -> Result<bool, IndexError> {
    let mut start = Vec::new();
    let file = regular::open(path).map_err(IndexError::exchange("open", path))?;
    file.take(4).read_to_end(&mut start).map_err(IndexError::exchange("read", path))?;
    Ok(start == b"PAR1")
}

fn of_folder(folder: &Path) -> Result<ImportSource, IndexError> {
    let (pictures, metadata) = (folder.join("img_emb"), folder.join("metadata"));
    let texts = folder.join("text_emb");
    if pictures.is_dir() && metadata.is_dir() {
        let parts = shards(folder, &pictures, &metadata)?;
        return Ok(ImportSource { parts, ignored: if texts.is_dir() { vec![texts] } else { Vec::new() } });
    }
    if metadata.is_dir() && texts.is_dir() {
        return Err(wrong(folder, "expected embeddings of pictures in img_emb, found only those of texts in text_emb"));
    }
    let mut tables: Vec<PathBuf> =
        names(folder)?.into_iter().filter(|name| name.ends_with(".parquet")).map(|name| folder.join(name)).collect();
    if !tables.is_empty() {
        tables.sort_unstable();
        let parts = tables.into_iter().map(|items| Part { items, arrays: Vec::new() }).collect();
        return Ok(ImportSource { parts, ignored: Vec::new() });
    }
    let (items, array) = (folder.join("items.ndjson"), folder.join("embeddings.npy"));
    if items.is_file() && array.is_file() {
        return Ok(ImportSource::of(&items, &[array]));
    }
    let reason = "expected a folder of clip-retrieval (with img_emb and metadata in it), one of Parquet files, or one that \
                  was exported to (with items.ndjson and embeddings.npy), found none of their files";
    Err(wrong(folder, reason))
}

/// The pairs of files that clip-retrieval has written. Each writes its own: `img_emb_07.npy` and `metadata_07.parquet`.
fn shards(folder: &Path, pictures: &Path, metadata: &Path) -> Result<Vec<Part>, IndexError> {
    let mut arrays = numbered(pictures, "img_emb_", ".npy")?;
    let mut parts = Vec::new();
    for (number, items) in numbered(metadata, "metadata_", ".parquet")? {
        let Some(array) = arrays.remove(&number) else {
            return Err(wrong(&items, format!("expected its embeddings in {}, found none", pictures.display())));
        };
        // What comes to an end early leaves a gap at the end, which cannot be seen.
        if number != parts.len() as u64 {
            let reason = format!(
                "expected the file number {} before the number {number}, found none; to do without it, import each of the \
                 others with its array",
                parts.len()
            );
            return Err(wrong(metadata, reason));
        }
        parts.push(Part { items, arrays: vec![array] });
    }
    if let Some(array) = arrays.into_values().next() {
        return Err(wrong(&array, format!("expected its paths in {}, found none", metadata.display())));
    }
    if parts.is_empty() {
        return Err(wrong(folder, "expected img_emb_0.npy in img_emb and metadata_0.parquet in metadata, found none"));
    }
    Ok(parts)
}

/// The files of a folder whose names are a number between two texts, by their numbers.
fn numbered(folder: &Path, before: &str, after: &str) -> Result<BTreeMap<u64, PathBuf>, IndexError> {
    let mut files = BTreeMap::new();
    for name in names(folder)? {
        let digits = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(number) = digits.and_then(|digits| digits.parse().ok()) else { continue };
        if let Some(other) = files.insert(number, folder.join(&name)) {
            let other = other.file_name().unwrap_or_default().display();
            return Err(wrong(folder, format!("expected one file of the number {number}, found {other} and {name}")));
        }
    }
    Ok(files)
}

/// The names in a folder that are Unicode.
fn names(folder: &Path) -> Result<Vec<String>, IndexError> {
    let read = IndexError::exchange("list", folder);
    let listed = || fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>();
    Ok(listed().map_err(read)?.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

fn wrong(path: &Path, reason: impl Into<String>) -> IndexError {
    IndexError::Import { path: path.to_path_buf(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, if name.ends_with(".parquet") { "PAR1" } else { "" }).unwrap();
        }
        folder
    }

    fn found(names: &[&str]) -> Result<(Vec<[String; 2]>, Vec<String>), String> {
        let folder = folder(names);
        let short = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().replace('\\', "/");
        let source = ImportSource::find(folder.path()).map_err(|error| error.to_string())?;
        let arrays = |part: &Part| part.arrays.iter().map(|path| short(path)).collect::<Vec<_>>().join(" ");
        let parts = source.parts.iter().map(|part| [short(&part.items), arrays(part)]).collect();
        Ok((parts, source.ignored.iter().map(|path| short(path)).collect()))
    }

    #[test]
    fn shards_are_paired_by_number_and_not_by_name() {
        let pair =
            |number: &str| [format!("metadata/metadata_{number}.parquet"), format!("img_emb/img_emb_{number}.npy")];
        let (parts, ignored) = found(&[
            "img_emb/img_emb_00.npy",
            "img_emb/img_emb_2.npy",
            "img_emb/img_emb_1.npy",
            "img_emb/img_emb_1.npy.part",
            "metadata/metadata_2.parquet",
            "metadata/metadata_00.parquet",
            "metadata/metadata_1.parquet",
            "metadata/notes.txt",
            "text_emb/text_emb_0.npy",
        ])
        .unwrap();
        assert_eq!(parts, [pair("00"), pair("1"), pair("2")]);
        assert_eq!(ignored, ["text_emb"]);
    }

    #[test]
    fn what_lacks_a_file_is_refused() {
        let (array, table) = ("img_emb/img_emb_0.npy", "metadata/metadata_0.parquet");
        for (names, expected) in [
            (&[array, "metadata/metadata_1.parquet"][..], "metadata_1.parquet: expected its embeddings in"),
            (&[array, table, "img_emb/img_emb_1.npy"], "img_emb_1.npy: expected its paths in"),
            (
                &[array, table, "img_emb/img_emb_2.npy", "metadata/metadata_2.parquet"],
                "expected the file number 1 before the number 2",
            ),
            (&[array, table, "metadata/metadata_00.parquet"], "expected one file of the number 0"),
            (&["img_emb/a", "metadata/b"], "expected img_emb_0.npy"),
            (&["text_emb/text_emb_0.npy", table], "found only those of texts"),
            (&["photo.jpg"], "found none of their files"),
            (&["items.ndjson"], "found none of their files"),
        ] {
            let error = found(names).unwrap_err();
            assert!(error.contains(expected), "{names:?}: {error}");
        }
    }

    #[test]
    fn other_folders_and_files_are_known_by_what_is_in_them() {
        let none = String::new;
        let (parts, _) = found(&["train-2.parquet", "train-1.parquet", "README.md"]).unwrap();
        assert_eq!(parts, [["train-1.parquet".into(), none()], ["train-2.parquet".into(), none()]]);
        let (parts, _) = found(&["items.ndjson", "embeddings.npy", "model.json"]).unwrap();
        assert_eq!(parts, [["items.ndjson", "embeddings.npy"]]);
        let folder = folder(&["a.parquet", "items.ndjson"]);
        let table = folder.path().join("a.parquet");
        assert_eq!(ImportSource::find(&table).unwrap(), ImportSource::of(&table, &[]));
        assert!(
            ImportSource::find(&folder.path().join("items.ndjson")).unwrap_err().to_string().contains("NumPy arrays")
        );
        assert!(matches!(ImportSource::find(&folder.path().join("none")), Err(IndexError::Exchange { .. })));
    }
}
