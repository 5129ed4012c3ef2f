//! Texts are cut before any work is done.

/// Bytes of a text that are looked at; what follows is past the end of any context.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// At most `limit` bytes of `text`, in whole letters.
pub(super) fn cut_at(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
