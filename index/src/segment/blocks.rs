//! Checksums over blocks of a file: they say where it is damaged, and are made as it is written.

use std::io::{self, Write};

use super::header::HEADER;

/// Bytes that one checksum is for. The last block may be shorter.
pub(super) const BLOCK: usize = 1 << 20;

/// Bytes of a table of checksums for this many bytes.
pub(super) fn table_len(bytes: usize) -> usize {
    bytes.div_ceil(BLOCK) * size_of::<u32>()
}

/// The first block, as its number, that is not what the table says.
pub(super) fn find_damaged(bytes: &[u8], table: &[u32]) -> Option<usize> {
    let mut blocks = bytes.chunks(BLOCK).zip(table);
    blocks.position(|(block, &crc)| crc32fast::hash(block) != crc)
}

/// Writes bytes through, and notes the checksum of every block.
pub(super) struct Blocks<W> {
    out: W,
    hasher: crc32fast::Hasher,
    /// Bytes in the block so far.
    filled: usize,
    table: Vec<u32>,
}

impl<W: Write> Blocks<W> {
    pub(super) fn new(out: W) -> Blocks<W> {
        Blocks { out, hasher: crc32fast::Hasher::new(), filled: 0, table: Vec::new() }
    }

    /// Bytes written so far.
    pub(super) fn len(&self) -> usize {
        self.table.len() * BLOCK + self.filled
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.hasher.update(now);
            self.filled += now.len();
            if self.filled == BLOCK {
                self.end_block();
            }
            bytes = later;
        }
        Ok(())
    }

    /// Writes zeros up to the next place where a section may begin. Gives them back, for other checksums.
    pub(super) fn pad(&mut self) -> io::Result<&'static [u8]> {
        const ZEROS: [u8; HEADER] = [0; HEADER];
        let padding = &ZEROS[..self.len().next_multiple_of(HEADER) - self.len()];
        self.write(padding)?;
        Ok(padding)
    }

    /// The checksums of all blocks, the unfinished one included.
    pub(super) fn finish(mut self) -> (W, Vec<u32>) {
        if self.filled > 0 {
            self.end_block();
        }
        (self.out, self.table)
    }

    fn end_block(&mut self) {
        self.table.push(std::mem::take(&mut self.hasher).finalize());
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_what_they_are_however_they_are_written() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 17] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * i / 7) as u8).collect();
            for step in [977, BLOCK, usize::MAX] {
                let mut blocks = Blocks::new(Vec::new());
                for part in bytes.chunks(step) {
                    blocks.write(part).unwrap();
                }
                assert_eq!(blocks.len(), length);
                let (out, table) = blocks.finish();
                assert_eq!(out, bytes);
                assert_eq!(table.len() * 4, table_len(length));
                assert_eq!(find_damaged(&bytes, &table), None);
                for at in [0, length / 2, length.saturating_sub(1)] {
                    let mut damaged = bytes.clone();
                    let Some(byte) = damaged.get_mut(at) else { continue };
                    *byte ^= 4;
                    assert_eq!(find_damaged(&damaged, &table), Some(at / BLOCK));
                }
            }
        }
    }
}
