//! How rows are divided into tiles.

/// Rows in tiles whose heights differ by one at most.
#[derive(Clone, Copy)]
pub struct RowTiles {
    count: usize,
    /// Height of the shorter tiles.
    height: usize,
    /// How many tiles are one row taller; these come first.
    higher: usize,
}

impl RowTiles {
    /// Divides rows into as few tiles of at most `max_height` rows as possible.
    pub fn new(rows: usize, max_height: usize) -> Self {
        let count = rows.div_ceil(max_height);
        Self { count, height: rows / count.max(1), higher: rows % count.max(1) }
    }

    /// Number of tiles.
    pub fn count(self) -> usize {
        self.count
    }

    /// Height of the tallest tile.
    pub fn max_height(&self) -> usize {
        self.height + usize::from(self.higher > 0)
    }

    /// First row of a tile; for the index after the last tile, the number of rows.
    pub fn start(&self, tile: usize) -> usize {
        tile * self.height + tile.min(self.higher)
    }

    /// Height of a tile.
    pub fn height(&self, tile: usize) -> usize {
        self.height + usize::from(tile < self.higher)
    }
}
