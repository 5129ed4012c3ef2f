//! How a page is cut into strips or tiles.

use super::fields::{Directory, Field, File};
use super::method::Compression;
use super::tags;
use crate::formats::library::Fault;

#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks<'a> {
    /// Width and height of a chunk; tiles may exceed the right and the lower edge.
    pub(super) size: (u32, u32),
    pub(super) across: u32,
    pub(super) down: u32,
    /// Whether each sample has its own chunks (planar).
    pub(super) is_planar: bool,
    places: Places<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Places<'a> {
    Fields {
        offsets: Field<'a>,
        lengths: Option<Field<'a>>,
    },
    /// There is only one.
    One(&'a [u8]),
}

/// The bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk<'a> {
    /// The length in the file, and everything that follows.
    Bytes { stated: &'a [u8], open: &'a [u8] },
    /// It was never written: all zeros.
    Sparse,
}

impl<'a> Chunks<'a> {
    pub(super) fn of(
        directory: &Directory<'a>,
        size: (u32, u32),
        samples: u16,
        compression: &Compression<'_>,
    ) -> Result<Self, Fault> {
        if size.0 == 0 || size.1 == 0 {
            return Err(Fault::Damaged(format!("its size is {}x{} pixels", size.0, size.1)));
        }
        let side = |tag| directory.uint(tag).map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        let tile = side(tags::TILE_WIDTH).zip(side(tags::TILE_LENGTH));
        // Some programs write the offsets of tiles into the fields of strips.
        let (offsets, lengths, chunk) = match tile {
            Some(tile) => {
                let offsets = directory.get(tags::TILE_OFFSETS).or_else(|| directory.get(tags::STRIP_OFFSETS));
                let lengths = directory.get(tags::TILE_BYTE_COUNTS).or_else(|| directory.get(tags::STRIP_BYTE_COUNTS));
                (offsets, lengths, tile)
            }
            None => {
                let rows = side(tags::ROWS_PER_STRIP).filter(|rows| *rows > 0).unwrap_or(size.1).min(size.1);
                (directory.get(tags::STRIP_OFFSETS), directory.get(tags::STRIP_BYTE_COUNTS), (size.0, rows))
            }
        };
        if chunk.0 == 0 || chunk.1 == 0 {
            return Err(Fault::Damaged(format!("its tiles have {}x{} pixels", chunk.0, chunk.1)));
        }
        let missing = if tile.is_some() { tags::TILE_OFFSETS } else { tags::STRIP_OFFSETS };
        let offsets = offsets.ok_or_else(|| Fault::Damaged(format!("it has no {}", tags::name(missing))))?;
        let is_planar = match directory.uint(tags::PLANAR_CONFIGURATION).unwrap_or(1) {
            1 => false,
            2 => samples > 1,
            other => return Err(Fault::Damaged(format!("its planar configuration is {other}, expected 1 or 2"))),
        };
        let (across, down) = (size.0.div_ceil(chunk.0), size.1.div_ceil(chunk.1));
        // Files of one strip often have no length, or a wrong one; without compression it is known anyway.
        let lengths = lengths.filter(|_| !matches!(compression, Compression::None { .. }));
        Ok(Self { size: chunk, across, down, is_planar, places: Places::Fields { offsets, lengths } })
    }

    /// One chunk of a whole page.
    pub(super) fn one(size: (u32, u32), bytes: &'a [u8]) -> Self {
        Self { size, across: 1, down: 1, is_planar: false, places: Places::One(bytes) }
    }

    /// The number of chunks per plane.
    pub(super) fn per_plane(&self) -> u64 {
        u64::from(self.across) * u64::from(self.down)
    }

    /// The bytes of one. The index of a plane is that of the sample.
    pub(super) fn get(&self, file: &File<'a>, plane: u16, index: u64) -> Result<Chunk<'a>, Fault> {
        let (offsets, lengths) = match self.places {
            Places::One(bytes) => return Ok(Chunk::Bytes { stated: bytes, open: bytes }),
            Places::Fields { offsets, lengths } => (offsets, lengths),
        };
        let index = u64::from(plane) * self.per_plane() + index;
        let offset = offsets.uint(index).ok_or_else(|| {
            if index < offsets.count {
                Fault::Truncated
            } else {
                Fault::damaged("some of its strips or tiles are missing")
            }
        })?;
        let open = file.from(offset);
        let length = lengths.and_then(|lengths| lengths.uint(index));
        if offset == 0 && length.is_none_or(|length| length == 0) {
            return Ok(Chunk::Sparse);
        }
        let length = length.filter(|length| *length > 0).map_or(usize::MAX, |length| length as usize);
        Ok(Chunk::Bytes { stated: &open[..length.min(open.len())], open })
    }

    /// Every chunk of these planes that has bytes.
    pub(super) fn all(&self, file: &File<'a>, planes: impl Iterator<Item = u16>) -> impl Iterator<Item = &'a [u8]> {
        let per_plane = self.per_plane();
        planes.flat_map(move |plane| {
            (0..per_plane).map_while(move |index| self.get(file, plane, index).ok()).filter_map(|chunk| match chunk {
                Chunk::Bytes { stated, .. } => Some(stated),
                Chunk::Sparse => None,
            })
        })
    }
}
