//! What describes items, and their embeddings, one after the other.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip_files::regular;

use super::ndjson::{self, Item};
use super::npy::Array;
use super::options::ImportOptions;
use super::source::{self, Part};
use super::table::Table;
use crate::error::IndexError;
use crate::model::ModelId;

/// A line, or the texts of a row, of more bytes describe no file.
pub(super) const LONGEST_LINE: u64 = 1 << 20;

/// What a line or a row says.
pub(super) struct Described {
    /// Counted from 1.
    pub(super) number: usize,
    /// What is wrong with it, if it describes nothing.
    pub(super) item: Result<Item, String>,
}

/// Descriptions of items.
pub(super) trait Items {
    /// The next one.
    fn next(&mut self) -> Result<Option<Described>, IndexError>;

    /// The file, if it is a table.
    fn file(&self) -> Option<Arc<Path>>;
}

/// Embeddings.
pub(super) trait Embeddings {
    /// Reads the next one into `row`, or what is wrong with it.
    fn next(&mut self, row: &mut Vec<f64>) -> Result<Option<Result<(), String>>, IndexError>;
}

/// The items of a part, and their embeddings in the same order.
type Opened = (Box<dyn Items>, Box<dyn Embeddings>);

impl Part {
    /// Compares the files with each other and with the index, and tells how many embeddings there are.
    pub(super) fn check(&self, model: &ModelId, options: &ImportOptions<'_>) -> Result<usize, IndexError> {
        let wrong = |reason| Err(IndexError::Import { path: self.items.clone(), reason });
        let table = if source::is_table(&self.items)? { Some(Table::open(&self.items)?) } else { None };
        if let (Some(table), []) = (&table, &self.arrays[..]) {
            table.check_embeddings(model, options)?;
            table.items(options)?;
            return Ok(table.rows());
        }
        let mut rows = 0;
        for path in &self.arrays {
            let array = Array::open(path)?;
            if array.columns() != model.dimension {
                return Err(IndexError::Dimension { expected: model.dimension, found: array.columns() });
            }
            rows += array.rows();
        }
        if let Some(table) = table {
            table.items(options)?;
            if table.rows() != rows {
                let found = table.rows();
                return wrong(format!("expected {rows} rows, one for each row of the arrays, found {found}"));
            }
            return Ok(rows);
        }
        let mut lines = Lines::open(&self.items)?;
        let mut count = 0;
        while lines.next_line()?.is_some() {
            count += 1;
        }
        if count == rows {
            Ok(rows)
        } else {
            wrong(format!("expected {rows} lines, one for each row of the arrays, found {count}"))
        }
    }

    /// Opens the files, whose embeddings have so many numbers.
    pub(super) fn open(&self, dimension: usize, options: &ImportOptions<'_>) -> Result<Opened, IndexError> {
        let arrays = || Arrays { paths: self.arrays.clone().into_iter(), open: None, dimension };
        if !source::is_table(&self.items)? {
            return Ok((Box::new(Lines::open(&self.items)?), Box::new(arrays())));
        }
        let table = Table::open(&self.items)?;
        let items = Box::new(table.items(options)?);
        if self.arrays.is_empty() {
            Ok((items, Box::new(table.embeddings(options, dimension)?)))
        } else {
            Ok((items, Box::new(arrays())))
        }
    }
}

/// The rows of arrays, of which one is open at a time.
struct Arrays {
    paths: std::vec::IntoIter<PathBuf>,
    /// The array, and rows that are left of it.
    open: Option<(Array, usize)>,
    dimension: usize,
}

impl Embeddings for Arrays {
    fn next(&mut self, row: &mut Vec<f64>) -> Result<Option<Result<(), String>>, IndexError> {
        loop {
            match &mut self.open {
                Some((array, left @ 1..)) => {
                    *left -= 1;
                    row.clear();
                    row.resize(self.dimension, 0.0);
                    array.next_row(row)?;
                    return Ok(Some(Ok(())));
                }
                _ => {
                    let Some(path) = self.paths.next() else { return Ok(None) };
                    let array = Array::open(&path)?;
                    // It may be another file by now.
                    if array.columns() != self.dimension {
                        return Err(IndexError::Dimension { expected: self.dimension, found: array.columns() });
                    }
                    let rows = array.rows();
                    self.open = Some((array, rows));
                }
            }
        }
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
        let file = regular::open(path).map_err(IndexError::exchange("open", path))?;
        Ok(Lines { path: path.to_path_buf(), file: BufReader::new(file), number: 0, line: Vec::new() })
    }

    /// The next line and its number, counted from 1.
    fn next_line(&mut self) -> Result<Option<(usize, &[u8])>, IndexError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = (&mut self.file).take(LONGEST_LINE);
            limited.read_until(b'\n', &mut self.line).map_err(IndexError::exchange("read", &self.path))?;
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

impl Items for Lines {
    fn next(&mut self) -> Result<Option<Described>, IndexError> {
        let line = self.next_line()?;
        Ok(line.map(|(number, line)| Described { number, item: ndjson::parse(line) }))
    }

    fn file(&self) -> Option<Arc<Path>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_may_not_be_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        std::fs::write(&path, "one\r\n\n  \ntwo\nthree").unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next_line().unwrap() {
            found.push((number, String::from_utf8(line.to_vec()).unwrap()));
        }
        assert_eq!(found, [(1, "one".to_owned()), (4, "two".to_owned()), (5, "three".to_owned())]);
        std::fs::write(&path, [b"short\n", &vec![b'x'; LONGEST_LINE as usize][..]].concat()).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        assert!(lines.next_line().unwrap().is_some());
        assert!(lines.next_line().unwrap_err().to_string().contains("line 2"));
    }
}
