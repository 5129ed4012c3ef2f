//! Reading.

mod at;
mod budget;
mod codec;
mod column;
mod delta;
mod footer;
mod hybrid;
mod page;
mod schema;
mod thrift;
mod values;

use std::fs::File;
use std::sync::Arc;

use budget::Budget;
pub use column::ColumnReader;
use footer::RowGroup;
pub use schema::{Column, Type};
pub use values::Value;

use crate::error::Error;

/// How much of something a file may need. What needs more is refused with [`Error::TooLarge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the footer, which says where everything is: 32 MiB.
    pub footer: usize,
    /// Bytes of pages in memory, compressed and not, of all columns that are being read: 512 MiB. Most writers make pages
    /// of 1 MiB.
    pub pages: usize,
    /// Values in a row of a column of lists: 1,048,576.
    pub list: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { footer: 32 << 20, pages: 512 << 20, list: 1 << 20 }
    }
}

/// A table in a file. Its columns are read each on its own, from the first row to the last.
#[derive(Debug, Clone)]
pub struct Table(Arc<Inner>);

struct Inner {
    file: File,
    columns: Vec<Column>,
    rows: u64,
    groups: Vec<RowGroup>,
    texts: Vec<(String, String)>,
    budget: Budget,
    limits: Limits,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("columns", &self.columns).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Table {
    /// Reads what columns and rows a file has.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(file: File, limits: Limits) -> Result<Table, Error> {
        let length = file.metadata()?.len();
        let footer::Footer { columns, rows, groups, texts } = footer::read(&file, length, limits.footer)?;
        // Equal values may take no place, but what are rows that say nothing? A loop over more is one without end.
        if rows > length {
            return Err(Error::TooLarge(format!("expected no more rows than bytes ({length}), found {rows}")));
        }
        let budget = Budget::new(limits.pages);
        Ok(Table(Arc::new(Inner { file, columns, rows, groups, texts, budget, limits })))
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.0.rows
    }

    /// The columns, in the order of the file.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// A text that was put beside the data.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.texts.iter().find(|(found, _)| found == key).map(|(_, text)| text.as_str())
    }

    /// Begins to read a column, by its place among [`Table::columns`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is none, or if such values are not read.
    pub fn read(&self, column: usize) -> Result<ColumnReader, Error> {
        match self.0.columns.get(column) {
            Some(Column { kind: Some(_), .. }) => Ok(ColumnReader::new(Arc::clone(&self.0), column)),
            Some(Column { name, .. }) => {
                Err(Error::Unsupported(format!("values as those of the column {name} are not read")))
            }
            None => Err(Error::Unsupported(format!("there is no column {column}"))),
        }
    }
}
