//! Whether a picture looks as if it held text: a cheap test for what is read at all.
//!
//! Lines of text have strokes of few pixels, dark on light or light on dark, on a ground that is even between them. The picture is
//! looked at in several sizes, so that letters have some ten pixels in one of them. In each, windows about as long as a short word are
//! measured (edges across and down, strokes, what is even, how levels of grey are distributed), and a quadratic form says how much
//! that is like text. It was fitted to photos with and without drawn text (`benches/compare/may_hold_text.py`). A picture passes if
//! a few windows in a row do.

mod regions;
mod weights;
mod windows;

use fast_image_resize::FilterType;
use image::RgbImage;

use crate::sizing::{Grey, fitted};
use regions::Mark;
pub(crate) use regions::Region;
use windows::Windows;

/// The longer side that a picture is looked at with, and how often it is halved.
const LONGER: u32 = 1_024;
const SIZES: usize = 4;
/// In a smaller one, no text is seen any more.
const SHORTEST: u32 = 40;
/// Windows beside one another, without overlap, whose mean counts: a line of text is longer than a bush is even.
const IN_A_ROW: usize = 3;
/// Which place of the best must be good enough. The very best is often there by chance.
const PLACE: usize = 2;
/// How much like text it must be, in logarithms of odds.
const LEAST: f32 = 3.3;
/// The same of windows beside those, for them to be of the same text: faint lines of a page.
const LEAST_BESIDE: f32 = 0.0;

/// Whether a picture looks as if it held text. Takes some milliseconds, whatever the size, for a picture that was decoded at a fraction
/// of its size; its shorter side should have 400 pixels or more, if the photo has.
///
/// Of pictures that show only their text, all but a few in a thousand pass; of ordinary photos, one in twenty. Small or faint text
/// in a large photo may be missed.
pub fn may_hold_text(picture: &RgbImage) -> bool {
    likeness(picture).is_some_and(|likeness| likeness >= LEAST)
}

/// How much a picture is like one with text; `None` if it is too small for that.
fn likeness(picture: &RgbImage) -> Option<f32> {
    sizes(picture).iter().filter_map(of_one_size).max_by(f32::total_cmp)
}

/// The picture in the sizes that it is looked at in, the largest first.
fn sizes(picture: &RgbImage) -> Vec<Grey> {
    let grey = Grey::of(picture);
    let size = fitted((grey.width, grey.height), 0, LONGER, 1.0);
    let mut sizes = vec![grey.resized(size, FilterType::Box)];
    while sizes.len() < SIZES
        && let Some(last) = sizes.last()
        && last.width.min(last.height) >= 2 * SHORTEST
    {
        let half = last.clone().resized((last.width / 2, last.height / 2), FilterType::Box);
        sizes.push(half);
    }
    sizes
}

/// How much one size is like text.
fn of_one_size(grey: &Grey) -> Option<f32> {
    let mut best = [f32::NEG_INFINITY; PLACE + 1];
    each_row_of_windows(grey, |_, _, mean, _| {
        // Those that were the best so far stay in order.
        if let Some(place) = best.iter().position(|&other| mean > other) {
            best[place..].rotate_right(1);
            best[place] = mean;
        }
    });
    best.last().copied().filter(|likeness| likeness.is_finite())
}

/// Where text may be, the most like text first; empty if the picture does not look as if it held some.
pub(crate) fn regions(picture: &RgbImage) -> Vec<Region> {
    let sizes = sizes(picture);
    let mut marks = Vec::new();
    for (size, grey) in sizes.iter().enumerate() {
        each_row_of_windows(grey, |row, column, mean, windows| {
            let of_text = windows.iter().enumerate().filter(|(_, own)| mean >= LEAST_BESIDE && **own >= LEAST_BESIDE);
            marks.extend(of_text.map(|(number, _)| Mark {
                size,
                likeness: mean,
                row,
                column: column + number * windows::ACROSS,
            }));
        });
    }
    let whole = sizes.first().map_or((0, 0), |grey| (grey.width, grey.height));
    regions::regions(&marks, LEAST, whole)
}

/// Tells, for windows beside one another that do not overlap, the row and column of the first, their mean, and what each is.
fn each_row_of_windows(grey: &Grey, mut tell: impl FnMut(usize, usize, f32, [f32; IN_A_ROW])) {
    let Some(windows) = Windows::of(grey) else { return };
    for (row, features) in windows.features.chunks_exact(windows.across).enumerate() {
        let row_of: Vec<f32> = features.iter().map(weights::likeness).collect();
        for column in 0..row_of.len().saturating_sub(windows::ACROSS * (IN_A_ROW - 1)) {
            let beside = std::array::from_fn(|number| row_of[column + number * windows::ACROSS]);
            tell(row, column, beside.iter().sum::<f32>() / IN_A_ROW as f32, beside);
        }
    }
}

/// Writes the features of all windows, for `examples/text_features.rs`, which includes this file.
#[cfg(not(test))]
#[allow(dead_code, reason = "the example uses it")]
pub(crate) fn write_features(picture: &RgbImage, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let sizes: Vec<Windows> = sizes(picture).iter().filter_map(Windows::of).collect();
    out.write_all(&(sizes.len() as u32).to_le_bytes())?;
    for Windows { across, features } in sizes {
        out.write_all(&(across as u32).to_le_bytes())?;
        out.write_all(&((features.len() / across) as u32).to_le_bytes())?;
        for feature in features.as_flattened() {
            out.write_all(&feature.to_le_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// Letters of a kind: bars and bows of two pixels on an even ground.
    fn lines_of_signs(width: u32, height: u32, ink: u8, paper: u8) -> RgbImage {
        let mut picture = RgbImage::from_pixel(width, height, Rgb([paper; 3]));
        for (number, y0) in (20..height.saturating_sub(20)).step_by(22).enumerate() {
            for (at, x0) in (20..width.saturating_sub(20)).step_by(11).enumerate() {
                let kind = (at * 7 + number * 5 + at * at) % 6;
                if kind == 5 {
                    continue;
                }
                for step in 0..12 {
                    let mut dot = |x: u32, y: u32| {
                        picture.put_pixel(x0 + x, y0 + y, Rgb([ink; 3]));
                        picture.put_pixel(x0 + x + 1, y0 + y, Rgb([ink; 3]));
                    };
                    dot(0, step);
                    match kind {
                        0 => dot(6, step),
                        1 => dot(step / 2, 0),
                        2 => dot(step / 2, 6),
                        3 => dot(step / 2, 11),
                        _ => dot(step / 2, step),
                    }
                }
            }
        }
        picture
    }

    #[test]
    fn lines_pass_and_plain_surfaces_do_not() {
        for (ink, paper) in [(0, 255), (255, 20), (60, 180)] {
            assert!(may_hold_text(&lines_of_signs(600, 400, ink, paper)), "{ink} on {paper}");
        }
        let plain = RgbImage::from_pixel(600, 400, Rgb([90; 3]));
        let slope = RgbImage::from_fn(600, 400, |x, y| Rgb([(x / 3) as u8, (y / 2) as u8, 99]));
        // Ripples, with the grain that a camera adds.
        let mut state = 1u32;
        let ripples = RgbImage::from_fn(600, 400, |x, y| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = (x as f32 / 9.0 + (y as f32 / 31.0).sin() * 4.0).sin() + (y as f32 / 7.0).sin();
            Rgb([(120.0 + 25.0 * wave) as u8 + (state >> 29) as u8; 3])
        });
        for (name, picture) in [("plain", plain), ("slope", slope), ("ripples", ripples)] {
            assert!(!may_hold_text(&picture), "{name}: {:?}", likeness(&picture));
        }
    }

    #[test]
    fn any_size_gives_an_answer() {
        for (width, height) in [(0, 0), (1, 1), (7, 3000), (3000, 7), (41, 41), (96, 16), (95, 17), (2500, 40)] {
            assert!(!may_hold_text(&RgbImage::from_pixel(width, height, Rgb([200; 3]))), "{width} x {height}");
        }
    }
}
