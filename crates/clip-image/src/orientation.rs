//! Which way up a picture is.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

/// Whether turning the picture upright makes its width its height.
pub(crate) fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

/// Turns a picture upright: in place, or with a second one beside it if that [swaps its sides](swaps_sides).
pub(crate) fn turn_upright(image: RgbImage, orientation: Orientation) -> RgbImage {
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    image.into_rgb8()
}
