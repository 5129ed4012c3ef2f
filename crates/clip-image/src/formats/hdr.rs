//! Radiance HDR.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["hdr", "rgbe"],
    sniff: |bytes| bytes.starts_with(b"#?RADIANCE") || bytes.starts_with(b"#?RGBE"),
    #[cfg(feature = "hdr")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "hdr"))]
    codec: None,
};

#[cfg(feature = "hdr")]
mod codec {
    use image::RgbImage;
    use image::metadata::Orientation;

    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::formats::linear::Luminances;
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    /// Reads the rows twice: to measure the brightness, and to convert them. So only one row is in memory beside the
    /// result.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let fault = |fault: Fault| fault.into_error(Format::Hdr);
        let header = Header::read(bytes).map_err(fault)?;
        let size = header.size;
        request.limits.check_size(size, Format::Hdr)?;
        let rgb = rgb_bytes(size);
        let row = 4 * u64::from(size.0);
        let memory = request.memory(rgb.saturating_add(row), rgb, Some(header.orientation));
        request.reserve(Format::Hdr, memory)?;

        let mut luminances = Luminances::new();
        let mut row = vec![[0; 4]; size.0 as usize];
        let mut source = header.rows;
        for _ in 0..size.1 {
            read_row(&mut source, &mut row).ok_or_else(|| fault(Fault::Truncated))?;
            row.iter().for_each(|pixel| luminances.add(header.light(*pixel)));
        }
        let exposure = luminances.exposure();
        let mut image = RgbImage::new(size.0, size.1);
        let mut source = header.rows;
        for to in image.chunks_exact_mut(3 * row.len()) {
            read_row(&mut source, &mut row).ok_or_else(|| fault(Fault::Truncated))?;
            for (to, pixel) in to.as_chunks_mut::<3>().0.iter_mut().zip(&row) {
                *to = exposure.srgb(header.light(*pixel));
            }
        }
        Ok(Pixels { image, size, orientation: Some(header.orientation), colours: None })
    }

    struct Header<'a> {
        /// As stored.
        size: (u32, u32),
        orientation: Orientation,
        /// Whether samples are XYZ.
        is_xyz: bool,
        rows: &'a [u8],
    }

    impl<'a> Header<'a> {
        fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
            let mut rest = bytes;
            let mut is_xyz = false;
            loop {
                let line = line(&mut rest).ok_or(Fault::Truncated)?;
                match line {
                    b"" => break,
                    b"FORMAT=32-bit_rle_rgbe" => is_xyz = false,
                    b"FORMAT=32-bit_rle_xyze" => is_xyz = true,
                    _ if line.starts_with(b"FORMAT=") => {
                        let format = line[7..line.len().min(40)].escape_ascii();
                        return Err(Fault::Unsupported(format!("HDR with the format \"{format}\"")));
                    }
                    _ => (),
                }
            }
            let line = line(&mut rest).ok_or(Fault::Truncated)?;
            let unreadable = || {
                let shown = line[..line.len().min(40)].escape_ascii();
                Fault::Damaged(format!("its size is \"{shown}\", expected the like of \"-Y 480 +X 640\""))
            };
            let words: Vec<_> = std::str::from_utf8(line).unwrap_or_default().split_whitespace().take(5).collect();
            let [first, rows, second, columns] = words[..] else { return Err(unreadable()) };
            // The order of the rows, and of pixels in a row.
            let orientation = match (first, second) {
                ("-Y", "+X") => Orientation::NoTransforms,
                ("-Y", "-X") => Orientation::FlipHorizontal,
                ("+Y", "+X") => Orientation::FlipVertical,
                ("+Y", "-X") => Orientation::Rotate180,
                ("+X", "-Y") => Orientation::Rotate90FlipH,
                ("-X", "-Y") => Orientation::Rotate90,
                ("+X", "+Y") => Orientation::Rotate270,
                ("-X", "+Y") => Orientation::Rotate270FlipH,
                _ => return Err(unreadable()),
            };
            let number = |word: &str| word.parse().map_err(|_| unreadable());
            Ok(Self { size: (number(columns)?, number(rows)?), orientation, is_xyz, rows: rest })
        }

        fn light(&self, [x, y, z, exponent]: [u8; 4]) -> [f32; 3] {
            if exponent == 0 {
                return [0.0; 3];
            }
            let scale = (f32::from(exponent) - 128.0 - 8.0).exp2();
            let [x, y, z] = [x, y, z].map(|sample| (f32::from(sample) + 0.5) * scale);
            if !self.is_xyz {
                return [x, y, z];
            }
            // From XYZ to linear sRGB.
            [
                3.2406 * x - 1.5372 * y - 0.4986 * z,
                -0.9689 * x + 1.8758 * y + 0.0415 * z,
                0.0557 * x - 0.2040 * y + 1.0570 * z,
            ]
        }
    }

    fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = &rest[..end];
        *rest = &rest[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn take<const N: usize>(source: &mut &[u8]) -> Option<[u8; N]> {
        let (taken, rest) = source.split_first_chunk::<N>()?;
        *source = rest;
        Some(*taken)
    }

    /// Reads a row. Runs that exceed it are cut.
    fn read_row(source: &mut &[u8], row: &mut [[u8; 4]]) -> Option<()> {
        if let Some([2, 2, high, low]) = source.first_chunk()
            && (8..0x8000).contains(&row.len())
            && usize::from(u16::from_be_bytes([*high, *low])) == row.len()
        {
            *source = &source[4..];
            return read_samples(source, row);
        }
        read_pixels(source, row)
    }

    /// Each component separately.
    fn read_samples(source: &mut &[u8], row: &mut [[u8; 4]]) -> Option<()> {
        for sample in 0..4 {
            let mut at = 0;
            while at < row.len() {
                let [count] = take(source)?;
                let is_run = count > 128;
                let count = usize::from(if is_run { count - 128 } else { count });
                let value = if is_run { take::<1>(source)? } else { [0] };
                for i in at..at + count {
                    let [value] = if is_run { value } else { take(source)? };
                    if let Some(pixel) = row.get_mut(i) {
                        pixel[sample] = value;
                    }
                }
                at += count;
            }
        }
        Some(())
    }

    /// Pixel by pixel, as in old files: 1, 1, 1 means that the last pixel is repeated.
    fn read_pixels(source: &mut &[u8], row: &mut [[u8; 4]]) -> Option<()> {
        let (mut at, mut shift) = (0, 0_u32);
        while at < row.len() {
            let pixel: [u8; 4] = take(source)?;
            if pixel[..3] == [1; 3] {
                let count = usize::from(pixel[3]).checked_shl(shift).unwrap_or(0);
                let last = if at == 0 { [0; 4] } else { row[at - 1] };
                let end = at.saturating_add(count).min(row.len());
                row[at..end].fill(last);
                at = end;
                shift = (shift + 8).min(32);
            } else {
                row[at] = pixel;
                at += 1;
                shift = 0;
            }
        }
        Some(())
    }
}
