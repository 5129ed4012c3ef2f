//! NumPy's files of arrays, as far as they hold embeddings: two dimensions, one row for each item.
//!
//! The format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clip_files::regular;
use half::f16;

use crate::error::IndexError;

const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// The header ends at a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes what comes before the numbers of an array of `rows` by `columns` little-endian `f32`, one row after the
/// other: version 1.0 of the format.
pub(super) fn write_header(out: &mut impl Write, rows: usize, columns: usize) -> io::Result<()> {
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let before = MAGIC.len() + 4;
    let end = (before + text.len() + 1).next_multiple_of(ALIGNMENT);
    text.extend(std::iter::repeat_n(' ', end - before - text.len() - 1));
    text.push('\n');
    // Two numbers of at most twenty digits: far less than 64 KiB.
    let length = u16::try_from(text.len()).map_err(io::Error::other)?;
    out.write_all(&MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(text.as_bytes())
}

/// The types of numbers that are read; all little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    F16,
    F32,
    F64,
}

impl Element {
    fn size(self) -> usize {
        match self {
            Element::F16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    element: Element,
    rows: usize,
    columns: usize,
}

/// An array on disk, whose rows are read one after the other.
#[derive(Debug)]
pub(super) struct Array {
    path: PathBuf,
    file: BufReader<File>,
    header: Header,
    row: Vec<u8>,
}

impl Array {
    /// Opens a file of version 1, 2 or 3 of the format and checks header and length.
    ///
    /// # Errors
    /// [`IndexError::Import`] if it is no array of two dimensions of little-endian `f16`, `f32` or `f64` in C order;
    /// [`IndexError::Exchange`] if it cannot be read.
    pub(super) fn open(path: &Path) -> Result<Array, IndexError> {
        let (file, metadata) =
            regular::open_with_metadata(path).map_err(|error| IndexError::exchange("open", path)(error.into()))?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let wrong = |reason| IndexError::Import { path: path.to_path_buf(), reason };
        let (header, before) = read_header(&mut file).map_err(|error| match error {
            HeaderError::Wrong(reason) => wrong(reason),
            HeaderError::Io(error) => IndexError::exchange("read", path)(error),
        })?;
        let bytes = header.columns.checked_mul(header.element.size()).and_then(|row| row.checked_mul(header.rows));
        let expected = bytes.and_then(|bytes| u64::try_from(bytes).ok()?.checked_add(before));
        if expected != Some(metadata.len()) {
            let (rows, columns) = (header.rows, header.columns);
            let found = metadata.len();
            return Err(wrong(format!("{found} bytes are not what an array of {rows} by {columns} numbers takes")));
        }
        // Only after its length was checked: with no rows, any number of columns takes no bytes.
        let row = vec![0; if header.rows == 0 { 0 } else { header.columns * header.element.size() }];
        Ok(Array { path: path.to_path_buf(), file, header, row })
    }

    pub(super) fn rows(&self) -> usize {
        self.header.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.header.columns
    }

    /// Reads the next row into `out`, which has a place for each column.
    pub(super) fn next_row(&mut self, out: &mut [f64]) -> Result<(), IndexError> {
        self.file.read_exact(&mut self.row).map_err(IndexError::exchange("read", &self.path))?;
        let numbers = self.row.chunks_exact(self.header.element.size());
        for (out, bytes) in out.iter_mut().zip(numbers) {
            *out = match *bytes {
                [a, b] => f16::from_le_bytes([a, b]).to_f64(),
                [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).into(),
                [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
                _ => f64::NAN,
            };
        }
        Ok(())
    }
}

#[derive(Debug)]
enum HeaderError {
    Wrong(String),
    Io(io::Error),
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> HeaderError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => HeaderError::Wrong("it ends within its header".into()),
            _ => HeaderError::Io(error),
        }
    }
}

/// A header is a few dozen bytes; NumPy itself refuses more than 10,000.
const LONGEST_HEADER: usize = 10_000;

/// Reads what comes before the numbers, and tells how many bytes that is.
fn read_header(file: &mut impl Read) -> Result<(Header, u64), HeaderError> {
    let wrong = |reason: &str| HeaderError::Wrong(reason.to_owned());
    let mut start = [0; 8];
    file.read_exact(&mut start)?;
    if start[..6] != MAGIC {
        return Err(wrong("it does not start with the magic number of a NumPy array"));
    }
    let (length, before) = match start[6] {
        1 => {
            let mut length = [0; 2];
            file.read_exact(&mut length)?;
            (usize::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let mut length = [0; 4];
            file.read_exact(&mut length)?;
            (u32::from_le_bytes(length) as usize, 12)
        }
        version => {
            return Err(HeaderError::Wrong(format!("expected version 1, 2 or 3 of the format, found {version}")));
        }
    };
    if length > LONGEST_HEADER {
        return Err(HeaderError::Wrong(format!("expected a header of at most {LONGEST_HEADER} bytes, found {length}")));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text)?;
    Ok((parse(&text)?, before + length as u64))
}

/// Reads the dictionary in a header, which is written as Python writes it.
fn parse(text: &[u8]) -> Result<Header, HeaderError> {
    let wrong = |reason: String| HeaderError::Wrong(reason);
    let Some(Members { descr, fortran_order, shape }) = Literal(text).members() else {
        return Err(wrong("its header is not the one that NumPy writes".into()));
    };
    let element = match descr {
        "<f2" => Element::F16,
        "<f4" => Element::F32,
        "<f8" => Element::F64,
        _ => return Err(wrong(format!("expected numbers of the type <f2, <f4 or <f8, found {descr:?}"))),
    };
    if fortran_order {
        return Err(wrong("expected an array in C order, found one in Fortran order".into()));
    }
    let [rows, columns] = shape[..] else {
        return Err(wrong(format!("expected an array of 2 dimensions, found {}", shape.len())));
    };
    if columns == 0 {
        return Err(wrong("its rows have no values".into()));
    }
    Ok(Header { element, rows, columns })
}

struct Members<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// What is left to read of a Python literal.
struct Literal<'a>(&'a [u8]);

impl<'a> Literal<'a> {
    /// A dictionary of just the three members, and nothing after it.
    fn members(mut self) -> Option<Members<'a>> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.sign(b'{')?;
        while self.sign(b'}').is_none() {
            let key = self.string()?;
            self.sign(b':')?;
            // `replace` tells whether it was there before.
            let was_there = match key {
                "descr" => descr.replace(self.string()?).is_some(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return None,
            };
            if was_there {
                return None;
            }
            if self.sign(b',').is_none() {
                self.sign(b'}')?;
                break;
            }
        }
        self.spaces();
        let members = Members { descr: descr?, fortran_order: fortran_order?, shape: shape? };
        self.0.is_empty().then_some(members)
    }

    fn spaces(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.spaces();
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    fn sign(&mut self, sign: u8) -> Option<()> {
        self.word(&[sign])
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.spaces();
        let (&quote, rest) = self.0.split_first().filter(|&(&quote, _)| quote == b'\'' || quote == b'"')?;
        let end = rest.iter().position(|&byte| byte == quote || byte == b'\\')?;
        let (text, after) = rest.split_at(end);
        self.0 = after.strip_prefix(&[quote])?;
        str::from_utf8(text).ok()
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.word(b"True") {
            Some(()) => Some(true),
            None => self.word(b"False").map(|()| false),
        }
    }

    fn number(&mut self) -> Option<usize> {
        self.spaces();
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        str::from_utf8(digits).ok()?.parse().ok()
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        self.sign(b'(')?;
        while self.sign(b')').is_none() {
            numbers.push(self.number()?);
            if self.sign(b',').is_none() {
                // In Python, a number in parentheses is no tuple.
                self.sign(b')').filter(|()| numbers.len() > 1)?;
                break;
            }
        }
        Some(numbers)
    }
}

/// Reads bytes as an array and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("file");
    std::fs::write(&path, bytes).expect("a file");
    let Ok(mut array) = Array::open(&path) else { return };
    assert!(array.rows().saturating_mul(array.columns()) < bytes.len());
    if array.rows() > 0 {
        let mut row = vec![0.0; array.columns()];
        for _ in 0..array.rows() {
            array.next_row(&mut row).expect("its length was checked");
        }
        assert!(array.next_row(&mut row).is_err());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_are_those_of_numpy() {
        // What `numpy.save` writes before an array of 3 by 4 float32.
        let mut expected =
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }".to_vec();
        expected.resize(127, b' ');
        expected.push(b'\n');
        let mut found = Vec::new();
        write_header(&mut found, 3, 4).unwrap();
        assert_eq!(found, expected);
        found.clear();
        write_header(&mut found, usize::MAX, usize::MAX).unwrap();
        assert_eq!(found.len() % 64, 0);
    }

    fn file(text: &str, data: &[u8]) -> Vec<u8> {
        let length = (text.len() as u16).to_le_bytes();
        [&MAGIC[..], &[1, 0], &length, text.as_bytes(), data].concat()
    }

    fn open(bytes: &[u8]) -> Result<Array, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        Array::open(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn all_spellings_of_a_header_are_read() {
        let numbers: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
            "{\"shape\":(2,3,),\"descr\":\"<f4\",\"fortran_order\":False}",
            " { 'shape' : ( 2 , 3 ) , 'fortran_order' : False , 'descr' : '<f4' } ",
        ] {
            let mut array = open(&file(text, &numbers)).unwrap();
            assert_eq!((array.rows(), array.columns()), (2, 3), "{text}");
            let mut row = [0.0; 3];
            array.next_row(&mut row).unwrap();
            assert_eq!(row, [1.0, 2.0, 3.0]);
            array.next_row(&mut row).unwrap();
            assert_eq!(row, [4.0, 5.0, 6.0]);
        }
        let mut version_2 = [&MAGIC[..], &[2, 0], &68u32.to_le_bytes()].concat();
        version_2.extend(format!("{:68}", "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }").bytes());
        version_2.extend(0.25f64.to_le_bytes());
        let mut row = [0.0];
        open(&version_2).unwrap().next_row(&mut row).unwrap();
        assert_eq!(row, [0.25]);
        let half =
            file("{'descr': '<f2', 'fortran_order': False, 'shape': (1, 1)}", &f16::from_f32(-1.5).to_le_bytes());
        open(&half).unwrap().next_row(&mut row).unwrap();
        assert_eq!(row, [-1.5]);
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, expected) in [
            ("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "found \">f4\""),
            ("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", "found \"<i4\""),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", "not the one that NumPy writes"),
            ("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "Fortran order"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "found 1"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (6), }", "not the one"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }", "found 3"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }", "no values"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", "bytes are not what"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", "bytes are not what"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", "not the one"),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808, 9223372036854775808), }",
                "bytes",
            ),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }", "not the one"),
            ("{'descr': '<f4', 'fortran_order': False, }", "not the one"),
            ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "not the one"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", "not the one"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } + 1", "not the one"),
        ] {
            let error = open(&file(text, &[0; 24])).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(open(b"").is_err() && open(b"\x93NUMPY\x01\x00\xff\xff{}").is_err() && open(&[0; 100]).is_err());
        assert!(open(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}").unwrap_err().contains("at most"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in 0usize..5, columns in 1usize..7, seed: u32) {
            let value = |row: usize, column: usize| (seed as f32) * 0.5 + (row * 10 + column) as f32;
            let mut bytes = Vec::new();
            write_header(&mut bytes, rows, columns).unwrap();
            for row in 0..rows {
                (0..columns).for_each(|column| bytes.extend(value(row, column).to_le_bytes()));
            }
            let mut array = open(&bytes).unwrap();
            prop_assert_eq!((array.rows(), array.columns()), (rows, columns));
            let mut found = vec![0.0; columns];
            for row in 0..rows {
                array.next_row(&mut found).unwrap();
                let expected: Vec<f64> = (0..columns).map(|column| value(row, column).into()).collect();
                prop_assert_eq!(&found, &expected);
            }
            check_file(&bytes);
            prop_assert!(open(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn any_bytes_give_an_error(text: Vec<u8>, data: Vec<u8>) {
            check_file(&data);
            check_file(&[&MAGIC[..], &[1, 0], &(text.len() as u16).to_le_bytes(), &text, &data].concat());
        }
    }
}
