//! The words in a picture.
//!
//! [`ReadText`] is all that indexing knows of whatever reads text. [`Tesseract`] is one: it runs the program of that name, once for
//! each picture, in one thread, with a time limit and a limit on what it may say. Most photos hold no text, so a cheap test
//! ([`may_hold_text`]) comes first.
//!
//! ```no_run
//! # fn main() -> Result<(), clip_ocr::OcrError> {
//! use std::sync::atomic::AtomicBool;
//! use clip_ocr::{Languages, ReadText, Tesseract};
//!
//! let tesseract = Tesseract::new("tesseract".into(), Languages::parse("eng+deu")?)?;
//! let picture = image::RgbImage::new(800, 600);
//! if tesseract.may_hold_text(&picture) {
//!     println!("{}", tesseract.read(&picture, &AtomicBool::new(false))?.to_text());
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod languages;
mod looks;
mod montage;
mod read_text;
mod sizing;
mod tesseract;
mod text;
mod tsv;

pub use error::{OcrError, Remedy};
pub use languages::Languages;
pub use looks::may_hold_text;
pub use read_text::ReadText;
pub use tesseract::{Tesseract, TesseractLimits};
pub use text::{LONGEST_TEXT, Text, Word};
