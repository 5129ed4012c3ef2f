//! Well-known picture formats that are not decoded, so that they can be called by their names.

/// The name of the format that a file with these first bytes has.
pub(super) fn name(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => Some("HEIC"),
            b"avif" | b"avis" => Some("AVIF"),
            _ => None,
        },
        [0, 0, 0, 0x0c, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => Some("JPEG 2000"),
        // The floating-point cousin of PPM and PGM.
        [b'P', b'F' | b'f', space, ..] if space.is_ascii_whitespace() => Some("PFM"),
        _ => None,
    }
}
