//! AVIF: HEIF boxes around pictures compressed as AV1.

use super::codec::Definition;
use super::heif;
use crate::Format;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["avif", "avifs"],
    sniff: |bytes| heif::format(bytes) == Some(Format::Avif),
    #[cfg(feature = "avif")]
    codec: Some(heif::AVIF),
    #[cfg(not(feature = "avif"))]
    codec: None,
};
