//! The headers of a bitmap, which come in many versions.

use crate::formats::library::Fault;

/// How the samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    /// Run-length encoding of 4, 8 or 24 bits per pixel.
    Runs,
}

/// What the information header says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) size: (u32, u32),
    /// Whether the first row is the top one.
    pub(super) is_top_down: bool,
    /// Bits per pixel: 1, 2, 4, 8, 16, 24, 32 or 64.
    pub(super) bits: u16,
    pub(super) encoding: Encoding,
    /// Masks of red, green, blue and alpha in pixels of 16 or 32 bits. An empty alpha mask means opaque pixels.
    pub(super) masks: [u32; 4],
    /// Position of the palette.
    palette: usize,
    /// Bytes per colour of the palette.
    colour: usize,
    /// Colours of the palette.
    colours: usize,
    /// Where the colour profile is in the file, and its bytes; none if there is no profile.
    profile: Option<(usize, usize)>,
}

/// The header of OS/2 1.x, and its length.
const CORE: u32 = 12;
/// The first Windows header; its colour masks follow it.
const WINDOWS: u32 = 40;
/// The OS/2 2.x header. It may be cut to any length from 16 on; missing fields are zero.
const OS2: u32 = 64;
const SHORTEST_OS2: u32 = 16;

impl Header {
    /// Reads the header at this position.
    pub(super) fn read(bytes: &[u8], at: usize) -> Result<Self, Fault> {
        let header = bytes.get(at..).unwrap_or_default();
        let length = header.first_chunk().map(|length| u32::from_le_bytes(*length)).ok_or(Fault::Truncated)?;
        match length {
            CORE | SHORTEST_OS2..=OS2 | 108 | 124 => (),
            0..CORE => return Err(Fault::Damaged(format!("its header has {length} bytes, the shortest has {CORE}"))),
            _ => return Err(Fault::Unsupported(format!("BMP with a header of {length} bytes"))),
        }
        let header = header.get(..length as usize).ok_or(Fault::Truncated)?;
        // Fields that a shorter header leaves out are zero.
        let u16_at = |at: usize| u16::from_le_bytes(first(header, at).unwrap_or_default());
        let u32_at = |at: usize| u32::from_le_bytes(first(header, at).unwrap_or_default());
        let (width, height, planes, bits) = match length {
            CORE => (i64::from(u16_at(4)), i64::from(u16_at(6)), u16_at(8), u16_at(10)),
            _ => (i64::from(u32_at(4).cast_signed()), i64::from(u32_at(8).cast_signed()), u16_at(12), u16_at(14)),
        };
        let compression = if length == CORE { 0 } else { u32_at(16) };
        // A negative height means that the first row is the top one.
        if width <= 0 || height == 0 || height == i64::from(i32::MIN) {
            return Err(Fault::Damaged(format!("its size is {width}x{height} pixels")));
        }
        if planes != 1 {
            return Err(Fault::Damaged(format!("it has {planes} planes, expected 1")));
        }
        let is_os2 = !matches!(length, WINDOWS | 52 | 56 | 108 | 124);
        let (expected, encoding): (&[u16], _) = match compression {
            0 => (&[1, 2, 4, 8, 16, 24, 32, 64], Encoding::Plain),
            1 => (&[8], Encoding::Runs),
            2 => (&[4], Encoding::Runs),
            3 if is_os2 && bits == 1 => return Err(Fault::Unsupported("BMP with Huffman compression".into())),
            3 | 6 => (&[16, 32], Encoding::Plain),
            4 if is_os2 => (&[24], Encoding::Runs),
            4 => return Err(Fault::Unsupported("BMP with JPEG compression".into())),
            5 => return Err(Fault::Unsupported("BMP with PNG compression".into())),
            11..=13 => return Err(Fault::Unsupported("BMP with CMYK colours".into())),
            _ => return Err(Fault::Unsupported(format!("BMP with compression {compression}"))),
        };
        if !expected.contains(&bits) {
            return Err(Fault::Damaged(format!(
                "it has {bits} bits per pixel with compression {compression}, expected {}",
                listed(expected)
            )));
        }
        if height < 0 && encoding == Encoding::Runs {
            return Err(Fault::Damaged(format!(
                "its rows are top-down, which is not allowed with compression {compression}"
            )));
        }
        let mut after = at + length as usize;
        let masks = match (compression, bits) {
            (3 | 6, _) => {
                // In the longer Windows headers they are fields; alpha was added last.
                let behind = if compression == 6 { 4 } else { 3 };
                let (stored, count) = match length {
                    52 => (&header[WINDOWS as usize..], 3),
                    56 | 108 | 124 => (&header[WINDOWS as usize..], 4),
                    _ => (bytes.get(after..).unwrap_or_default(), behind),
                };
                if !matches!(length, 52 | 56 | 108 | 124) {
                    after = after.saturating_add(4 * behind);
                }
                let mut masks = [0; 4];
                for (i, mask) in masks.iter_mut().take(count).enumerate() {
                    *mask = u32::from_le_bytes(first(stored, 4 * i).ok_or(Fault::Truncated)?);
                }
                if masks[..3] == [0; 3] {
                    return Err(Fault::damaged("its colour masks are not valid"));
                }
                masks
            }
            (_, 16) => [0x7c00, 0x3e0, 0x1f, 0],
            // Programs write anything into the fourth byte, even in the versions that have a mask for it.
            _ => [0xff_0000, 0xff00, 0xff, 0],
        };
        let most = if bits <= 8 { 1 << bits } else { 0 };
        // Some files count more colours than there can be.
        let colours = match (u32_at(32) as usize, length) {
            (0, _) | (_, CORE) => most,
            (colours, _) => colours.min(most),
        };
        let colour = if length == CORE { 3 } else { 4 };
        let size = (width as u32, height.unsigned_abs() as u32);
        // "MBED": not a name of a file with a profile, but the profile itself.
        let has_profile = length == 124 && u32_at(56) == u32::from_be_bytes(*b"MBED");
        let profile = has_profile.then(|| (at.saturating_add(u32_at(112) as usize), u32_at(116) as usize));
        Ok(Self { size, is_top_down: height < 0, bits, encoding, masks, palette: after, colour, colours, profile })
    }

    /// Where the pixels begin: as the file header says, unless that is impossible.
    pub(super) fn start_of_pixels(&self, bytes: &[u8], offset: u32) -> usize {
        let offset = offset as usize;
        // Where pixels are numbers of colours, there is at least one.
        let first = self.palette.saturating_add(self.colour * self.colours.min(1));
        if (first..bytes.len()).contains(&offset) { offset } else { self.end_of_palette() }
    }

    /// Where the palette ends.
    pub(super) fn end_of_palette(&self) -> usize {
        self.palette.saturating_add(self.colours * self.colour)
    }

    /// The colours that lie before the pixels. The rest are black.
    pub(super) fn palette(&self, bytes: &[u8], start_of_pixels: usize) -> [[u8; 3]; 256] {
        let mut palette = [[0; 3]; 256];
        let stored = bytes.get(self.palette..start_of_pixels.min(bytes.len())).unwrap_or_default();
        for (to, from) in palette.iter_mut().zip(stored.chunks_exact(self.colour)).take(self.colours) {
            *to = [from[2], from[1], from[0]];
        }
        palette
    }

    /// The colour profile that is in the file.
    pub(super) fn profile<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (start, length) = self.profile?;
        bytes.get(start..)?.get(..length)
    }

    /// Bytes of a stored row, without padding to a multiple of four.
    pub(super) fn row_bytes(&self) -> u64 {
        (u64::from(self.size.0) * u64::from(self.bits)).div_ceil(8)
    }
}

fn first<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// "1, 2 or 4".
fn listed(numbers: &[u16]) -> String {
    let words: Vec<_> = numbers.iter().map(u16::to_string).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    }
}
