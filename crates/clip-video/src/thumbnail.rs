//! How different two frames look: the mean colours of a few fields.

use image::RgbImage;

/// Fields in each direction.
const SIDE: usize = 12;

/// The mean colours of the fields of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thumbnail(Box<[[f32; 3]; SIDE * SIDE]>);

impl Thumbnail {
    pub fn of(picture: &RgbImage) -> Thumbnail {
        let (width, height) = picture.dimensions();
        let mut sums = Box::new([[0_f32; 3]; SIDE * SIDE]);
        let mut counts = [0_f32; SIDE * SIDE];
        // All fields have pixels, in small pictures the same ones.
        let field = |at: u32, side: u32| (at as usize * SIDE / side.max(1) as usize).min(SIDE - 1);
        for (y, row) in picture.rows().enumerate() {
            let from = field(y as u32, height) * SIDE;
            for (x, pixel) in row.enumerate() {
                let at = from + field(x as u32, width);
                if let (Some(sum), Some(count)) = (sums.get_mut(at), counts.get_mut(at)) {
                    sum.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += f32::from(value));
                    *count += 1.0;
                }
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            sum.iter_mut().for_each(|sum| *sum /= count.max(1.0));
        }
        Thumbnail(sums)
    }

    /// The mean difference of values, 0 to 255.
    pub fn difference(&self, other: &Thumbnail) -> f32 {
        let values = self.0.as_flattened().iter().zip(other.0.as_flattened());
        values.map(|(a, b)| (a - b).abs()).sum::<f32>() / (3 * SIDE * SIDE) as f32
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn differences_are_those_of_colours_and_places() {
        let of = |colour: [u8; 3]| Thumbnail::of(&RgbImage::from_pixel(40, 30, Rgb(colour)));
        assert_eq!(of([5, 5, 5]).difference(&of([5, 5, 5])), 0.0);
        assert_eq!(of([0, 0, 0]).difference(&of([255, 255, 255])), 255.0);
        // As bright as one another.
        assert!(of([76, 76, 76]).difference(&of([255, 0, 0])) > 80.0);
        let half = RgbImage::from_fn(48, 48, |x, _| Rgb(if x < 24 { [255; 3] } else { [0; 3] }));
        let other = Thumbnail::of(&image::imageops::flip_horizontal(&half));
        assert_eq!(Thumbnail::of(&half).difference(&other), 255.0);
    }

    #[test]
    fn tiny_pictures_have_thumbnails_too() {
        for (width, height) in [(1, 1), (1, 50), (13, 2)] {
            let thumbnail = Thumbnail::of(&RgbImage::new(width, height));
            assert!(thumbnail.difference(&thumbnail) == 0.0);
        }
    }
}
