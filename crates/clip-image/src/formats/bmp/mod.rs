//! Windows and OS/2 bitmaps.

#[cfg(feature = "bmp")]
mod header;
#[cfg(feature = "bmp")]
mod pixels;
#[cfg(feature = "bmp")]
mod runs;

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["bmp", "dib"],
    sniff: |bytes| bytes.starts_with(b"BM"),
    #[cfg(feature = "bmp")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "bmp"))]
    codec: None,
};

#[cfg(feature = "ico")]
pub(super) use codec::decode_icon;

#[cfg(feature = "bmp")]
mod codec {
    use image::RgbImage;

    use super::header::{Encoding, Header};
    use super::{pixels, runs};
    use crate::colour::{ColourSpace, LARGEST_PROFILE};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    const FILE_HEADER: usize = 14;

    /// Row by row, so that beside the result only the palette is in memory.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let fault = |fault: Fault| fault.into_error(Format::Bmp);
        let offset = bytes.get(10..FILE_HEADER).and_then(|offset| offset.first_chunk().copied());
        let offset = u32::from_le_bytes(offset.ok_or_else(|| fault(Fault::Truncated))?);
        let header = Header::read(bytes, FILE_HEADER).map_err(fault)?;
        let size = header.size;
        request.limits.check_size(size, Format::Bmp)?;
        request.reserve(Format::Bmp, request.memory(0, rgb_bytes(size), None))?;

        let start = header.start_of_pixels(bytes, offset);
        let palette = header.palette(bytes, start);
        let stored = bytes.get(start..).unwrap_or_default();
        let mut image = RgbImage::new(size.0, size.1);
        match header.encoding {
            Encoding::Plain => pixels::read(&header, &palette, stored, &mut image),
            Encoding::Runs => runs::read(&header, &palette, stored, &mut image),
        }
        .map_err(fault)?;
        let profile = header.profile(bytes).filter(|profile| profile.len() <= LARGEST_PROFILE);
        Ok(Pixels {
            image,
            size,
            orientation: None,
            colours: profile.map(|profile| ColourSpace::Icc(profile.to_vec())),
        })
    }

    /// A bitmap in an icon: without the file header, and followed by a 1-bit transparency mask.
    #[cfg(feature = "ico")]
    pub(in crate::formats) fn decode_icon(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let fault = |fault: Fault| fault.into_error(Format::Ico);
        let mut header = Header::read(bytes, 0).map_err(fault)?;
        // The height in the header is that of both together.
        header.size.1 /= 2;
        let size = header.size;
        request.limits.check_size(size, Format::Ico)?;
        request.reserve(Format::Ico, request.memory(0, rgb_bytes(size), None))?;
        if header.encoding != Encoding::Plain {
            return Err(fault(Fault::Unsupported("ICO with a compressed bitmap".into())));
        }
        let start = header.end_of_palette();
        let palette = header.palette(bytes, start);
        let mut image = RgbImage::new(size.0, size.1);
        let stored = bytes.get(start..).unwrap_or_default();
        pixels::read_icon(&mut header, &palette, stored, &mut image).map_err(fault)?;
        Ok(Pixels { image, size, orientation: None, colours: None })
    }
}
