//! Boxes, of which files of the ISO base media file format are made (ISO/IEC 14496-12): CR3, HEIF, AVIF.

/// The most boxes beside one another that are looked at.
const MOST: usize = 4096;

/// A box: its type, and what it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) content: &'a [u8],
}

impl<'a> Part<'a> {
    /// The content of a box that has this UUID for a type.
    pub(crate) fn of_uuid(&self, uuid: &[u8; 16]) -> Option<&'a [u8]> {
        if &self.kind == b"uuid" { self.content.strip_prefix(uuid) } else { None }
    }
}

/// The boxes beside one another in these bytes. One that claims to be longer than they are is cut.
pub(crate) fn parts(bytes: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<8>()?;
        let [s0, s1, s2, s3, kind @ ..] = *head;
        let (header, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            // To the end.
            0 => (8, rest.len() as u64),
            1 => (16, u64::from_be_bytes(*rest.get(8..)?.first_chunk()?)),
            size => (8, u64::from(size)),
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        let content = rest.get(header..size)?;
        rest = &rest[size..];
        Some(Part { kind, content })
    })
    .take(MOST)
}

/// The content of the first box of a type.
pub(crate) fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    parts(bytes).find(|part| &part.kind == kind).map(|part| part.content)
}

/// The content of the box that these lead to, each in the one before.
pub(crate) fn find_path<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, kind| find(bytes, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_every_kind() {
        let bytes = b"\0\0\0\x0aaaaaAA\0\0\0\x01bbbb\0\0\0\0\0\0\0\x11B\0\0\0\0ccccCCC";
        let found: Vec<_> = parts(bytes).map(|part| (part.kind, part.content)).collect();
        assert_eq!(found, [(*b"aaaa", b"AA".as_slice()), (*b"bbbb", b"B"), (*b"cccc", b"CCC")]);
        assert_eq!(find(bytes, b"bbbb"), Some(b"B".as_slice()));
        assert_eq!(find(bytes, b"dddd"), None);
    }

    #[test]
    fn sizes_that_cannot_be() {
        assert_eq!(parts(b"\0\0\0\x07aaaa").count(), 0, "shorter than its header");
        assert_eq!(parts(b"\0\0\0\x01aaaa\0\0\0\0\0\0\0\x0f").count(), 0, "shorter than its long header");
        let cut: Vec<_> = parts(b"\0\0\0\x20aaaaAA").map(|part| part.content).collect();
        assert_eq!(cut, [b"AA"]);
        assert_eq!(parts(&b"\0\0\0\x08aaaa".repeat(MOST + 7)).count(), MOST);
    }
}
