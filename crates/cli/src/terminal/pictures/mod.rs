//! Small pictures as what draws them on a terminal, in the four ways that there are.

mod blocks;
mod iterm;
mod kitty;
mod sixel;

use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::imageops::{self, FilterType as Scaling};

/// How a terminal is told to show a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Kitty's, also known to Ghostty, WezTerm and Konsole.
    Kitty,
    /// That of iTerm2, also known to WezTerm, mintty and others.
    Iterm,
    /// DEC's, of 1983.
    Sixel,
    /// Characters whose upper and lower halves have different colours.
    Blocks { is_true_colour: bool },
}

/// A part of the screen, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Area {
    pub columns: u16,
    pub rows: u16,
}

/// Width and height of a character, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub width: u16,
    pub height: u16,
}

impl Cell {
    /// Of a terminal that does not say: small, so that nothing grows beyond its place.
    const USUAL: Self = Self { width: 8, height: 16 };

    /// Of pictures made of half blocks. Half a character is about as high as it is wide.
    pub const OF_BLOCKS: Self = Self { width: 1, height: 2 };

    /// Of standard output.
    pub fn of_stdout() -> Self {
        #[cfg(unix)]
        if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdout())
            && size.ws_xpixel > 0
            && size.ws_ypixel > 0
        {
            let width = size.ws_xpixel / size.ws_col.max(1);
            let height = size.ws_ypixel / size.ws_row.max(1);
            if width > 0 && height > 0 {
                return Self { width, height };
            }
        }
        Self::USUAL
    }
}

/// A picture that is ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawing {
    /// Draws the picture to the right of the cursor and below. Where the cursor is afterwards depends on the terminal.
    pub bytes: Vec<u8>,
    /// What it covers.
    pub area: Area,
}

/// Turns a picture into what draws it in at most `room`, with its proportions.
pub(crate) fn drawing(picture: &RgbImage, protocol: Protocol, cell: Cell, room: Area) -> Drawing {
    let cell = if matches!(protocol, Protocol::Blocks { .. }) { Cell::OF_BLOCKS } else { cell };
    let picture = fitted(picture, cell, room);
    let (width, height) = picture.dimensions();
    let area = Area {
        columns: u16::try_from(width.div_ceil(u32::from(cell.width))).unwrap_or(room.columns),
        rows: u16::try_from(height.div_ceil(u32::from(cell.height))).unwrap_or(room.rows),
    };
    let bytes = match protocol {
        Protocol::Kitty => kitty::bytes(&png(&picture), area),
        Protocol::Iterm => iterm::bytes(&png(&picture), area),
        Protocol::Sixel => sixel::bytes(&picture),
        Protocol::Blocks { is_true_colour } => blocks::bytes(&picture, is_true_colour),
    };
    Drawing { bytes, area }
}

/// A picture in the largest size that fits into `room`, with its proportions.
pub(crate) fn fitted(picture: &RgbImage, cell: Cell, room: Area) -> RgbImage {
    let across = u32::from(room.columns) * u32::from(cell.width);
    let down = u32::from(room.rows) * u32::from(cell.height);
    let (width, height) = fitting(picture.dimensions(), (across, down));
    imageops::resize(picture, width, height, Scaling::Triangle)
}

/// What takes every picture off the screen that was drawn in this way, if that is not done by writing over it.
pub(crate) fn erasing(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Kitty => kitty::ERASE_ALL,
        _ => b"",
    }
}

/// The largest size of these proportions inside another.
fn fitting((width, height): (u32, u32), (across, down): (u32, u32)) -> (u32, u32) {
    let (width, height) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (across, down) = (u64::from(across.max(1)), u64::from(down.max(1)));
    let (w, h) =
        if width * down > height * across { (across, height * across / width) } else { (width * down / height, down) };
    // Neither is more than what it fits into.
    (u32::try_from(w.max(1)).unwrap_or(1), u32::try_from(h.max(1)).unwrap_or(1))
}

/// Compressed a little: it may go over a network.
fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    // Writing to memory does not fail; if it did, there would be no picture.
    let _ = picture.write_with_encoder(encoder);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_proportions_and_fit() {
        assert_eq!(fitting((400, 200), (160, 160)), (160, 80));
        assert_eq!(fitting((200, 400), (160, 160)), (80, 160));
        assert_eq!(fitting((1, 100_000), (160, 96)), (1, 96));
        assert_eq!(fitting((u32::MAX, 1), (160, 96)), (160, 1));
        assert_eq!(fitting((0, 0), (0, 0)), (1, 1));
    }

    #[test]
    fn a_drawing_covers_no_more_than_its_room() {
        let room = Area { columns: 20, rows: 6 };
        let cell = Cell { width: 9, height: 17 };
        for (width, height) in [(1, 1), (300, 10), (10, 300), (640, 480), (33, 77)] {
            let picture = RgbImage::from_pixel(width, height, image::Rgb([200, 10, 90]));
            for protocol in [
                Protocol::Kitty,
                Protocol::Iterm,
                Protocol::Sixel,
                Protocol::Blocks { is_true_colour: true },
                Protocol::Blocks { is_true_colour: false },
            ] {
                let drawing = drawing(&picture, protocol, cell, room);
                let Area { columns, rows } = drawing.area;
                assert!((1..=20).contains(&columns) && (1..=6).contains(&rows), "{protocol:?} {columns} x {rows}");
                assert!(!drawing.bytes.is_empty());
            }
        }
    }
}
