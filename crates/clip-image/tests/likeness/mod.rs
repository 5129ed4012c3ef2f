//! How like two pictures are.

use image::{RgbImage, imageops};

/// The longest side at which pictures are compared.
const LONGEST: u32 = 64;

/// The cosine of the samples of two pictures, counted from a middle grey as models do: 1 for the same picture, 0 for one that
/// has nothing to do with it, -1 for its negative. Large pictures are compared at a small size.
pub fn likeness(a: &RgbImage, b: &RgbImage) -> f64 {
    if a.dimensions() != b.dimensions() || a.width().max(a.height()) > LONGEST {
        let small = |image| imageops::thumbnail(image, LONGEST, LONGEST);
        return cosine(&small(a), &small(b));
    }
    cosine(a, b)
}

fn cosine(a: &RgbImage, b: &RgbImage) -> f64 {
    // No sample is zero, so that no picture is without a direction.
    let centred = |sample: u8| 2 * i64::from(sample) - 255;
    let (mut product, mut of_a, mut of_b) = (0, 0, 0);
    for (a, b) in a.iter().zip(b.iter()) {
        let (a, b) = (centred(*a), centred(*b));
        product += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    product as f64 / ((of_a as f64).sqrt() * (of_b as f64).sqrt())
}
