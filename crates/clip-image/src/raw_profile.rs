//! Metadata in texts of PNG files, as ImageMagick and others write them: "Raw profile type exif" and its kin.
//!
//! The text gives a name, a number of bytes and the bytes in hexadecimal digits, and may be compressed. XMP has a text of its own,
//! which may be compressed too.

use std::borrow::Cow;
use std::io::Read;

/// What keywords of such texts begin with.
const KEYWORD: &[u8] = b"Raw profile type ";

/// What the text of an XMP packet that is compressed begins with: its keyword, a flag that it is, and by which method.
const PACKED_XMP: &[u8] = b"XML:com.adobe.xmp\0\x01\0";

/// The most characters of a text that are unpacked. A segment of a JPEG file, which most blocks come from, has at most
/// 64 KiB, and what is of use stands at the beginning.
const LONGEST: u64 = 128 << 10;

/// What a text of a PNG file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Exif,
    Xmp,
    /// Photoshop's resources or IPTC data.
    Resources,
}

/// The kind of metadata that the content of a chunk with text holds, if any.
pub(crate) fn kind(chunk: &[u8]) -> Option<Kind> {
    const SEGMENT_OF_XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let (kind, _) = split(chunk)?;
    if kind.eq_ignore_ascii_case(b"APP1") {
        // A segment of a JPEG file, which is one or the other.
        let is_xmp = unpack(chunk).starts_with(SEGMENT_OF_XMP);
        return Some(if is_xmp { Kind::Xmp } else { Kind::Exif });
    }
    let kinds: [(&[u8], Kind); 4] =
        [(b"exif", Kind::Exif), (b"xmp", Kind::Xmp), (b"iptc", Kind::Resources), (b"8bim", Kind::Resources)];
    kinds.into_iter().find(|(name, _)| kind.eq_ignore_ascii_case(name)).map(|(_, kind)| kind)
}

/// Whether the content of a chunk with text is an XMP packet that is compressed.
pub(crate) fn is_packed_xmp(chunk: &[u8]) -> bool {
    chunk.starts_with(PACKED_XMP)
}

/// The bytes that such a chunk holds, as far as they can be read; any other block as it is.
pub(crate) fn unpack(block: &[u8]) -> Cow<'_, [u8]> {
    if let Some(rest) = block.strip_prefix(PACKED_XMP) {
        // A language, and the keyword in it.
        return Cow::Owned(rest.splitn(3, |byte| *byte == 0).nth(2).map(inflate).unwrap_or_default());
    }
    let Some((_, text)) = split(block) else { return Cow::Borrowed(block) };
    let mut unpacked = match text {
        // How it is compressed, and a zlib stream.
        [0, stream @ ..] => inflate(stream),
        text => text[..text.len().min(LONGEST as usize)].to_vec(),
    };
    let length = decode(&mut unpacked);
    unpacked.truncate(length);
    Cow::Owned(unpacked)
}

/// Unpacks a zlib stream as far as it is of use, or up to where it is damaged.
fn inflate(stream: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let _ = flate2::read::ZlibDecoder::new(stream).take(LONGEST).read_to_end(&mut unpacked);
    unpacked
}

/// The kind that the keyword names, and what follows it.
fn split(chunk: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = chunk.strip_prefix(KEYWORD)?.splitn(2, |byte| *byte == 0);
    Some((parts.next()?, parts.next()?))
}

/// Makes bytes of a text where it lies. Returns how many.
fn decode(text: &mut [u8]) -> usize {
    // Behind the name and the number.
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(text.len());
    let mut lines = text[start..].iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| start + at + 1);
    let digits = lines.nth(1).unwrap_or(text.len());
    let (mut length, mut high) = (0, None);
    for at in digits..text.len() {
        let Some(digit) = char::from(text[at]).to_digit(16) else { continue };
        match high.take() {
            None => high = Some(digit),
            Some(high) => {
                text[length] = (high << 4 | digit) as u8;
                length += 1;
            }
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn texts_as_imagemagick_writes_them() {
        let text = b"\nexif\n       8\n45786966\n00004d4D\n";
        let plain = [b"Raw profile type exif\0", &text[..]].concat();
        let packed = [b"Raw profile type APP1\0\0", &compressed(text)[..]].concat();
        for chunk in [plain, packed] {
            assert_eq!(kind(&chunk), Some(Kind::Exif));
            assert_eq!(&*unpack(&chunk), b"Exif\0\0MM");
        }
        let xmp: String = b"http://ns.adobe.com/xap/1.0/\0<x>".iter().map(|byte| format!("{byte:02x}")).collect();
        let chunk =
            [b"Raw profile type APP1\0\0", &compressed(format!("\ngeneric\n 32\n{xmp}").as_bytes())[..]].concat();
        assert_eq!(kind(&chunk), Some(Kind::Xmp));
        assert_eq!(kind(b"Raw profile type IPTC\0"), Some(Kind::Resources));
        assert_eq!(kind(b"Raw profile type icm\0"), None);
        assert_eq!(kind(b"Comment\0Raw profile type exif"), None);
    }

    #[test]
    fn packed_xmp() {
        let chunk = [PACKED_XMP, b"en\0key\0", &compressed(b"<x>")].concat();
        assert!(is_packed_xmp(&chunk) && !is_packed_xmp(b"XML:com.adobe.xmp\0\0\0\0\0<x>"));
        assert_eq!(&*unpack(&chunk), b"<x>");
        assert_eq!(&*unpack(&[PACKED_XMP, b"\0"].concat()), b"");
        assert_eq!(&*unpack(&[PACKED_XMP, b"\0\0not compressed"].concat()), b"");
    }

    #[test]
    fn what_is_no_such_text_stays_as_it_is() {
        assert!(matches!(unpack(b"MM\0*"), Cow::Borrowed(b"MM\0*")));
        assert_eq!(&*unpack(b"Raw profile type exif\0"), b"");
        assert_eq!(&*unpack(b"Raw profile type exif\0\0not compressed"), b"");
    }

    #[test]
    fn no_more_than_a_little_is_unpacked() {
        let text = [b"\nexif\n 9\n".to_vec(), vec![b'0'; 50_000_000]].concat();
        let chunk = [b"Raw profile type exif\0\0", &compressed(&text)[..]].concat();
        assert!(unpack(&chunk).len() <= LONGEST as usize / 2);
        let chunk = [PACKED_XMP, b"\0\0", &compressed(&text)].concat();
        assert_eq!(unpack(&chunk).len(), LONGEST as usize);
    }
}
