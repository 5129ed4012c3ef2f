//! Which picture format a file has: by its name before it is opened, by its content after.

use std::fmt;
use std::path::Path;

use crate::ImageError;

/// A supported picture format, told by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG: baseline, extended and progressive, 8 bits.
    Jpeg,
    /// PNG, and the first frame of an animated one.
    Png,
    /// GIF, first frame.
    Gif,
    /// WebP, lossy or lossless, first frame.
    WebP,
    /// TIFF and BigTIFF, first page.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// Netpbm: PBM, PGM, PPM and PAM.
    Pnm,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Pnm => "PNM",
        })
    }
}

/// File name extensions of the supported formats, in lower case.
const EXTENSIONS: [&str; 16] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "tif", "tiff", "bmp", "dib", "pbm", "pgm", "ppm", "pnm",
];

/// Whether the name ends like a photo's, in upper or lower case. The file is not touched.
pub fn looks_like_photo(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Tells the format from the first bytes of a file.
///
/// # Errors
/// [`ImageError::Unsupported`] names a well-known format that is not decoded, so that an iPhone's
/// HEIC under a JPEG's name is called what it is; anything else is [`ImageError::UnknownFormat`].
pub(crate) fn sniff(bytes: &[u8]) -> Result<Format, ImageError> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Ok(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Format::WebP),
        // 42 is TIFF, 43 is BigTIFF.
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Format::Tiff),
        [b'B', b'M', ..] => Ok(Format::Bmp),
        [b'P', b'1'..=b'7', space, ..] if space.is_ascii_whitespace() || *space == b'#' => Ok(Format::Pnm),
        _ => Err(unsupported_name(bytes)
            .map_or(ImageError::UnknownFormat, |name| ImageError::Unsupported { what: name.into() })),
    }
}

fn unsupported_name(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => Some("HEIC"),
            b"avif" | b"avis" => Some("AVIF"),
            b"crx " => Some("Canon raw (CR3)"),
            _ => None,
        },
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] => Some("JPEG XL"),
        [0, 0, 0, 0x0c, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => Some("JPEG 2000"),
        [b'8', b'B', b'P', b'S', ..] => Some("Photoshop (PSD)"),
        [0x76, 0x2f, 0x31, 0x01, ..] => Some("OpenEXR"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_in_any_case() {
        for yes in ["a.jpg", "A.JPG", "x/y.JpEg", "é.tiff", ".x.png", "a.b.webp"] {
            assert!(looks_like_photo(Path::new(yes)), "{yes}");
        }
        for no in ["a.txt", "jpg", ".jpg", "a.jpg.part", "a.heic", "a."] {
            assert!(!looks_like_photo(Path::new(no)), "{no}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_stem_that_is_not_utf8_does_not_matter() {
        use std::os::unix::ffi::OsStrExt;
        assert!(looks_like_photo(Path::new(std::ffi::OsStr::from_bytes(b"\xff\xfe.jpg"))));
        assert!(!looks_like_photo(Path::new(std::ffi::OsStr::from_bytes(b"x.\xffpg"))));
    }

    #[test]
    fn content_decides() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n....").unwrap(), Format::Png);
        assert_eq!(sniff(b"\xff\xd8\xff\xe0").unwrap(), Format::Jpeg);
        assert_eq!(sniff(b"MM\0\x2a").unwrap(), Format::Tiff);
        assert_eq!(sniff(b"P6\n1 1").unwrap(), Format::Pnm);
        assert!(matches!(sniff(b"Please find the photo"), Err(ImageError::UnknownFormat)));
        assert!(matches!(sniff(b""), Err(ImageError::UnknownFormat)));
    }

    #[test]
    fn names_what_it_does_not_decode() {
        let error = sniff(b"\0\0\0\x18ftypheic....").unwrap_err();
        assert!(error.to_string().starts_with("HEIC is not supported"), "{error}");
    }
}
