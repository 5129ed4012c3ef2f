//! How large a file or a picture may be, and how much memory it may take.

use crate::{Format, ImageError};

/// How large a file or a picture may be, and how much memory it may take. Checked before the memory is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of pixels: width times height.
    pub max_pixels: u64,
    /// The largest size of a file, in bytes.
    pub max_file_bytes: u64,
    /// The most bytes of memory that decoding one photo may take, the pixels that it gives among them. The bytes of the
    /// file itself come on top.
    pub max_memory: u64,
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

    /// Refuses a picture whose decoding takes this many bytes, if they are too many.
    pub(crate) fn check_memory(&self, format: Format, needed: u64) -> Result<(), ImageError> {
        if needed > self.max_memory {
            let reason = format!("{needed} bytes, the limit is {}", self.max_memory);
            return Err(ImageError::TooMuchMemory { format, reason });
        }
        Ok(())
    }
}

impl Default for Limits {
    /// 250 million pixels: the largest phone sensors give 200 (16,320 x 12,240). 1 GiB of file: such a picture stored
    /// without compression. 750 MiB of memory: such a picture as RGB, and a little for its decoder.
    fn default() -> Self {
        Self { max_pixels: 250_000_000, max_file_bytes: 1 << 30, max_memory: 750 << 20 }
    }
}
