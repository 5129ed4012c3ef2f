//! What is measured of a picture, window by window.

use crate::sizing::Grey;

/// A cell's sides, in pixels. Windows begin at every cell.
pub(super) const CELL: usize = 8;
/// A window's cells.
pub(super) const ACROSS: usize = 4;
pub(super) const DOWN: usize = 2;
/// How far apart the pixels are between which a stroke lies: it is narrower.
const STROKE: usize = 3;
/// Levels of grey that make an edge, and below which there is none.
const EDGE: i32 = 24;
const EVEN: i32 = 8;

/// What is measured of a window.
pub(super) const FEATURES: usize = 14;

pub(super) struct Windows {
    /// How many there are beside one another.
    pub across: usize,
    /// Row after row.
    pub features: Vec<[f32; FEATURES]>,
}

impl Windows {
    /// `None` if the picture is smaller than a window.
    pub fn of(grey: &Grey) -> Option<Windows> {
        let (columns, rows) = (grey.width as usize / CELL, grey.height as usize / CELL);
        if columns < ACROSS || rows < DOWN {
            return None;
        }
        let cells = cells(grey, columns, rows);
        let across = columns - ACROSS + 1;
        let mut features = Vec::with_capacity(across * (rows - DOWN + 1));
        for row in 0..=rows - DOWN {
            for column in 0..across {
                let mut sums = Sums::default();
                for cells in cells[row * columns..(row + DOWN) * columns].chunks_exact(columns) {
                    cells[column..column + ACROSS].iter().for_each(|cell| sums.add(cell));
                }
                features.push(sums.features());
            }
        }
        Some(Windows { across, features })
    }
}

fn cells(grey: &Grey, columns: usize, rows: usize) -> Vec<Sums> {
    let (width, height) = (grey.width as usize, grey.height as usize);
    let mut cells = vec![Sums::default(); columns * rows];
    let row = |y: usize| &grey.levels[y * width..(y + 1) * width];
    for y in STROKE..height.saturating_sub(STROKE).min(rows * CELL) {
        let (far_above, above, here, below, far_below) =
            (row(y - STROKE), row(y - 1), row(y), row(y + 1), row(y + STROKE));
        for (column, cell) in cells[y / CELL * columns..][..columns].iter_mut().enumerate() {
            for x in (column * CELL).max(STROKE)..((column + 1) * CELL).min(width - STROKE) {
                cell.pixel(
                    i32::from(here[x]),
                    [here[x - 1], here[x + 1], above[x], below[x]].map(i32::from),
                    [here[x - STROKE], here[x + STROKE], far_above[x], far_below[x]].map(i32::from),
                );
            }
        }
    }
    cells
}

/// Sums over pixels; whole numbers, so that they are exact.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    pixels: i32,
    /// Of the levels, less 128, and their powers.
    powers: [i64; 4],
    /// Differences across and down, without their signs.
    across: i32,
    down: i32,
    /// Edges across, dark to light and light to dark; the same down.
    rises: i32,
    falls: i32,
    rises_down: i32,
    falls_down: i32,
    even: i32,
    /// Strokes darker or lighter than both sides, looked at across and down.
    dark: i32,
    light: i32,
    dark_down: i32,
    light_down: i32,
}

impl Sums {
    /// Adds a pixel, with what is left, right, above and below, near and far.
    fn pixel(&mut self, level: i32, [left, right, above, below]: [i32; 4], far: [i32; 4]) {
        let centred = i64::from(level - 128);
        let square = centred * centred;
        for (sum, power) in self.powers.iter_mut().zip([centred, square, square * centred, square * square]) {
            *sum += power;
        }
        let (across, down) = (right - left, below - above);
        self.pixels += 1;
        self.across += across.abs();
        self.down += down.abs();
        self.rises += i32::from(across > EDGE);
        self.falls += i32::from(across < -EDGE);
        self.rises_down += i32::from(down > EDGE);
        self.falls_down += i32::from(down < -EDGE);
        self.even += i32::from(across.abs() < EVEN && down.abs() < EVEN);
        self.dark += i32::from(far[0].min(far[1]) - level > EDGE);
        self.light += i32::from(level - far[0].max(far[1]) > EDGE);
        self.dark_down += i32::from(far[2].min(far[3]) - level > EDGE);
        self.light_down += i32::from(level - far[2].max(far[3]) > EDGE);
    }

    fn add(&mut self, other: &Sums) {
        self.pixels += other.pixels;
        self.powers.iter_mut().zip(other.powers).for_each(|(sum, other)| *sum += other);
        self.across += other.across;
        self.down += other.down;
        self.rises += other.rises;
        self.falls += other.falls;
        self.rises_down += other.rises_down;
        self.falls_down += other.falls_down;
        self.even += other.even;
        self.dark += other.dark;
        self.light += other.light;
        self.dark_down += other.dark_down;
        self.light_down += other.light_down;
    }

    fn features(&self) -> [f32; FEATURES] {
        let pixels = f64::from(self.pixels.max(1));
        let share = |count: i32| (f64::from(count) / pixels) as f32;
        let [mean, second, third, fourth] = self.powers.map(|sum| sum as f64 / pixels);
        let variance = (second - mean * mean).max(0.0);
        // A little more, so that what is nearly of one colour has no wild shape.
        let deviation = (variance + 4.0).sqrt();
        let skewness = (third - 3.0 * mean * second + 2.0 * mean.powi(3)) / deviation.powi(3);
        let kurtosis =
            (fourth - 4.0 * mean * third + 6.0 * mean * mean * second - 3.0 * mean.powi(4)) / deviation.powi(4);
        let (skewness, kurtosis) = (skewness.clamp(-6.0, 6.0) as f32, kurtosis.clamp(0.0, 20.0) as f32);
        let deviation = deviation as f32;
        [
            deviation.ln(),
            share(self.across) / deviation,
            share(self.down) / deviation,
            share(self.rises.min(self.falls)),
            share(self.rises_down.min(self.falls_down)),
            share(self.even),
            skewness.abs().sqrt(),
            (kurtosis + 0.5).ln(),
            share(self.dark.max(self.light)),
            share(self.dark.min(self.light)),
            share(self.dark_down.max(self.light_down)),
            share(self.dark_down.min(self.light_down)),
            // Great where there are two levels and few between them.
            (skewness * skewness + 1.0) / (kurtosis + 1.0),
            share((self.rises - self.falls).abs()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_picture() {
        let grey = |width: u32, height: u32| Grey { width, height, levels: vec![9; (width * height) as usize] };
        assert!(Windows::of(&grey(31, 16)).is_none() && Windows::of(&grey(32, 15)).is_none());
        let windows = Windows::of(&grey(47, 24)).unwrap();
        assert_eq!((windows.across, windows.features.len()), (2, 4));
        assert_eq!(windows.features[0][5], 1.0, "all of it is even");
    }

    #[test]
    fn strokes_and_edges() {
        // Upright dark bars, two pixels wide, every eight pixels.
        let levels = (0..64 * 32).map(|at| if at % 64 % 8 < 2 { 40 } else { 200 }).collect();
        let windows = Windows::of(&Grey { width: 64, height: 32, levels }).unwrap();
        let [_, across, down, edges, edges_down, even, _, _, stronger, weaker, down_stronger, _, bimodal, uneven] =
            windows.features[windows.across + 2];
        assert!((edges - 0.25).abs() < 0.01 && edges_down == 0.0 && down == 0.0 && across > 1.0, "{edges} {across}");
        assert!((stronger - 0.25).abs() < 0.01 && weaker < 0.01 && down_stronger == 0.0, "{stronger} {weaker}");
        assert!(even > 0.4 && bimodal > 0.6 && uneven < 0.05, "{even} {bimodal} {uneven}");
    }
}
