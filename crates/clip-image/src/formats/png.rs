//! PNG.

use super::codec::Definition;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["png", "apng"],
    sniff: |bytes| bytes.starts_with(SIGNATURE),
    #[cfg(feature = "png")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "png"))]
    codec: None,
};

#[cfg(feature = "ico")]
pub(super) use codec::decode;

#[cfg(feature = "png")]
mod codec {
    use std::io::{self, BufRead, Read, Seek, SeekFrom};

    use image::metadata::Orientation;
    use image::{ColorType, RgbImage};
    use png::{BitDepth, DecodingError, InterlaceInfo, Reader, Transformations};

    use super::SIGNATURE;
    use crate::colour::{ColourSpace, LARGEST_PROFILE, Primaries};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::{Format, ImageError, exif_data, raster, raw_profile};

    pub(super) const CODEC: Codec = Codec { decode, metadata, has_all_metadata: None };

    /// The most bytes of chunks before the pixels that the decoder keeps. A palette, the largest of use, has 768.
    const CHUNKS: usize = 256 << 10;

    /// What shows that the pixels are intact.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Checksum {
        /// The checksum of each chunk.
        OfChunks,
        /// The checksum at the end of the compressed data.
        OfData,
        /// None.
        Missing,
    }

    /// A wrong checksum of a chunk with pixels is tolerated if the one inside the compressed data is right; anything after
    /// the pixels is tolerated.
    pub(in crate::formats) fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        if is_apples(bytes) {
            return decode_with(Checksum::Missing, bytes, request);
        }
        let result = decode_with(Checksum::OfChunks, bytes, request);
        match result {
            Err(ImageError::Decode { .. }) if wrong_checksum(bytes).is_some_and(|chunk| chunk.kind == b"IDAT") => {
                decode_with(Checksum::OfData, bytes, request).or(result)
            }
            _ => result,
        }
    }

    /// Row by row, so that beside the result only a few rows are in memory, however many bits a pixel has.
    fn decode_with(checksum: Checksum, bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let limits = request.limits;
        let describe = |error: DecodingError| match error {
            DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ImageError::Truncated { format: Format::Png }
            }
            DecodingError::LimitsExceeded => ImageError::TooMuchMemory {
                format: Format::Png,
                reason: format!("one of its chunks before the pixels has more than {CHUNKS} bytes"),
            },
            _ => {
                let reason = explain(bytes);
                Fault::damaged(reason.unwrap_or_else(|| "its image data cannot be decompressed or is too short".into()))
                    .into_error(Format::Png)
            }
        };
        let mut options = png::DecodeOptions::default();
        options.set_ignore_crc(checksum != Checksum::OfChunks);
        options.set_ignore_adler32(checksum != Checksum::OfData);
        let mut decoder = png::Decoder::new_with_options(OfUse::new(bytes), options);
        decoder.set_limits(png::Limits { bytes: CHUNKS });
        decoder.set_transformations(Transformations::EXPAND);
        let header = decoder.read_header_info().map_err(describe)?;
        let size = (header.width, header.height);
        let stored_row = header.raw_row_length() as u64;
        limits.check_size(size, Format::Png)?;

        // The decoder counts a row, of up to eight bytes a pixel, among the chunks.
        decoder.set_limits(png::Limits { bytes: CHUNKS.saturating_add(8 * size.0 as usize) });
        let mut reader = decoder.read_info().map_err(describe)?;
        let colour = colour_type(&reader)
            .ok_or_else(|| Fault::damaged("its samples cannot be expanded").into_error(Format::Png))?;
        let row = reader.output_line_size(size.0).ok_or_else(|| describe(DecodingError::LimitsExceeded))?;
        let own = metadata(bytes).exif.and_then(Orientation::from_exif_chunk);
        let rgb = rgb_bytes(size);
        // The decoder has some rows as they are stored at hand, and one that it expands; one more becomes RGB.
        let at_hand = 16.min(2 * u64::from(size.1));
        let rows = stored_row.saturating_mul(at_hand).saturating_add(2 * row as u64);
        request.reserve(Format::Png, request.memory(rgb.saturating_add(rows), rgb, own))?;

        let mut image = RgbImage::new(size.0, size.1);
        let is_apples = checksum == Checksum::Missing;
        read_rows(&mut reader, colour, row, is_apples, &mut image).map_err(describe)?;
        // All pixels are there. Errors that the decoder finds after them count only if they concern the pixels.
        if !is_apples && let Err(error) = reader.next_row() {
            let is_about_pixels = wrong_checksum(bytes).is_some_and(|chunk| chunk.kind == b"IDAT");
            if checksum == Checksum::OfData || is_about_pixels {
                return Err(describe(error));
            }
        }
        Ok(Pixels { image, size, orientation: own, colours: colours(bytes) })
    }

    fn colour_type<R: BufRead + Seek>(reader: &Reader<R>) -> Option<ColorType> {
        use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
        Some(match reader.output_color_type() {
            (Grayscale, BitDepth::Eight) => ColorType::L8,
            (Grayscale, BitDepth::Sixteen) => ColorType::L16,
            (GrayscaleAlpha, BitDepth::Eight) => ColorType::La8,
            (GrayscaleAlpha, BitDepth::Sixteen) => ColorType::La16,
            (Rgb, BitDepth::Eight) => ColorType::Rgb8,
            (Rgb, BitDepth::Sixteen) => ColorType::Rgb16,
            (Rgba, BitDepth::Eight) => ColorType::Rgba8,
            (Rgba, BitDepth::Sixteen) => ColorType::Rgba16,
            _ => return None,
        })
    }

    /// Decodes all rows, each of `row` bytes at most, into the picture.
    fn read_rows<R: BufRead + Seek>(
        reader: &mut Reader<R>,
        colour: ColorType,
        row: usize,
        is_apples: bool,
        image: &mut RgbImage,
    ) -> Result<(), DecodingError> {
        let stride = 3 * image.width() as usize;
        let pixel = usize::from(colour.bytes_per_pixel());
        // Room for the row as it is stored and as RGB.
        let mut samples = vec![0; row.max(stride)];
        for number in 0..count_rows(reader.info()) {
            let y = number as usize * stride;
            if colour == ColorType::Rgb8 && !is_apples && !reader.info().interlaced {
                // Directly in its place.
                reader.read_row(image.get_mut(y..y + stride).unwrap_or_default())?;
                continue;
            }
            let Some(stored) = reader.next_interlaced_row()? else { break };
            let interlace = *stored.interlace();
            let stored = stored.data();
            let pixels = stored.len() / pixel;
            samples[..stored.len()].copy_from_slice(stored);
            if is_apples {
                from_apples(&mut samples, pixels, colour);
            }
            if matches!(colour, ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16) {
                for sample in samples[..pixels * pixel].as_chunks_mut::<2>().0 {
                    *sample = u16::from_be_bytes(*sample).to_ne_bytes();
                }
            }
            raster::convert(&mut samples, pixels, colour);
            let rgb = &samples[..3 * pixels];
            match interlace {
                InterlaceInfo::Null(_) => {
                    if let Some(to) = image.get_mut(y..).and_then(|rest| rest.get_mut(..rgb.len())) {
                        to.copy_from_slice(rgb);
                    }
                }
                InterlaceInfo::Adam7(pass) => png::expand_interlaced_row(image, stride, rgb, &pass, 24),
            }
        }
        Ok(())
    }

    /// The stored rows; those of an interlaced picture come in passes.
    fn count_rows(info: &png::Info<'_>) -> u64 {
        if !info.interlaced {
            return u64::from(info.height);
        }
        // Where the passes begin, horizontally and vertically, and their steps.
        const PASSES: [[u32; 4]; 7] =
            [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
        let rows = |[left, top, _, down]: [u32; 4]| match info.width > left {
            true => u64::from(info.height.saturating_sub(top).div_ceil(down)),
            false => 0,
        };
        PASSES.map(rows).iter().sum()
    }

    /// Whether the file is Apple's variant (CgBI), which its tools make for iPhones.
    fn is_apples(bytes: &[u8]) -> bool {
        chunks(bytes).next().is_some_and(|chunk| chunk.kind == b"CgBI")
    }

    /// Converts pixels of Apple's variant, which are BGR and premultiplied, to ordinary ones.
    fn from_apples(samples: &mut [u8], pixels: usize, colour: ColorType) {
        match colour {
            ColorType::Rgb8 => samples.as_chunks_mut::<3>().0.iter_mut().take(pixels).for_each(|pixel| pixel.reverse()),
            ColorType::Rgba8 => {
                for [blue, green, red, alpha] in samples.as_chunks_mut::<4>().0.iter_mut().take(pixels) {
                    // Over white.
                    let rest = 255 - *alpha;
                    (*blue, *green, *red) =
                        (red.saturating_add(rest), green.saturating_add(rest), blue.saturating_add(rest));
                    *alpha = 255;
                }
            }
            _ => (),
        }
    }

    /// The EXIF chunk should come before the pixels, but does not always.
    fn metadata(bytes: &[u8]) -> Blocks<'_> {
        /// The most text chunks with metadata that are looked at: they may unpack to more than their size.
        const MOST_TEXTS: u32 = 16;
        let (mut blocks, mut texts, mut count) = (Blocks::default(), Blocks::default(), 0);
        for Chunk { kind, payload, .. } in chunks(bytes) {
            match kind {
                b"eXIf" => blocks.exif = blocks.exif.or(Some(exif_data::without_name(payload))),
                b"iTXt" => blocks.xmp = blocks.xmp.or_else(|| xmp(payload)),
                // Metadata in its own chunk takes precedence over that in a text chunk.
                b"tEXt" | b"zTXt" if count < MOST_TEXTS => {
                    if let Some(kind) = raw_profile::kind(payload) {
                        count += 1;
                        let block = match kind {
                            raw_profile::Kind::Exif => &mut texts.exif,
                            raw_profile::Kind::Xmp => &mut texts.xmp,
                            raw_profile::Kind::Resources => &mut texts.resources,
                        };
                        block.get_or_insert(payload);
                    }
                }
                _ => {}
            }
        }
        Blocks {
            exif: blocks.exif.or(texts.exif),
            xmp: blocks.xmp.or(texts.xmp),
            resources: texts.resources,
            ..Blocks::default()
        }
    }

    /// The colour space, by the chunks before the pixels: the first of these kinds that is present counts (PNG 3, 4.3).
    fn colours(bytes: &[u8]) -> Option<ColourSpace> {
        let chunk = |kind: &[u8; 4]| {
            let mut before = chunks(bytes).take_while(|chunk| chunk.kind != b"IDAT");
            before.find(|chunk| chunk.kind == kind).map(|chunk| chunk.payload)
        };
        if let Some([primaries, transfer, ..]) = chunk(b"cICP") {
            return Some(ColourSpace::Coded { primaries: *primaries, transfer: *transfer });
        }
        if let Some(profile) = chunk(b"iCCP").and_then(profile) {
            return Some(ColourSpace::Icc(profile));
        }
        let numbers = |payload: &[u8]| -> Vec<f32> {
            let (numbers, _) = payload.as_chunks();
            numbers.iter().map(|number| u32::from_be_bytes(*number) as f32 / 100_000.0).collect()
        };
        match (chunk(b"sRGB"), chunk(b"gAMA").map(numbers).as_deref()) {
            (None, Some([gamma, ..])) => {
                let primaries = chunk(b"cHRM").map(numbers).and_then(|numbers| {
                    let [wx, wy, rx, ry, gx, gy, bx, by] = *numbers.first_chunk()?;
                    Some(Primaries { white: (wx, wy), red: (rx, ry), green: (gx, gy), blue: (bx, by) })
                });
                Some(ColourSpace::Gamma { gamma: *gamma, primaries })
            }
            _ => None,
        }
    }

    /// The profile in a chunk: its name, a zero, the compression method, and the compressed profile.
    fn profile(chunk: &[u8]) -> Option<Vec<u8>> {
        let name = chunk.iter().take(80).position(|byte| *byte == 0)?;
        let compressed = chunk.get(name + 2..)?;
        let mut profile = Vec::new();
        let mut unpacked = flate2::read::ZlibDecoder::new(compressed).take(LARGEST_PROFILE as u64 + 1);
        // A profile with a damaged end may still be usable.
        let _ = unpacked.read_to_end(&mut profile);
        (profile.len() <= LARGEST_PROFILE).then_some(profile)
    }

    /// The XMP packet that a chunk of text is, or the chunk if it is compressed: the specification of XMP does not want that, and
    /// programs do it.
    fn xmp(text: &[u8]) -> Option<&[u8]> {
        if raw_profile::is_packed_xmp(text) {
            return Some(text);
        }
        let rest = text.strip_prefix(b"XML:com.adobe.xmp\0\0\0")?;
        // A language, and the keyword in it.
        rest.splitn(3, |byte| *byte == 0).nth(2)
    }

    /// The file without the chunks before the pixels that are of no use and may be of any size, or unpack to any:
    /// colour profiles, text, animations, and EXIF data, which are read elsewhere. The decoder would keep all of them.
    ///
    /// Apple's variant is converted to ordinary PNG, except for its pixels.
    struct OfUse<'a> {
        bytes: &'a [u8],
        /// The next byte to give.
        position: usize,
        /// Where the next chunk begins that has not been looked at.
        next_chunk: usize,
        is_apples: bool,
        /// Bytes to return before the next byte of the file, and how many of them have been returned.
        prefix: ([u8; 10], usize),
    }

    impl<'a> OfUse<'a> {
        fn new(bytes: &'a [u8]) -> Self {
            let next_chunk = SIGNATURE.len().min(bytes.len());
            Self { bytes, position: 0, next_chunk, is_apples: is_apples(bytes), prefix: ([0; 10], 10) }
        }

        /// Looks at the next chunks once the ones before are read.
        fn advance(&mut self) {
            while self.position == self.next_chunk && self.position < self.bytes.len() {
                let rest = &self.bytes[self.position..];
                let Some([l0, l1, l2, l3, kind @ ..]) = rest.first_chunk::<8>() else {
                    self.next_chunk = self.bytes.len();
                    return;
                };
                // Length, kind and checksum stand around the payload.
                let payload = u32::from_be_bytes([*l0, *l1, *l2, *l3]);
                let length = usize::try_from(12 + u64::from(payload)).unwrap_or(usize::MAX);
                match kind {
                    // What follows is of no size, or needed.
                    b"IDAT" => {
                        self.next_chunk = self.bytes.len();
                        if self.is_apples {
                            // Apple's variant leaves out the zlib header.
                            let [l0, l1, l2, l3] = payload.saturating_add(2).to_be_bytes();
                            self.prefix = ([l0, l1, l2, l3, b'I', b'D', b'A', b'T', 0x78, 0x01], 0);
                            self.position += 8;
                        }
                    }
                    b"tRNS" => self.next_chunk = self.position.saturating_add(length).min(self.bytes.len()),
                    // A lower-case letter marks a chunk that may be skipped.
                    [first, ..] if first.is_ascii_lowercase() || kind == b"CgBI" => {
                        self.position += length.min(rest.len());
                        self.next_chunk = self.position;
                    }
                    _ => self.next_chunk = self.position.saturating_add(length).min(self.bytes.len()),
                }
            }
        }
    }

    impl Read for OfUse<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let available = self.fill_buf()?;
            let count = available.len().min(to.len());
            to[..count].copy_from_slice(&available[..count]);
            self.consume(count);
            Ok(count)
        }
    }

    impl BufRead for OfUse<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            self.advance();
            let prefix = &self.prefix.0[self.prefix.1..];
            Ok(if prefix.is_empty() { &self.bytes[self.position..self.next_chunk] } else { prefix })
        }

        fn consume(&mut self, count: usize) {
            if self.prefix.1 < self.prefix.0.len() {
                self.prefix.1 = (self.prefix.1 + count).min(self.prefix.0.len());
                return;
            }
            self.position = (self.position + count).min(self.next_chunk);
        }
    }

    /// Asked for by the decoder's type, never by what it does.
    impl Seek for OfUse<'_> {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    struct Chunk<'a> {
        kind: &'a [u8; 4],
        payload: &'a [u8],
        /// The checksum of both. The last chunk of a shortened file may have none.
        checksum: Option<u32>,
    }

    /// The chunks of the file. It just ends where the file does.
    fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
        let mut rest = bytes.strip_prefix(SIGNATURE).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (kind, after) = after.split_first_chunk::<4>()?;
            let (payload, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            let (checksum, after) = after.split_first_chunk::<4>().map_or((None, &[][..]), |(c, rest)| (Some(c), rest));
            rest = after;
            Some(Chunk { kind, payload, checksum: checksum.map(|bytes| u32::from_be_bytes(*bytes)) })
        })
    }

    impl Chunk<'_> {
        fn expected_checksum(&self) -> u32 {
            let mut content = crc32fast::Hasher::new();
            content.update(self.kind);
            content.update(self.payload);
            content.finalize()
        }
    }

    /// The first critical chunk that has a wrong checksum.
    fn wrong_checksum(bytes: &[u8]) -> Option<Chunk<'_>> {
        chunks(bytes).find(|chunk| {
            // A lower-case letter marks a chunk that may be skipped.
            let is_needed = chunk.kind[0].is_ascii_uppercase() && chunk.kind != b"IEND";
            is_needed && chunk.checksum.is_some_and(|found| found != chunk.expected_checksum())
        })
    }

    /// What is wrong with the chunks up to the pixels, if anything. The library's error does not tell it but in words.
    fn explain(bytes: &[u8]) -> Option<String> {
        if !is_apples(bytes)
            && let Some(chunk) = wrong_checksum(bytes)
        {
            return Some(format!(
                "the checksum of its {} chunk is {:08x}, its content has {:08x}",
                chunk.kind.escape_ascii(),
                chunk.checksum.unwrap_or_default(),
                chunk.expected_checksum()
            ));
        }
        let mut is_indexed = false;
        let mut has_palette = false;
        for (place, chunk) in chunks(bytes).filter(|chunk| chunk.kind != b"CgBI").enumerate() {
            let name = chunk.kind.escape_ascii();
            match (place, chunk.kind) {
                (0, b"IHDR") => {
                    is_indexed = chunk.payload.get(9) == Some(&3);
                    if let Some(fault) = explain_header(chunk.payload) {
                        return Some(fault);
                    }
                }
                (0, _) => return Some(format!("its first chunk is {name}, expected IHDR")),
                (_, b"PLTE") => has_palette = true,
                (_, b"IDAT") if is_indexed && !has_palette => return Some("its palette is missing".into()),
                (_, b"IDAT") => return None,
                (_, b"IEND") => return Some("it has no pixels".into()),
                // A lower-case letter marks what may be passed over.
                (_, [first, ..]) if first.is_ascii_uppercase() => {
                    return Some(format!("it has an unknown critical chunk {name}"));
                }
                _ => (),
            }
        }
        None
    }

    fn explain_header(header: &[u8]) -> Option<String> {
        let &[w3, w2, w1, w0, h3, h2, h1, h0, bits, colour, compression, filter, interlacing] = header else {
            return Some(format!("its header has {} bytes, expected 13", header.len()));
        };
        let (width, height) = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
        if width == 0 || height == 0 {
            return Some(format!("its size is {width}x{height} pixels"));
        }
        let is_defined = match colour {
            0 => matches!(bits, 1 | 2 | 4 | 8 | 16),
            3 => matches!(bits, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(bits, 8 | 16),
            _ => return Some(format!("its colour type is {colour}, expected 0, 2, 3, 4 or 6")),
        };
        if !is_defined {
            return Some(format!("its bit depth of {bits} is not allowed with colour type {colour}"));
        }
        let methods = [("compression", compression, 0), ("filter", filter, 0), ("interlacing", interlacing, 1)];
        let (name, found, last) = methods.into_iter().find(|(_, found, last)| found > last)?;
        Some(format!("its {name} method is {found}, expected {}", if last == 0 { "0" } else { "0 or 1" }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn finds_the_exif_chunk_wherever_it_is() {
            let file = [SIGNATURE.as_slice(), b"\0\0\0\x01IDATx....\0\0\0\x04eXIfMM\0*"].concat();
            assert_eq!(metadata(&file).exif, Some(b"MM\0*".as_slice()));
            for length in 0..file.len() {
                assert_eq!(metadata(&file[..length]).exif, None, "{length} bytes");
            }
        }
    }
}
