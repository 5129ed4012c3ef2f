//! How rows are cut into tiles.

/// Rows in tiles of like height.
#[derive(Clone, Copy)]
pub struct Tiles {
    count: usize,
    /// Height of the lower ones.
    height: usize,
    /// How many are one row higher; these come first.
    higher: usize,
}

impl Tiles {
    /// At most `most` rows each.
    pub fn new(rows: usize, most: usize) -> Self {
        let count = rows.div_ceil(most);
        Self { count, height: rows / count.max(1), higher: rows % count.max(1) }
    }

    /// Number of tiles.
    pub fn count(self) -> usize {
        self.count
    }

    /// Height of the highest.
    pub fn most(&self) -> usize {
        self.height + usize::from(self.higher > 0)
    }

    /// First row of a tile; of the one behind the last, the number of rows.
    pub fn start(&self, tile: usize) -> usize {
        tile * self.height + tile.min(self.higher)
    }

    /// Height of a tile.
    pub fn height(&self, tile: usize) -> usize {
        self.height + usize::from(tile < self.higher)
    }
}
