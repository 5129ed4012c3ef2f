//! Adding embeddings that were made elsewhere, or exported from another index.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_files::regular;

use super::ndjson::{self, Item};
use super::npy::Array;
use crate::asset::{Asset, NewItem, Stamp};
use crate::error::IndexError;
use crate::unit::{self, UNIT_TOLERANCE};
use crate::watch::Watch;
use crate::writer::IndexWriter;

/// Items between two commits.
const COMMIT_EVERY: usize = 2000;
/// A line of more bytes describes no file.
const LONGEST_LINE: u64 = 1 << 20;

/// Tells the stamp of a file and the hash of its content.
pub type Describe<'a> = dyn FnMut(&Path) -> Option<(Stamp, [u8; 16])> + 'a;

/// How [`import`] treats what it reads.
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
}

impl std::fmt::Debug for ImportOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportOptions")
            .field("replace", &self.replace)
            .field("folder", &self.folder)
            .field("describe", &self.describe.is_some())
            .finish()
    }
}

/// What [`import`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Assets that the index did not have.
    pub added: usize,
    /// Assets that took the place of others with the same path.
    pub replaced: usize,
    /// Lines that were left out, counted from 1, and why.
    pub skipped: Vec<(usize, String)>,
    /// False if it was cancelled. What is counted above is in the index all the same.
    pub is_complete: bool,
}

/// Adds the rows of NumPy arrays, one after the other, as embeddings of the files that the lines of `items` describe,
/// in the same order. Commits every 2,000 items and at the end.
///
/// The arrays have two dimensions and little-endian numbers of 16, 32 or 64 bits in C order. Rows are brought to length
/// 1, if they are not within 0.001 of it. A line is a JSON object with at least `path` or `image_path`;
/// `docs/exchange.md` describes the others. Lines without anything are passed over. What cannot be added is skipped and
/// reported.
///
/// `progress` gets the lines done and in all.
///
/// # Errors
/// [`IndexError::Import`] if an array is none, or if there are more or fewer rows than lines; [`IndexError::Dimension`]
/// if rows have another length than the embeddings of the index. Nothing was added then. Those of
/// [`IndexWriter::commit`], and [`IndexError::Io`] if a file cannot be read: what was committed before stays.
pub fn import(
    writer: &mut IndexWriter,
    arrays: &[PathBuf],
    items: &Path,
    options: ImportOptions<'_>,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &AtomicBool,
) -> Result<Imported, IndexError> {
    let mut arrays = arrays.iter().map(|path| Array::open(path)).collect::<Result<Vec<_>, _>>()?;
    for array in &arrays {
        if array.columns() != writer.dimension() {
            return Err(IndexError::Dimension { expected: writer.dimension(), found: array.columns() });
        }
    }
    let rows: usize = arrays.iter().map(Array::rows).sum();
    let mut lines = Lines::open(items)?;
    let mut count = 0;
    while lines.next()?.is_some() {
        count += 1;
    }
    if count != rows {
        let reason = format!("expected {rows} lines, one for each row of the arrays, found {count}");
        return Err(IndexError::Import { path: items.to_path_buf(), reason });
    }
    let mut lines = Lines::open(items)?;
    let watch = Watch::new(rows, progress, cancel);
    let mut import = Import::new(writer, options)?;
    let mut row = vec![0.0; import.writer.dimension()];
    for array in &mut arrays {
        for _ in 0..array.rows() {
            array.next_row(&mut row)?;
            let Some((number, line)) = lines.next()? else {
                let reason = "it was changed while it was read".into();
                return Err(IndexError::Import { path: items.to_path_buf(), reason });
            };
            import.line(number, line, &row)?;
            if watch.step().is_err() {
                import.finish()?;
                return Ok(import.imported);
            }
        }
    }
    import.finish()?;
    import.imported.is_complete = true;
    Ok(import.imported)
}

/// Items of one asset.
struct Group {
    /// What its lines call it.
    asset: Option<u64>,
    file: Asset,
    is_checked: bool,
    lines: Vec<usize>,
    items: Vec<NewItem>,
}

struct Import<'w, 'o> {
    writer: &'w mut IndexWriter,
    options: ImportOptions<'o>,
    /// The ids of what the index had before; `None` for what was imported.
    paths: HashMap<PathBuf, Option<u64>>,
    /// The asset whose items are being read.
    group: Option<Group>,
    uncommitted: usize,
    imported: Imported,
}

impl<'w, 'o> Import<'w, 'o> {
    fn new(writer: &'w mut IndexWriter, options: ImportOptions<'o>) -> Result<Import<'w, 'o>, IndexError> {
        // The records are those of what is committed.
        writer.commit()?;
        let paths = writer.records()?.into_iter().map(|record| (record.asset.path, Some(record.id))).collect();
        let imported = Imported::default();
        Ok(Import { writer, options, paths, group: None, uncommitted: 0, imported })
    }

    fn line(&mut self, number: usize, line: &[u8], row: &[f64]) -> Result<(), IndexError> {
        let item = ndjson::parse(line).and_then(|item| self.with_absolute_path(item));
        let (item, embedding) = match item.and_then(|item| Ok((item, unit(row)?))) {
            Ok(found) => found,
            Err(reason) => {
                self.imported.skipped.push((number, reason));
                return Ok(());
            }
        };
        let new = NewItem { position: item.position, embedding };
        match &mut self.group {
            Some(group) if group.asset.is_some() && group.asset == item.asset && group.file.path == item.file.path => {
                group.lines.push(number);
                group.items.push(new);
            }
            _ => {
                self.end_group()?;
                let Item { asset, file, is_checked, .. } = item;
                self.group = Some(Group { asset, file, is_checked, lines: vec![number], items: vec![new] });
            }
        }
        Ok(())
    }

    fn with_absolute_path(&self, mut item: Item) -> Result<Item, String> {
        if item.file.path.is_relative() {
            let folder = self
                .options
                .folder
                .as_ref()
                .ok_or_else(|| format!("expected an absolute path, found {}", item.file.path.display()))?;
            item.file.path = folder.join(&item.file.path);
        }
        Ok(item)
    }

    /// Adds the asset whose items were read.
    fn end_group(&mut self) -> Result<(), IndexError> {
        let Some(Group { mut file, is_checked, lines, items, .. }) = self.group.take() else { return Ok(()) };
        let known = self.paths.get(&file.path).copied();
        let reason = match known {
            Some(None) => Some("an earlier line has the same path"),
            Some(Some(_)) if !self.options.replace => Some("the index has this path already"),
            _ => None,
        };
        if let Some(reason) = reason {
            self.imported.skipped.extend(lines.into_iter().map(|line| (line, reason.to_owned())));
            return Ok(());
        }
        if let Some(describe) = self.options.describe.as_mut().filter(|_| !is_checked)
            && let Some((stamp, hash)) = describe(&file.path)
        {
            // A hash that the line has is that of what the vector was made of.
            if file.content().is_none_or(|known| known == hash) {
                (file.stamp, file.hash) = (stamp, hash);
            }
        }
        let path = file.path.clone();
        match self.writer.add_items(file, &items) {
            Ok(_) => {}
            Err(error @ IndexError::Path { .. }) => {
                self.imported.skipped.extend(lines.into_iter().map(|line| (line, error.to_string())));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        match known {
            Some(Some(id)) => {
                self.writer.remove(id)?;
                self.imported.replaced += 1;
            }
            _ => self.imported.added += 1,
        }
        self.paths.insert(path, None);
        self.uncommitted += items.len();
        if self.uncommitted >= COMMIT_EVERY {
            self.writer.commit()?;
            self.uncommitted = 0;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), IndexError> {
        self.end_group()?;
        self.writer.commit()
    }
}

/// A row as a vector of length 1. One that is nearly so stays as it is: it was exported, perhaps, and comes back
/// unchanged.
fn unit(row: &[f64]) -> Result<Vec<f32>, String> {
    let is_unit = |vector: &[f32]| (unit::length(vector) - 1.0).abs() <= UNIT_TOLERANCE;
    let as_it_is: Vec<f32> = row.iter().map(|&x| x as f32).collect();
    if is_unit(&as_it_is) {
        return Ok(as_it_is);
    }
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scaled: Vec<f32> = row.iter().map(|x| (x / length) as f32).collect();
    // Neither zero nor infinite: NaN is no length either.
    if is_unit(&scaled) {
        Ok(scaled)
    } else {
        Err(format!("expected a vector that has a length, found one of {length}"))
    }
}

/// The lines of a file that have something in them.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    number: usize,
    line: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Lines, IndexError> {
        let file = regular::open(path).map_err(IndexError::io("open", path))?;
        Ok(Lines { path: path.to_path_buf(), file: BufReader::new(file), number: 0, line: Vec::new() })
    }

    /// The next line and its number, counted from 1.
    fn next(&mut self) -> Result<Option<(usize, &[u8])>, IndexError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = (&mut self.file).take(LONGEST_LINE);
            limited.read_until(b'\n', &mut self.line).map_err(IndexError::io("read", &self.path))?;
            if self.line.is_empty() {
                return Ok(None);
            }
            if self.line.len() as u64 == LONGEST_LINE && !self.line.ends_with(b"\n") {
                let reason = format!("the line {} has more than {LONGEST_LINE} bytes", self.number);
                return Err(IndexError::Import { path: self.path.clone(), reason });
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some((self.number, self.line.trim_ascii())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_get_the_length_1_and_keep_what_has_it() {
        assert_eq!(unit(&[0.0, 4.0, -3.0]).unwrap(), [0.0, 0.8, -0.6]);
        assert_eq!(unit(&[0.6004, 0.8]).unwrap(), [0.6004f32, 0.8]);
        assert_eq!(unit(&[3e-30, 4e-30]).unwrap(), [0.6, 0.8]);
        assert_eq!(unit(&[3e100, 4e100]).unwrap(), [0.6, 0.8]);
        for row in [[0.0, 0.0], [f64::NAN, 1.0], [f64::INFINITY, 0.0], [1e200, 1e200]] {
            assert!(unit(&row).is_err(), "{row:?}");
        }
    }

    #[test]
    fn lines_are_counted_and_may_not_be_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        std::fs::write(&path, "one\r\n\n  \ntwo\nthree").unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push((number, String::from_utf8(line.to_vec()).unwrap()));
        }
        assert_eq!(found, [(1, "one".to_owned()), (4, "two".to_owned()), (5, "three".to_owned())]);
        std::fs::write(&path, [b"short\n", &vec![b'x'; LONGEST_LINE as usize][..]].concat()).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        assert!(lines.next().unwrap().is_some());
        assert!(lines.next().unwrap_err().to_string().contains("line 2"));
    }
}
