//! Writing the compact protocol of Thrift.

/// Kinds of values, as the protocol numbers them.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A structure that is being written. Fields are written in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    /// The number of the last field, in each structure that has not ended.
    last: Vec<i16>,
}

impl Output {
    /// A whole structure.
    pub(super) fn structure(fill: impl FnOnce(&mut Output)) -> Vec<u8> {
        let mut output = Output::default();
        output.element(fill);
        output.bytes
    }

    /// A structure that is an element of a list.
    pub(super) fn element(&mut self, fill: impl FnOnce(&mut Output)) {
        self.last.push(0);
        fill(self);
        self.last.pop();
        self.bytes.push(0);
    }

    /// A structure that is a field.
    pub(super) fn inner(&mut self, id: i16, fill: impl FnOnce(&mut Output)) {
        self.field(id, STRUCT);
        self.element(fill);
    }

    pub(super) fn bool(&mut self, id: i16, value: bool) {
        self.field(id, if value { TRUE } else { FALSE });
    }

    pub(super) fn byte(&mut self, id: i16, value: u8) {
        self.field(id, BYTE);
        self.bytes.push(value);
    }

    pub(super) fn i32(&mut self, id: i16, value: i64) {
        self.field(id, I32);
        self.zigzag(value);
    }

    pub(super) fn i64(&mut self, id: i16, value: i64) {
        self.field(id, I64);
        self.zigzag(value);
    }

    pub(super) fn text(&mut self, id: i16, text: &str) {
        self.field(id, BINARY);
        self.binary(text);
    }

    pub(super) fn numbers(&mut self, id: i16, numbers: &[i64]) {
        self.list(id, I32, numbers.len());
        numbers.iter().for_each(|&number| self.zigzag(number));
    }

    pub(super) fn texts(&mut self, id: i16, texts: &[&str]) {
        self.list(id, BINARY, texts.len());
        texts.iter().for_each(|text| self.binary(text));
    }

    /// The head of a list of structures; these follow as [`Output::element`], or as bytes that are already there.
    pub(super) fn structures(&mut self, id: i16, count: usize) {
        self.list(id, STRUCT, count);
    }

    fn list(&mut self, id: i16, kind: u8, count: usize) {
        self.field(id, LIST);
        match u8::try_from(count) {
            Ok(count @ ..15) => self.bytes.push(count << 4 | kind),
            _ => {
                self.bytes.push(15 << 4 | kind);
                varint(&mut self.bytes, count as u64);
            }
        }
    }

    fn binary(&mut self, text: &str) {
        varint(&mut self.bytes, text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    fn field(&mut self, id: i16, kind: u8) {
        let last = self.last.last_mut().map_or(0, |last| std::mem::replace(last, id));
        match u8::try_from(id - last) {
            Ok(step @ 1..=15) => self.bytes.push(step << 4 | kind),
            _ => {
                self.bytes.push(kind);
                self.zigzag(id.into());
            }
        }
    }

    fn zigzag(&mut self, number: i64) {
        varint(&mut self.bytes, (number << 1 ^ number >> 63).cast_unsigned());
    }
}

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
