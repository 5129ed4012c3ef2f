//! What decoding takes, by the headers: the decoder makes lists of all precincts and code blocks of a tile, however many they
//! are, before it looks at the data.

use super::codestream::{Area, Component, Header, Style, Tiles};
use crate::formats::library::Fault;

/// The most precincts and code blocks of all tiles, and bands of tiles. A picture of 250 million pixels with blocks of 32 x 32
/// has one million.
const MOST: u64 = 1 << 24;

/// Bytes of the decoder's records, rounded up.
mod record {
    pub(super) const PRECINCT: u64 = 48;
    pub(super) const BLOCK: u64 = 64;
    /// A node of a tree over the blocks of a precinct. There are two such trees.
    pub(super) const NODE: u64 = 48;
    pub(super) const LAYER: u64 = 24;
    pub(super) const SEGMENT: u64 = 24;
    /// A precinct in the order in which packets follow one another.
    pub(super) const PLACE: u64 = 32;
    /// A packet that is remembered.
    pub(super) const PACKET: u64 = 64;
    pub(super) const TILE: u64 = 160;
    pub(super) const COMPONENT: u64 = 256;
    pub(super) const PART: u64 = 160;
    /// Lists double in size when they are full, and both are there while they are copied.
    pub(super) const GROWTH: u64 = 3;
}

/// What a file takes.
pub(super) struct Cost {
    /// Bytes of lists, of tables and of the data of a code block.
    lists: u64,
    /// How often each tile can be halved at least.
    pub(super) most_halvings: u8,
    /// The most samples of one component in a tile, by how often it is halved.
    largest: Vec<u64>,
}

impl Cost {
    /// # Errors
    /// If there are more precincts and code blocks than any picture has.
    pub(super) fn of(header: &Header<'_>, tiles: &Tiles) -> Result<Self, Fault> {
        let too_many = || Fault::damaged("it is divided into too many parts");
        let most_halvings = |styles: &[Style]| styles.iter().map(|style| style.levels).min().unwrap_or(0);
        let all = tiles.tiles.iter().map(|tile| tile.styles.as_deref().unwrap_or(&header.styles));
        let halvings = all.clone().map(most_halvings).min().unwrap_or(0);
        let bands = all.clone().flatten().map(|style| 3 * u64::from(style.levels) + 1).sum::<u64>();
        if bands > MOST / 4 {
            return Err(too_many());
        }
        let (mut largest, mut records, mut sum) = (vec![0_u64; usize::from(halvings) + 1], 0, bands);
        for (number, (tile, styles)) in tiles.tiles.iter().zip(all).enumerate() {
            let area = header.tile_area(number);
            let mut of_tile = 0_u64;
            for (component, style) in header.components.iter().zip(styles) {
                let area = area.divided((component.step.0.into(), component.step.1.into()));
                let parts = Parts::of(area, style);
                sum = sum.saturating_add(parts.precincts).saturating_add(parts.blocks);
                if sum > MOST {
                    return Err(too_many());
                }
                of_tile = of_tile.saturating_add(parts.bytes(style, tile.changes as u64));
                for (halving, largest) in (0..=halvings).zip(&mut largest) {
                    *largest = (*largest).max(area.divided((1 << halving, 1 << halving)).samples());
                }
            }
            records = records.max(of_tile);
        }
        let count = tiles.tiles.len() as u64;
        let tables = record::COMPONENT * header.components.len() as u64 + 2 * header.quantisation as u64;
        let lists = [
            records.saturating_mul(record::GROWTH),
            count.saturating_mul(record::TILE.saturating_add(tables)),
            (tiles.parts as u64).saturating_mul(record::PART * record::GROWTH),
            // One list of headers for each four bytes at most, and copies of what is in them.
            8 * header.packet_headers as u64,
            // The data of one block.
            tiles.length as u64,
        ];
        Ok(Self { lists: lists.into_iter().fold(0, u64::saturating_add), most_halvings: halvings, largest })
    }

    /// Bytes that decoding takes for samples of this many components, and a picture of this size.
    pub(super) fn memory(&self, halvings: u8, (width, height): (u32, u32), components: &[Component]) -> u64 {
        // Coefficients, what they become, and half as much in either direction for the step before.
        const SAMPLES: u64 = 4 + 4 + 2;
        let pixels = u64::from(width) * u64::from(height);
        let planes = pixels.saturating_mul(4 * components.len() as u64);
        let tile = self.largest.get(usize::from(halvings)).copied().unwrap_or(0).saturating_mul(SAMPLES);
        let edges = 64 * (u64::from(width) + u64::from(height));
        [self.lists, planes, tile, edges].into_iter().fold(0, u64::saturating_add)
    }
}

/// Parts of a component of a tile.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    /// In the sequence of packets: each counts once for its three bands.
    places: u64,
    /// Each counts once for each band.
    precincts: u64,
    blocks: u64,
}

impl Parts {
    fn of(area: Area, style: &Style) -> Self {
        let mut parts = Self::default();
        for (resolution, (width, height)) in (0..=style.levels).zip(&style.precincts) {
            let halved = 1 << (style.levels - resolution);
            let at_resolution = area.divided((halved, halved));
            let precincts = cells(at_resolution.x, *width) * cells(at_resolution.y, *height);
            // (B-17 and B-18)
            let (bands, less) = if resolution == 0 { (1, 0) } else { (3, 1) };
            let block = (style.block.0.min(width - less), style.block.1.min(height - less));
            // A band has half of the samples in either direction, or one more than that.
            let band = if resolution == 0 { at_resolution } else { at_resolution.divided((2, 2)) };
            let more = |side: (u32, u32)| (side.0.saturating_sub(1), side.1);
            let blocks = cells(more(band.x), block.0) * cells(more(band.y), block.1);
            parts.places += precincts;
            parts.precincts += bands * precincts;
            parts.blocks = parts.blocks.saturating_add(bands * blocks);
        }
        parts
    }

    /// Bytes of the decoder's records.
    fn bytes(&self, style: &Style, changes: u64) -> u64 {
        // The most passes of a block of 31 bits, each of which may end a segment.
        const PASSES: u64 = 94;
        let layers = u64::from(style.layers);
        let segments = match style.ends_passes {
            (true, _) => PASSES,
            (_, true) => PASSES + layers,
            _ => layers,
        };
        let precinct = record::PRECINCT + 2 * record::NODE;
        // Twice as many nodes as blocks are the most of a tree.
        let block = record::BLOCK + 4 * record::NODE + layers * record::LAYER + segments * record::SEGMENT;
        let place = 2 * record::PLACE * (1 + changes) + if changes > 0 { layers * record::PACKET } else { 0 };
        [self.precincts.saturating_mul(precinct), self.blocks.saturating_mul(block), self.places.saturating_mul(place)]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// How many cells of a grid, each as long as a power of two, a side reaches into.
fn cells((start, end): (u32, u32), exponent: u8) -> u64 {
    if start >= end { 0 } else { u64::from(end).div_ceil(1 << exponent) - (u64::from(start) >> exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(levels: u8, precinct: (u8, u8)) -> Style {
        let precincts = vec![precinct; usize::from(levels) + 1];
        Style { layers: 1, levels, block: (6, 6), ends_passes: (false, false), precincts }
    }

    fn area(width: u32, height: u32) -> Area {
        Area { x: (0, width), y: (0, height) }
    }

    #[test]
    fn parts_are_counted() {
        // One block of each band.
        let whole = Parts::of(area(64, 64), &style(2, (15, 15)));
        assert_eq!(whole, Parts { places: 3, precincts: 7, blocks: 7 });
        // 256 blocks without any band.
        let plain = Parts::of(area(1024, 1024), &style(0, (15, 15)));
        assert_eq!(plain, Parts { places: 1, precincts: 1, blocks: 256 });
        // Precincts of one sample.
        let tiny = Parts::of(area(1024, 1024), &style(0, (0, 0)));
        assert_eq!(tiny, Parts { places: 1 << 20, precincts: 1 << 20, blocks: 1 << 20 });
        assert_eq!(Parts::of(area(0, 7), &style(0, (15, 15))), Parts { places: 0, precincts: 0, blocks: 0 });
    }

    #[test]
    fn cells_of_a_grid() {
        assert_eq!([cells((0, 64), 6), cells((0, 65), 6), cells((63, 65), 6), cells((7, 7), 0)], [1, 2, 2, 0]);
        assert_eq!(cells((0, u32::MAX), 0), u64::from(u32::MAX));
    }
}
