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
        Some(Format::Exr) => "image/x-exr",
        Some(Format::Heif) => "image/heic",
        Some(Format::Avif) => "image/avif",
        Some(Format::Tga) => "image/x-tga",
        // Raw files have a type for each maker, and no browser shows one.
        _ => UNKNOWN,
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
    }
}
