//! JPEGs in a file of which nothing says where they are.

use memchr::memmem;

use super::contents::Jpegs;

/// Adds what begins as a JPEG with tables and a frame does, as far as `is_preview` says so of the bytes from there on.
///
/// Raw data are full of bytes that look like the beginning of a JPEG, but hardly of a header.
pub(super) fn find<'a>(bytes: &'a [u8], jpegs: &mut Jpegs<'a>, is_preview: impl Fn(&[u8]) -> bool) {
    /// Headers that are looked at, each to its end: there may be one for every few bytes.
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
