//! What can be decoded, as a number that is stored with files that could not be.

use crate::formats::heif;
use crate::{Format, Limits, hash_bytes};

/// Counts changes that make more files decodable: a new format or variant, or damage that is tolerated. Raise it with each;
/// a test watches the versions of the decoding libraries.
const VERSION: u32 = 2;

/// Identifies what decodes photos: this version of the crate, the formats that are built in, the system's libheif with its
/// decoders, and the limits. A file that could not be decoded is worth another try when this number has changed. Compare
/// for equality only.
pub fn decoder_id(limits: &Limits) -> u64 {
    let formats: Vec<_> =
        Format::ALL.iter().filter(|format| format.is_built_in()).map(|format| format.name()).collect();
    let text = format!("{VERSION} {formats:?} {:?} {limits:?}", heif::library());
    hash_bytes(text.as_bytes()).0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_limits_may_let_a_file_pass() {
        let limits = Limits::default();
        assert_eq!(decoder_id(&limits), decoder_id(&limits));
        assert_ne!(decoder_id(&limits), decoder_id(&Limits { max_pixels: 7, ..limits }));
        assert_ne!(decoder_id(&limits), decoder_id(&Limits { max_file_bytes: 7, ..limits }));
    }

    /// A library that is updated may read more. If so, [`VERSION`] is to be raised; either way, the list here is.
    #[test]
    fn the_version_keeps_up_with_the_libraries() {
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        let lock = std::fs::read_to_string(lock).unwrap();
        let found: Vec<String> = [
            "exr",
            "fax",
            "flate2",
            "gif",
            "hayro-jpeg2000",
            "image",
            "image-webp",
            "jxl-oxide",
            "png",
            "ruzstd",
            "weezl",
        ]
        .into_iter()
        .map(|name| {
            let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).unwrap();
            format!("{name} {}", rest.split('"').next().unwrap())
        })
        .collect();
        assert_eq!((VERSION, &found[..]), (2, &LIBRARIES.map(str::to_owned)[..]), "raise the version?");
    }

    const LIBRARIES: [&str; 11] = [
        "exr 1.74.2",
        "fax 0.2.7",
        "flate2 1.1.11",
        "gif 0.14.2",
        "hayro-jpeg2000 0.5.0",
        "image 0.25.10",
        "image-webp 0.2.4",
        "jxl-oxide 0.12.6",
        "png 0.18.1",
        "ruzstd 0.9.1",
        "weezl 0.1.12",
    ];
}
