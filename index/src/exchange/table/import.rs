//! Reading a table.

use std::path::Path;
use std::sync::Arc;

use clip_files::regular;
use clip_parquet::{ColumnReader, Error, Limits, Value};
use serde_json::{Map, Number};

use super::MODEL;
use super::columns::{self, Shape};
use crate::error::IndexError;
use crate::exchange::ndjson::{self, Item};
use crate::exchange::options::ImportOptions;
use crate::exchange::part::{Described, Embeddings, Items, LONGEST_LINE};
use crate::model::ModelId;

/// A Parquet file.
pub(in crate::exchange) struct Table {
    path: Arc<Path>,
    table: clip_parquet::Table,
}

impl Table {
    /// Opens a file and reads what columns it has.
    pub(in crate::exchange) fn open(path: &Path) -> Result<Table, IndexError> {
        let file = regular::open(path).map_err(IndexError::exchange("open", path))?;
        let table = clip_parquet::Table::open(file, Limits::default()).map_err(error(path))?;
        Ok(Table { path: path.into(), table })
    }

    /// Number of rows.
    pub(in crate::exchange) fn rows(&self) -> usize {
        // No more than the file has bytes.
        self.table.rows() as usize
    }

    /// Begins to read what the rows describe.
    pub(in crate::exchange) fn items(&self, options: &ImportOptions<'_>) -> Result<TableItems, IndexError> {
        let found = columns::of_items(self.table.columns(), options.path_column.as_deref());
        let found = found.map_err(|reason| self.wrong(reason))?;
        let mut columns = Vec::with_capacity(found.len());
        for (member, at, shape) in found {
            columns.push((member, shape, self.table.read(at).map_err(error(&self.path))?));
        }
        Ok(TableItems { path: Arc::clone(&self.path), columns, number: 0, rows: self.rows() })
    }

    /// Begins to read the embeddings.
    pub(in crate::exchange) fn embeddings(
        &self,
        options: &ImportOptions<'_>,
        dimension: usize,
    ) -> Result<TableEmbeddings, IndexError> {
        let at = columns::of_embeddings(self.table.columns(), options.embedding_column.as_deref());
        let column = self.table.read(at.map_err(|reason| self.wrong(reason))?).map_err(error(&self.path))?;
        Ok(TableEmbeddings { path: Arc::clone(&self.path), column, dimension, left: self.rows() })
    }

    /// Compares the first embedding, and the model if the table says which it is, with those of the index.
    pub(in crate::exchange) fn check_embeddings(
        &self,
        model: &ModelId,
        options: &ImportOptions<'_>,
    ) -> Result<(), IndexError> {
        if let Some(text) = self.table.text(MODEL) {
            let other: ModelId = serde_json::from_str(text)
                .map_err(|error| self.wrong(format!("what it says of its model cannot be read: {error}")))?;
            if other.fingerprint != model.fingerprint {
                return Err(self.wrong(format!(
                    "expected embeddings of the model {} ({}), found those of {} ({})",
                    model.name, model.fingerprint, other.name, other.fingerprint
                )));
            }
        }
        let mut embeddings = self.embeddings(options, model.dimension)?;
        for _ in 0..self.rows() {
            let mut found = 0;
            if embeddings.column.next_list(&mut |_| found += 1).map_err(error(&self.path))? {
                if found != model.dimension {
                    return Err(IndexError::Dimension { expected: model.dimension, found });
                }
                break;
            }
        }
        Ok(())
    }

    fn wrong(&self, reason: String) -> IndexError {
        IndexError::Import { path: self.path.to_path_buf(), reason }
    }
}

fn error(path: &Path) -> impl FnOnce(Error) -> IndexError {
    let path = path.to_path_buf();
    move |error| match error {
        Error::Io(source) => IndexError::Io { action: "read", path, source },
        error => IndexError::Import { path, reason: error.to_string() },
    }
}

/// Reads the columns that describe items.
pub(in crate::exchange) struct TableItems {
    path: Arc<Path>,
    columns: Vec<(&'static str, Shape, ColumnReader)>,
    number: usize,
    rows: usize,
}

impl Items for TableItems {
    fn next(&mut self) -> Result<Option<Described>, IndexError> {
        if self.number == self.rows {
            return Ok(None);
        }
        self.number += 1;
        let mut members = Map::new();
        let mut size = 0;
        for (member, shape, column) in &mut self.columns {
            let value = read(column, *shape, &mut size).map_err(error(&self.path))?;
            let Some(value) = value else { continue };
            // A path that is no text becomes its bytes.
            let member = match shape {
                Shape::Path if value.is_array() => "path_bytes",
                Shape::Path => "path",
                _ => member,
            };
            members.entry(member).or_insert(value);
        }
        let item = if size as u64 > LONGEST_LINE {
            Err(format!("expected at most {LONGEST_LINE} bytes in a row, found {size}"))
        } else {
            item(members)
        };
        Ok(Some(Described { number: self.number, item }))
    }

    fn file(&self) -> Option<Arc<Path>> {
        Some(Arc::clone(&self.path))
    }
}

fn item(mut members: Map<String, serde_json::Value>) -> Result<Item, String> {
    if !members.contains_key("path") && !members.contains_key("path_bytes") {
        return Err("expected a path, found none".into());
    }
    let parts = ["words", "version", "languages", "confidences"];
    let names = ["picture_text", "picture_text_version", "picture_text_languages", "picture_text_confidences"];
    let text: Map<_, _> =
        parts.iter().zip(names).filter_map(|(&part, name)| Some((part.to_owned(), members.remove(name)?))).collect();
    if text.len() == parts.len() {
        members.insert("picture_text".into(), text.into());
    }
    ndjson::of_object(members)
}

/// What the next row has in a column, `None` if nothing. `size` grows by the bytes it takes, and from [`LONGEST_LINE`] on,
/// nothing more is kept.
fn read(column: &mut ColumnReader, shape: Shape, size: &mut usize) -> Result<Option<serde_json::Value>, Error> {
    if !matches!(shape, Shape::Texts | Shape::Numbers) {
        return Ok(column.next_value()?.and_then(|value| json(value, shape, size)));
    }
    let mut values = Vec::new();
    let is_there = column.next_list(&mut |value| values.extend(value.and_then(|value| json(value, shape, size))))?;
    Ok(is_there.then_some(serde_json::Value::Array(values)))
}

fn json(value: Value<'_>, shape: Shape, size: &mut usize) -> Option<serde_json::Value> {
    *size = size.saturating_add(match value {
        Value::Bytes(bytes) => bytes.len(),
        // About what it takes in a line.
        _ => 8,
    });
    if *size as u64 > LONGEST_LINE {
        return None;
    }
    match value {
        Value::Bool(value) => Some(value.into()),
        Value::Integer(number) => Some(number.into()),
        Value::Unsigned(number) => Some(number.into()),
        // Whole numbers become floating-point ones in a table with gaps, where a gap is no number.
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 2f64.powi(53) => Some((number as i64).into()),
        Value::Float(number) => Number::from_f64(number).map(serde_json::Value::Number),
        Value::Bytes(bytes) => Some(match str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) if shape == Shape::Path => bytes.into(),
            Err(_) => String::from_utf8_lossy(bytes).into(),
        }),
    }
}

/// Reads the column of embeddings.
pub(in crate::exchange) struct TableEmbeddings {
    path: Arc<Path>,
    column: ColumnReader,
    dimension: usize,
    left: usize,
}

impl Embeddings for TableEmbeddings {
    fn next(&mut self, row: &mut Vec<f64>) -> Result<Option<Result<(), String>>, IndexError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        row.clear();
        let (dimension, mut count) = (self.dimension, 0);
        let mut on = |value: Option<Value<'_>>| {
            count += 1;
            if row.len() < dimension {
                row.push(value.and_then(Value::to_f64).unwrap_or(f64::NAN));
            }
        };
        let is_there = self.column.next_list(&mut on).map_err(error(&self.path))?;
        Ok(Some(if !is_there {
            Err("expected an embedding, found none".into())
        } else if count != dimension {
            Err(format!("expected a vector of {dimension} dimensions, found {count}"))
        } else {
            Ok(())
        }))
    }
}

/// Reads bytes as a table and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("file");
    std::fs::write(&path, bytes).expect("a file");
    let Ok(table) = Table::open(&path) else { return };
    assert!(table.rows() <= bytes.len());
    let options = ImportOptions::default();
    if let Ok(mut items) = table.items(&options) {
        for number in 1..=table.rows() {
            match items.next() {
                Ok(found) => assert_eq!(found.expect("there are so many rows").number, number),
                Err(_) => break,
            }
        }
    }
    if let Ok(mut embeddings) = table.embeddings(&options, 4) {
        let mut row = Vec::new();
        for _ in 0..table.rows() {
            match embeddings.next(&mut row) {
                Ok(found) => assert!(found.expect("there are so many rows").is_err() || row.len() == 4),
                Err(_) => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn tables_that_were_changed_give_an_error_or_items() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/clip-parquet/tests/fixtures");
        let mut rng = StdRng::seed_from_u64(1);
        for name in ["pyarrow", "pandas", "polars", "odd_rows", "deltas_v2", "double_gzip_v2"] {
            let bytes = std::fs::read(fixtures.join(name).with_extension("parquet")).unwrap();
            check_file(&bytes);
            for _ in 0..200 {
                let mut changed = bytes.clone();
                let at = rng.random_range(0..bytes.len());
                changed[at] = rng.random();
                check_file(&changed);
            }
        }
    }
}
