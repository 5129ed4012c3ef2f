//! The headers of Netpbm's formats, read as Netpbm itself reads them.

use crate::formats::library::Fault;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The digit of the magic number: 1 to 7.
    kind: u8,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) encoding: Encoding,
    /// Samples a pixel.
    depth: u32,
    /// The largest value of a sample; that of white.
    pub(super) maximum: u16,
    /// Position of the first sample in the file.
    pub(super) end: usize,
    /// In a PAM file: what the samples of a pixel mean.
    tuple_type: &'static str,
}

/// How the samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// One decimal digit each.
    Digits,
    /// Decimal numbers with space in between.
    Numbers,
    /// Bits, or one or two bytes each.
    Binary,
}

impl Header {
    /// Reads the header of a whole file, whose magic number was recognised.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader { bytes, position: 2 };
        let kind = match bytes {
            [b'P', kind @ b'1'..=b'7', ..] => kind - b'0',
            _ => return Err(Fault::damaged("its magic number is missing")),
        };
        if kind == 7 {
            return read_pam(reader);
        }
        let (width, height) = (reader.number("width")?, reader.number("height")?);
        let maximum = if matches!(kind, 1 | 4) { 1 } else { check_maximum(reader.number("maximum")?)? };
        let encoding = match kind {
            1 => Encoding::Digits,
            2 | 3 => Encoding::Numbers,
            _ => Encoding::Binary,
        };
        let depth = if matches!(kind, 3 | 6) { 3 } else { 1 };
        Ok(Self { kind, width, height, encoding, depth, maximum, end: reader.position, tuple_type: "" })
    }

    /// How many samples the picture has.
    pub(super) fn samples(&self) -> u64 {
        (u64::from(self.width) * u64::from(self.height)).saturating_mul(u64::from(self.depth))
    }

    /// A header that says the same in the plainest way.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let Self { kind, width, height, depth, maximum, tuple_type, .. } = self;
        let text = match kind {
            1 | 4 => format!("P{kind}\n{width} {height}\n"),
            7 => format!(
                "P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {maximum}\nTUPLTYPE {tuple_type}\nENDHDR\n"
            ),
            _ => format!("P{kind}\n{width} {height}\n{maximum}\n"),
        };
        text.into_bytes()
    }
}

/// The tuple types that are decoded, with the depth of each.
const TUPLE_TYPES: [(&str, u32); 6] = [
    ("BLACKANDWHITE", 1),
    ("GRAYSCALE", 1),
    ("RGB", 3),
    ("BLACKANDWHITE_ALPHA", 2),
    ("GRAYSCALE_ALPHA", 2),
    ("RGB_ALPHA", 4),
];

fn read_pam(mut reader: Reader<'_>) -> Result<Header, Fault> {
    // The thumbnails of the program xv have the same magic number, but a line that begins with another number.
    if reader.line()?.iter().any(|byte| !is_space(*byte)) {
        return Err(Fault::Unsupported("this kind of PNM (an xv thumbnail)".into()));
    }
    let (mut width, mut height, mut depth, mut maximum) = (None, None, None, None);
    let mut tuple_type = String::new();
    loop {
        let line = reader.line()?.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let name_length = line.iter().position(|byte| is_space(*byte)).unwrap_or(line.len());
        let (name, value) = (&line[..name_length], line[name_length..].trim_ascii());
        let field = match name {
            b"ENDHDR" => break,
            b"TUPLTYPE" => {
                // What stands on further such lines is a continuation.
                if !tuple_type.is_empty() {
                    tuple_type.push(' ');
                }
                tuple_type.push_str(&String::from_utf8_lossy(value));
                continue;
            }
            b"WIDTH" => &mut width,
            b"HEIGHT" => &mut height,
            b"DEPTH" => &mut depth,
            b"MAXVAL" => &mut maximum,
            _ => return Err(Fault::Damaged(format!("its header has an unknown line \"{}\"", shown(name)))),
        };
        let number = std::str::from_utf8(value).ok().and_then(|value| value.parse::<u32>().ok());
        let number = number.ok_or_else(|| {
            Fault::Damaged(format!("its {} is \"{}\", expected a number", name.escape_ascii(), shown(value)))
        })?;
        if field.replace(number).is_some() {
            return Err(Fault::Damaged(format!("its header has more than one {} line", name.escape_ascii())));
        }
    }
    let present =
        |field: Option<u32>, name: &str| field.ok_or_else(|| Fault::Damaged(format!("its header has no line {name}")));
    let (width, height) = (present(width, "WIDTH")?, present(height, "HEIGHT")?);
    let (depth, maximum) = (present(depth, "DEPTH")?, check_maximum(present(maximum, "MAXVAL")?)?);

    let tuple_type = match (&tuple_type[..], depth) {
        // Without a type the depth tells. The library would take any such samples for single bytes.
        ("", 1) => "GRAYSCALE",
        ("", 2) => "GRAYSCALE_ALPHA",
        ("", 3) => "RGB",
        ("", 4) => "RGB_ALPHA",
        ("", _) => return Err(Fault::Unsupported(format!("PNM with {depth} samples per pixel"))),
        (name, _) => {
            let known = TUPLE_TYPES.into_iter().find(|(known, _)| *known == name);
            let Some((known, expected)) = known else {
                return Err(Fault::Unsupported(format!("PNM with tuple type \"{}\"", shown(name.as_bytes()))));
            };
            if depth != expected {
                let reason = format!("its depth is {depth}, expected {expected} for tuple type {known}");
                return Err(Fault::Damaged(reason));
            }
            if known.starts_with("BLACKANDWHITE") && maximum != 1 {
                let reason = format!("its maximum is {maximum}, expected 1 for tuple type {known}");
                return Err(Fault::Damaged(reason));
            }
            known
        }
    };
    let end = reader.position;
    Ok(Header { kind: 7, width, height, encoding: Encoding::Binary, depth, maximum, end, tuple_type })
}

fn check_maximum(maximum: u32) -> Result<u16, Fault> {
    let checked = u16::try_from(maximum).ok().filter(|maximum| *maximum > 0);
    checked.ok_or_else(|| Fault::Damaged(format!("its maximum is {maximum}, expected 1 to 65535")))
}

/// White space as Netpbm knows it.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// A few bytes of the file, safe to print.
fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(32)].escape_ascii().to_string()
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<u8, Fault> {
        let byte = *self.bytes.get(self.position).ok_or(Fault::Truncated)?;
        self.position += 1;
        Ok(byte)
    }

    /// The next byte, where a comment counts as the end of its line.
    fn next_outside_comments(&mut self) -> Result<u8, Fault> {
        let mut byte = self.next()?;
        if byte == b'#' {
            while !matches!(byte, b'\n' | b'\r') {
                byte = self.next()?;
            }
        }
        Ok(byte)
    }

    /// A decimal number with any space and comments before it, and one byte of space after it.
    fn number(&mut self, name: &str) -> Result<u32, Fault> {
        let mut byte = self.next_outside_comments()?;
        while is_space(byte) {
            byte = self.next_outside_comments()?;
        }
        let mut number = 0_u32;
        while !is_space(byte) {
            if !byte.is_ascii_digit() {
                let reason = format!("its {name} has the character \"{}\", expected a digit", byte.escape_ascii());
                return Err(Fault::Damaged(reason));
            }
            let longer = number.checked_mul(10).and_then(|number| number.checked_add(u32::from(byte - b'0')));
            number = longer.ok_or_else(|| Fault::Damaged(format!("its {name} is above {}", u32::MAX)))?;
            byte = self.next_outside_comments()?;
        }
        Ok(number)
    }

    /// The rest of the line, without its end.
    fn line(&mut self) -> Result<&'a [u8], Fault> {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(Fault::Truncated)?;
        self.position += length + 1;
        Ok(&rest[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Result<Header, String> {
        Header::read(text).map_err(|fault| fault.into_error(crate::Format::Pnm).to_string())
    }

    #[test]
    fn comments_end_like_lines() {
        let header = read(b"P5 # a comment\n 12# another\n34 #\r\n255#\nxyz").unwrap();
        assert_eq!((header.width, header.height, header.maximum), (12, 34, 255));
        assert_eq!(header.end, b"P5 # a comment\n 12# another\n34 #\r\n255#\n".len());
    }

    #[test]
    fn one_byte_of_space_ends_the_header() {
        // The samples of a binary file may look like space.
        assert_eq!(read(b"P4\n8 2\n\n\n").unwrap().end, 7);
        assert_eq!(read(b"P6 1 1 255 \n\n\n").unwrap().end, 11);
    }

    #[test]
    fn lines_of_pam_in_any_order() {
        let text =
            b"P7\r\n\n# made by hand\nMAXVAL 65535\n  HEIGHT 3\nDEPTH\t4 \nWIDTH 2\nTUPLTYPE RGB_ALPHA\nENDHDR\nx";
        let header = read(text).unwrap();
        assert_eq!((header.width, header.height, header.samples(), header.end), (2, 3, 24, text.len() - 1));
    }

    #[test]
    fn a_pam_without_a_type_is_judged_by_its_depth() {
        for (depth, tuple_type) in [(1, "GRAYSCALE"), (2, "GRAYSCALE_ALPHA"), (3, "RGB"), (4, "RGB_ALPHA")] {
            let text = format!("P7\nWIDTH 1\nHEIGHT 1\nDEPTH {depth}\nMAXVAL 65535\nENDHDR\n");
            assert_eq!(read(text.as_bytes()).unwrap().tuple_type, tuple_type);
        }
    }

    #[test]
    fn faults_say_what_was_expected_and_found() {
        let pam = |lines: &str| format!("P7\nWIDTH 1\nHEIGHT 1\n{lines}\nENDHDR\n");
        let cases = [
            ("P5 1 x 255\n".into(), "damaged PNM: its height has the character \"x\", expected a digit"),
            ("P5 1 1 65536\n".into(), "damaged PNM: its maximum is 65536, expected 1 to 65535"),
            ("P6 1 1 0\n".into(), "damaged PNM: its maximum is 0, expected 1 to 65535"),
            ("P4 4294967296 1\n".into(), "damaged PNM: its width is above 4294967295"),
            (
                "P7 332\n".into(),
                "this kind of PNM (an xv thumbnail) is not supported; convert the photo to JPEG or PNG",
            ),
            (pam("DEPTH 3"), "damaged PNM: its header has no line MAXVAL"),
            (pam("DEPTH 3\nDEPTH 3"), "damaged PNM: its header has more than one DEPTH line"),
            (pam("DEPTH \x1b[2J"), "damaged PNM: its DEPTH is \"\\x1b[2J\", expected a number"),
            (pam("DEEP 3"), "damaged PNM: its header has an unknown line \"DEEP\""),
            (pam("DEPTH 2\nMAXVAL 1\nTUPLTYPE RGB"), "damaged PNM: its depth is 2, expected 3 for tuple type RGB"),
            (
                pam("DEPTH 1\nMAXVAL 255\nTUPLTYPE BLACKANDWHITE"),
                "damaged PNM: its maximum is 255, expected 1 for tuple type BLACKANDWHITE",
            ),
            (
                pam("DEPTH 4\nMAXVAL 255\nTUPLTYPE CMYK"),
                "PNM with tuple type \"CMYK\" is not supported; convert the photo to JPEG or PNG",
            ),
            (
                pam("DEPTH 5\nMAXVAL 255"),
                "PNM with 5 samples per pixel is not supported; convert the photo to JPEG or PNG",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text.as_bytes()).unwrap_err(), expected, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However the header is written, the plain one says the same.
        #[test]
        fn the_canonical_header_says_the_same(
            kind in 1..=6_u8,
            (width, height, maximum) in (any::<u32>(), any::<u32>(), 1..=u16::MAX),
            gaps in prop::collection::vec("([ \t\n\r\x0b\x0c]|#[^\n\r]{0,5}\n){1,4}", 3),
            rest in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            // Space before a comment, since a number ends with the first byte of space or comment.
            let mut text = format!("P{kind} {}{width} {}{height}", gaps[0], gaps[1]);
            let maximum = if matches!(kind, 1 | 4) { 1 } else {
                text.push_str(&format!(" {}{maximum}", gaps[2]));
                maximum
            };
            text.push('\n');
            let header = read(&[text.as_bytes(), &rest].concat()).unwrap();
            prop_assert_eq!((header.width, header.height, header.maximum), (width, height, maximum));
            prop_assert_eq!(header.end, text.len());
            let plain = read(&header.canonical()).unwrap();
            prop_assert_eq!(Header { end: 0, ..plain }, Header { end: 0, ..header });
        }

        #[test]
        fn a_cut_header_is_truncated(length in 3..58_usize) {
            let whole = b"P7\nWIDTH 2\nHEIGHT 3\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n";
            prop_assert!(Header::read(whole).is_ok());
            prop_assert!(matches!(Header::read(&whole[..length]), Err(Fault::Truncated)));
        }
    }
}
