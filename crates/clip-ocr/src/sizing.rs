//! From a picture to grey levels of a size that tesseract reads well.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Grey levels, row after row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grey {
    pub width: u32,
    pub height: u32,
    pub levels: Vec<u8>,
}

impl Grey {
    pub fn of(picture: &RgbImage) -> Grey {
        // ITU-R BT.601, in 256ths.
        let level = |&[red, green, blue]: &[u8; 3]| {
            ((77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue)) >> 8) as u8
        };
        let levels = picture.as_raw().as_chunks::<3>().0.iter().map(level).collect();
        Grey { width: picture.width(), height: picture.height(), levels }
    }

    /// The same in another size; as it is if it cannot be resized.
    pub fn resized(self, (width, height): (u32, u32), filter: FilterType) -> Grey {
        if (width, height) == (self.width, self.height) {
            return self;
        }
        let resized = || {
            let mut levels = vec![0; width as usize * height as usize];
            // Typed: `resize` would bring the code for all thirteen kinds of pixels with it, six megabytes.
            let source = TypedImageRef::<U8>::from_buffer(self.width, self.height, &self.levels).ok()?;
            let mut target = TypedImage::from_buffer(width, height, &mut levels).ok()?;
            let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
            Resizer::new().resize_typed(&source, &mut target, &options).ok()?;
            Some(Grey { width, height, levels })
        };
        resized().unwrap_or(self)
    }

    /// As a file: binary PGM.
    pub fn to_pgm(&self) -> Vec<u8> {
        let header = format!("P5\n{} {}\n255\n", self.width, self.height);
        [header.as_bytes(), &self.levels].concat()
    }
}

/// A size with the same shape whose longer side is within bounds; a small one grows at most so many times.
pub(crate) fn fitted((width, height): (u32, u32), least: u32, most: u32, growth: f64) -> (u32, u32) {
    let longer = f64::from(width.max(height).max(1));
    let scale = (f64::from(least) / longer).clamp(1.0, growth).min(f64::from(most) / longer);
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(fitted((1000, 500), 800, 2000, 4.0), (1000, 500));
        assert_eq!(fitted((4000, 3000), 800, 2000, 4.0), (2000, 1500));
        assert_eq!(fitted((400, 100), 800, 2000, 4.0), (800, 200));
        assert_eq!(fitted((100, 50), 800, 2000, 4.0), (400, 200));
        assert_eq!(fitted((100_000, 1), 800, 2000, 4.0), (2000, 1));
        assert_eq!(fitted((0, 0), 800, 2000, 4.0), (1, 1));
    }

    #[test]
    fn grey_levels_and_files() {
        let picture = RgbImage::from_fn(4, 2, |x, _| image::Rgb([255 * (x / 2) as u8; 3]));
        let grey = Grey::of(&picture);
        assert_eq!(grey.levels, [0, 0, 255, 255, 0, 0, 255, 255]);
        assert_eq!(grey.to_pgm(), b"P5\n4 2\n255\n\0\0\xff\xff\0\0\xff\xff");
        let half = grey.resized((2, 1), FilterType::Box);
        assert_eq!((half.width, half.height, half.levels), (2, 1, vec![0, 255]));
    }
}
