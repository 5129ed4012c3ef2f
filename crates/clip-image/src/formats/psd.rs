//! Photoshop documents (PSD and PSB): the flattened image after the layers.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["psd", "psb"],
    sniff: |bytes| bytes.starts_with(b"8BPS"),
    #[cfg(feature = "psd")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "psd"))]
    codec: None,
};

#[cfg(feature = "psd")]
mod codec {
    use image::RgbImage;

    use crate::annotations::iptc;
    use crate::colour::inks::{self, Inks};
    use crate::colour::{ColourSpace, LARGEST_PROFILE};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::raster::over_white;
    use crate::{Format, ImageError, exif_data};

    pub(super) const CODEC: Codec = Codec {
        decode: |bytes, request| decode(bytes, request),
        metadata,
        has_all_metadata: Some(|bytes| Document::read(bytes).is_ok_and(|document| document.resources.is_some())),
    };

    /// The resource with the colour profile.
    const PROFILE: u16 = 0x040f;

    /// Channel by channel and row by row, so that beside the result only one row is in memory.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let fault = |fault: Fault| fault.into_error(Format::Psd);
        let document = Document::read(bytes).map_err(fault)?;
        let size = document.size;
        request.limits.check_size(size, Format::Psd)?;
        let channels = document.channels_of_use().map_err(fault)?;
        let resources = document.resources.ok_or_else(|| fault(Fault::Truncated))?;
        if has_no_picture(resources) {
            return Err(fault(Fault::Unsupported("PSD without a flattened image".into())));
        }
        let rgb = rgb_bytes(size);
        let row = document.row_bytes();
        let profile = iptc::find(resources, PROFILE);
        let is_print = document.mode == CMYK && profile.is_some();
        let press = if is_print { inks::MEMORY.saturating_add(4 * u64::from(size.0)) } else { 0 };
        let all = [rgb, row, press].into_iter().fold(0, u64::saturating_add);
        request.reserve(Format::Psd, request.memory(all, rgb, None))?;

        let press = profile.filter(|_| is_print).and_then(Inks::of);
        let mut rows = document.rows(document.behind_resources).map_err(fault)?;
        let mut row = vec![0; row as usize];
        let mut image = RgbImage::new(size.0, size.1);
        let stride = 3 * size.0 as usize;
        let mut four = Vec::new();
        for channel in channels {
            for to in image.chunks_exact_mut(stride) {
                rows.next(&mut row).map_err(fault)?;
                match (&press, channel) {
                    // Black is the last of the inks: the others of this row are there.
                    (Some(press), Channel::Ink) => {
                        four.clear();
                        let pixels = to.as_chunks::<3>().0.iter().enumerate();
                        four.extend(pixels.flat_map(|(x, [c, m, y])| {
                            [*c, *m, *y, document.sample(&row, x)].map(|light| 255 - light)
                        }));
                        press.to_rgb(&four, to);
                    }
                    _ => document.put(channel, &row, to.as_chunks_mut::<3>().0),
                }
            }
        }
        if document.mode == LAB {
            image.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = srgb_of_lab(*pixel));
        }
        let is_converted = matches!(document.mode, CMYK | LAB);
        let colours = profile.filter(|profile| !is_converted && profile.len() <= LARGEST_PROFILE);
        Ok(Pixels {
            image,
            size,
            orientation: None,
            colours: colours.map(|profile| ColourSpace::Icc(profile.to_vec())),
        })
    }

    fn metadata(bytes: &[u8]) -> Blocks<'_> {
        const EXIF: u16 = 0x0422;
        const XMP: u16 = 0x0424;
        let Ok(Document { resources: Some(resources), .. }) = Document::read(bytes) else { return Blocks::default() };
        Blocks {
            exif: iptc::find(resources, EXIF).map(exif_data::without_name),
            xmp: iptc::find(resources, XMP),
            resources: Some(resources),
            ..Blocks::default()
        }
    }

    /// Whether the flattened image was left out when saving: in its place is a notice in many languages.
    fn has_no_picture(resources: &[u8]) -> bool {
        const VERSION: u16 = 0x0421;
        iptc::find(resources, VERSION).and_then(|version| version.get(4)) == Some(&0)
    }

    const BITMAP: u16 = 0;
    const GREY: u16 = 1;
    const INDEXED: u16 = 2;
    const RGB: u16 = 3;
    const CMYK: u16 = 4;
    const DUOTONE: u16 = 8;
    const LAB: u16 = 9;

    /// What a channel contributes to the picture.
    #[derive(Clone, Copy)]
    enum Channel {
        /// One sample of each pixel, with this index.
        Sample(usize),
        /// All three samples.
        Grey,
        /// An index into the palette.
        Index,
        /// Multiplied with the colours: black ink. Inks are stored inverted.
        Ink,
        Alpha,
    }

    struct Document<'a> {
        /// Whether lengths are larger, as in PSB.
        is_large: bool,
        channels: u16,
        size: (u32, u32),
        bits: u16,
        mode: u16,
        palette: &'a [u8],
        /// The image resources, if all of them are there.
        resources: Option<&'a [u8]>,
        behind_resources: &'a [u8],
    }

    impl<'a> Document<'a> {
        fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
            let mut rest = bytes;
            let [_, _, _, _, v1, v0, ..] = take::<12>(&mut rest)?;
            let version = u16::from_be_bytes([v1, v0]);
            if !matches!(version, 1 | 2) {
                return Err(Fault::Damaged(format!("its version is {version}, expected 1 or 2")));
            }
            let [channels] = [u16::from_be_bytes(take(&mut rest)?)];
            let (height, width) = (u32::from_be_bytes(take(&mut rest)?), u32::from_be_bytes(take(&mut rest)?));
            let (bits, mode) = (u16::from_be_bytes(take(&mut rest)?), u16::from_be_bytes(take(&mut rest)?));
            let palette = block(&mut rest)?;
            let resources = block(&mut rest).ok();
            Ok(Self {
                is_large: version == 2,
                channels,
                size: (width, height),
                bits,
                mode,
                palette,
                resources,
                behind_resources: rest,
            })
        }

        /// The channels of the picture, in the order in which they are stored.
        fn channels_of_use(&self) -> Result<impl Iterator<Item = Channel> + use<>, Fault> {
            use Channel::{Alpha, Grey, Index, Ink, Sample};
            let colours: &[Channel] = match self.mode {
                BITMAP | GREY | DUOTONE => &[Grey],
                INDEXED => &[Index],
                RGB | LAB => &[Sample(0), Sample(1), Sample(2)],
                CMYK => &[Sample(0), Sample(1), Sample(2), Ink],
                mode => return Err(Fault::Unsupported(format!("PSD with colour mode {mode}"))),
            };
            let is_possible = match self.mode {
                BITMAP => self.bits == 1,
                INDEXED => self.bits == 8,
                _ => matches!(self.bits, 8 | 16),
            };
            if !is_possible {
                return Err(Fault::Unsupported(format!("PSD with {} bits per sample", self.bits)));
            }
            if usize::from(self.channels) < colours.len() {
                return Err(Fault::Damaged(format!(
                    "it has {} channels, expected at least {}",
                    self.channels,
                    colours.len()
                )));
            }
            // Lab samples can only be converted when all are there.
            let has_alpha = self.has_alpha() && self.mode != LAB && usize::from(self.channels) > colours.len();
            Ok(colours.iter().copied().chain(has_alpha.then_some(Alpha)))
        }

        /// Whether the first channel after the colours is alpha: then the number of layers is negative.
        fn has_alpha(&self) -> bool {
            let mut rest = self.behind_resources;
            let Ok(mut layers) = self.layers(&mut rest) else { return false };
            let Ok(_) = self.length(&mut layers) else { return false };
            take::<2>(&mut layers).is_ok_and(|count| i16::from_be_bytes(count) < 0)
        }

        fn length(&self, rest: &mut &[u8]) -> Result<u64, Fault> {
            Ok(if self.is_large { u64::from_be_bytes(take(rest)?) } else { u32::from_be_bytes(take(rest)?).into() })
        }

        /// Layers and masks.
        fn layers(&self, rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
            let length = self.length(rest)?;
            let (layers, after) = usize::try_from(length)
                .ok()
                .and_then(|length| rest.split_at_checked(length))
                .ok_or(Fault::Truncated)?;
            *rest = after;
            Ok(layers)
        }

        fn row_bytes(&self) -> u64 {
            (u64::from(self.size.0) * u64::from(self.bits)).div_ceil(8)
        }

        fn rows(&self, mut rest: &'a [u8]) -> Result<Rows<'a>, Fault> {
            self.layers(&mut rest)?;
            let compression = u16::from_be_bytes(take(&mut rest)?);
            match compression {
                0 => Ok(Rows { lengths: None, data: rest }),
                1 => {
                    let width = if self.is_large { 4 } else { 2 };
                    let count = u64::from(self.channels) * u64::from(self.size.1) * width as u64;
                    let (lengths, data) = usize::try_from(count)
                        .ok()
                        .and_then(|count| rest.split_at_checked(count))
                        .ok_or(Fault::Truncated)?;
                    Ok(Rows { lengths: Some((lengths, width)), data })
                }
                2 | 3 => Err(Fault::Unsupported("PSD with ZIP compression".into())),
                _ => Err(Fault::Damaged(format!("its compression is {compression}, expected 0 to 3"))),
            }
        }

        /// A sample of a row, in eight bits.
        fn sample(&self, row: &[u8], x: usize) -> u8 {
            match self.bits {
                // A set bit is ink.
                1 if row[x / 8] << (x % 8) & 0x80 == 0 => 255,
                1 => 0,
                8 => row[x],
                _ => ((u32::from(u16::from_be_bytes([row[2 * x], row[2 * x + 1]])) + 128) / 257) as u8,
            }
        }

        /// Adds a row of a channel to the picture.
        fn put(&self, channel: Channel, row: &[u8], to: &mut [[u8; 3]]) {
            for (x, pixel) in to.iter_mut().enumerate() {
                let value = self.sample(row, x);
                match channel {
                    Channel::Sample(number) => pixel[number] = value,
                    Channel::Grey => *pixel = [value; 3],
                    Channel::Index => {
                        // All reds, then all greens, then all blues.
                        let sample = |i: usize| self.palette.get(i * 256 + usize::from(value));
                        *pixel = [0, 1, 2].map(|i| sample(i).copied().unwrap_or_default());
                    }
                    Channel::Ink => {
                        *pixel = pixel.map(|sample| ((u32::from(sample) * u32::from(value) + 127) / 255) as u8);
                    }
                    Channel::Alpha => *pixel = pixel.map(|sample| over_white(sample, value)),
                }
            }
        }
    }

    /// The rows of all channels, one after the other.
    struct Rows<'a> {
        /// How many bytes each compressed row has, and the size of each of these numbers.
        lengths: Option<(&'a [u8], usize)>,
        data: &'a [u8],
    }

    impl Rows<'_> {
        fn next(&mut self, row: &mut [u8]) -> Result<(), Fault> {
            let Some((lengths, width)) = &mut self.lengths else {
                let (stored, rest) = self.data.split_at_checked(row.len()).ok_or(Fault::Truncated)?;
                row.copy_from_slice(stored);
                self.data = rest;
                return Ok(());
            };
            let (length, rest) = lengths.split_at_checked(*width).ok_or(Fault::Truncated)?;
            *lengths = rest;
            let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            let (packed, rest) = self.data.split_at_checked(length).ok_or(Fault::Truncated)?;
            self.data = rest;
            unpack(packed, row).ok_or_else(|| Fault::damaged("one of its rows is too short"))
        }
    }

    /// Unpacks PackBits. Data that exceed the row are ignored.
    fn unpack(mut packed: &[u8], row: &mut [u8]) -> Option<()> {
        let mut at = 0;
        while at < row.len() {
            let (count, rest) = packed.split_first()?;
            let count = usize::from(*count);
            let to = &mut row[at..];
            match count {
                0..128 => {
                    let (literals, rest) = rest.split_at_checked(count + 1)?;
                    let length = literals.len().min(to.len());
                    to[..length].copy_from_slice(&literals[..length]);
                    (at, packed) = (at + length, rest);
                }
                // No operation.
                128 => packed = rest,
                _ => {
                    let (value, rest) = rest.split_first()?;
                    let length = (257 - count).min(to.len());
                    to[..length].fill(*value);
                    (at, packed) = (at + length, rest);
                }
            }
        }
        Some(())
    }

    fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Fault> {
        let (taken, after) = rest.split_first_chunk::<N>().ok_or(Fault::Truncated)?;
        *rest = after;
        Ok(*taken)
    }

    /// A block that is prefixed with its length.
    fn block<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
        let length = u32::from_be_bytes(take(rest)?) as usize;
        let (block, after) = rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        *rest = after;
        Ok(block)
    }

    /// L*a*b* with white point D50, eight bits each, to sRGB.
    fn srgb_of_lab([l, a, b]: [u8; 3]) -> [u8; 3] {
        let fy = (f32::from(l) * 100.0 / 255.0 + 16.0) / 116.0;
        let (fx, fz) = (fy + (f32::from(a) - 128.0) / 500.0, fy - (f32::from(b) - 128.0) / 200.0);
        let inverse = |f: f32| if f > 6.0 / 29.0 { f.powi(3) } else { (f - 4.0 / 29.0) * 108.0 / 841.0 };
        let (x, y, z) = (0.9642 * inverse(fx), inverse(fy), 0.8251 * inverse(fz));
        // To linear sRGB, with Bradford adaptation.
        [
            3.1339 * x - 1.6169 * y - 0.4906 * z,
            -0.9788 * x + 1.9161 * y + 0.0335 * z,
            0.0719 * x - 0.2290 * y + 1.4052 * z,
        ]
        .map(|linear| crate::formats::linear::srgb(linear.clamp(0.0, 1.0)))
    }
}
