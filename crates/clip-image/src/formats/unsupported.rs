//! Well-known picture formats that are not decoded, so that they can be called by their names.

/// The name of the format that a file with these first bytes has.
pub(super) fn name(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        // The floating-point cousin of PPM and PGM.
        [b'P', b'F' | b'f', space, ..] if space.is_ascii_whitespace() => Some("PFM"),
        [b'I', b'I', 0xbc, ..] => Some("JPEG XR"),
        _ if bytes.starts_with(b"farbfeld") => Some("farbfeld"),
        _ if bytes.starts_with(b"SIMPLE  =") => Some("FITS"),
        _ => None,
    }
}
