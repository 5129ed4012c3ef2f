//! Writing.

mod column;
mod row;
mod thrift;

use std::io::{self, Write};

use column::Column;
pub use row::{Datum, Field};
use thrift::Output;

use crate::format::MAGIC;
use crate::format::{converted, encoding, logical, physical, repetition};
use crate::read::Type;

/// A range of rows is written when it takes so many bytes. So much is in memory.
const ROW_GROUP: usize = 16 << 20;

/// Writes a table, row by row. A range of rows is in memory: 16 MiB, and a row.
///
/// Lists of floating-point numbers are not compressed, everything else is, with Snappy. Pages have checksums.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    /// Where the next byte comes to lie.
    at: u64,
    schema: Vec<u8>,
    elements: usize,
    names: Vec<(String, Type, bool)>,
    texts: Vec<(String, String)>,
    columns: Vec<Column>,
    rows: u64,
    group_rows: u64,
    groups: Vec<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    /// Begins a table with these columns. `texts` are put beside the data under their keys.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W, fields: &[Field<'_>], texts: &[(&str, &str)]) -> io::Result<Writer<W>> {
        out.write_all(&MAGIC)?;
        let mut schema = Output::default();
        schema.element(|root| {
            root.text(4, "schema");
            root.i32(5, fields.len() as i64);
        });
        let mut elements = 1;
        for field in fields {
            elements += describe(field, &mut schema);
        }
        Ok(Writer {
            out,
            at: MAGIC.len() as u64,
            schema: schema.bytes,
            elements,
            names: fields.iter().map(|field| (field.name.to_owned(), field.kind, field.is_list)).collect(),
            texts: texts.iter().map(|&(key, text)| (key.to_owned(), text.to_owned())).collect(),
            columns: fields.iter().map(Column::new).collect(),
            rows: 0,
            group_rows: 0,
            groups: Vec::new(),
        })
    }

    /// Adds a row: a datum for each column.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the data are not those of the columns; those of the file.
    pub fn row(&mut self, data: &[Datum<'_>]) -> io::Result<()> {
        let fits = self.columns.len() == data.len()
            && self.columns.iter().zip(data).all(|(column, datum)| column.takes(datum));
        if !fits {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a row does not fit the columns of the table"));
        }
        self.columns.iter_mut().zip(data).for_each(|(column, datum)| column.push(datum));
        self.group_rows += 1;
        if self.columns.iter().map(Column::len).sum::<usize>() >= ROW_GROUP { self.end_group() } else { Ok(()) }
    }

    /// Writes what is left, and the footer.
    ///
    /// # Errors
    /// Those of the file.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_group()?;
        let footer = Output::structure(|footer| {
            footer.i32(1, 2);
            footer.structures(2, self.elements);
            footer.bytes.extend(&self.schema);
            footer.i64(3, self.rows.cast_signed());
            footer.structures(4, self.groups.len());
            self.groups.iter().for_each(|group| footer.bytes.extend(group));
            footer.structures(5, self.texts.len());
            for (key, text) in &self.texts {
                footer.element(|pair| {
                    pair.text(1, key);
                    pair.text(2, text);
                });
            }
            footer.text(6, concat!("clip-search version ", env!("CARGO_PKG_VERSION")));
        });
        self.out.write_all(&footer)?;
        let length = u32::try_from(footer.len()).map_err(|_| io::Error::other("the footer has more than 4 GiB"))?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&MAGIC)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Writes the rows that are in memory.
    fn end_group(&mut self) -> io::Result<()> {
        if self.group_rows == 0 {
            return Ok(());
        }
        let mut group = Output::default();
        let (out, at) = (&mut self.out, &mut self.at);
        let mut written = Ok(());
        let mut size = 0;
        group.element(|group| {
            group.structures(1, self.columns.len());
            for (column, (name, kind, is_list)) in self.columns.iter_mut().zip(&self.names) {
                let closed = column.close();
                if written.is_ok() {
                    written = out.write_all(&closed.pages);
                }
                let length = closed.pages.len() as u64;
                size += closed.uncompressed;
                group.element(|chunk| {
                    chunk.i64(2, at.cast_signed());
                    chunk.inner(3, |data| {
                        data.i32(1, stored(*kind));
                        data.numbers(2, &[encoding::PLAIN, encoding::RLE]);
                        let path: &[&str] = if *is_list { &[name, "list", "element"] } else { &[name] };
                        data.texts(3, path);
                        data.i32(4, closed.codec);
                        data.i64(5, closed.values.cast_signed());
                        data.i64(6, closed.uncompressed.cast_signed());
                        data.i64(7, length.cast_signed());
                        data.i64(9, at.cast_signed());
                    });
                });
                *at += length;
            }
            group.i64(2, size.cast_signed());
            group.i64(3, self.group_rows.cast_signed());
        });
        written?;
        self.groups.push(group.bytes);
        self.rows += std::mem::take(&mut self.group_rows);
        Ok(())
    }
}

/// The physical type.
fn stored(kind: Type) -> i64 {
    match kind {
        Type::Bool => physical::BOOLEAN,
        Type::Integer | Type::Unsigned => physical::INT64,
        Type::Half => physical::FIXED_LEN_BYTE_ARRAY,
        Type::Float => physical::FLOAT,
        Type::Double => physical::DOUBLE,
        Type::Text | Type::Bytes => physical::BYTE_ARRAY,
    }
}

/// Writes the elements of the schema that are a column, and tells how many.
fn describe(field: &Field<'_>, schema: &mut Output) -> usize {
    if !field.is_list {
        leaf(field.kind, repetition::OPTIONAL, field.name, schema);
        return 1;
    }
    // As all writers do it today.
    schema.element(|group| {
        group.i32(3, repetition::OPTIONAL);
        group.text(4, field.name);
        group.i32(5, 1);
        group.i32(6, converted::LIST);
        group.inner(10, |kind| kind.inner(logical::LIST, |_| ()));
    });
    schema.element(|group| {
        group.i32(3, repetition::REPEATED);
        group.text(4, "list");
        group.i32(5, 1);
    });
    leaf(field.kind, repetition::REQUIRED, "element", schema);
    3
}

fn leaf(kind: Type, repetition: i64, name: &str, schema: &mut Output) {
    schema.element(|element| {
        element.i32(1, stored(kind));
        if kind == Type::Half {
            element.i32(2, size_of::<half::f16>() as i64);
        }
        element.i32(3, repetition);
        element.text(4, name);
        match kind {
            Type::Text => {
                element.i32(6, converted::UTF8);
                element.inner(10, |kind| kind.inner(logical::STRING, |_| ()));
            }
            Type::Unsigned => {
                element.i32(6, converted::UINT_64);
                element.inner(10, |kind| {
                    kind.inner(logical::INTEGER, |integer| {
                        integer.byte(1, 64);
                        integer.bool(2, false);
                    });
                });
            }
            Type::Half => element.inner(10, |kind| kind.inner(logical::FLOAT16, |_| ())),
            _ => {}
        }
    });
}
