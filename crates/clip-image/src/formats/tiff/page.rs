//! What the fields of a page say about its pixels.

use super::chunks::Chunks;

use super::fields::Directory;
use super::method::Compression;
use super::tags;
use crate::formats::library::Fault;

/// A page whose pixels can be decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) directory: Directory<'a>,
    pub(super) size: (u32, u32),
    pub(super) colours: Colours,
    pub(super) sample: Sample,
    /// Samples of a pixel, whether they are of use or not.
    pub(super) samples: u16,
    pub(super) alpha: Option<Alpha>,
    pub(super) compression: Compression<'a>,
    pub(super) predictor: Predictor,
    pub(super) chunks: Chunks<'a>,
}

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
    Lab(Lab),
}

/// How L*a*b* colours are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lab {
    /// a* and b* are signed.
    Cie,
    /// a* and b* have an offset.
    Icc,
    /// a* and b* have offsets and ranges of their own (T.42, as faxes have it).
    Itu,
}

impl Colours {
    pub(super) fn samples(self) -> u16 {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr | Self::Lab(_) => 3,
            Self::Cmyk => 4,
        }
    }
}

/// A sample as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) bits: u16,
    pub(super) number: Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Unsigned,
    Signed,
    Float,
}

/// A sample that says how opaque a pixel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alpha {
    /// Which sample it is.
    pub(super) index: u16,
    /// Whether the colours are multiplied with it already.
    pub(super) is_associated: bool,
}

/// What samples are stored as the difference to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// The pixel to the left.
    Horizontal,
    /// The byte to the left, the first bytes of all numbers of a row before the second ones.
    Float,
}

impl<'a> Page<'a> {
    pub(super) fn of(directory: &Directory<'a>) -> Result<Self, Fault> {
        let size = (long(directory, tags::IMAGE_WIDTH)?, long(directory, tags::IMAGE_LENGTH)?);
        let bits = directory.get(tags::BITS_PER_SAMPLE);
        // Where there is one number of bits for each sample, they can be counted.
        let counted = bits.map_or(1, |bits| bits.count.clamp(1, u64::from(u16::MAX)) as u16);
        let samples = short(directory, tags::SAMPLES_PER_PIXEL, counted)?;
        if samples == 0 {
            return Err(Fault::damaged("it has 0 samples per pixel"));
        }
        let compression = Compression::of(directory, Self::code_of_compression(directory)?)?;
        let colours = colours(directory, &compression, samples)?;
        if samples < colours.samples() {
            let expected = colours.samples();
            return Err(Fault::Damaged(format!("it has {samples} samples per pixel, its colours take {expected}")));
        }
        let sample = sample(directory, colours, samples)?;
        let chunks = Chunks::of(directory, size, samples, &compression)?;
        Ok(Self {
            directory: *directory,
            size,
            colours,
            sample,
            samples,
            alpha: alpha(directory, colours, samples),
            predictor: predictor(directory, &compression, sample)?,
            compression,
            chunks,
        })
    }

    /// The number that stands for how chunks are compressed.
    pub(super) fn code_of_compression(directory: &Directory<'a>) -> Result<u16, Fault> {
        short(directory, tags::COMPRESSION, 1)
    }

    /// The planes that are read: one of all samples, or those of the samples that are of use.
    pub(super) fn planes(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        let count = if self.chunks.is_planar { usize::MAX } else { 1 };
        self.wanted().take(count)
    }

    /// Whether a chunk's colours have to be brought to the full size.
    pub(super) fn is_subsampled(&self) -> bool {
        self.colours == Colours::YCbCr && self.subsampling() != (1, 1)
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// Whether colours are stored at a fraction of the size, and at which. JPEG has its own way to say that.
    pub(super) fn subsampling(&self) -> (u32, u32) {
        if self.colours != Colours::YCbCr || self.compression.is_jpeg() {
            return (1, 1);
        }
        let side = |index| {
            let field = self.directory.get(tags::YCBCR_SUBSAMPLING);
            field.and_then(|field| field.uint(index)).filter(|side| [1, 2, 4].contains(side)).unwrap_or(2) as u32
        };
        (side(0), side(1))
    }

    /// Which samples of a pixel are of use, in order.
    pub(super) fn wanted(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        (0..self.colours.samples()).chain(self.alpha.map(|alpha| alpha.index))
    }
}

/// A field with one short number. A number of any size will do.
fn short(directory: &Directory<'_>, tag: u16, default: u16) -> Result<u16, Fault> {
    let Some(field) = directory.get(tag) else { return Ok(default) };
    let value = field.uint(0).ok_or_else(|| {
        Fault::Damaged(format!("expected a number for its {}, found something else", tags::name(tag)))
    })?;
    u16::try_from(value).map_err(|_| Fault::Damaged(format!("its {} is {value}, which is too large", tags::name(tag))))
}

fn long(directory: &Directory<'_>, tag: u16) -> Result<u32, Fault> {
    let field = directory.get(tag).ok_or_else(|| Fault::Damaged(format!("it has no {}", tags::name(tag))))?;
    let value = field.uint(0).ok_or_else(|| {
        Fault::Damaged(format!("expected a number for its {}, found something else", tags::name(tag)))
    })?;
    u32::try_from(value).map_err(|_| Fault::Damaged(format!("its {} is {value}, which is too large", tags::name(tag))))
}

fn colours(directory: &Directory<'_>, compression: &Compression<'_>, samples: u16) -> Result<Colours, Fault> {
    let unsupported = |what: String| Err(Fault::Unsupported(format!("TIFF with {what}")));
    let Some(field) = directory.get(tags::PHOTOMETRIC) else {
        // As libtiff guesses.
        return Ok(match samples {
            _ if compression.is_fax() => Colours::WhiteIsZero,
            1 | 2 => Colours::BlackIsZero,
            _ => Colours::Rgb,
        });
    };
    Ok(match field.uint(0) {
        Some(0) => Colours::WhiteIsZero,
        Some(1) => Colours::BlackIsZero,
        Some(2) => Colours::Rgb,
        Some(3) => Colours::Palette,
        Some(5) => match short(directory, tags::INK_SET, 1)? {
            // Inks of other colours may still be these, without their names.
            1 | 2 if samples >= 4 => Colours::Cmyk,
            1 => return Err(Fault::Damaged(format!("it has {samples} samples per pixel, its colours take 4"))),
            _ => return unsupported("inks other than cyan, magenta, yellow and black".into()),
        },
        Some(6) => Colours::YCbCr,
        Some(8) => Colours::Lab(Lab::Cie),
        Some(9) => Colours::Lab(Lab::Icc),
        Some(10) => Colours::Lab(Lab::Itu),
        Some(4) => return unsupported("only a mask".into()),
        Some(32803 | 34892) => return unsupported("raw data of a camera".into()),
        Some(32844 | 32845) => return unsupported("LogLuv colours".into()),
        Some(other) => return unsupported(format!("photometric interpretation {other}")),
        None => return unsupported("an unknown kind of colours".into()),
    })
}

fn sample(directory: &Directory<'_>, colours: Colours, samples: u16) -> Result<Sample, Fault> {
    let unsupported = |what: String| Err(Fault::Unsupported(format!("TIFF with {what}")));
    // There may be as many values as samples, and those are any number: they are not collected.
    let values = |tag| directory.get(tag).filter(|field| field.uint(0).is_some());
    let first = |tag, default| directory.uint(tag).unwrap_or(default);
    let differ =
        |tag| values(tag).is_some_and(|field| field.uints().take(samples.into()).any(|v| Some(v) != field.uint(0)));
    let (bits, format) = (first(tags::BITS_PER_SAMPLE, 1), first(tags::SAMPLE_FORMAT, 1));
    if differ(tags::BITS_PER_SAMPLE) {
        let some: Vec<u64> = values(tags::BITS_PER_SAMPLE).iter().flat_map(|bits| bits.uints().take(8)).collect();
        return unsupported(format!("samples of different sizes ({some:?} bits)"));
    }
    if differ(tags::SAMPLE_FORMAT) {
        return unsupported("samples of different kinds".into());
    }
    let number = match format {
        2 => Number::Signed,
        3 => Number::Float,
        5 | 6 => return unsupported("complex samples".into()),
        _ => Number::Unsigned,
    };
    // Signs of L*a*b* are part of the colours.
    let number = if matches!(colours, Colours::Lab(_) | Colours::Palette) { Number::Unsigned } else { number };
    let most_bits: &[u64] = match (colours, number) {
        (Colours::Palette, _) => &[1, 2, 3, 4, 5, 6, 7, 8],
        (Colours::YCbCr | Colours::Lab(_), _) => &[8, 16],
        (_, Number::Unsigned) => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 32, 64],
        (_, Number::Signed) => &[8, 16, 32, 64],
        (_, Number::Float) => &[16, 32, 64],
    };
    if !most_bits.contains(&bits) {
        let what = match (colours, number) {
            (Colours::Palette, _) => format!("a palette and {bits} bits per pixel"),
            (Colours::YCbCr, _) => format!("YCbCr colours of {bits} bits"),
            (Colours::Lab(_), _) => format!("L*a*b* colours of {bits} bits"),
            (_, Number::Float) => format!("floating-point samples of {bits} bits"),
            _ => format!("samples of {bits} bits"),
        };
        return unsupported(what);
    }
    Ok(Sample { bits: bits as u16, number })
}

fn predictor(directory: &Directory<'_>, compression: &Compression<'_>, sample: Sample) -> Result<Predictor, Fault> {
    let predictor = match short(directory, tags::PREDICTOR, 1)? {
        1 => Predictor::None,
        2 => Predictor::Horizontal,
        3 => Predictor::Float,
        other => return Err(Fault::Damaged(format!("its predictor is {other}, expected 1, 2 or 3"))),
    };
    if !compression.has_predictor() {
        return Ok(Predictor::None);
    }
    let is_possible = match predictor {
        Predictor::None => true,
        Predictor::Horizontal => [8, 16, 32, 64].contains(&sample.bits),
        Predictor::Float => sample.number == Number::Float,
    };
    if is_possible {
        return Ok(predictor);
    }
    Err(Fault::Unsupported(format!("TIFF with differences of samples of {} bits", sample.bits)))
}

fn alpha(directory: &Directory<'_>, colours: Colours, samples: u16) -> Option<Alpha> {
    let first = colours.samples();
    let Some(extra) = directory.get(tags::EXTRA_SAMPLES) else {
        // Programs that forget to say so mean transparency.
        let is_likely = samples == first + 1 && matches!(colours, Colours::BlackIsZero | Colours::Rgb);
        return is_likely.then_some(Alpha { index: first, is_associated: false });
    };
    (first..samples).zip(extra.uints()).find_map(|(index, kind)| match kind {
        1 => Some(Alpha { index, is_associated: true }),
        // Corel Draw 10 writes 999.
        2 | 999 => Some(Alpha { index, is_associated: false }),
        _ => None,
    })
}
