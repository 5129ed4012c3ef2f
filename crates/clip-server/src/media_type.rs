//! What browsers are told that a file is: by its content and from our own list, never by its name, and never anything that a
//! browser would run.

use clip_search::{Format, format_of};

/// What nobody knows.
pub(crate) const UNKNOWN: &str = "application/octet-stream";
/// So many bytes at the beginning of a file tell its format.
pub(crate) const BEGINNING: usize = 4096;

/// The media type of a file that begins with these bytes.
pub(crate) fn of(beginning: &[u8]) -> &'static str {
    match format_of(beginning) {
        Some(Format::Jpeg) => "image/jpeg",
        Some(Format::Png) => "image/png",
        Some(Format::Gif) => "image/gif",
        Some(Format::WebP) => "image/webp",
        Some(Format::Tiff) => "image/tiff",
        Some(Format::Bmp) => "image/bmp",
        Some(Format::Pnm) => "image/x-portable-anymap",
        Some(Format::Qoi) => "image/qoi",
        Some(Format::Ico) => "image/vnd.microsoft.icon",
        Some(Format::Hdr) => "image/vnd.radiance",
        Some(Format::Psd) => "image/vnd.adobe.photoshop",
        Some(Format::Jxl) => "image/jxl",
        Some(Format::Jp2) => "image/jp2",
        Some(Format::Exr) => "image/x-exr",
        Some(Format::Heif) => "image/heic",
        Some(Format::Avif) => "image/avif",
        Some(Format::Tga) => "image/x-tga",
        // Raw files have a type for each maker, and no browser shows one.
        _ => of_video(beginning).unwrap_or(UNKNOWN),
    }
}

/// Of the videos that browsers play.
fn of_video(beginning: &[u8]) -> Option<&'static str> {
    const EBML: &[u8] = b"\x1a\x45\xdf\xa3";
    match beginning {
        [_, _, _, _, b'f', b't', b'y', b'p', b'q', b't', ..] => Some("video/quicktime"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("video/mp4"),
        _ if beginning.starts_with(EBML) && beginning.windows(4).take(64).any(|bytes| bytes == b"webm") => {
            Some("video/webm")
        }
        _ if beginning.starts_with(EBML) => Some("video/x-matroska"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some("video/x-msvideo"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_called_what_a_browser_would_run() {
        for text in
            [&b"<!doctype html><script>"[..], b"<svg xmlns='http://www.w3.org/2000/svg'>", b"%PDF-1.7", b"", b"GIF87"]
        {
            assert_eq!(of(text), UNKNOWN);
        }
        assert_eq!(of(b"\xff\xd8\xff\xe0\x00\x10JFIF"), "image/jpeg");
        assert_eq!(of(b"GIF89a/*<script>*/"), "image/gif");
        assert_eq!(of(b"\0\0\0\x20ftypisom\0\0\x02\0"), "video/mp4");
        assert_eq!(of(b"\0\0\0\x14ftypqt  \0\0\0\0"), "video/quicktime");
        assert_eq!(of(b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"), "video/webm");
    }
}
