//! JPEG 2000 (ISO/IEC 15444-1): JP2 and JPX files, and bare codestreams.

#[cfg(feature = "jp2")]
mod channels;
#[cfg(feature = "jp2")]
mod codestream;
#[cfg(feature = "jp2")]
mod container;
#[cfg(feature = "jp2")]
mod cost;
#[cfg(feature = "jp2")]
mod decode;

use super::codec::Definition;

/// The box that such files begin with.
const SIGNATURE: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";

/// The markers that a codestream begins with: start of codestream, and size of the picture.
const CODESTREAM: &[u8] = b"\xff\x4f\xff\x51";

/// Whether decoding may take minutes, however small the file is: each sample can be coded in a hundred passes.
#[cfg(feature = "jp2")]
pub(super) fn is_slow(bytes: &[u8]) -> bool {
    decode::samples(bytes) > 1 << 24
}

#[cfg(not(feature = "jp2"))]
pub(super) fn is_slow(_: &[u8]) -> bool {
    false
}

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["jp2", "j2k", "j2c", "jpc", "jpf", "jpx"],
    sniff: |bytes| bytes.starts_with(SIGNATURE) || bytes.starts_with(CODESTREAM),
    #[cfg(feature = "jp2")]
    codec: Some(decode::CODEC),
    #[cfg(not(feature = "jp2"))]
    codec: None,
};
