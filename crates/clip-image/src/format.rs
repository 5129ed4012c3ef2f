//! The list of known picture formats.

use std::fmt;

/// The list: of each format its description, its variant of [`Format`], its name for people, and its module in
/// `formats`, which is also the name of the cargo feature that builds its decoder in.
macro_rules! for_each_format {
    ($then:ident) => {
        $then! {
            /// JPEG: baseline, extended and progressive, with Huffman codes or arithmetic coding, 8 bits a sample.
            Jpeg "JPEG" jpeg,
            /// PNG, and the default picture of an animated one.
            Png "PNG" png,
            /// GIF, the first frame that shows something.
            Gif "GIF" gif,
            /// WebP, lossy or lossless, the first frame that shows something.
            WebP "WebP" webp,
            /// TIFF and BigTIFF, first page.
            Tiff "TIFF" tiff,
            /// Bitmaps of Windows and OS/2.
            Bmp "BMP" bmp,
            /// Netpbm: PBM, PGM, PPM and PAM.
            Pnm "PNM" pnm,
            /// QOI.
            Qoi "QOI" qoi,
            /// Icons and cursors of Windows, the largest picture.
            Ico "ICO" ico,
            /// Radiance HDR, exposed for a screen.
            Hdr "HDR" hdr,
            /// Photoshop's documents, the flat picture behind the layers.
            Psd "PSD" psd,
            /// JPEG XL, first frame.
            Jxl "JPEG XL" jxl,
            /// JPEG 2000: JP2, JPX and bare codestreams, the first codestream.
            Jp2 "JPEG 2000" jp2,
            /// OpenEXR, exposed for a screen.
            Exr "OpenEXR" exr,
            /// DDS, the first picture at its full size.
            Dds "DDS" dds,
            /// Raw files of cameras (CR2, CR3, NEF, ARW, DNG and others), by the largest JPEG in them.
            Raw "camera raw" raw,
            /// HEIC and other HEIF files, main picture, by the system's libheif.
            Heif "HEIC" heif,
            /// AVIF, main picture, by the system's libheif.
            Avif "AVIF" avif,
            /// Truevision's TGA. Last, since it has no signature.
            Tga "TGA" tga,
        }
    };
}
pub(crate) use for_each_format;

macro_rules! define_format {
    ($($(#[$doc:meta])* $variant:ident $name:literal $module:ident,)*) => {
        /// A known picture format, recognised by content.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// All known formats, whether or not their decoders are built in.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name for people: "JPEG".
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The cargo feature of this crate that builds the decoder in: "jpeg".
            pub const fn feature(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($module),)*
                }
            }
        }
    };
}
for_each_format!(define_format);

impl fmt::Display for Format {
    /// Writes the name for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_padded() {
        assert_eq!(format!("{:>5}", Format::Gif), "  GIF");
    }
}
