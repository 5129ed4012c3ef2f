//! The protocol between a process and its workers, both running the same program: little-endian numbers, and text and bytes
//! prefixed with their length.

use std::io::{self, Read, Write};

use clip_files::deceptive::is_deceptive;
use image::RgbImage;
use image::metadata::Orientation;

use crate::colour::{ColourSpace, LARGEST_PROFILE, Primaries};
use crate::formats::codec::{Pixels, rgb_bytes};
use crate::{Format, ImageError, Limits};

/// What to do with a file, whose bytes follow.
pub(super) struct Job {
    pub(super) format: Format,
    pub(super) limits: Limits,
    pub(super) least: Option<u32>,
    pub(super) orientation: Option<Orientation>,
}

impl Job {
    pub(super) fn write(&self, bytes: &[u8], to: &mut impl Write) -> io::Result<()> {
        let format = Format::ALL.iter().position(|format| *format == self.format).unwrap_or(usize::MAX);
        let orientation = self.orientation.map_or(0, Orientation::to_exif);
        let Limits { max_pixels, max_file_bytes, max_memory } = self.limits;
        for number in [
            format as u64,
            max_pixels,
            max_file_bytes,
            max_memory,
            self.least.map_or(0, |least| u64::from(least) + 1),
            orientation.into(),
        ] {
            to.write_all(&number.to_le_bytes())?;
        }
        write_bytes(bytes, to)
    }

    /// The next one, or `None` at the end of the stream.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<(Self, Vec<u8>)>> {
        let mut first = [0; 8];
        if from.read(&mut first[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut first[1..])?;
        let format = usize::try_from(u64::from_le_bytes(first)).ok().and_then(|index| Format::ALL.get(index));
        let format = *format.ok_or_else(nonsense)?;
        let limits = Limits { max_pixels: number(from)?, max_file_bytes: number(from)?, max_memory: number(from)? };
        let least = number(from)?.checked_sub(1).map(|least| u32::try_from(least).map_err(|_| nonsense()));
        let orientation = u8::try_from(number(from)?).ok().and_then(Orientation::from_exif);
        let job = Self { format, limits, least: least.transpose()?, orientation };
        Ok(Some((job, read_bytes(limits.max_file_bytes, from)?)))
    }
}

/// A worker's answer.
pub(super) enum Answer {
    /// How much memory it is about to take. It waits for [`GRANTED`].
    Reserve(u64),
    Done(Result<Pixels, ImageError>),
}

/// The reply to a request for memory.
pub(super) const GRANTED: u8 = 1;

const RESERVE: u8 = 0;
const PIXELS: u8 = 1;
const FAULT: u8 = 2;

/// The longest error message that is read.
const LONGEST_TEXT: u64 = 4096;

impl Answer {
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Reserve(bytes) => {
                to.write_all(&[RESERVE])?;
                to.write_all(&bytes.to_le_bytes())?;
            }
            Self::Done(Ok(pixels)) => {
                to.write_all(&[PIXELS])?;
                let (width, height) = pixels.image.dimensions();
                let orientation = pixels.orientation.map_or(0, Orientation::to_exif);
                for number in [width, height, pixels.size.0, pixels.size.1, orientation.into()] {
                    to.write_all(&number.to_le_bytes())?;
                }
                write_colours(pixels.colours.as_ref(), to)?;
                to.write_all(&pixels.image)?;
            }
            Self::Done(Err(error)) => {
                let (kind, text) = fault(error);
                to.write_all(&[FAULT, kind])?;
                write_bytes(text.as_bytes(), to)?;
            }
        }
        to.flush()
    }

    /// Reads a worker's answer about a file of this format. Answers beyond the limits are refused, since the file may have
    /// taken over the worker.
    pub(super) fn read(format: Format, limits: &Limits, from: &mut impl Read) -> io::Result<Self> {
        match byte(from)? {
            RESERVE => Ok(Self::Reserve(number(from)?)),
            PIXELS => {
                let [width, height, stored_width, stored_height, orientation] =
                    [small(from)?, small(from)?, small(from)?, small(from)?, small(from)?];
                let colours = read_colours(from)?;
                let is_plausible = width > 0
                    && height > 0
                    && width <= stored_width
                    && height <= stored_height
                    && limits.check_size((stored_width, stored_height), format).is_ok()
                    && rgb_bytes((width, height)) <= limits.max_memory;
                if !is_plausible {
                    return Err(nonsense());
                }
                let mut image = RgbImage::new(width, height);
                from.read_exact(&mut image)?;
                let orientation = u8::try_from(orientation).ok().and_then(Orientation::from_exif);
                Ok(Self::Done(Ok(Pixels { image, size: (stored_width, stored_height), orientation, colours })))
            }
            FAULT => {
                let kind = byte(from)?;
                // A file that has taken over the worker must not speak to the terminal.
                let text = String::from_utf8_lossy(&read_bytes(LONGEST_TEXT, from)?).replace(is_deceptive, "?");
                Ok(Self::Done(Err(error(kind, text, format))))
            }
            _ => Err(nonsense()),
        }
    }
}

/// A number for the kind of error, and its text.
fn fault(error: &ImageError) -> (u8, String) {
    let (kind, text) = match error {
        ImageError::Truncated { .. } => (0, String::new()),
        ImageError::Unsupported { what } => (1, what.clone()),
        ImageError::TooMuchMemory { reason, .. } => (2, reason.clone()),
        ImageError::NeedsLibrary { reason, .. } => (3, reason.clone()),
        ImageError::Panicked { message, .. } => (4, message.clone()),
        ImageError::TooLarge { width, height, max_pixels } => (5, format!("{width} {height} {max_pixels}")),
        ImageError::Decode { reason, .. } => (6, reason.clone()),
        // Not one that a decoder returns.
        other => (6, other.to_string()),
    };
    // The end matters least.
    let end = (0..=text.len().min(LONGEST_TEXT as usize)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    (kind, text[..end].to_owned())
}

fn error(kind: u8, text: String, format: Format) -> ImageError {
    match kind {
        0 => ImageError::Truncated { format },
        1 => ImageError::Unsupported { what: text },
        2 => ImageError::TooMuchMemory { format, reason: text },
        3 => ImageError::NeedsLibrary { format, reason: text },
        4 => ImageError::Panicked { format, message: text },
        5 => {
            let mut numbers = text.split(' ').map_while(|number| number.parse::<u64>().ok());
            let mut side = || numbers.next().and_then(|side| u32::try_from(side).ok()).unwrap_or(u32::MAX);
            let (width, height) = (side(), side());
            ImageError::TooLarge { width, height, max_pixels: numbers.next().unwrap_or_default() }
        }
        _ => ImageError::Decode { format, reason: text },
    }
}

fn write_colours(colours: Option<&ColourSpace>, to: &mut impl Write) -> io::Result<()> {
    let points = |Primaries { white, red, green, blue }: &Primaries| [*white, *red, *green, *blue];
    match colours {
        None => to.write_all(&[0]),
        Some(ColourSpace::Icc(profile)) => {
            to.write_all(&[1])?;
            write_bytes(profile, to)
        }
        Some(ColourSpace::Coded { primaries, transfer }) => to.write_all(&[2, *primaries, *transfer]),
        Some(ColourSpace::AdobeRgb) => to.write_all(&[3]),
        Some(ColourSpace::Gamma { gamma, primaries }) => {
            to.write_all(&[4, u8::from(primaries.is_some())])?;
            to.write_all(&gamma.to_le_bytes())?;
            for (x, y) in primaries.iter().flat_map(points) {
                to.write_all(&x.to_le_bytes())?;
                to.write_all(&y.to_le_bytes())?;
            }
            Ok(())
        }
    }
}

fn read_colours(from: &mut impl Read) -> io::Result<Option<ColourSpace>> {
    Ok(Some(match byte(from)? {
        0 => return Ok(None),
        1 => ColourSpace::Icc(read_bytes(LARGEST_PROFILE as u64, from)?),
        2 => ColourSpace::Coded { primaries: byte(from)?, transfer: byte(from)? },
        3 => ColourSpace::AdobeRgb,
        4 => {
            let has_primaries = byte(from)? == 1;
            let mut float = || small(from).map(f32::from_bits);
            let gamma = float()?;
            let mut point = || Ok::<_, io::Error>((float()?, float()?));
            let primaries = has_primaries.then(|| {
                Ok::<_, io::Error>(Primaries { white: point()?, red: point()?, green: point()?, blue: point()? })
            });
            ColourSpace::Gamma { gamma, primaries: primaries.transpose()? }
        }
        _ => return Err(nonsense()),
    }))
}

fn write_bytes(bytes: &[u8], to: &mut impl Write) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)
}

fn read_bytes(most: u64, from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = number(from)?;
    let length = usize::try_from(length).ok().filter(|_| length <= most).ok_or_else(nonsense)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length)?;
    // Memory that is only reserved costs nothing, so a length costs no more than the bytes that really follow it.
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn byte(from: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn small(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

pub(super) fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a worker and its process do not understand each other")
}

/// Reads bytes as a request and as an answer, and asserts what must hold of the results. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(bytes: &[u8], limits: &Limits) {
    if let Ok(Some((job, file))) = Job::read(&mut &bytes[..]) {
        assert!(file.len() as u64 <= job.limits.max_file_bytes && file.len() < bytes.len());
        let mut sent = Vec::new();
        job.write(&file, &mut sent).expect("memory");
        let again = Job::read(&mut &sent[..]).expect("what was read can be sent").expect("one of them");
        assert_eq!((again.0.format, again.0.limits, again.0.least), (job.format, job.limits, job.least));
        assert_eq!((again.0.orientation, again.1), (job.orientation, file));
    }
    let format = Format::Heif;
    let answer = Answer::read(format, limits, &mut &bytes[..]);
    match &answer {
        Ok(Answer::Done(Ok(pixels))) => {
            let (width, height) = pixels.image.dimensions();
            assert!(width > 0 && height > 0 && width <= pixels.size.0 && height <= pixels.size.1);
            assert!(limits.check_size(pixels.size, format).is_ok() && pixels.image.len() < bytes.len());
        }
        Ok(Answer::Done(Err(error))) => assert!(!error.to_string().contains(is_deceptive), "{error}"),
        Ok(Answer::Reserve(_)) | Err(_) => {}
    }
    let Ok(answer) = answer else { return };
    let mut sent = Vec::new();
    answer.write(&mut sent).expect("memory");
    let again = Answer::read(format, limits, &mut &sent[..]).expect("what was read can be sent");
    let mut twice = Vec::new();
    again.write(&mut twice).expect("memory");
    assert_eq!(sent, twice);
}

/// Requests and answers of all kinds, to be damaged.
#[cfg(all(test, feature = "default"))]
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let mut examples = Vec::new();
    for (least, orientation) in [(None, None), (Some(576), Some(Orientation::Rotate90))] {
        let limits = Limits { max_pixels: 1 << 16, max_file_bytes: 1 << 10, max_memory: 1 << 20 };
        let mut sent = Vec::new();
        Job { format: Format::Avif, limits, least, orientation }.write(b"the file", &mut sent).expect("memory");
        examples.push(sent);
    }
    let colours = [
        None,
        Some(ColourSpace::Icc(vec![1, 2, 3])),
        Some(ColourSpace::Coded { primaries: 12, transfer: 13 }),
        Some(ColourSpace::Gamma { gamma: 0.5, primaries: Some(Primaries::SRGB) }),
    ];
    let pixels = colours.into_iter().map(|colours| {
        Ok(Pixels { image: RgbImage::new(3, 2), size: (30, 20), orientation: Some(Orientation::Rotate90), colours })
    });
    let format = Format::Heif;
    let errors = [
        ImageError::TooLarge { width: 7, height: 8, max_pixels: 9 },
        ImageError::Decode { format, reason: "it ends at byte 7".into() },
        ImageError::Truncated { format },
    ];
    let results = pixels.chain(errors.map(Err)).map(Answer::Done);
    for answer in results.chain([Answer::Reserve(1 << 20)]) {
        let mut sent = Vec::new();
        answer.write(&mut sent).expect("memory");
        examples.push(sent);
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_arrive_as_they_were_sent() {
        for (least, orientation) in [(None, None), (Some(0), Some(Orientation::Rotate90)), (Some(576), None)] {
            let job = Job { format: Format::Avif, limits: Limits::default(), least, orientation };
            let mut sent = Vec::new();
            job.write(b"the file", &mut sent).unwrap();
            let mut rest = &sent[..];
            let (read, bytes) = Job::read(&mut rest).unwrap().unwrap();
            assert_eq!((read.format, read.limits, read.least), (job.format, job.limits, least));
            assert_eq!((read.orientation, bytes), (orientation, b"the file".to_vec()));
            assert!(Job::read(&mut rest).unwrap().is_none());
            for length in 1..sent.len() {
                assert!(Job::read(&mut &sent[..length]).is_err(), "{length}");
            }
        }
    }

    fn returned(answer: &Answer) -> Result<Pixels, ImageError> {
        let mut sent = Vec::new();
        answer.write(&mut sent).unwrap();
        match Answer::read(Format::Heif, &Limits::default(), &mut &sent[..]).unwrap() {
            Answer::Done(result) => result,
            Answer::Reserve(_) => panic!("no reservation"),
        }
    }

    #[test]
    fn pixels_return_as_they_were() {
        let colours = [
            None,
            Some(ColourSpace::Icc(vec![1, 2, 3])),
            Some(ColourSpace::Coded { primaries: 12, transfer: 13 }),
            Some(ColourSpace::AdobeRgb),
            Some(ColourSpace::Gamma { gamma: 0.5, primaries: None }),
            Some(ColourSpace::Gamma { gamma: 0.5, primaries: Some(Primaries::SRGB) }),
        ];
        for colours in colours {
            let image = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 7]));
            let orientation = Some(Orientation::Rotate270FlipH);
            let pixels = Pixels { image: image.clone(), size: (30, 20), orientation, colours: colours.clone() };
            let returned = returned(&Answer::Done(Ok(pixels))).map_err(|error| error.to_string()).unwrap();
            assert!(returned.image == image);
            assert_eq!((returned.size, returned.orientation, returned.colours), ((30, 20), orientation, colours));
        }
    }

    #[test]
    fn errors_return_as_they_were() {
        let format = Format::Heif;
        let errors = [
            ImageError::Truncated { format },
            ImageError::Unsupported { what: "this kind of HEIC".into() },
            ImageError::TooMuchMemory { format, reason: "7 bytes, the limit is 6".into() },
            ImageError::NeedsLibrary { format, reason: "there is none".into() },
            ImageError::Panicked { format, message: "oh".into() },
            ImageError::TooLarge { width: 7, height: 8, max_pixels: 9 },
            ImageError::Decode { format, reason: "ä".repeat(4000) },
        ];
        for error in errors {
            let expected = error.to_string();
            let returned = returned(&Answer::Done(Err(error))).err().unwrap().to_string();
            assert!(expected.starts_with(&returned) && returned.len() >= expected.len().min(4000), "{returned}");
        }
    }

    #[test]
    fn a_worker_that_a_file_has_taken_over_says_nonsense() {
        let says = |bytes: &[u8]| Answer::read(Format::Heif, &Limits::default(), &mut &bytes[..]);
        let pixels = |sides: [u32; 4]| {
            let numbers = sides.iter().chain([&0]).flat_map(|number| number.to_le_bytes());
            [1].into_iter().chain(numbers).chain([0; 64]).collect::<Vec<u8>>()
        };
        assert!(says(&pixels([2, 2, 4, 4])).is_ok());
        for sides in [[0, 2, 4, 4], [5, 2, 4, 4], [60_000, 60_000, 60_000, 60_000], [u32::MAX; 4]] {
            assert!(says(&pixels(sides)).is_err(), "{sides:?}");
        }
        assert!(says(&[7]).is_err() && says(&[]).is_err());
        // A text that colours the terminal or turns the reading direction.
        let Ok(Answer::Done(Err(error))) = says(&[&[2, 6][..], &6u64.to_le_bytes(), b"a\x1b[\xe2\x80\xae"].concat())
        else {
            panic!("an error")
        };
        assert!(error.to_string().ends_with("a?[?"), "{error}");
        // A text of any length.
        assert!(says(&[&[2, 6][..], &u64::MAX.to_le_bytes()].concat()).is_err());
    }
}
