//! The values of a column on their way into a file.

use half::f16;

use super::row::{Datum, Field};
use super::thrift::{Output, varint};
use crate::format::{codec, encoding, page};
use crate::read::Type;

/// A page is closed when its values take so many bytes.
const PAGE: usize = 1 << 20;

/// Small numbers as runs of equal ones.
#[derive(Debug, Default)]
struct Runs {
    bytes: Vec<u8>,
    value: u8,
    count: u64,
}

impl Runs {
    fn push(&mut self, value: u8, count: u64) {
        if value != self.value {
            self.end();
            self.value = value;
        }
        self.count += count;
    }

    fn end(&mut self) {
        if self.count > 0 {
            varint(&mut self.bytes, self.count << 1);
            self.bytes.push(self.value);
            self.count = 0;
        }
    }

    /// Moves all to the end of a page, after their length, and is empty then.
    fn move_to(&mut self, page: &mut Vec<u8>) {
        self.end();
        page.extend((self.bytes.len() as u32).to_le_bytes());
        page.append(&mut self.bytes);
    }
}

/// What is known of a column of a range of rows, when all its values were written.
pub(super) struct Closed {
    pub(super) values: u64,
    pub(super) uncompressed: u64,
    pub(super) codec: i64,
    pub(super) pages: Vec<u8>,
}

/// A column of the range of rows that is being filled.
#[derive(Debug)]
pub(super) struct Column {
    kind: Type,
    is_list: bool,
    definition: Runs,
    repetition: Runs,
    /// The values of the page that is being filled; truth values take a byte each here.
    plain: Vec<u8>,
    /// How many, those counted that are not there.
    count: u64,
    pages: Vec<u8>,
    uncompressed: u64,
    values: u64,
}

impl Column {
    pub(super) fn new(field: &Field<'_>) -> Column {
        Column {
            kind: field.kind,
            is_list: field.is_list,
            definition: Runs::default(),
            repetition: Runs::default(),
            plain: Vec::new(),
            count: 0,
            pages: Vec::new(),
            uncompressed: 0,
            values: 0,
        }
    }

    /// Whether a datum is one of this column.
    pub(super) fn takes(&self, datum: &Datum<'_>) -> bool {
        match datum {
            Datum::Null => true,
            Datum::Bool(_) => !self.is_list && self.kind == Type::Bool,
            Datum::Integer(_) => !self.is_list && self.kind == Type::Integer,
            Datum::Unsigned(_) => !self.is_list && self.kind == Type::Unsigned,
            Datum::Float(_) => !self.is_list && matches!(self.kind, Type::Half | Type::Float | Type::Double),
            Datum::Text(_) => !self.is_list && self.kind == Type::Text,
            Datum::Bytes(_) => !self.is_list && self.kind == Type::Bytes,
            Datum::Floats(_) | Datum::Doubles(_) => {
                self.is_list && matches!(self.kind, Type::Half | Type::Float | Type::Double)
            }
            Datum::Integers(_) => self.is_list && self.kind == Type::Integer,
            Datum::Texts(_) => self.is_list && self.kind == Type::Text,
        }
    }

    /// Bytes in memory.
    pub(super) fn len(&self) -> usize {
        self.pages.len() + self.plain.len()
    }

    /// Adds what is in a row; [`Column::takes`] it.
    pub(super) fn push(&mut self, datum: &Datum<'_>) {
        match *datum {
            Datum::Null => self.levels(0, None),
            Datum::Bool(value) => self.scalar(&[u8::from(value)]),
            Datum::Integer(value) => self.scalar(&value.to_le_bytes()),
            Datum::Unsigned(value) => self.scalar(&value.to_le_bytes()),
            Datum::Float(value) => {
                self.levels(1, None);
                self.float(value);
            }
            Datum::Text(text) => self.bytes(text.as_bytes()),
            Datum::Bytes(bytes) => self.bytes(bytes),
            Datum::Floats(list) => {
                self.levels(1, Some(list.len()));
                list.iter().for_each(|&number| self.float(number.into()));
            }
            Datum::Doubles(list) => {
                self.levels(1, Some(list.len()));
                list.iter().for_each(|&number| self.float(number));
            }
            Datum::Integers(list) => {
                self.levels(1, Some(list.len()));
                list.iter().for_each(|number| self.plain.extend(number.to_le_bytes()));
            }
            Datum::Texts(list) => {
                self.levels(1, Some(list.len()));
                list.iter().for_each(|text| self.measured(text.as_bytes()));
            }
        }
        if self.plain.len() >= PAGE {
            self.end_page();
        }
    }

    fn scalar(&mut self, bytes: &[u8]) {
        self.levels(1, None);
        self.plain.extend(bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.levels(1, None);
        self.measured(bytes);
    }

    fn measured(&mut self, bytes: &[u8]) {
        self.plain.extend((bytes.len() as u32).to_le_bytes());
        self.plain.extend(bytes);
    }

    fn float(&mut self, number: f64) {
        match self.kind {
            Type::Half => self.plain.extend(f16::from_f64(number).to_le_bytes()),
            Type::Float => self.plain.extend((number as f32).to_le_bytes()),
            _ => self.plain.extend(number.to_le_bytes()),
        }
    }

    /// Says how much of the path to a row's value is there, and how many values the list has.
    fn levels(&mut self, definition: u8, list: Option<usize>) {
        let count = match list {
            Some(count @ 1..) => {
                self.definition.push(2, count as u64);
                self.repetition.push(0, 1);
                self.repetition.push(1, count as u64 - 1);
                count as u64
            }
            _ => {
                self.definition.push(definition, 1);
                self.repetition.push(0, 1);
                1
            }
        };
        self.count += count;
    }

    fn end_page(&mut self) {
        if self.count == 0 {
            return;
        }
        let mut body = Vec::new();
        if self.is_list {
            self.repetition.move_to(&mut body);
        }
        self.definition.move_to(&mut body);
        if self.kind == Type::Bool {
            let packed = self.plain.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit));
            body.extend(packed);
            self.plain.clear();
        } else {
            body.append(&mut self.plain);
        }
        let size = body.len();
        if self.codec() == codec::SNAPPY
            // Fails only for more bytes than a page has.
            && let Ok(compressed) = snap::raw::Encoder::new().compress_vec(&body)
        {
            body = compressed;
        }
        let header = Output::structure(|header| {
            header.i32(1, page::DATA);
            header.i32(2, size as i64);
            header.i32(3, body.len() as i64);
            header.i32(4, i64::from(crc32fast::hash(&body).cast_signed()));
            header.inner(5, |data| {
                data.i32(1, self.count.cast_signed());
                data.i32(2, encoding::PLAIN);
                data.i32(3, encoding::RLE);
                data.i32(4, encoding::RLE);
            });
        });
        self.uncompressed += (header.len() + size) as u64;
        self.values += self.count;
        self.count = 0;
        self.pages.extend(header);
        self.pages.append(&mut body);
    }

    /// Embeddings are as good as random, and do not get smaller.
    fn codec(&self) -> i64 {
        let is_random = self.is_list && matches!(self.kind, Type::Half | Type::Float | Type::Double);
        if is_random { codec::UNCOMPRESSED } else { codec::SNAPPY }
    }

    /// Ends the range of rows, and is empty then.
    pub(super) fn close(&mut self) -> Closed {
        self.end_page();
        Closed {
            values: std::mem::take(&mut self.values),
            uncompressed: std::mem::take(&mut self.uncompressed),
            codec: self.codec(),
            pages: std::mem::take(&mut self.pages),
        }
    }
}
