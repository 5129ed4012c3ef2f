//! Pages to pixels.

use std::io::{self, Cursor};
use std::num::NonZeroUsize;

use image::metadata::Orientation;
use image::{ColorType as Samples, RgbImage};
use tiff::decoder::{Decoder, Limits};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, PlanarConfiguration, SampleFormat, Tag};
use tiff::{ColorType, TiffError, TiffFormatError, TiffUnsupportedError};

use crate::exif_data;
use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
use crate::formats::library::Fault;
use crate::{Format, ImageError, raster};

// EXIF data are a TIFF file themselves: their fields stand among the file's own.
pub(super) const CODEC: Codec = Codec {
    decode,
    metadata: |bytes| Blocks { exif: Some(bytes), xmp: exif_data::xmp_of_tiff(bytes), resources: None },
    has_all_metadata: None,
};

type TiffDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

/// Why there are no pixels.
enum Failure {
    Decoder(TiffError),
    Refused(ImageError),
}

impl From<TiffError> for Failure {
    fn from(error: TiffError) -> Self {
        Self::Decoder(error)
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Refused(error)
    }
}

fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
    read(bytes, request).map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Decoder(TiffError::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format: Format::Tiff }
        }
        Failure::Decoder(TiffError::LimitsExceeded) => ImageError::TooMuchMemory {
            format: Format::Tiff,
            reason: format!("more than the limit of {} bytes", request.limits.max_memory),
        },
        Failure::Decoder(error) => explain(bytes, &error).into_error(Format::Tiff),
    })
}

/// Chunk by chunk (strips or tiles), so that only one is in memory beside the result: files of scanners have 16
/// bits a sample. Where one chunk is the whole picture, it becomes the result where it lies.
fn read(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, Failure> {
    request.reserve(Format::Tiff, memory_of_fields(bytes).min(request.limits.max_memory))?;
    let mut decoder = Decoder::new(Cursor::new(bytes))?;
    let size = decoder.dimensions()?;
    let kind = Kind::of(&mut decoder)?.ok_or_else(|| unsupported(bytes))?;
    request.limits.check_size(size, Format::Tiff)?;
    let orientation = decoder.find_tag(Tag::Orientation)?.and_then(|value| value.into_u16().ok());
    let orientation =
        orientation.map(|value| Orientation::from_exif(value.min(255) as u8).unwrap_or(Orientation::NoTransforms));

    // Chunks are read straight from the file, so their sizes in it take no memory.
    let mut limits = Limits::default();
    limits.intermediate_buffer_size = usize::MAX;
    decoder = decoder.with_limits(limits);

    let chunks = Chunks::of(&mut decoder, size, kind)?;
    let rgb = rgb_bytes(size);
    let whole = match kind {
        Kind::Plain(samples) if chunks.is_one() => Some(samples),
        _ if kind.is_cmyk() && chunks.planes > 1 => return Err(unsupported(bytes).into()),
        _ => None,
    };
    let chunk = chunks.bytes as u64 * chunks.planes as u64;
    let result = match whole {
        Some(samples) => raster::Samples::memory(samples, size).unwrap_or(u64::MAX),
        None => rgb.saturating_add(chunk).saturating_add(chunks.row_bytes(kind) as u64),
    };
    let beside = stored_row(&mut decoder)?.saturating_add(memory_of_jpeg(&mut decoder, bytes));
    request.reserve(Format::Tiff, request.memory(result.saturating_add(beside), rgb, orientation))?;

    let image = match whole.and_then(|samples| raster::Samples::new(samples, size)) {
        Some(mut samples) => {
            decoder.read_chunk_bytes(0, samples.bytes_mut())?;
            samples.into_rgb()
        }
        None => chunks.read(&mut decoder, kind)?,
    };
    Ok(Pixels { image, size, orientation, colours: None })
}

/// Bytes that the fields may take as the decoder keeps them. It has limits of its own for their values, of which
/// there may be one for each byte of the file.
fn memory_of_fields(bytes: &[u8]) -> u64 {
    const MOST: u64 = 384 << 20;
    (bytes.len() as u64).saturating_mul(48).min(MOST)
}

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Black or white, eight pixels a byte.
    Bits,
    Plain(Samples),
    Cmyk8,
    Cmyk16,
}

impl Kind {
    /// `None` for what is not supported.
    fn of(decoder: &mut TiffDecoder<'_>) -> Result<Option<Self>, TiffError> {
        let colour = decoder.colortype()?;
        let (kind, bits) = match colour {
            ColorType::Gray(1) => (Self::Bits, 1),
            ColorType::Gray(8) => (Self::Plain(Samples::L8), 8),
            ColorType::Gray(16) => (Self::Plain(Samples::L16), 16),
            ColorType::GrayA(8) => (Self::Plain(Samples::La8), 8),
            ColorType::GrayA(16) => (Self::Plain(Samples::La16), 16),
            ColorType::RGB(8) => (Self::Plain(Samples::Rgb8), 8),
            ColorType::RGB(16) => (Self::Plain(Samples::Rgb16), 16),
            ColorType::RGB(32) => (Self::Plain(Samples::Rgb32F), 32),
            ColorType::RGBA(8) => (Self::Plain(Samples::Rgba8), 8),
            ColorType::RGBA(16) => (Self::Plain(Samples::Rgba16), 16),
            ColorType::RGBA(32) => (Self::Plain(Samples::Rgba32F), 32),
            ColorType::CMYK(8) => (Self::Cmyk8, 8),
            ColorType::CMYK(16) => (Self::Cmyk16, 16),
            _ => return Ok(None),
        };
        let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat)?.unwrap_or_default();
        let fits = |format: &u16| match SampleFormat::from_u16(*format) {
            Some(SampleFormat::Uint) => bits <= 16,
            Some(SampleFormat::IEEEFP) => bits == 32,
            _ => false,
        };
        Ok(formats.iter().all(fits).then_some(kind))
    }

    fn is_cmyk(self) -> bool {
        matches!(self, Self::Cmyk8 | Self::Cmyk16)
    }

    /// Bytes of a row of this many pixels.
    fn row_bytes(self, pixels: usize) -> usize {
        match self {
            Self::Bits => pixels.div_ceil(8),
            Self::Plain(samples) => pixels * usize::from(samples.bytes_per_pixel()),
            Self::Cmyk8 => pixels * 4,
            Self::Cmyk16 => pixels * 8,
        }
    }

    /// Samples of a pixel.
    fn samples(self) -> usize {
        match self {
            Self::Bits => 1,
            Self::Plain(samples) => usize::from(samples.channel_count()),
            Self::Cmyk8 | Self::Cmyk16 => 4,
        }
    }

    /// Makes a row RGB where it lies. There has to be room for either.
    fn convert(self, row: &mut [u8], pixels: usize) {
        match self {
            Self::Bits => {
                for x in (0..pixels).rev() {
                    row[x] = if row[x / 8] >> (7 - x % 8) & 1 == 1 { 255 } else { 0 };
                }
                raster::convert(row, pixels, Samples::L8);
            }
            Self::Plain(samples) => raster::convert(row, pixels, samples),
            Self::Cmyk8 => {
                for pixel in 0..pixels {
                    let inks: [u8; 4] = std::array::from_fn(|i| row[pixel * 4 + i]);
                    let light = 1. - f32::from(inks[3]) / 255.;
                    let rgb: [u8; 3] = std::array::from_fn(|i| ((255. - f32::from(inks[i])) * light) as u8);
                    row[pixel * 3..pixel * 3 + 3].copy_from_slice(&rgb);
                }
            }
            Self::Cmyk16 => {
                for pixel in 0..pixels {
                    let ink = |i: usize| {
                        let at = pixel * 8 + i * 2;
                        f32::from(u16::from_ne_bytes([row[at], row[at + 1]]))
                    };
                    let light = 1. - ink(3) / 65535.;
                    let rgb: [u16; 3] = std::array::from_fn(|i| ((65535. - ink(i)) * light) as u16);
                    let bytes = rgb.map(u16::to_ne_bytes);
                    row[pixel * 6..pixel * 6 + 6].copy_from_slice(bytes.as_flattened());
                }
                raster::convert(row, pixels, Samples::Rgb16);
            }
        }
    }
}

/// How the picture is cut into strips or tiles.
struct Chunks {
    size: (u32, u32),
    /// Width and height of all but those at the right and the lower edge.
    chunk: (u32, u32),
    across: u32,
    down: u32,
    /// 1 if the samples of a pixel stand together, or else as many as it has samples.
    planes: usize,
    /// Bytes of the largest chunk of a plane.
    bytes: usize,
}

impl Chunks {
    fn of(decoder: &mut TiffDecoder<'_>, size: (u32, u32), kind: Kind) -> Result<Self, TiffError> {
        // Refuses chunks that cannot be.
        let mut bytes = decoder.image_chunk_buffer_layout(0)?.len;
        let chunk = decoder.chunk_dimensions();
        let chunk = (chunk.0.max(1), chunk.1.max(1));
        let layout = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration)?;
        let is_planar = layout == Some(PlanarConfiguration::Planar.to_u16());
        let planes = if is_planar { kind.samples() } else { 1 };
        let (across, down) = (size.0.div_ceil(chunk.0), size.1.div_ceil(chunk.1));
        if planes > 1 {
            // Of tiles at an edge, the decoder leaves out what lies outside, but in the first plane only.
            bytes = bytes.max(decoder.image_chunk_buffer_layout(across.saturating_mul(down))?.len);
        }
        Ok(Self { size, chunk, across, down, planes, bytes })
    }

    /// Whether one chunk is the whole picture.
    fn is_one(&self) -> bool {
        self.across == 1 && self.down == 1 && self.planes == 1
    }

    /// Bytes of a row of a chunk, as it is stored and as RGB.
    fn row_bytes(&self, kind: Kind) -> usize {
        let pixels = self.chunk.0.min(self.size.0) as usize;
        kind.row_bytes(pixels).max(3 * pixels)
    }

    fn read(&self, decoder: &mut TiffDecoder<'_>, kind: Kind) -> Result<RgbImage, TiffError> {
        let mut image = RgbImage::new(self.size.0, self.size.1);
        let pixels: &mut [u8] = &mut image;
        let mut buffer = vec![0; self.bytes * self.planes];
        let mut row = vec![0; self.row_bytes(kind)];
        let mut strides = vec![0; self.planes];
        let per_plane = self.across.saturating_mul(self.down);
        for chunk in 0..per_plane {
            let (left, top) = (chunk % self.across * self.chunk.0, chunk / self.across * self.chunk.1);
            let (width, height) =
                (self.chunk.0.min(self.size.0 - left) as usize, self.chunk.1.min(self.size.1 - top) as usize);
            for ((plane, buffer), stride) in (0_u32..).zip(buffer.chunks_exact_mut(self.bytes)).zip(&mut strides) {
                let index = plane.saturating_mul(per_plane).saturating_add(chunk);
                let layout = decoder.image_chunk_buffer_layout(index)?;
                *stride = layout.row_stride.map_or(0, NonZeroUsize::get);
                decoder.read_chunk_bytes(index, buffer)?;
            }
            for y in 0..height {
                self.gather(&buffer, &strides, kind, width, y, &mut row);
                kind.convert(&mut row, width);
                let at = 3 * ((top as usize + y) * self.size.0 as usize + left as usize);
                pixels[at..at + 3 * width].copy_from_slice(&row[..3 * width]);
            }
        }
        Ok(image)
    }

    /// Row `y` of a chunk, `width` pixels of it, the samples of a pixel side by side. The rows of each plane are as
    /// many bytes apart as the strides say.
    fn gather(&self, chunk: &[u8], strides: &[usize], kind: Kind, width: usize, y: usize, row: &mut [u8]) {
        let row = &mut row[..kind.row_bytes(width)];
        if self.planes == 1 {
            row.copy_from_slice(&chunk[y * strides[0]..][..row.len()]);
            return;
        }
        let sample = row.len() / (width * self.planes).max(1);
        for ((i, plane), stride) in chunk.chunks_exact(self.bytes).enumerate().zip(strides) {
            let from = plane[y * stride..].chunks_exact(sample);
            for (to, from) in row.chunks_exact_mut(sample * self.planes).zip(from) {
                to[i * sample..(i + 1) * sample].copy_from_slice(from);
            }
        }
    }
}

/// Bytes of a row of a chunk with all that the file has: tiles may be wider than the picture, and pixels may have
/// samples that are left out. The decoder reads such rows as they are.
fn stored_row(decoder: &mut TiffDecoder<'_>) -> Result<u64, TiffError> {
    let width = u64::from(decoder.chunk_dimensions().0);
    let samples = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel)?.unwrap_or(1);
    let bits = decoder.find_tag_unsigned_vec::<u16>(Tag::BitsPerSample)?.and_then(|bits| bits.first().copied());
    let sample = u64::from(bits.unwrap_or(1).div_ceil(8));
    Ok(width.saturating_mul(u64::from(samples)).saturating_mul(sample))
}

/// Bytes that the largest chunk takes if chunks are JPEG files, whose headers may claim any size.
fn memory_of_jpeg(decoder: &mut TiffDecoder<'_>, bytes: &[u8]) -> u64 {
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).ok().flatten();
    if compression.map(CompressionMethod::from_u16_exhaustive) != Some(CompressionMethod::ModernJPEG) {
        return 0;
    }
    let values = |decoder: &mut TiffDecoder<'_>, tags: [Tag; 2]| {
        let found = tags.into_iter().find_map(|tag| decoder.find_tag_unsigned_vec::<u64>(tag).ok().flatten());
        found.unwrap_or_default()
    };
    let starts = values(decoder, [Tag::TileOffsets, Tag::StripOffsets]);
    let lengths = values(decoder, [Tag::TileByteCounts, Tag::StripByteCounts]);
    let chunk = |start: u64| {
        let start = usize::try_from(start).ok()?;
        memory_of_jpeg_chunk(bytes.get(start..)?)
    };
    let pixels = starts.into_iter().filter_map(chunk).max().unwrap_or(0);
    let file = lengths.into_iter().max().unwrap_or(0).min(bytes.len() as u64);
    pixels.saturating_add(2 * file)
}

/// Samples of the size in the frame header, and coefficients if they come in several scans.
fn memory_of_jpeg_chunk(chunk: &[u8]) -> Option<u64> {
    let mut rest = chunk.strip_prefix(b"\xff\xd8")?;
    let (mut samples, mut in_one_scan) = (0, None);
    while let [0xff, code, l1, l0, after @ ..] = rest {
        match code {
            0xc4 | 0xc8 | 0xcc => (),
            0xc0..=0xcf => {
                let [_, h1, h0, w1, w0, components, ..] = after else { break };
                let pixels = u64::from(u16::from_be_bytes([*h1, *h0])) * u64::from(u16::from_be_bytes([*w1, *w0]));
                samples = pixels * u64::from(*components);
                in_one_scan = matches!(code, 0xc0 | 0xc1).then_some(*components);
            }
            0xda => {
                in_one_scan = in_one_scan.filter(|components| after.first() == Some(components));
                break;
            }
            _ => (),
        }
        rest = rest.get(2 + usize::from(u16::from_be_bytes([*l1, *l0]))..)?;
    }
    Some(if in_one_scan.is_some() { samples } else { samples * 3 })
}

fn unsupported(bytes: &[u8]) -> ImageError {
    ImageError::Unsupported { what: format!("TIFF with {}", variety(bytes)) }
}

fn explain(bytes: &[u8], error: &TiffError) -> Fault {
    let error = match error {
        TiffError::UnsupportedError(_) => return Fault::Unsupported(format!("TIFF with {}", variety(bytes))),
        TiffError::FormatError(error) => error,
        _ => return Fault::damaged("its compressed data cannot be decompressed"),
    };
    use TiffFormatError as E;
    Fault::Damaged(match error {
        E::ImageFileDirectoryNotFound => "it has no page".into(),
        E::InvalidDimensions(width, height) => format!("its size is {width}x{height} pixels"),
        E::RequiredTagNotFound(tag) => format!("its field {} is missing", tag.to_u16()),
        E::InvalidTagValueType(tag) => format!("its field {} has the wrong type", tag.to_u16()),
        E::InvalidCountForTag(tag, count) => {
            format!("its field {} has {count} values, which is not the number expected", tag.to_u16())
        }
        E::InvalidTag | E::InvalidTypeForTag => "one of its fields has the wrong type".into(),
        E::UnknownPredictor(predictor) => format!("its predictor is {predictor}, expected 1, 2 or 3"),
        E::UnknownPlanarConfiguration(layout) => format!("its planar configuration is {layout}, expected 1 or 2"),
        E::StripTileTagConflict => "it must have either strips or tiles, and has both or neither".into(),
        E::SamplesPerPixelIsZero => "it has 0 samples per pixel".into(),
        E::CycleInOffsets => "its list of pages is circular".into(),
        E::InconsistentSizesEncountered => "its fields contradict each other about its size".into(),
        _ => "its compressed data cannot be decompressed".into(),
    })
}

/// What about a file is not supported: its colours, or else how they are compressed or laid out.
fn variety(bytes: &[u8]) -> String {
    let mut decoder = match Decoder::new(Cursor::new(bytes)) {
        Ok(decoder) => decoder,
        Err(error) => return refusal(&error),
    };
    let colours = match decoder.colortype() {
        Ok(ColorType::Palette(bits)) => Some(format!("a palette and {bits} bits per pixel")),
        Ok(ColorType::YCbCr(bits)) => Some(format!("YCbCr colours of {bits} bits")),
        Ok(ColorType::Lab(bits)) => Some(format!("L*a*b* colours of {bits} bits")),
        Ok(ColorType::Gray(bits)) if ![1, 8, 16].contains(&bits) => Some(format!("grey of {bits} bits")),
        Ok(ColorType::CMYKA(bits)) => Some(format!("CMYK colours of {bits} bits and transparency")),
        Ok(ColorType::Multiband { bit_depth, num_samples }) => {
            Some(format!("{num_samples} samples of {bit_depth} bits per pixel"))
        }
        Ok(ColorType::RGB(bits) | ColorType::RGBA(bits) | ColorType::CMYK(bits) | ColorType::GrayA(bits))
            if ![8, 16].contains(&bits) =>
        {
            Some(format!("samples of {bits} bits"))
        }
        Ok(_) => None,
        Err(error) => Some(refusal(&error)),
    };
    colours.unwrap_or_else(|| match decoder.find_tag_unsigned::<u16>(Tag::Compression) {
        Ok(Some(method)) => match CompressionMethod::from_u16_exhaustive(method) {
            CompressionMethod::None
            | CompressionMethod::Fax3
            | CompressionMethod::Fax4
            | CompressionMethod::LZW
            | CompressionMethod::ModernJPEG
            | CompressionMethod::Deflate
            | CompressionMethod::OldDeflate
            | CompressionMethod::PackBits => "an unusual layout of samples".into(),
            CompressionMethod::JPEG => "old-style JPEG compression".into(),
            CompressionMethod::ZSTD => "Zstandard compression".into(),
            CompressionMethod::WebP => "WebP compression".into(),
            _ => format!("compression {method}"),
        },
        _ => "an unusual layout".into(),
    })
}

/// What the decoder says that it does not support, in our words.
fn refusal(error: &TiffError) -> String {
    use TiffUnsupportedError as E;
    let TiffError::UnsupportedError(error) = error else { return "an unusual layout".into() };
    match error {
        E::InconsistentBitsPerSample(bits) => format!("samples of different sizes ({bits:?} bits)"),
        E::InterpretationWithBits(PhotometricInterpretation::RGBPalette, bits) => match bits[..] {
            [bits] => format!("a palette and {bits} bits per pixel"),
            _ => format!("a palette and {} samples per pixel", bits.len()),
        },
        E::InterpretationWithBits(colours, bits) => {
            format!("colours of kind {} and samples of {bits:?} bits", colours.to_u16())
        }
        E::UnsupportedInterpretation(colours) => format!("colours of kind {}", colours.to_u16()),
        E::UnsupportedSampleDepth(samples) => format!("{samples} samples per pixel"),
        E::UnsupportedBitsPerChannel(bits) => format!("samples of {bits} bits"),
        E::UnknownInterpretation => "an unknown kind of colours".into(),
        E::UnknownCompressionMethod => "an unknown compression".into(),
        E::UnsupportedCompressionMethod(method) => format!("compression {}", method.to_u16()),
        E::ChromaSubsampling => "colours stored at a fraction of the size".into(),
        _ => "an unusual layout".into(),
    }
}
