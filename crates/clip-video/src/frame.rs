//! A moment of a video.

use image::RgbImage;

/// A moment of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// When it is shown, in milliseconds from the beginning.
    pub at: u64,
    /// Upright, with square pixels.
    pub picture: RgbImage,
}
