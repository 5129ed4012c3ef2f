//! Camera raw files, by their embedded JPEG previews: the photo as the camera itself developed it. Raw data are never
//! developed.

mod ciff;
mod contents;
mod cr3;
mod kind;
mod maker_notes;
mod raf;
mod tables;

#[cfg(feature = "raw")]
mod decode;
#[cfg(feature = "raw")]
mod search;

pub(super) use kind::Kind;

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &[
        "cr2", "cr3", "crw", // Canon
        "nef", "nrw", // Nikon
        "arw", "sr2", "srf", // Sony
        "dng", "gpr", // Adobe and many others, GoPro
        "orf", // Olympus
        "rw2", "rwl", // Panasonic, Leica
        "raf", // Fujifilm
        "pef", // Pentax
        "srw", // Samsung
        "3fr", "erf", "kdc", "mrw", "x3f", // Hasselblad, Epson, Kodak, Minolta, Sigma
    ],
    sniff: |bytes| Kind::of(bytes).is_some(),
    #[cfg(feature = "raw")]
    codec: Some(decode::CODEC),
    #[cfg(not(feature = "raw"))]
    codec: None,
};
