//! What we write is read, by us and by pyarrow.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use clip_parquet::{Datum, Field, Type, Writer};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::common::*;

/// One column of each kind.
const FIELDS: [Field<'_>; 12] = [
    Field { name: "bool", kind: Type::Bool, is_list: false },
    Field { name: "integer", kind: Type::Integer, is_list: false },
    Field { name: "unsigned", kind: Type::Unsigned, is_list: false },
    Field { name: "half", kind: Type::Half, is_list: false },
    Field { name: "float", kind: Type::Float, is_list: false },
    Field { name: "double", kind: Type::Double, is_list: false },
    Field { name: "text", kind: Type::Text, is_list: false },
    Field { name: "bytes", kind: Type::Bytes, is_list: false },
    Field { name: "floats", kind: Type::Float, is_list: true },
    Field { name: "halves", kind: Type::Half, is_list: true },
    Field { name: "texts", kind: Type::Text, is_list: true },
    Field { name: "integers", kind: Type::Integer, is_list: true },
];

/// What a row holds; nothing at all, if not `is_there`.
struct Row {
    is_there: bool,
    number: i64,
    text: String,
    floats: Vec<f32>,
    texts: Vec<String>,
}

impl Row {
    fn data<'a>(&'a self, integers: &'a [i64]) -> [Datum<'a>; 12] {
        if !self.is_there {
            return [Datum::Null; 12];
        }
        [
            Datum::Bool(self.number % 3 == 0),
            Datum::Integer(self.number),
            Datum::Unsigned(self.number.cast_unsigned()),
            Datum::Float((self.number % 100) as f64 / 4.0),
            Datum::Float((self.number % 1000) as f64 / 8.0),
            Datum::Float(self.number as f64 / 7.0),
            Datum::Text(&self.text),
            Datum::Bytes(self.text.as_bytes()),
            Datum::Floats(&self.floats),
            Datum::Floats(&self.floats),
            Datum::Texts(&self.texts),
            Datum::Integers(integers),
        ]
    }

    fn json(&self, integers: &[i64]) -> Json {
        if !self.is_there {
            return json!(vec![Json::Null; 12]);
        }
        json!([
            self.number % 3 == 0,
            self.number,
            self.number.cast_unsigned(),
            (self.number % 100) as f64 / 4.0,
            (self.number % 1000) as f64 / 8.0,
            self.number as f64 / 7.0,
            self.text,
            self.text.as_bytes(),
            self.floats,
            self.floats,
            self.texts,
            integers,
        ])
    }
}

fn write(path: &Path, rows: &[Row]) -> Json {
    let mut writer = Writer::new(File::create(path).unwrap(), &FIELDS, &[("key", "a text"), ("", "")]).unwrap();
    let mut expected = Vec::new();
    for row in rows {
        let integers: Vec<i64> = row.texts.iter().map(|text| text.len() as i64 - 2).collect();
        writer.row(&row.data(&integers)).unwrap();
        expected.push(row.json(&integers));
    }
    writer.finish().unwrap();
    Json::Array(expected)
}

fn read(path: &Path) -> Json {
    let table = open(path).unwrap();
    assert_eq!((table.text("key"), table.text("none")), (Some("a text"), None));
    let found: Vec<_> =
        table.columns().iter().map(|column| (column.name.as_str(), column.kind, column.is_list)).collect();
    assert_eq!(found, FIELDS.map(|field| (field.name, Some(field.kind), field.is_list)));
    let columns: Vec<Vec<Json>> = (0..FIELDS.len()).map(|at| column(&table, at).unwrap()).collect();
    (0..table.rows() as usize)
        .map(|row| Json::Array(columns.iter().map(|column| column[row].clone()).collect()))
        .collect()
}

/// So many rows that there are several pages and ranges of rows.
fn many() -> Vec<Row> {
    let row = |number: i64| Row {
        is_there: number % 11 != 4,
        number: number * 1_000_003 - 7_000_000,
        text: format!("/photos/{number}/ü.jpg"),
        floats: (0..number % 5 * 300).map(|at| ((number * 31 + at) % 64) as f32 / 32.0 - 1.0).collect(),
        texts: (0..number % 4).map(|at| "tag".repeat(at as usize)).collect(),
    };
    (0..6000).map(row).collect()
}

#[test]
fn large_tables_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.parquet");
    let expected = write(&path, &many());
    assert!(path.metadata().unwrap().len() > 17 << 20, "there is more than one range of rows");
    assert_eq!(read(&path), expected);
    write(&path, &[]);
    assert_eq!(read(&path), json!([]));
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let fields = [Field::scalar("a", Type::Text), Field::list("b", Type::Float)];
    let mut writer = Writer::new(Vec::new(), &fields, &[]).unwrap();
    for row in [
        &[Datum::Null][..],
        &[Datum::Null, Datum::Null, Datum::Null],
        &[Datum::Integer(1), Datum::Null],
        &[Datum::Null, Datum::Float(1.0)],
        &[Datum::Null, Datum::Integers(&[])],
    ] {
        assert_eq!(writer.row(row).unwrap_err().kind(), std::io::ErrorKind::InvalidInput, "{row:?}");
    }
    writer.row(&[Datum::Text(""), Datum::Doubles(&[])]).unwrap();
}

/// With `CLIP_SEARCH_PYARROW=venv/bin/python`, whose environment has pyarrow and pandas, these read what we wrote.
#[test]
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told")]
fn pyarrow_reads_what_we_write() {
    let Some(python) = std::env::var_os("CLIP_SEARCH_PYARROW") else {
        eprintln!("passed over: CLIP_SEARCH_PYARROW is not set");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.parquet");
    let expected = write(&path, &many());
    let program = "
import json, sys, pandas, pyarrow.parquet
file = pyarrow.parquet.ParquetFile(sys.argv[1], page_checksum_verification=True)
table = file.read()
table.validate(full=True)
assert file.metadata.num_row_groups > 1
assert len(pandas.read_parquet(sys.argv[1])) == table.num_rows
print(table.schema.to_string(), file=sys.stderr)
value = lambda x: list(x) if isinstance(x, bytes) else [float(y) for y in x] if isinstance(x, list) and x and not isinstance(x[0], (str, int)) else float(x) if type(x).__name__ == 'float16' else x
json.dump([[value(x) for x in row.values()] for row in table.to_pylist()], sys.stdout)
";
    let output = Command::new(python).args(["-c", program]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.as_array().unwrap().len(), expected.as_array().unwrap().len());
    for (found, expected) in found.as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
        assert_eq!(found, expected);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec((any::<bool>(), any::<i64>(), ".*", prop::collection::vec(-99i16..99, 0..9), prop::collection::vec(".*", 0..4)), 0..40)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.parquet");
        let row = |(is_there, number, text, floats, texts): (bool, i64, String, Vec<i16>, Vec<String>)| {
            let floats = floats.into_iter().map(|number| f32::from(number) / 4.0).collect();
            Row { is_there, number, text, floats, texts }
        };
        let rows: Vec<Row> = rows.into_iter().map(row).collect();
        let expected = write(&path, &rows);
        prop_assert_eq!(read(&path), expected);
    }
}
