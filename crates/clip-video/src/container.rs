//! What files of videos begin with.

/// Whether a file that begins with these bytes may be a video: one of the formats that ffmpeg is let read, by its first bytes. A few
/// hundred are enough.
///
/// It says what a file is not: a document or a key that was put in a video's place. Whether it holds pictures, only ffmpeg knows.
pub fn may_be_video(beginning: &[u8]) -> bool {
    let is_movie = || beginning.get(4..8).is_some_and(|kind| MOVIE_BOXES.iter().any(|known| kind == *known));
    // Packets of one size, each with the same first byte; those of cameras have a time before them.
    let is_stream =
        |first: usize, step: usize| (0..3).all(|packet| beginning.get(first + packet * step) == Some(&b'G'));
    match beginning {
        // Matroska and WebM; Ogg; FLV; ASF, which WMV is.
        [0x1a, 0x45, 0xdf, 0xa3, ..] | [b'O', b'g', b'g', b'S', ..] | [b'F', b'L', b'V', ..] => true,
        [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, ..] => true,
        // AVI.
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => true,
        // MPEG program streams, and pictures of MPEG without a container.
        [0, 0, 1, 0xba | 0xb3, ..] => true,
        // DV.
        [0x1f, 0x07, 0x00 | 0x01, ..] => true,
        _ => is_movie() || is_stream(0, 188) || is_stream(4, 192),
    }
}

/// The boxes that files of QuickTime and MP4 begin with.
const MOVIE_BOXES: [&[u8; 4]; 8] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let mut stream = vec![0; 1000];
        (0..5).for_each(|packet| stream[packet * 188] = 0x47);
        let mut stamped = vec![0; 1000];
        (0..5).for_each(|packet| stamped[4 + packet * 192] = 0x47);
        for beginning in [
            &b"\0\0\0\x20ftypisom\0\0\x02\0"[..],
            b"\0\0\0\x08wide\0\0\0\x08mdat",
            b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01",
            b"RIFF\x10\0\0\0AVI LIST",
            b"FLV\x01\x05",
            b"OggS\0\x02",
            b"\0\0\x01\xba\x44",
            b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
            &stream,
            &stamped,
        ] {
            assert!(may_be_video(beginning), "{beginning:?}");
        }
        for beginning in [
            &b""[..],
            b"root:x:0:0:root:/root:/bin/bash",
            b"-----BEGIN OPENSSH PRIVATE KEY-----",
            b"#EXTM3U\nfile.ts",
            b"%PDF-1.7",
            b"\x7fELF",
            b"SQLite format 3\0",
            b"PK\x03\x04",
            b"RIFF\x10\0\0\0WEBP",
            b"\xff\xd8\xff\xe0",
            b"\0\0\0",
            &[0; 600],
            b"Greetings",
        ] {
            assert!(!may_be_video(beginning), "{beginning:?}");
        }
    }
}
