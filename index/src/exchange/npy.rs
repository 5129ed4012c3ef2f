//! NumPy's files of arrays, as far as they hold embeddings: two dimensions, one row for each item.
//!
//! The format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::{self, Write};

const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// The header ends at a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes what comes before the numbers of an array of `rows` by `columns` little-endian `f32`, one row after the other:
/// version 1.0 of the format.
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

#[cfg(test)]
mod tests {
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
}
