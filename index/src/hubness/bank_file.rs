//! A bank on disk: embedding its texts takes a minute with a large model.
//!
//! The file lies beside the manifest and belongs to no generation. It may be missing, or be that of another model.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use clip_kernels::similarity;

use super::{Bank, Texts};
use crate::cast;
use crate::error::IndexError;
use crate::frame::{self, Frame, HEADER, Header};
use crate::layout::Layout;

const KIND: frame::Kind = frame::Kind { magic: *b"clipbnk\0", version: 1, name: "bank of texts", is_cache: true };
const DIMENSION_AT: usize = 12;
const CAPTIONS_AT: usize = 16;
const NEIGHBOURS_AT: usize = 24;
const PHRASES_AT: usize = 32;
const NAME_AT: usize = 40;
/// More than any bank has, so that damage does not ask for memory.
const MOST_TEXTS: u64 = 1 << 20;

/// Byte ranges within the file.
struct Sections {
    name: Range<usize>,
    caption_scales: Range<usize>,
    caption_codes: Range<usize>,
    phrase_scales: Range<usize>,
    phrase_codes: Range<usize>,
}

fn sections(header: &Header) -> Option<Sections> {
    let count = |at: usize| usize::try_from(header.u64(at)).ok().filter(|&count| count as u64 <= MOST_TEXTS);
    let (captions, phrases) = (count(CAPTIONS_AT)?, count(PHRASES_AT)?);
    let dimension = header.u32(DIMENSION_AT) as usize;
    frame::align(dimension)?;
    let code_len = similarity::code_len(dimension);
    let after = |before: &Range<usize>, bytes: Option<usize>| {
        let start = frame::align(before.end)?;
        Some(start..start.checked_add(bytes?)?)
    };
    let name = after(&(0..HEADER), Some(header.u32(NAME_AT) as usize))?;
    let caption_scales = after(&name, captions.checked_mul(4))?;
    let caption_codes = after(&caption_scales, captions.checked_mul(code_len))?;
    let phrase_scales = after(&caption_codes, phrases.checked_mul(4))?;
    let phrase_codes = after(&phrase_scales, phrases.checked_mul(code_len))?;
    Some(Sections { name, caption_scales, caption_codes, phrase_scales, phrase_codes })
}

impl Bank {
    /// Keeps the bank beside the index in `dir`, in the place of one that is there.
    ///
    /// # Errors
    /// [`IndexError::Io`] if it cannot be written.
    pub fn store(&self, dir: impl AsRef<Path>) -> Result<(), IndexError> {
        let mut header = Header::new();
        header.set_u32(DIMENSION_AT, self.dimension as u32);
        header.set_u64(CAPTIONS_AT, self.captions.scales.len() as u64);
        header.set_u32(NEIGHBOURS_AT, self.neighbours as u32);
        header.set_u64(PHRASES_AT, self.phrases.scales.len() as u64);
        header.set_u32(NAME_AT, self.name.len() as u32);
        frame::write(&Layout::new(dir.as_ref()).bank(), &KIND, header, |out| {
            out.write_all(self.name.as_bytes())?;
            out.pad()?;
            for texts in [&self.captions, &self.phrases] {
                out.write_all(cast::to_bytes(&texts.scales))?;
                out.pad()?;
                out.write_all(cast::to_bytes(&texts.codes))?;
                out.pad()?;
            }
            Ok(())
        })
    }

    /// The bank of this name that was kept beside the index in `dir`; `None` if there is none, it is another, or damaged.
    pub fn stored(dir: impl AsRef<Path>, name: &str, dimension: usize) -> Option<Bank> {
        let path = Layout::new(dir.as_ref()).bank();
        let frame = Frame::open(&path, &KIND, extent).ok()?;
        if let Err(error) = frame.verify() {
            log::warn!("{error}");
            return None;
        }
        read(&frame).filter(|bank| bank.name == name && bank.dimension == dimension)
    }
}

/// Where the sections end.
fn extent(header: &Header) -> Option<usize> {
    frame::align(sections(header)?.phrase_codes.end)
}

/// `None` if what the file says does not make a bank.
fn read(frame: &Frame) -> Option<Bank> {
    let header = frame.header();
    let Sections { name, caption_scales, caption_codes, phrase_scales, phrase_codes } = sections(header)?;
    let (dimension, neighbours) = (header.u32(DIMENSION_AT) as usize, header.u32(NEIGHBOURS_AT) as usize);
    let texts = |scales: Range<usize>, codes: Range<usize>| Texts {
        codes: frame.section(codes).to_vec(),
        scales: frame.section(scales).to_vec(),
    };
    let name = str::from_utf8(frame.section(name)).ok()?.to_owned();
    let (captions, phrases) = (texts(caption_scales, caption_codes), texts(phrase_scales, phrase_codes));
    let is_whole = neighbours >= 1 && captions.scales.len().min(phrases.scales.len()) >= neighbours;
    (is_whole && dimension >= 1).then_some(Bank { name, dimension, neighbours, captions, phrases })
}

/// Reads bytes as a bank and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_bank(bytes: &[u8]) {
    use crate::mapped::Mapped;
    // Checksums are left aside: whoever makes a file can make them fit.
    let Ok(frame) = Frame::parse(Mapped::of_bytes(bytes), Path::new("fuzzed"), &KIND, extent) else { return };
    let Some(bank) = read(&frame) else { return };
    let mut row = vec![0.0; bank.dimension()];
    row[0] = 1.0;
    let _ = bank.hubness(&row);
    let (captions, phrases) = bank.some_scores(&row, 5);
    assert!((1..=5).contains(&captions.len()) && (1..=5).contains(&phrases.len()));
    let dir = tempfile::tempdir().expect("a temporary directory");
    bank.store(dir.path()).expect("what was read can be written");
    let again = Bank::stored(dir.path(), bank.name(), bank.dimension()).expect("what was written can be read");
    // Compared as text, since NaN is not equal to itself.
    assert_eq!(format!("{again:?}"), format!("{bank:?}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_is_kept_and_found_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let row = |angle: f32| [angle.cos(), angle.sin(), 0.0];
        let rows: Vec<f32> = (0..20).flat_map(|number| row(number as f32)).collect();
        let bank = Bank::new("first", &rows, &rows[..9], 3, 2).unwrap();
        assert_eq!(Bank::stored(dir.path(), "first", 3), None);
        bank.store(dir.path()).unwrap();
        assert_eq!(Bank::stored(dir.path(), "first", 3), Some(bank.clone()));
        assert_eq!(Bank::stored(dir.path(), "second", 3), None);
        assert_eq!(Bank::stored(dir.path(), "first", 4), None);
        let path = dir.path().join("bank");
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(Bank::stored(dir.path(), "first", 3), None, "byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert_eq!(Bank::stored(dir.path(), "first", 3), None, "{at} bytes");
        }
    }
}
