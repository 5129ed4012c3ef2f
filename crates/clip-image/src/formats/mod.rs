//! The table of formats, from which everything else about them is derived.
//!
//! A format is one module here, whose `DEFINITION` says how its files are named, recognised and decoded, and one line in
//! the list in `format`.

mod avif;
mod bmp;
pub(crate) mod codec;
mod dds;
mod exr;
mod gif;
mod hdr;
pub(crate) mod heif;
mod ico;
mod jp2;
pub(crate) mod jpeg;
mod jxl;
mod library;
#[cfg(any(feature = "bmp", feature = "dds", feature = "exr", feature = "hdr", feature = "psd"))]
mod linear;
mod png;
mod pnm;
mod psd;
mod qoi;
mod raw;
mod tga;
mod tiff;
mod unsupported;
mod webp;

use std::path::Path;

use codec::{Codec, Definition};

use crate::format::for_each_format;
use crate::{Format, ImageError};

macro_rules! define_table {
    ($($(#[$doc:meta])* $variant:ident $name:literal $module:ident,)*) => {
        fn definition(format: Format) -> &'static Definition {
            match format {
                $(Format::$variant => &$module::DEFINITION,)*
            }
        }
    };
}
for_each_format!(define_table);

impl Format {
    /// The extensions of file names of this format, in lower case and without the dot.
    pub fn extensions(self) -> &'static [&'static str] {
        definition(self).extensions
    }

    /// The format that files with this extension usually have. Upper and lower case are the same.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let is_known = |format: &Self| format.extensions().iter().any(|known| extension.eq_ignore_ascii_case(known));
        Self::ALL.iter().copied().find(is_known)
    }

    /// Whether the decoder is built in: whether the crate was compiled with the feature of the format.
    pub fn is_built_in(self) -> bool {
        definition(self).codec.is_some()
    }
}

/// Whether the name ends like a photo's, in upper or lower case. The file is not touched.
///
/// A photo whose decoder is not built in counts as one, so that decoding it says what is missing.
pub fn looks_like_photo(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).and_then(Format::from_extension).is_some()
}

/// The format of a file, by its first bytes (some hundred of them do); `None` if it is none that is known.
pub fn format_of(beginning: &[u8]) -> Option<Format> {
    sniff(beginning).ok()
}

/// Whether the name ends like that of a camera's raw file, in upper or lower case. The file is not touched.
pub fn looks_like_raw(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.and_then(Format::from_extension) == Some(Format::Raw)
}

/// Recognises the format by the first bytes of a file.
///
/// # Errors
/// [`ImageError::Unsupported`] names a well-known format that is not decoded, so that a JPEG XR file with a JPEG's name
/// is called what it is; anything else is [`ImageError::UnknownFormat`].
pub(crate) fn sniff(bytes: &[u8]) -> Result<Format, ImageError> {
    let known = Format::ALL.iter().copied().find(|format| (definition(*format).sniff)(bytes));
    known.ok_or_else(|| match unsupported::name(bytes) {
        Some(name) => ImageError::Unsupported { what: name.into() },
        None => ImageError::UnknownFormat,
    })
}

/// Whether the decoder itself determines the orientation, whatever the EXIF data say.
pub(crate) fn knows_orientation(format: Format) -> bool {
    matches!(format, Format::Jxl | Format::Raw | Format::Heif | Format::Avif)
}

/// Whether the format is decoded by a library not written in Rust, where a file may do more harm than fail to decode.
pub(crate) fn is_foreign(format: Format) -> bool {
    matches!(format, Format::Heif | Format::Avif)
}

/// Whether decoding a file may take much longer than its bytes tell.
pub(crate) fn is_slow(format: Format, bytes: &[u8]) -> bool {
    format == Format::Jp2 && jp2::is_slow(bytes)
}

/// The decoder of a format.
///
/// # Errors
/// [`ImageError::NotBuiltIn`].
pub(crate) fn codec(format: Format) -> Result<Codec, ImageError> {
    definition(format).codec.ok_or(ImageError::NotBuiltIn { format })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_in_any_case() {
        for yes in ["a.jpg", "A.JPG", "x/y.JpEg", "é.tiff", ".x.png", "a.b.webp", "a.pam", "a.PAM"] {
            assert!(looks_like_photo(Path::new(yes)), "{yes}");
        }
        for no in ["a.txt", "jpg", ".jpg", "a.jpg.part", "a.jxr", "a."] {
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
    fn no_extension_is_listed_twice_or_in_upper_case() {
        let mut all: Vec<_> = Format::ALL.iter().flat_map(|format| format.extensions()).collect();
        assert!(all.iter().all(|extension| extension.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
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

    /// TGA has no signature: data that nearly look like its headers must be rejected.
    #[test]
    fn what_looks_like_tga_is_not() {
        let good = *b"\0\0\x02\0\0\0\0\0\0\0\0\0\x02\0\x01\0\x18\x20";
        assert_eq!(sniff(&good).unwrap(), Format::Tga);
        for (at, value) in [(1, 1), (1, 2), (2, 0), (2, 4), (2, 9), (3, 1), (6, 1), (7, 24), (12, 0), (14, 0), (16, 7)]
            .into_iter()
            .chain([(16, 8), (17, 0x28), (17, 0x60)])
        {
            let mut other = good;
            other[at] = value;
            assert!(matches!(sniff(&other), Err(ImageError::UnknownFormat)), "{value} at {at}");
        }
        for other in [
            // A spreadsheet, fonts, a film, text of two bytes a letter, and zeros.
            &b"\0\0\x02\0\x06\x04\x06\0\x08\0\0\0\0\0\0\0\0\0\0\0"[..],
            b"\0\x01\0\0\0\x0f\0\x80\0\x03\0\x70FFTM\x60\x1b",
            b"\0\0\x01\xba\x21\0\x01\0\x01\x80\x0d\xd1\0\0\x01\xbb\0\x0c",
            b"D\0\n\0e\0a\0r\0 \0d\0i\0a\0r\0",
            &[0; 64],
        ] {
            assert!(matches!(sniff(other), Err(ImageError::UnknownFormat)), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn names_what_it_does_not_decode() {
        for (start, name) in [
            (&b"Pf\n2 2\n-1.0\n"[..], "PFM"),
            (b"II\xbc\x01\x20\0\0\0", "JPEG XR"),
            (b"farbfeld\0\0\0\x01", "farbfeld"),
            (b"SIMPLE  =                    T", "FITS"),
        ] {
            let error = sniff(start).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{name} is not supported")), "{error}");
        }
    }

    #[test]
    fn no_two_formats_claim_the_same_bytes() {
        let starts: [&[u8]; 24] = [
            b"\xff\xd8\xff\xe0",
            b"\x89PNG\r\n\x1a\n",
            b"GIF87a",
            b"GIF89a",
            b"RIFF\x40\0\0\0WEBP",
            b"II*\0",
            b"MM\0*",
            b"II+\0",
            b"BM",
            b"P3 ",
            b"P7\n",
            b"qoif",
            b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x04\0\0\0\x16\0\0\0",
            b"#?RADIANCE\n",
            b"#?RGBE\n",
            b"8BPS\0\x01",
            b"\xff\x0a",
            b"\x76\x2f\x31\x01",
            b"DDS \x7c\0\0\0",
            b"\0\0\x02\0\0\0\0\0\0\0\0\0\x02\0\x01\0\x18\x20",
            b"\0\x01\x09\0\0\x04\0\x18\0\0\0\0\x02\0\x01\0\x08\0",
            b"\0\0\0\x0cJXL \r\n\x87\n",
            b"\0\0\0\x0cjP  \r\n\x87\n",
            b"\xff\x4f\xff\x51",
        ];
        for start in starts {
            let claims = Format::ALL.iter().filter(|format| (definition(**format).sniff)(start)).count();
            assert_eq!(claims, 1, "{}", start.escape_ascii());
        }
    }
}
