//! How large a file or a picture may be.

use crate::{Format, ImageError};

/// How large a file or a picture may be. Checked before the memory for it is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of pixels: width times height.
    pub max_pixels: u64,
    /// The largest size of a file, in bytes.
    pub max_file_bytes: u64,
}

impl Limits {
    /// Refuses a picture by the size in its header: too many pixels, or none.
    pub(crate) fn check_size(&self, (width, height): (u32, u32), format: Format) -> Result<(), ImageError> {
        if width == 0 || height == 0 {
            let reason = format!("its size is {width}x{height} pixels");
            return Err(ImageError::Decode { format, reason });
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(ImageError::TooLarge { width, height, max_pixels: self.max_pixels });
        }
        Ok(())
    }

    /// Most bytes that a decoder may allocate for a picture within the limits: eight a pixel (RGBA
    /// of 16 bits), and never so few that a decoder's own tables do not fit.
    pub(crate) fn max_alloc(&self) -> u64 {
        const TABLES: u64 = 16 << 20;
        self.max_pixels.saturating_mul(8).saturating_add(TABLES)
    }
}

impl Default for Limits {
    /// 250 million pixels: the largest phone sensors give 200 (16,320 x 12,240), and 750 MB of RGB
    /// is what one decoding thread can be expected to have. 1 GiB of file: such a picture stored
    /// without compression.
    fn default() -> Self {
        Self { max_pixels: 250_000_000, max_file_bytes: 1 << 30 }
    }
}
