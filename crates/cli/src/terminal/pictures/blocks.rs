//! Pictures of characters: the upper half of each has the colour of one pixel, the lower half that of the one below.

use std::io::Write;

use image::{Rgb, RgbImage};

/// Draws a picture two rows at a time. The cursor ends to the right of the last character.
pub(super) fn bytes(picture: &RgbImage, is_true_colour: bool) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let mut bytes = Vec::new();
    for y in (0..height).step_by(2) {
        if y > 0 {
            // Back to the first column of the picture, one row below.
            let _ = write!(bytes, "\x1b[{width}D\x1b[1B");
        }
        for x in 0..width {
            let upper = colour(picture.get_pixel(x, y), is_true_colour);
            // Writing to memory does not fail.
            let _ = match picture.get_pixel_checked(x, y + 1) {
                Some(lower) => write!(bytes, "\x1b[38;{upper};48;{}m▀", colour(lower, is_true_colour)),
                None => write!(bytes, "\x1b[0;38;{upper}m▀"),
            };
        }
        bytes.extend_from_slice(b"\x1b[0m");
    }
    bytes
}

fn colour(Rgb([r, g, b]): &Rgb<u8>, is_true_colour: bool) -> String {
    if is_true_colour { format!("2;{r};{g};{b}") } else { format!("5;{}", nearest_of_palette([*r, *g, *b])) }
}

/// The nearest in the part of the palette of 256 that all terminals have in common: a cube of 6 x 6 x 6 colours, and greys.
fn nearest_of_palette(colour: [u8; 3]) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance =
        |other: [u8; 3]| -> u32 { colour.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let nearest = |level: u8| (0..6).min_by_key(|at| LEVELS[usize::from(*at)].abs_diff(level)).unwrap_or(0);
    let cube = colour.map(nearest);
    let of_cube = (16 + 36 * cube[0] + 6 * cube[1] + cube[2], cube.map(|at| LEVELS[usize::from(at)]));
    let mean = colour.iter().map(|level| u32::from(*level)).sum::<u32>() / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23) as u8;
    let of_greys = (232 + grey, [8 + 10 * grey; 3]);
    if distance(of_greys.1) < distance(of_cube.1) { of_greys.0 } else { of_cube.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_are_one() {
        let picture = RgbImage::from_fn(2, 3, |x, y| Rgb([x as u8, y as u8, 7]));
        let text = String::from_utf8(bytes(&picture, true)).unwrap();
        assert_eq!(text.matches('▀').count(), 4);
        assert!(text.starts_with("\x1b[38;2;0;0;7;48;2;0;1;7m▀\x1b[38;2;1;0;7;48;2;1;1;7m▀\x1b[0m\x1b[2D\x1b[1B"));
        assert!(text.ends_with("\x1b[0;38;2;1;2;7m▀\x1b[0m"), "{text:?}");
    }

    #[test]
    fn colours_of_the_palette() {
        assert_eq!(nearest_of_palette([0, 0, 0]), 16);
        assert_eq!(nearest_of_palette([255, 255, 255]), 231);
        assert_eq!(nearest_of_palette([255, 0, 0]), 196);
        assert_eq!(nearest_of_palette([128, 128, 128]), 244);
        assert_eq!(nearest_of_palette([90, 140, 180]), 16 + 36 + 12 + 3);
    }
}
