//! The segments of a JPEG file, as far as they tell whether the file is whole.

/// Where the segments of a JPEG file come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At the end marker, after at least one scan: all that the encoder wrote is there.
    Marker,
    /// Inside the compressed data of a scan: either only the end marker is missing, or more.
    Scan,
    /// Before any scan, or inside a segment whose length says that it goes on.
    Segment,
}

const MARKER: u8 = 0xff;
pub(super) const RESTART_0: u8 = 0xd0;
pub(super) const RESTART_7: u8 = 0xd7;
pub(super) const START_OF_IMAGE: u8 = 0xd8;
pub(super) const END_OF_IMAGE: u8 = 0xd9;
pub(super) const START_OF_SCAN: u8 = 0xda;

/// Walks the segments to their end. Thumbnails inside segments are skipped by the segment's length,
/// and what follows the end marker (a second picture, padding) is not looked at.
pub(super) fn find_end(bytes: &[u8]) -> End {
    let mut position = 0;
    let mut scans = 0;
    loop {
        // Encoders may fill the space before a marker with any number of 0xff; whatever else is
        // there is garbage that decoders step over too.
        let Some(marker_at) = next_marker(bytes, position) else {
            return if scans == 0 { End::Segment } else { End::Scan };
        };
        let after = marker_at + 1;
        match bytes[marker_at] {
            END_OF_IMAGE if scans == 0 => return End::Segment,
            END_OF_IMAGE => return End::Marker,
            // Markers without a length: start of image, TEM and restarts.
            START_OF_IMAGE | 0x01 | RESTART_0..=RESTART_7 => position = after,
            marker => {
                let Some(length) = bytes.get(after..after + 2) else {
                    return End::Segment;
                };
                position = after + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                if position > bytes.len() {
                    return End::Segment;
                }
                scans += usize::from(marker == START_OF_SCAN);
            }
        }
    }
}

/// Position of the next marker's code: the byte after 0xff that is neither 0xff (fill) nor zero (an
/// 0xff of compressed data). Restart markers count as markers.
pub(super) fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    loop {
        position += memchr::memchr(MARKER, bytes.get(position..)?)? + 1;
        match bytes.get(position)? {
            0 => position += 1,
            &MARKER => (),
            _ => return Some(position),
        }
    }
}

/// A segment before the data of the first scan.
pub(super) struct Segment<'a> {
    /// The marker's code.
    pub(super) code: u8,
    /// What follows the length.
    pub(super) payload: &'a [u8],
    /// Position in the file behind the payload.
    pub(super) end: usize,
}

/// The segments of a file up to the header of its first scan. It just ends where that never comes.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut position = 0;
    let mut in_header = true;
    std::iter::from_fn(move || {
        while in_header {
            let marker = next_marker(bytes, position)?;
            let code = bytes[marker];
            position = marker + 1;
            match code {
                START_OF_IMAGE => continue,
                0x01 | RESTART_0..=RESTART_7 | END_OF_IMAGE => return None,
                _ => (),
            }
            let length = usize::from(u16::from_be_bytes(*bytes[position..].first_chunk()?));
            let payload = bytes.get(position + 2..position + length)?;
            position += length;
            in_header = code != START_OF_SCAN;
            return Some(Segment { code, payload, end: position });
        }
        None
    })
}

/// Whether a marker begins a frame header.
pub(super) fn is_frame(code: u8) -> bool {
    // The others of this row define Huffman tables, arithmetic conditioning, and nothing yet.
    matches!(code, 0xc0..=0xcf) && ![0xc4, 0xc8, 0xcc].contains(&code)
}

/// Whether the file ends in a run of zeros that no compressed data holds: what a download or a
/// recovery program leaves when it sets the size first and the content never comes.
pub(super) fn is_padded_with_zeros(bytes: &[u8]) -> bool {
    const IMPLAUSIBLE: usize = 64;
    bytes.iter().rev().take_while(|byte| **byte == 0).take(IMPLAUSIBLE).count() == IMPLAUSIBLE
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = &[
        0xff, 0xd8, // start
        0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xda, // a segment that holds an end marker
        0xff, 0xff, 0xda, 0, 3, 7, // scan, after a fill byte
        1, 2, 0xff, 0, 0xff, 0xd3, 4, // data with a stuffed 0xff and a restart
        0xff, 0xd9, // end
    ];

    #[test]
    fn finds_the_end_marker() {
        assert_eq!(find_end(WHOLE), End::Marker);
        let mut followed = WHOLE.to_vec();
        followed.extend_from_slice(b"\xff\xd8\xff trailing");
        assert_eq!(find_end(&followed), End::Marker);
    }

    #[test]
    fn tells_where_a_shortened_file_ends() {
        for length in 0..WHOLE.len() {
            let expected = if length < 16 { End::Segment } else { End::Scan };
            assert_eq!(find_end(&WHOLE[..length]), expected, "{length} bytes");
        }
    }

    #[test]
    fn lists_the_segments_before_the_data() {
        let found: Vec<_> = segments(WHOLE).map(|s| (s.code, s.payload.to_vec(), s.end)).collect();
        assert_eq!(found, [(0xe1, vec![0xff, 0xd9, 0xff, 0xda], 10), (0xda, vec![7], 16)]);
        assert_eq!(segments(&WHOLE[..15]).count(), 1);
        assert_eq!(segments(b"\xff\xd8\xff\xe0\0\x01\xff").count(), 0, "a length below two");
    }

    #[test]
    fn zeros_at_the_end() {
        assert!(!is_padded_with_zeros(WHOLE));
        assert!(!is_padded_with_zeros(&[0; 63]));
        assert!(is_padded_with_zeros(&[0; 64]));
    }
}
