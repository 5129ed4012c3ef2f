//! Tables that pyarrow, pandas, polars and DuckDB have written (`tests/golden/parquet_tables.py`) hold what pyarrow reads in
//! them.

use std::collections::BTreeSet;
use std::fs;

use clip_parquet::{Column, Type};
use serde_json::Value as Json;

use crate::common::*;

#[test]
fn what_others_wrote_is_read() {
    let expected: Json = serde_json::from_slice(&fs::read(fixture("expected.json")).unwrap()).unwrap();
    let mut compared = 0;
    for name in fixtures() {
        let Some(expected) = expected[&name].as_object() else { continue };
        let table = open(&fixture(&name)).unwrap();
        let names: BTreeSet<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, expected.keys().map(String::as_str).collect(), "{name}");
        for (at, found) in table.columns().iter().enumerate() {
            let rows = expected[&found.name].as_array();
            let Some(kind) = found.kind else {
                // A column of nothing and one of times.
                assert!(["image.bytes", "when"].contains(&found.name.as_str()), "{name}: {found:?}");
                assert!(table.read(at).unwrap_err().to_string().contains(&found.name));
                continue;
            };
            let rows = rows.unwrap();
            let read = column(&table, at).unwrap();
            assert_eq!(read.len(), rows.len(), "{name}: {}", found.name);
            for (row, (found, expected)) in read.iter().zip(rows).enumerate() {
                assert_eq!(found, expected, "{name}: row {row} of {at} ({kind:?})");
            }
            compared += 1;
        }
    }
    assert!(compared > 120, "{compared}");
}

#[test]
fn columns_are_of_the_types_that_they_say() {
    let described = |name: &str| {
        let table = open(&fixture(name)).unwrap();
        let column = |column: &Column| (column.name.clone(), column.kind, column.describe());
        table.columns().iter().map(column).collect::<Vec<_>>()
    };
    let float = described("pyarrow.parquet");
    let expected = [
        ("path", Some(Type::Text), "texts"),
        ("caption", Some(Type::Text), "texts"),
        ("bytes", Some(Type::Bytes), "bytes"),
        ("small", Some(Type::Integer), "whole numbers"),
        ("number", Some(Type::Integer), "whole numbers"),
        ("unsigned", Some(Type::Unsigned), "whole numbers"),
        ("unsigned_32", Some(Type::Unsigned), "whole numbers"),
        ("truth", Some(Type::Bool), "truth values"),
        ("double", Some(Type::Double), "64-bit floating-point numbers"),
        ("tags", Some(Type::Text), "lists of texts"),
        ("image.bytes", None, "something else"),
        ("image.path", Some(Type::Text), "texts"),
        ("when", None, "something else"),
        ("embedding", Some(Type::Float), "lists of 32-bit floating-point numbers"),
    ];
    let expected: Vec<_> = expected.map(|(name, kind, text)| (name.to_owned(), kind, text.to_owned())).into();
    assert_eq!(float, expected);
    assert_eq!(described("half_fixed_zstd.parquet").last().unwrap().1, Some(Type::Half));
    assert_eq!(described("older_lists.parquet").last().unwrap().0, "embedding");
}

#[test]
fn what_is_not_read_says_what_it_is() {
    for (name, codec) in [("brotli.parquet", "found Brotli"), ("lz4.parquet", "found LZ4_RAW")] {
        let table = open(&fixture(name)).unwrap();
        let error = column(&table, 0).unwrap_err().to_string();
        assert!(error.contains(codec) && error.contains("write it again"), "{error}");
    }
    let table = open(&fixture("odd_rows.parquet")).unwrap();
    assert!(table.read(0).unwrap().next_list(&mut |_| ()).unwrap_err().to_string().contains("no lists"));
    assert!(table.read(1).unwrap().next_value().unwrap_err().to_string().contains("has lists"));
    assert!(table.read(2).is_err());
    let mut reader = table.read(0).unwrap();
    for _ in 0..table.rows() {
        reader.next_value().unwrap();
    }
    assert!(reader.next_value().unwrap_err().to_string().contains("no more rows"));
}
