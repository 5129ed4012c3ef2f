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
mod sizing;
mod tesseract;
mod text;
mod tsv;

use std::fmt::Debug;
use std::sync::atomic::AtomicBool;

use image::RgbImage;

pub use error::{OcrError, Remedy};
pub use languages::Languages;
pub use looks::may_hold_text;
pub use tesseract::{Tesseract, TesseractLimits};
pub use text::{LONGEST_TEXT, Text, Word};

/// Reads the text in pictures.
pub trait ReadText: Debug + Send + Sync {
    /// Goes up when the same picture gives better text than before, so that it is worth being read again.
    fn version(&self) -> u32;

    /// The languages that are looked for, as `eng+deu`.
    fn languages(&self) -> &str;

    /// A picture is decoded for [`read`](Self::read) so that its shorter side has twice as many pixels at least, if the file has them.
    fn shorter_side(&self) -> u32;

    /// Whether it is worth reading a picture, which may have been decoded at a fraction of its size. Must be cheap: it is asked of every
    /// photo.
    fn may_hold_text(&self, picture: &RgbImage) -> bool;

    /// Reads a picture, which is upright. Returns soon after `cancel` was set.
    ///
    /// # Errors
    /// Those for which [`OcrError::is_about_picture`] is true are about this picture; after the others no picture can be read.
    fn read(&self, picture: &RgbImage, cancel: &AtomicBool) -> Result<Text, OcrError>;
}
