//! Sixels: bands of six rows, in each of which every colour is drawn by itself.
//! <https://vt100.net/docs/vt3xx-gp/chapter14.html>

use std::collections::BTreeSet;
use std::fmt::Write as _;

use color_quant::NeuQuant;
use image::imageops::{self, ColorMap};
use image::{RgbImage, Rgba, RgbaImage};

/// Colours of a picture: what all terminals with sixels have registers for.
const COLOURS: usize = 256;

/// One pixel in so many is looked at to find the colours (NeuQuant's "sampling factor"): a small picture allows a few.
const SAMPLING: i32 = 3;

/// Draws a picture in its size.
pub(super) fn bytes(picture: &RgbImage) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let (palette, places) = exactly(picture).unwrap_or_else(|| nearly(picture));
    // 1: what is not drawn stays as it is. Then the shape of a pixel and the size.
    let mut text = format!("\x1bP0;1;0q\"1;1;{width};{height}");
    let percent = |level: u8| (u32::from(level) * 100 + 127) / 255;
    for (register, [r, g, b]) in palette.into_iter().enumerate() {
        let _ = write!(text, "#{register};2;{};{};{}", percent(r), percent(g), percent(b));
    }
    let rows: Vec<&[u8]> = places.chunks_exact(width as usize).collect();
    for band in rows.chunks(6) {
        write_band(band, &mut text);
        text.push('-');
    }
    text.push_str("\x1b\\");
    text.into_bytes()
}

/// Colours, and which of them each pixel has.
type Indexed = (Vec<[u8; 3]>, Vec<u8>);

/// The colours of a picture that has few.
fn exactly(picture: &RgbImage) -> Option<Indexed> {
    let colours: BTreeSet<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
    let palette: Vec<[u8; 3]> = colours.into_iter().collect();
    let place =
        |pixel: &image::Rgb<u8>| palette.binary_search(&pixel.0).ok().and_then(|place| u8::try_from(place).ok());
    let places = picture.pixels().map(place).collect::<Option<Vec<u8>>>()?;
    Some((palette, places))
}

/// Colours near to those of a picture, mixed so that areas keep theirs.
fn nearly(picture: &RgbImage) -> Indexed {
    let (width, height) = picture.dimensions();
    let mut picture = RgbaImage::from_fn(width, height, |x, y| {
        let [r, g, b] = picture.get_pixel(x, y).0;
        Rgba([r, g, b, 255])
    });
    let palette = Palette(NeuQuant::new(SAMPLING, COLOURS, &picture));
    // `dither` panics where there is no pixel to the right.
    if width > 1 {
        imageops::dither(&mut picture, &palette);
    }
    let places = imageops::index_colors(&picture, &palette).into_raw();
    let colours = palette.0.color_map_rgb().chunks_exact(3).map(|colour| [colour[0], colour[1], colour[2]]).collect();
    (colours, places)
}

/// NeuQuant's colours. A type of our own, for `image` knows them only with a feature that nothing else needs.
struct Palette(NeuQuant);

impl ColorMap for Palette {
    type Color = Rgba<u8>;

    fn index_of(&self, colour: &Rgba<u8>) -> usize {
        self.0.index_of(&colour.0)
    }

    fn map_color(&self, colour: &mut Rgba<u8>) {
        self.0.map_pixel(&mut colour.0);
    }
}

/// Writes up to six rows: each colour in them, one over the other.
fn write_band(rows: &[&[u8]], text: &mut String) {
    let mut colours: Vec<u8> = rows.iter().flat_map(|row| row.iter().copied()).collect();
    colours.sort_unstable();
    colours.dedup();
    let width = rows.first().map_or(0, |row| row.len());
    for colour in colours {
        let _ = write!(text, "#{colour}");
        let mut run = (b'?', 0);
        for x in 0..width {
            let bits = rows.iter().enumerate().map(|(y, row)| u8::from(row[x] == colour) << y).sum::<u8>();
            let sixel = b'?' + bits;
            if sixel == run.0 {
                run.1 += 1;
            } else {
                write_run(run, text);
                run = (sixel, 1);
            }
        }
        // What is empty at the end need not be said.
        if run.0 != b'?' {
            write_run(run, text);
        }
        text.push('$');
    }
}

fn write_run((sixel, length): (u8, usize), text: &mut String) {
    let sixel = char::from(sixel);
    if length > 3 {
        let _ = write!(text, "!{length}{sixel}");
    } else {
        text.extend(std::iter::repeat_n(sixel, length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads sixels back: a small decoder, of what this module writes.
    fn read(bytes: &[u8]) -> RgbImage {
        let text = std::str::from_utf8(bytes).unwrap();
        let body = text.strip_prefix("\x1bP0;1;0q\"1;1;").unwrap().strip_suffix("\x1b\\").unwrap();
        let (size, body) = body.split_at(body.find('#').unwrap());
        let (width, height) = size.split_once(';').unwrap();
        let mut picture = RgbImage::new(width.parse().unwrap(), height.parse().unwrap());
        let mut palette = vec![[0_u8; 3]; COLOURS];
        let (mut colour, mut x, mut y) = (0, 0, 0);
        let mut rest = body;
        let number = |rest: &mut &str| {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
            let (number, after) = rest.split_at(end);
            *rest = after;
            number.parse::<u32>().unwrap()
        };
        while let Some(c) = rest.chars().next() {
            rest = &rest[1..];
            match c {
                '#' => {
                    colour = number(&mut rest) as usize;
                    if let Some(after) = rest.strip_prefix(";2;") {
                        rest = after;
                        for channel in &mut palette[colour] {
                            *channel = ((number(&mut rest) * 255 + 50) / 100) as u8;
                            rest = rest.strip_prefix(';').unwrap_or(rest);
                        }
                    }
                }
                '$' => x = 0,
                '-' => (x, y) = (0, y + 6),
                c => {
                    let (length, sixel) = match c {
                        '!' => {
                            let length = number(&mut rest);
                            let sixel = rest.as_bytes()[0];
                            rest = &rest[1..];
                            (length, sixel)
                        }
                        c => (1, c as u8),
                    };
                    for _ in 0..length {
                        for bit in (0..6).filter(|bit| (sixel - b'?') >> bit & 1 == 1) {
                            picture.put_pixel(x, y + bit, image::Rgb(palette[colour]));
                        }
                        x += 1;
                    }
                }
            }
        }
        picture
    }

    #[test]
    fn what_is_drawn_is_the_picture() {
        // Sizes that are no multiple of six, and smooth colours.
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (64, 48), (31, 13), (1, 600)] {
            let picture = RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 128])
            });
            let drawn = read(&bytes(&picture));
            assert_eq!(drawn.dimensions(), picture.dimensions());
            let error: f64 = drawn
                .as_raw()
                .iter()
                .zip(picture.as_raw())
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs())
                .sum::<f64>()
                / picture.as_raw().len() as f64;
            assert!(error < 12.0, "{width} x {height}: {error}");
        }
    }
}
