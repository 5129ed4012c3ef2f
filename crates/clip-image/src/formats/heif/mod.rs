//! HEIC, and what it shares with AVIF: boxes around compressed pictures, which the system's libheif decodes.

mod boxes;
#[cfg(feature = "heif")]
mod decode;

#[cfg(feature = "avif")]
pub(super) use decode::AVIF;

use super::codec::Definition;
use crate::Format;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["heic", "heif", "hif", "heics"],
    sniff: |bytes| format(bytes) == Some(Format::Heif),
    #[cfg(feature = "heif")]
    codec: Some(decode::HEIF),
    #[cfg(not(feature = "heif"))]
    codec: None,
};

/// Which of the two formats a file has: by its main picture, or else by its brands, which programs choose freely.
pub(super) fn format(bytes: &[u8]) -> Option<Format> {
    let brands = boxes::brands(bytes)?;
    let any = |known: &[&[u8; 4]]| brands.iter().any(|brand| known.contains(&brand));
    let is_avif = any(&[b"avif", b"avis"]);
    let is_heif = any(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"]);
    if !is_avif && !is_heif {
        return None;
    }
    Some(match boxes::compression(bytes) {
        Some([b'a', b'v', b'0', b'1']) => Format::Avif,
        Some([b'h', b'v', b'c', _]) => Format::Heif,
        _ if is_avif => Format::Avif,
        _ => Format::Heif,
    })
}

/// The system's libheif and its decoders, or why there is none; for [`decoder_id`](crate::decoder_id).
pub(crate) fn library() -> String {
    #[cfg(feature = "heif")]
    return decode::library();
    #[cfg(not(feature = "heif"))]
    String::new()
}

/// Reads all boxes that are used, for fuzzing.
#[cfg(any(test, fuzzing))]
pub(crate) fn look_at(bytes: &[u8]) {
    let _ = format(bytes);
    let blocks = boxes::blocks(bytes);
    assert!([blocks.exif, blocks.xmp].iter().flatten().all(|block| block.len() <= bytes.len()));
    let _ = boxes::is_cut(bytes);
}
