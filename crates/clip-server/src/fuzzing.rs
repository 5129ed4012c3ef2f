//! What fuzzers call: one function for each parser of what clients send.

use crate::media_type;
use crate::range::{self, Wanted};

/// The header `Range` asks for bytes that there are, or for all or none of them.
pub fn range(bytes: &[u8]) {
    let Some((length, header)) = bytes.split_first_chunk() else { return };
    let length = u64::from_le_bytes(*length);
    let Ok(header) = std::str::from_utf8(header) else { return };
    if let Wanted::Part(part) = range::of(Some(header), length) {
        assert!(part.start < part.end && part.end <= length, "{part:?} of {length}");
    }
}

/// No file is of a type that a browser would run.
pub fn media_type(bytes: &[u8]) {
    let found = media_type::of(bytes);
    let (kind, _) = found.split_once('/').expect("a type and a subtype");
    assert!(matches!(kind, "image" | "video") || found == media_type::UNKNOWN, "{found}");
    assert!(!found.contains("svg"), "{found}");
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Runs a check over mutations of samples.
    fn mutate(samples: &[&[u8]], check: fn(&[u8])) {
        let mut random = StdRng::seed_from_u64(7);
        for sample in samples {
            check(sample);
            for _ in 0..2000 {
                let mut bytes = sample.to_vec();
                for _ in 0..random.random_range(1..6) {
                    let at = random.random_range(0..bytes.len());
                    match random.random_range(0..4) {
                        0 => bytes[at] = random.random(),
                        1 => bytes.truncate(at.max(1)),
                        2 => bytes.insert(at, b"0123456789-=, "[random.random_range(0..14)]),
                        _ => drop(bytes.remove(at)),
                    }
                    if bytes.is_empty() {
                        bytes.push(0);
                    }
                }
                check(&bytes);
            }
        }
    }

    #[test]
    fn any_range_is_within_its_file() {
        let with_length = |length: u64, header: &str| [&length.to_le_bytes()[..], header.as_bytes()].concat();
        let samples = [
            with_length(1000, "bytes=0-499"),
            with_length(0, "bytes=-1"),
            with_length(u64::MAX, "bytes=18446744073709551615-18446744073709551615"),
            with_length(7, "bytes=1-2,3-4"),
        ];
        mutate(&samples.each_ref().map(Vec::as_slice), super::range);
    }

    #[test]
    fn any_file_has_a_harmless_type() {
        let samples: [&[u8]; 5] = [
            b"\xff\xd8\xff\xe0 a photo",
            b"\0\0\0\x20ftypisom a video",
            b"\x1a\x45\xdf\xa3 webm",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<!doctype html><script>",
        ];
        mutate(&samples, super::media_type);
    }
}
