//! TIFF and BigTIFF.

#[cfg(feature = "tiff")]
mod chunks;
#[cfg(feature = "tiff")]
mod codec;
#[cfg(feature = "tiff")]
mod colour;
#[cfg(feature = "tiff")]
mod compression;
#[cfg(feature = "tiff")]
mod fields;
#[cfg(feature = "tiff")]
mod jpeg;
#[cfg(feature = "tiff")]
mod method;
#[cfg(feature = "tiff")]
mod page;
#[cfg(feature = "tiff")]
mod pages;
#[cfg(feature = "tiff")]
mod predictor;
#[cfg(feature = "tiff")]
mod range;
#[cfg(feature = "tiff")]
mod samples;
#[cfg(feature = "tiff")]
mod subsampled;
#[cfg(feature = "tiff")]
mod tags;

use super::codec::Definition;
use super::raw::Kind;

pub(super) const DEFINITION: Definition = Definition {
    // The last two are BigTIFF's own, which is rarely called by them.
    extensions: &["tif", "tiff", "btf", "tf8"],
    // 42 is TIFF, 43 is BigTIFF.
    sniff: |bytes| {
        matches!(bytes, [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..]) && Kind::of(bytes).is_none()
    },
    #[cfg(feature = "tiff")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "tiff"))]
    codec: None,
};
