//! Colours at a fraction of the size, without JPEG: blocks of luma and one pair of differences of colours each.

use std::io::{self, Read};

/// Reads rows of pixels of three samples.
pub(super) struct Subsampled<R> {
    source: R,
    width: usize,
    across: usize,
    down: usize,
    blocks: Vec<u8>,
    /// The rows of the blocks.
    rows: Vec<u8>,
    /// How much of them has been read.
    read: usize,
}

/// Bytes that a reader takes.
pub(super) fn memory(width: u32, (across, down): (u32, u32)) -> u64 {
    let blocks = u64::from(width.div_ceil(across)) * u64::from(across * down + 2);
    blocks + u64::from(width) * 3 * u64::from(down)
}

impl<R: Read> Subsampled<R> {
    pub(super) fn new(source: R, width: u32, (across, down): (u32, u32)) -> Self {
        let (width, across, down) = (width as usize, across as usize, down as usize);
        let blocks = vec![0; width.div_ceil(across) * (across * down + 2)];
        let rows = vec![0; width * 3 * down];
        Self { source, width, across, down, blocks, read: rows.len(), rows }
    }
}

impl<R: Read> Read for Subsampled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.rows.len() {
            self.source.read_exact(&mut self.blocks)?;
            let lumas = self.across * self.down;
            for y in 0..self.down {
                let row = &mut self.rows[y * self.width * 3..][..self.width * 3];
                for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                    let block = &self.blocks[x / self.across * (lumas + 2)..];
                    pixel.copy_from_slice(&[block[y * self.across + x % self.across], block[lumas], block[lumas + 1]]);
                }
            }
            self.read = 0;
        }
        let count = buffer.len().min(self.rows.len() - self.read);
        buffer[..count].copy_from_slice(&self.rows[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}
