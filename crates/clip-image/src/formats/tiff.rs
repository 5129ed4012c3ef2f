//! TIFF and BigTIFF.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    // The last two are BigTIFF's own, which is rarely called by them.
    extensions: &["tif", "tiff", "btf", "tf8"],
    // 42 is TIFF, 43 is BigTIFF.
    sniff: |bytes| matches!(bytes, [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..]),
    #[cfg(feature = "tiff")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "tiff"))]
    codec: None,
};

#[cfg(feature = "tiff")]
mod codec {
    use std::io::Cursor;

    use image::codecs::tiff::TiffDecoder;
    use tiff::decoder::Decoder;
    use tiff::tags::{CompressionMethod, PhotometricInterpretation, Tag};
    use tiff::{ColorType, TiffError, TiffFormatError, TiffUnsupportedError};

    use crate::formats::codec::{Blocks, Codec, Pixels};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError, Limits};

    // EXIF data are a TIFF file themselves: their fields stand among the file's own.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |bytes| Blocks { exif: Some(bytes.to_vec()) } };

    fn decode(bytes: &[u8], limits: &Limits, _least: Option<u32>) -> Result<Pixels, ImageError> {
        library::read(Format::Tiff, TiffDecoder::new(Cursor::new(bytes)), limits, |error| explain(bytes, error))
    }

    fn explain(bytes: &[u8], error: &image::ImageError) -> Fault {
        if matches!(error, image::ImageError::Unsupported(_)) {
            return Fault::Unsupported(format!("TIFF with {}", variety(bytes)));
        }
        let Some(TiffError::FormatError(error)) = library::cause(error) else {
            return Fault::damaged("its compressed data cannot be decompressed");
        };
        use TiffFormatError as E;
        Fault::Damaged(match error {
            E::ImageFileDirectoryNotFound => "it has no page".into(),
            E::InvalidDimensions(width, height) => format!("its size is {width}x{height} pixels"),
            E::RequiredTagNotFound(tag) => format!("its field {} is missing", tag.to_u16()),
            E::InvalidTagValueType(tag) => format!("its field {} has the wrong type", tag.to_u16()),
            E::InvalidCountForTag(tag, count) => {
                format!("its field {} has {count} values, which is not the number expected", tag.to_u16())
            }
            E::InvalidTag | E::InvalidTypeForTag => "one of its fields has the wrong type".into(),
            E::UnknownPredictor(predictor) => format!("its predictor is {predictor}, expected 1, 2 or 3"),
            E::UnknownPlanarConfiguration(layout) => format!("its planar configuration is {layout}, expected 1 or 2"),
            E::StripTileTagConflict => "it must have either strips or tiles, and has both or neither".into(),
            E::SamplesPerPixelIsZero => "it has 0 samples per pixel".into(),
            E::CycleInOffsets => "its list of pages is circular".into(),
            E::InconsistentSizesEncountered => "its fields contradict each other about its size".into(),
            _ => "its compressed data cannot be decompressed".into(),
        })
    }

    /// What about a file is not supported: its colours, or else how they are compressed or laid out.
    fn variety(bytes: &[u8]) -> String {
        let mut decoder = match Decoder::new(Cursor::new(bytes)) {
            Ok(decoder) => decoder,
            Err(error) => return refusal(&error),
        };
        let colours = match decoder.colortype() {
            Ok(ColorType::Palette(bits)) => Some(format!("a palette and {bits} bits per pixel")),
            Ok(ColorType::YCbCr(bits)) => Some(format!("YCbCr colours of {bits} bits")),
            Ok(ColorType::Lab(bits)) => Some(format!("L*a*b* colours of {bits} bits")),
            Ok(ColorType::Gray(bits)) if ![1, 8, 16].contains(&bits) => Some(format!("grey of {bits} bits")),
            Ok(ColorType::CMYKA(bits)) => Some(format!("CMYK colours of {bits} bits and transparency")),
            Ok(ColorType::Multiband { bit_depth, num_samples }) => {
                Some(format!("{num_samples} samples of {bit_depth} bits per pixel"))
            }
            Ok(ColorType::RGB(bits) | ColorType::RGBA(bits) | ColorType::CMYK(bits) | ColorType::GrayA(bits))
                if ![8, 16].contains(&bits) =>
            {
                Some(format!("samples of {bits} bits"))
            }
            Ok(_) => None,
            Err(error) => Some(refusal(&error)),
        };
        colours.unwrap_or_else(|| match decoder.find_tag_unsigned::<u16>(Tag::Compression) {
            Ok(Some(method)) => match CompressionMethod::from_u16_exhaustive(method) {
                CompressionMethod::None
                | CompressionMethod::Fax3
                | CompressionMethod::Fax4
                | CompressionMethod::LZW
                | CompressionMethod::ModernJPEG
                | CompressionMethod::Deflate
                | CompressionMethod::OldDeflate
                | CompressionMethod::PackBits => "an unusual layout of samples".into(),
                CompressionMethod::JPEG => "old-style JPEG compression".into(),
                CompressionMethod::ZSTD => "Zstandard compression".into(),
                CompressionMethod::WebP => "WebP compression".into(),
                _ => format!("compression {method}"),
            },
            _ => "an unusual layout".into(),
        })
    }

    /// What the decoder says that it does not support, in our words.
    fn refusal(error: &TiffError) -> String {
        use TiffUnsupportedError as E;
        let TiffError::UnsupportedError(error) = error else { return "an unusual layout".into() };
        match error {
            E::InconsistentBitsPerSample(bits) => format!("samples of different sizes ({bits:?} bits)"),
            E::InterpretationWithBits(PhotometricInterpretation::RGBPalette, bits) => match bits[..] {
                [bits] => format!("a palette and {bits} bits per pixel"),
                _ => format!("a palette and {} samples per pixel", bits.len()),
            },
            E::InterpretationWithBits(colours, bits) => {
                format!("colours of kind {} and samples of {bits:?} bits", colours.to_u16())
            }
            E::UnsupportedInterpretation(colours) => format!("colours of kind {}", colours.to_u16()),
            E::UnsupportedSampleDepth(samples) => format!("{samples} samples per pixel"),
            E::UnsupportedBitsPerChannel(bits) => format!("samples of {bits} bits"),
            E::UnknownInterpretation => "an unknown kind of colours".into(),
            E::UnknownCompressionMethod => "an unknown compression".into(),
            E::UnsupportedCompressionMethod(method) => format!("compression {}", method.to_u16()),
            E::ChromaSubsampling => "colours stored at a fraction of the size".into(),
            _ => "an unusual layout".into(),
        }
    }
}
