//! Parquet files, as embeddings come in them.
//!
//! [`Table`] reads columns of numbers, texts and lists of them, a row at a time. A file may come from anybody: whatever is in
//! it, reading gives values or an error, and takes no more memory than [`Limits`] say. [`Writer`] writes such tables in a
//! stream.
//!
//! What is read is what pandas, pyarrow, datasets, polars and DuckDB write unless they are told otherwise, and more: all
//! encodings of the format but the deprecated `BIT_PACKED`, both versions of pages, pages that are not compressed or
//! compressed with Snappy, gzip or Zstandard. Structures are read by their parts, lists of lists and maps not at all.
//!
//! ```
//! use clip_parquet::{Datum, Field, Limits, Table, Type, Value, Writer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let file = tempfile::tempfile()?;
//! let fields = [Field::scalar("path", Type::Text), Field::list("embedding", Type::Float)];
//! let mut writer = Writer::new(&file, &fields, &[])?;
//! writer.row(&[Datum::Text("/a.jpg"), Datum::Floats(&[0.6, 0.8])])?;
//! writer.finish()?;
//!
//! let table = Table::open(file, Limits::default())?;
//! let mut paths = table.read(0)?;
//! assert_eq!(paths.next_value()?, Some(Value::Bytes(b"/a.jpg")));
//! let (mut embeddings, mut row) = (table.read(1)?, Vec::new());
//! embeddings.next_list(&mut |value| row.push(value.and_then(Value::to_f64)))?;
//! assert_eq!(row, [Some(f64::from(0.6_f32)), Some(f64::from(0.8_f32))]);
//! # Ok(())
//! # }
//! ```

mod error;
mod format;
mod read;
mod write;

pub use error::Error;
pub use read::{Column, ColumnReader, Limits, Table, Type, Value};
pub use write::{Datum, Field, Writer};
