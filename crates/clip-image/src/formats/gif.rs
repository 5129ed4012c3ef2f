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

    use crate::formats::codec::{Blocks, Codec, Pixels};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError, Limits};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default() };

    fn decode(bytes: &[u8], limits: &Limits, _least: Option<u32>) -> Result<Pixels, ImageError> {
        library::read(Format::Gif, GifDecoder::new(Cursor::new(bytes)), limits, explain)
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
