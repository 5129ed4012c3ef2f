//! Parts of mapped files without touching them.

use std::fs::File;
use std::io;

/// Copies the bytes of a mapped file from `at` on. Where the system can, they are read from `file`, and what is `mapped` is
/// not touched: the first touch of a page maps its neighbours too, which takes about three times as long as reading a
/// kilobyte that is in memory, and they stay.
///
/// # Errors
/// Whatever the system has against reading, and [`io::ErrorKind::UnexpectedEof`] if there are fewer bytes.
pub fn copy_part(mapped: &[u8], file: Option<&File>, at: usize, out: &mut [u8]) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(file) = file {
        return std::os::unix::fs::FileExt::read_exact_at(file, out, at as u64);
    }
    #[cfg(not(unix))]
    let _ = file;
    let part = mapped.get(at..).and_then(|rest| rest.get(..out.len()));
    out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn parts_are_copied_from_either() {
        let bytes: Vec<u8> = (0..10_000u32).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        for file in [Some(&file), None] {
            for part in [0..0, 0..10_000, 4095..8193, 9_999..10_000] {
                let mut out = vec![0; part.len()];
                copy_part(&bytes, file, part.start, &mut out).unwrap();
                assert_eq!(out, bytes[part]);
            }
            for (at, count) in [(9_999, 2), (20_000, 1)] {
                let error = copy_part(&bytes, file, at, &mut vec![0; count]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}
