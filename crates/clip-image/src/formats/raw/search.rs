//! Searches a file for JPEGs whose position is not known.

use memchr::memmem;

use super::contents::Jpegs;

/// Adds whatever begins like a JPEG with tables and a frame header, if `is_preview` accepts the bytes from there on.
///
/// Raw data often contain bytes that look like the beginning of a JPEG, but hardly ever a whole header.
pub(super) fn find<'a>(bytes: &'a [u8], jpegs: &mut Jpegs<'a>, is_preview: impl Fn(&[u8]) -> bool) {
    /// The most headers that are parsed: there may be one every few bytes.
    const MOST: usize = 256;
    let follows_a_beginning =
        |at: &usize| matches!(bytes.get(at + 2), Some(0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe)) && *at > 0;
    for at in memmem::find_iter(bytes, b"\xd8\xff").filter(follows_a_beginning).take(MOST) {
        // Minolta's lack their first byte.
        let from_here_on = &bytes[at - 1..];
        if is_preview(from_here_on) {
            jpegs.add_bytes(from_here_on);
        }
    }
}
