//! GIF.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["gif"],
    sniff: |bytes| matches!(bytes, [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..]),
    #[cfg(feature = "gif")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "gif"))]
    codec: None,
};

#[cfg(feature = "gif")]
mod codec {
    use std::io::Cursor;

    use gif::DecodingError;
    use image::codecs::gif::GifDecoder;
    use image::error::ParameterErrorKind;

    use crate::formats::codec::{Blocks, Codec, Pixels, Request};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        request.reserve(Format::Gif, request.memory(metadata_of(bytes), 0, None))?;
        let beside = beside(bytes).unwrap_or(0).saturating_add(metadata_of(bytes));
        library::read(Format::Gif, GifDecoder::new(Cursor::new(bytes)), request, beside, None, explain)
    }

    /// The most bytes of a colour profile and of XMP before the first frame that the decoder keeps; it has a limit for
    /// each.
    fn metadata_of(bytes: &[u8]) -> u64 {
        const MOST: u64 = 2 * 50_000_000;
        (bytes.len() as u64).min(MOST)
    }

    /// Bytes that the decoder takes beside the picture; none if it has no frame.
    ///
    /// The numbers of the colours of the first frame, which may be larger than the picture, and its colours, unless it
    /// is as wide as the picture and lies in it.
    fn beside(bytes: &[u8]) -> Option<u64> {
        let mut decoder = gif::DecodeOptions::new().read_info(Cursor::new(bytes)).ok()?;
        let (width, height) = (decoder.width(), decoder.height());
        let frame = decoder.next_frame_info().ok()??;
        let fits = frame.left == 0
            && frame.width == width
            && u32::from(frame.top) + u32::from(frame.height) <= u32::from(height);
        Some(u64::from(frame.width) * u64::from(frame.height) * if fits { 1 } else { 5 })
    }

    fn explain(error: &image::ImageError) -> Fault {
        if let image::ImageError::Parameter(error) = error
            && error.kind() == ParameterErrorKind::NoMoreData
        {
            return Fault::damaged("it has no frame");
        }
        match library::cause(error) {
            Some(DecodingError::UnexpectedEof) => Fault::Truncated,
            Some(DecodingError::LzwError(_) | DecodingError::EndCodeNotFound) => {
                Fault::damaged("its compressed data cannot be decompressed")
            }
            _ => Fault::damaged("its blocks are not laid out as the format requires"),
        }
    }
}
