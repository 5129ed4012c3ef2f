//! Netpbm's formats: PBM, PGM, PPM and PAM.

#[cfg(feature = "pnm")]
mod header;

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["pbm", "pgm", "ppm", "pnm", "pam"],
    sniff: |bytes| matches!(bytes, [b'P', b'1'..=b'7', space, ..] if space.is_ascii_whitespace() || *space == b'#'),
    #[cfg(feature = "pnm")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "pnm"))]
    codec: None,
};

#[cfg(feature = "pnm")]
mod codec {
    use std::io::{Cursor, Read};

    use image::codecs::pnm::PnmDecoder;

    use super::header::{self, Encoding, Header};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError};

    // The formats have no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let header = Header::read(bytes).map_err(|fault| fault.into_error(Format::Pnm))?;
        // Before the library sees them: it refuses some sizes in words of its own.
        request.limits.check_size((header.width, header.height), Format::Pnm)?;
        let samples = &bytes[header.end..];
        // The library gets the header as it understands it in every detail.
        let canonical = header.canonical();
        let reader = Cursor::new(&canonical[..]).chain(samples);
        library::read(Format::Pnm, PnmDecoder::new(reader), request, 0, None, |_| explain(&header, samples))
    }

    /// What is wrong with the samples. The library's error does not say what it found.
    fn explain(header: &Header, samples: &[u8]) -> Fault {
        let maximum = header.maximum;
        let unexpected = |sample: &[u8]| {
            let shown = sample[..sample.len().min(16)].escape_ascii();
            Fault::Damaged(format!("a sample is \"{shown}\", expected 0 to {maximum}"))
        };
        let mut found = 0;
        match header.encoding {
            // One digit a sample, with or without space in between.
            Encoding::Digits => {
                for digit in samples.chunks(1).filter(|byte| !header::is_space(byte[0])) {
                    if found == header.samples() {
                        break;
                    }
                    if !matches!(digit, b"0" | b"1") {
                        return unexpected(digit);
                    }
                    found += 1;
                }
            }
            Encoding::Numbers => {
                for word in samples.split(|byte| header::is_space(*byte)).filter(|word| !word.is_empty()) {
                    if found == header.samples() {
                        break;
                    }
                    let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u16>().ok());
                    if number.is_none_or(|number| number > maximum) {
                        return unexpected(word);
                    }
                    found += 1;
                }
            }
            Encoding::Binary => {
                return match samples.iter().find(|sample| u16::from(**sample) > maximum) {
                    Some(sample) => Fault::Damaged(format!("a sample is {sample}, expected 0 to {maximum}")),
                    None => Fault::damaged("its samples cannot be read"),
                };
            }
        }
        if found < header.samples() { Fault::Truncated } else { Fault::damaged("its samples cannot be read") }
    }
}
