//! Windows icons and cursors.

use super::codec::Definition;

/// Bytes of the header, and of an entry of the directory after it.
const HEADER: usize = 6;
const ENTRY: usize = 16;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["ico", "cur"],
    sniff: |bytes| {
        let [0, 0, 1 | 2, 0, n0, n1, first @ ..] = bytes else { return false };
        // Four small numbers are no signature, so the first picture must also lie after the directory.
        let [.., s0, s1, s2, s3, o0, o1, o2, o3] = first.first_chunk::<ENTRY>().unwrap_or(&[0; ENTRY]);
        let list = HEADER + ENTRY * usize::from(u16::from_le_bytes([*n0, *n1]));
        let offset = u32::from_le_bytes([*o0, *o1, *o2, *o3]);
        list > HEADER && u32::from_le_bytes([*s0, *s1, *s2, *s3]) > 0 && u64::from(offset) >= list as u64
    },
    #[cfg(feature = "ico")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "ico"))]
    codec: None,
};

#[cfg(feature = "ico")]
mod codec {
    use super::{ENTRY, HEADER};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request};
    use crate::formats::{bmp, png};
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    /// The largest of the pictures; of those, the one with the most colours; of several of them, the first. Each is a PNG
    /// file or a bitmap.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let truncated = || ImageError::Truncated { format: Format::Ico };
        let [_, _, _, _, n0, n1, list @ ..] = bytes else { return Err(truncated()) };
        let count = usize::from(u16::from_le_bytes([*n0, *n1]));
        // In reverse, since the last of equally good ones is taken.
        let entries = list.as_chunks::<ENTRY>().0.iter().take(count).rev();
        let rank = |entry: &&[u8; ENTRY]| {
            // 0 means 256.
            let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
            (side(entry[0]) * side(entry[1]), u16::from_le_bytes([entry[6], entry[7]]))
        };
        let Some(&[.., s0, s1, s2, s3, o0, o1, o2, o3]) = entries.max_by_key(rank) else { return Err(truncated()) };
        let start = u32::from_le_bytes([o0, o1, o2, o3]) as usize;
        let picture = bytes.get(start..).filter(|picture| start >= HEADER && !picture.is_empty());
        let picture = picture.ok_or_else(truncated)?;
        let length = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        let is_png = (png::DEFINITION.sniff)(picture);
        let decode = |picture| if is_png { png::decode(picture, request) } else { bmp::decode_icon(picture, request) };
        // Some files give a wrong length: too large for the last picture, or too small.
        let result = match decode(picture.get(..length).unwrap_or(picture)) {
            Err(ImageError::Truncated { .. }) if length < picture.len() => decode(picture),
            result => result,
        };
        // The error is about the embedded picture, so name this format.
        result.map_err(|error| match error {
            ImageError::Truncated { .. } => ImageError::Truncated { format: Format::Ico },
            ImageError::Decode { reason, .. } => ImageError::Decode { format: Format::Ico, reason },
            ImageError::TooMuchMemory { reason, .. } => ImageError::TooMuchMemory { format: Format::Ico, reason },
            error => error,
        })
    }
}
