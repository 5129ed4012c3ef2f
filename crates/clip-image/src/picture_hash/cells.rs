//! A picture shrunk to few grey cells, each the mean of the area that it covers.

use image::RgbImage;

/// Cells across and down, whatever the shape of the picture.
pub(super) const CELLS: usize = 32;

/// Grey levels, 0 to 255, row after row.
pub(super) type Grid = [[f32; CELLS]; CELLS];

/// Shares of red, green and blue in grey (ITU-R BT.601), in 256ths.
const SHARES: [u32; 3] = [77, 150, 29];

/// Shrinks a picture; `None` if it has no pixels.
pub(super) fn shrink(picture: &RgbImage) -> Option<Grid> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if width == 0 || height == 0 {
        return None;
    }
    let columns: [Span; CELLS] = std::array::from_fn(|cell| Span::of(cell, width));
    let mut grid = [[0.0; CELLS]; CELLS];
    let mut grey = vec![0u32; width];
    for (y, row) in picture.as_raw().chunks_exact(3 * width).enumerate() {
        for (grey, pixel) in grey.iter_mut().zip(row.as_chunks::<3>().0) {
            *grey = pixel.iter().zip(SHARES).map(|(&level, share)| u32::from(level) * share).sum();
        }
        let means = columns.map(|span| span.mean(&grey));
        // A row is part of one cell, or of several where there are fewer rows than cells.
        let first = y * CELLS / height;
        let cells = grid.iter_mut().enumerate().skip(first);
        for (cell, sums) in cells.take_while(|(cell, _)| cell * height < (y + 1) * CELLS) {
            let weight = Span::of(cell, height).weight(y);
            sums.iter_mut().zip(means).for_each(|(sum, mean)| *sum += weight * mean);
        }
    }
    Some(grid)
}

/// The pixels that a cell covers, of a row or a column.
#[derive(Clone, Copy)]
struct Span {
    start: f32,
    end: f32,
}

impl Span {
    fn of(cell: usize, pixels: usize) -> Span {
        let edge = |cell: usize| (cell as f64 * pixels as f64 / CELLS as f64) as f32;
        Span { start: edge(cell), end: edge(cell + 1) }
    }

    /// Which part of the cell a pixel is.
    fn weight(self, pixel: usize) -> f32 {
        let (start, end) = (self.start.max(pixel as f32), self.end.min((pixel + 1) as f32));
        (end - start).max(0.0) / (self.end - self.start)
    }

    /// The mean of grey levels, which are given 256-fold.
    fn mean(self, grey: &[u32]) -> f32 {
        let first = self.start as usize;
        let last = (self.end.ceil() as usize).clamp(first + 1, grey.len()) - 1;
        let part = |pixel: usize| self.weight(pixel) * grey[pixel] as f32;
        let whole: u64 = grey.get(first + 1..last).unwrap_or(&[]).iter().map(|&grey| u64::from(grey)).sum();
        let mut sum = part(first) + whole as f32 / (self.end - self.start);
        if last > first {
            sum += part(last);
        }
        sum / 256.0
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn cells_are_means_of_areas() {
        let picture = RgbImage::from_fn(64, 96, |x, y| Rgb([(x + y) as u8; 3]));
        let grid = shrink(&picture).unwrap();
        // Two columns and three rows each.
        assert!((grid[0][0] - 1.5).abs() < 1e-3 && (grid[31][31] - (62.5 + 94.0)).abs() < 1e-3, "{grid:?}");
    }

    #[test]
    fn sizes_that_do_not_divide_are_shared() {
        for (width, height) in [(1, 1), (1, 50), (33, 31), (47, 100), (5, 3)] {
            let grid = shrink(&RgbImage::from_pixel(width, height, Rgb([200, 200, 200]))).unwrap();
            assert!(grid.iter().flatten().all(|level| (level - 200.0).abs() < 0.01), "{width} x {height}: {grid:?}");
        }
        // The mean of all cells is that of all pixels.
        let picture = RgbImage::from_fn(45, 37, |x, y| Rgb([((x * 7 + y * 11) % 256) as u8; 3]));
        let mean = picture.pixels().map(|pixel| f32::from(pixel.0[0])).sum::<f32>() / (45.0 * 37.0);
        let of_cells = shrink(&picture).unwrap().iter().flatten().sum::<f32>() / (CELLS * CELLS) as f32;
        assert!((mean - of_cells).abs() < 0.02, "{mean}, {of_cells}");
    }
}
