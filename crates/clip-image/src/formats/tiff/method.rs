//! The ways in which chunks are compressed.

use super::fields::Directory;
use super::tags;
use crate::formats::library::Fault;

/// How the chunks of a page are compressed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compression<'a> {
    None,
    Fax(Coding),
    Lzw,
    Deflate,
    PackBits,
    /// Each chunk is a JPEG file, which may lack tables that they have in common.
    Jpeg {
        tables: &'a [u8],
    },
    /// The only chunk is a JPEG file that says all about itself.
    WholeJpeg,
    /// Chunks are scans of JPEG, whose headers are made of fields.
    JpegOfFields,
    Zstandard,
    #[cfg(feature = "webp")]
    WebP,
}

impl<'a> Compression<'a> {
    /// The compression of a number of the field for that.
    pub(super) fn of(directory: &Directory<'a>, code: u16) -> Result<Self, Fault> {
        let options = directory.uint(tags::T4_OPTIONS).unwrap_or(0);
        Ok(match code {
            1 => Self::None,
            2 => Self::Fax(Coding::Rle),
            3 if options & 1 != 0 => Self::Fax(Coding::Group3TwoDimensional),
            3 => Self::Fax(Coding::Group3),
            4 => Self::Fax(Coding::Group4),
            5 => Self::Lzw,
            6 => Self::JpegOfFields,
            7 => Self::Jpeg { tables: directory.get(tags::JPEG_TABLES).map_or(&[], |tables| tables.bytes) },
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            50000 | 34926 => Self::Zstandard,
            #[cfg(feature = "webp")]
            50001 | 34927 => Self::WebP,
            #[cfg(not(feature = "webp"))]
            50001 | 34927 => return Err(Fault::Unsupported("TIFF with WebP compression".into())),
            34712 | 33003 | 33005 => return Err(Fault::Unsupported("TIFF with JPEG 2000 compression".into())),
            50002 | 52546 => return Err(Fault::Unsupported("TIFF with JPEG XL compression".into())),
            22610 | 34934 => return Err(Fault::Unsupported("TIFF with JPEG XR compression".into())),
            34887 => return Err(Fault::Unsupported("TIFF with LERC compression".into())),
            34933 => return Err(Fault::Unsupported("TIFF with PNG compression".into())),
            34925 => return Err(Fault::Unsupported("TIFF with LZMA compression".into())),
            other => return Err(Fault::Unsupported(format!("TIFF with compression {other}"))),
        })
    }

    pub(super) fn is_fax(&self) -> bool {
        matches!(self, Self::Fax(_))
    }

    pub(super) fn is_jpeg(&self) -> bool {
        matches!(self, Self::Jpeg { .. } | Self::WholeJpeg | Self::JpegOfFields)
    }

    /// Whether samples may be stored as differences. Pictures have other ways than that.
    pub(super) fn has_predictor(&self) -> bool {
        #[cfg(feature = "webp")]
        if matches!(self, Self::WebP) {
            return false;
        }
        !self.is_fax() && !self.is_jpeg()
    }
}

/// The codings of faxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Runs, and rows that begin with a byte.
    Rle,
    /// Runs, and marks between rows.
    Group3,
    /// Runs, or differences to the row above, as a bit says after each mark.
    Group3TwoDimensional,
    /// Differences to the row above.
    Group4,
}
