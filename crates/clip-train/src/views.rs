//! Augmented views of a photo: random resized crops and mirroring, drawn from the recipe's seed so that a resumed
//! run sees the same ones.

use image::RgbImage;
use image::imageops;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::recipe::Views;

/// Which part of a photo a view shows, in shares of its width and height, and whether it is mirrored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    /// Whether the view is mirrored.
    pub mirrored: bool,
}

impl View {
    /// The whole photo.
    pub const WHOLE: Self = Self { x: 0.0, y: 0.0, width: 1.0, height: 1.0, mirrored: false };

    /// View number `view` of photo number `photo`. Number 0 is the whole photo, the others are random
    /// crops, mirrored or not.
    pub fn draw(views: &Views, seed: u64, photo: u32, view: u32) -> Self {
        if view == 0 {
            return Self::WHOLE;
        }
        let mut rng = StdRng::seed_from_u64(seed ^ (u64::from(photo) << 24) ^ (u64::from(view) << 1) ^ 0x5EED);
        let area = rng.random_range(views.min_area..=1.0);
        let stretch = views.max_aspect.ln();
        let aspect = rng.random_range(-stretch..=stretch).exp();
        let width = (area * aspect).sqrt().min(1.0);
        let height = (area / aspect).sqrt().min(1.0);
        Self {
            x: rng.random_range(0.0..=1.0 - width),
            y: rng.random_range(0.0..=1.0 - height),
            width,
            height,
            mirrored: rng.random_bool(views.flip),
        }
    }

    /// The view's pixels.
    pub fn apply(&self, photo: &RgbImage) -> RgbImage {
        let (full_width, full_height) = photo.dimensions();
        let span = |start: f64, share: f64, full: u32| {
            let start = (start * f64::from(full)).floor() as u32;
            let length = ((share * f64::from(full)).round() as u32).clamp(1, full.saturating_sub(start).max(1));
            (start.min(full - 1), length)
        };
        let (x, width) = span(self.x, self.width, full_width);
        let (y, height) = span(self.y, self.height, full_height);
        let mut pixels = imageops::crop_imm(photo, x, y, width, height).to_image();
        if self.mirrored {
            imageops::flip_horizontal_in_place(&mut pixels);
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_repeatable_and_inside_the_photo() {
        let views = Views { count: 50, min_area: 0.3, max_aspect: 1.5, flip: 0.5 };
        let photo = RgbImage::from_fn(37, 23, |x, y| image::Rgb([x as u8, y as u8, 0]));
        assert_eq!(View::draw(&views, 1, 2, 0).apply(&photo), photo);
        let mut mirrored = 0;
        for view in 1..50 {
            let drawn = View::draw(&views, 1, 2, view);
            assert_eq!(drawn, View::draw(&views, 1, 2, view));
            assert_ne!(drawn, View::draw(&views, 1, 3, view));
            let pixels = drawn.apply(&photo);
            assert!(pixels.width() * pixels.height() >= 37 * 23 / 4, "{drawn:?}");
            mirrored += u32::from(drawn.mirrored);
        }
        assert!((10..40).contains(&mirrored), "{mirrored}");
    }

    #[test]
    fn a_single_pixel_survives() {
        let views = Views { count: 9, min_area: 0.1, max_aspect: 2.0, flip: 0.5 };
        let photo = RgbImage::new(1, 1);
        for view in 0..9 {
            assert_eq!(View::draw(&views, 7, 0, view).apply(&photo).dimensions(), (1, 1));
        }
    }
}
