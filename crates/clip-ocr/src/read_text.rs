//! What indexing knows of whatever reads text.

use std::fmt::Debug;
use std::sync::atomic::AtomicBool;

use image::RgbImage;

use crate::error::OcrError;
use crate::text::Text;

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
