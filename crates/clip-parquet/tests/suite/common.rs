//! What the tests share.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clip_parquet::{Column, ColumnReader, Error, Limits, Table, Type, Value};
use serde_json::Value as Json;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Names of all tables that were made by others.
pub(crate) fn fixtures() -> Vec<String> {
    let entries = fs::read_dir(fixture("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name.ends_with(".parquet")).collect();
    assert!(names.len() > 15, "{names:?}");
    names.sort_unstable();
    names
}

pub(crate) fn open(path: &Path) -> Result<Table, Error> {
    Table::open(File::open(path).unwrap(), Limits::default())
}

/// A value as the script that made the fixtures writes it down.
fn json(value: Value<'_>, kind: Type) -> Json {
    match value {
        Value::Bool(value) => value.into(),
        Value::Integer(number) => number.into(),
        Value::Unsigned(number) => number.into(),
        Value::Float(number) if number.is_finite() => number.into(),
        Value::Float(number) => number.to_string().to_lowercase().into(),
        Value::Bytes(bytes) if kind == Type::Bytes => bytes.into(),
        Value::Bytes(bytes) => str::from_utf8(bytes).unwrap().into(),
    }
}

/// The next row of a column.
pub(crate) fn next(reader: &mut ColumnReader, column: &Column) -> Result<Json, Error> {
    let kind = column.kind.unwrap();
    if !column.is_list {
        return Ok(reader.next_value()?.map_or(Json::Null, |value| json(value, kind)));
    }
    let mut values = Vec::new();
    let is_there = reader.next_list(&mut |value| values.push(value.map_or(Json::Null, |value| json(value, kind))))?;
    assert!(is_there || values.is_empty());
    Ok(if is_there { Json::Array(values) } else { Json::Null })
}

/// All rows of a column.
pub(crate) fn column(table: &Table, at: usize) -> Result<Vec<Json>, Error> {
    let mut reader = table.read(at)?;
    (0..table.rows()).map(|_| next(&mut reader, &table.columns()[at])).collect()
}
