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
mod read;
mod write;

pub use error::Error;
pub use read::{Column, ColumnReader, Limits, Table, Type, Value};
pub use write::{Datum, Field, Writer};

/// What a file begins and ends with.
const MAGIC: [u8; 4] = *b"PAR1";

/// Numbers that stand for something in files, as the format's definition `parquet.thrift` names them.
mod format {
    pub(crate) mod physical {
        pub(crate) const BOOLEAN: i64 = 0;
        pub(crate) const INT32: i64 = 1;
        pub(crate) const INT64: i64 = 2;
        pub(crate) const INT96: i64 = 3;
        pub(crate) const FLOAT: i64 = 4;
        pub(crate) const DOUBLE: i64 = 5;
        pub(crate) const BYTE_ARRAY: i64 = 6;
        pub(crate) const FIXED_LEN_BYTE_ARRAY: i64 = 7;
    }

    pub(crate) mod repetition {
        pub(crate) const REQUIRED: i64 = 0;
        pub(crate) const OPTIONAL: i64 = 1;
        pub(crate) const REPEATED: i64 = 2;
    }

    pub(crate) mod encoding {
        pub(crate) const PLAIN: i64 = 0;
        pub(crate) const PLAIN_DICTIONARY: i64 = 2;
        pub(crate) const RLE: i64 = 3;
        pub(crate) const DELTA_BINARY_PACKED: i64 = 5;
        pub(crate) const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
        pub(crate) const DELTA_BYTE_ARRAY: i64 = 7;
        pub(crate) const RLE_DICTIONARY: i64 = 8;
        pub(crate) const BYTE_STREAM_SPLIT: i64 = 9;
    }

    pub(crate) mod codec {
        pub(crate) const UNCOMPRESSED: i64 = 0;
        pub(crate) const SNAPPY: i64 = 1;
        pub(crate) const GZIP: i64 = 2;
        pub(crate) const ZSTD: i64 = 6;
    }

    pub(crate) mod page {
        pub(crate) const DATA: i64 = 0;
        pub(crate) const DICTIONARY: i64 = 2;
        pub(crate) const DATA_V2: i64 = 3;
    }

    /// The older annotations of types.
    pub(crate) mod converted {
        pub(crate) const UTF8: i64 = 0;
        pub(crate) const LIST: i64 = 3;
        pub(crate) const ENUM: i64 = 4;
        pub(crate) const UINT_8: i64 = 11;
        pub(crate) const UINT_64: i64 = 14;
        pub(crate) const INT_8: i64 = 15;
        pub(crate) const INT_64: i64 = 18;
        pub(crate) const JSON: i64 = 19;
    }

    /// The fields of the union of the newer ones.
    pub(crate) mod logical {
        pub(crate) const STRING: i16 = 1;
        pub(crate) const LIST: i16 = 3;
        pub(crate) const ENUM: i16 = 4;
        pub(crate) const INTEGER: i16 = 10;
        pub(crate) const JSON: i16 = 12;
        pub(crate) const FLOAT16: i16 = 15;
    }
}
