//! TIFF and BigTIFF.

#[cfg(feature = "tiff")]
mod codec;

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
