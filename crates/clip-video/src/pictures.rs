//! Pictures one behind the other in a stream, as ffmpeg writes them: PPM with three bytes a pixel.

use std::io::{self, ErrorKind, Read};

use image::RgbImage;

/// The longer side of a picture; ffmpeg is asked for no more.
pub(crate) const LONGEST_SIDE: u32 = 8192;

/// The most bytes of a picture's header.
const LONGEST_HEADER: usize = 64;

/// Why there is no next picture in a stream that has not ended.
#[derive(Debug)]
pub(crate) enum BadStream {
    /// It ends within a picture, or cannot be read.
    Broken,
    /// It is something else than was asked for.
    Unasked { found: String },
}

/// The next picture; `None` at the end of the stream. None with more than `most_pixels` is read.
pub(crate) fn next(from: &mut impl Read, most_pixels: u64) -> Result<Option<RgbImage>, BadStream> {
    let Some((width, height)) = header(from)? else { return Ok(None) };
    let pixels = u64::from(width) * u64::from(height);
    if width > LONGEST_SIDE || height > LONGEST_SIDE || pixels > most_pixels || pixels == 0 {
        return Err(BadStream::Unasked { found: format!("a frame of {width}x{height} pixels") });
    }
    let bytes = usize::try_from(3 * pixels).map_err(|_| BadStream::Broken)?;
    let mut data = vec![0; bytes];
    from.read_exact(&mut data).map_err(|_| BadStream::Broken)?;
    RgbImage::from_raw(width, height, data).ok_or(BadStream::Broken).map(Some)
}

/// Reads "P6\n85 64\n255\n".
fn header(from: &mut impl Read) -> Result<Option<(u32, u32)>, BadStream> {
    let unasked = || BadStream::Unasked { found: "something that is not a frame".to_owned() };
    let mut text = Vec::with_capacity(LONGEST_HEADER);
    let (mut lines, mut byte) = (0, [0]);
    while lines < 3 {
        match read_one(from, &mut byte) {
            Ok(true) => {}
            Ok(false) if text.is_empty() => return Ok(None),
            Ok(false) | Err(_) => return Err(BadStream::Broken),
        }
        let [byte] = byte;
        lines += usize::from(byte == b'\n');
        text.push(byte);
        if text.len() == LONGEST_HEADER {
            return Err(unasked());
        }
    }
    let text = str::from_utf8(&text).map_err(|_| unasked())?;
    let mut words = text.split_ascii_whitespace();
    let mut word = || words.next().ok_or_else(unasked);
    if word()? != "P6" {
        return Err(unasked());
    }
    let (width, height, most) = (word()?, word()?, word()?);
    let number = |text: &str| text.parse::<u32>().map_err(|_| unasked());
    if number(most)? != 255 {
        return Err(unasked());
    }
    Ok(Some((number(width)?, number(height)?)))
}

fn read_one(from: &mut impl Read, byte: &mut [u8; 1]) -> io::Result<bool> {
    loop {
        match from.read(byte) {
            Ok(read) => return Ok(read == 1),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_one_after_the_other() {
        let mut stream = &b"P6\n2 1\n255\nabcdefP6\n1 1\n255\nxyz"[..];
        let picture = next(&mut stream, 100).unwrap().unwrap();
        assert_eq!((picture.dimensions(), picture.as_raw().as_slice()), ((2, 1), &b"abcdef"[..]));
        assert_eq!(next(&mut stream, 100).unwrap().unwrap().dimensions(), (1, 1));
        assert!(next(&mut stream, 100).unwrap().is_none());
    }

    #[test]
    fn what_was_not_asked_for_is_not_read() {
        for stream in [
            &b"P6\n20 10\n255\n"[..],
            b"P6\n4294967295 4294967295\n255\n",
            b"P6\n0 1\n255\n",
            b"P5\n1 1\n255\nx",
            b"P6\n1 1\n65535\nx",
            b"P6\n1\n\n1 1\n",
            b"no picture at all, and for so long that it is not worth reading any further",
            b"P6\n\xff\n\n",
        ] {
            assert!(matches!(next(&mut &stream[..], 100), Err(BadStream::Unasked { .. })), "{stream:?}");
        }
        for stream in [&b"P6\n"[..], b"P6\n2 1\n255\nabc"] {
            assert!(matches!(next(&mut &stream[..], 100), Err(BadStream::Broken)), "{stream:?}");
        }
    }
}
