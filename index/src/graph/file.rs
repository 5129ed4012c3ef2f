//! A graph's file: written once, mapped, and searched where it lies. `docs/index-format.md` is normative.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::hnsw::{Builder, CodeRows, Layer, Layers, MAX_NODES, Parameters};
use crate::cast;
use crate::error::IndexError;
use crate::frame::{self, Frame, HEADER, Header, Kind, align};
use crate::manifest;

pub(crate) const KIND: Kind = Kind { magic: *b"clipgrf\0", version: 1, name: "search graph", is_cache: true };

const DIMENSION: usize = 12;
const NODES: usize = 16;
const LAYERS: usize = 24;
const LOWEST_SLOTS: usize = 32;
const CONNECTIONS: usize = 36;
const EF_CONSTRUCTION: usize = 40;
const ALPHA: usize = 44;
const ENTRY: usize = 48;
/// Nodes of all upper layers together.
const UPPER: usize = 52;

/// More layers than there ever are.
const MAX_LAYERS: usize = 64;
/// Blocks of 1 MiB whose checksums are compared at once, where not all are.
const SOME_BLOCKS: usize = 16;
/// Links that are written at once.
const CHUNK: usize = 1 << 14;

/// Where the sections are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extent {
    ids: Range<usize>,
    lowest: Range<usize>,
    sizes: Range<usize>,
    upper_nodes: Range<usize>,
    upper: Range<usize>,
    end: usize,
}

impl Extent {
    /// `None` if the header says what cannot be.
    fn of(header: &Header) -> Option<Extent> {
        let size = |at| header.u32(at) as usize;
        let nodes = usize::try_from(header.u64(NODES)).ok()?;
        let layers = size(LAYERS);
        let slots = (size(LOWEST_SLOTS), size(CONNECTIONS));
        if nodes == 0 || nodes > MAX_NODES || layers == 0 || layers > MAX_LAYERS || size(ENTRY) >= nodes {
            return None;
        }
        let mut end = HEADER;
        let mut section = |count: usize, bytes: usize| {
            let start = align(end)?;
            end = count.checked_mul(bytes)?.checked_add(start)?;
            Some(start..end)
        };
        let extent = Extent {
            ids: section(nodes, 8)?,
            lowest: section(nodes.checked_mul(slots.0)?, 4)?,
            sizes: section(layers - 1, 4)?,
            upper_nodes: section(size(UPPER), 4)?,
            upper: section(size(UPPER).checked_mul(slots.1)?, 4)?,
            end: 0,
        };
        Some(Extent { end: align(end)?, ..extent })
    }
}

/// A mapped graph.
#[derive(Debug)]
pub(crate) struct GraphFile {
    frame: Frame,
    extent: Extent,
}

impl GraphFile {
    /// Maps a file and checks its header, its length, and that the sizes of its layers fit together.
    pub(crate) fn open(path: &Path) -> Result<GraphFile, IndexError> {
        let frame = Frame::open(path, &KIND, |header| Some(Extent::of(header)?.end))?;
        let impossible = || IndexError::corrupt(path, "its layers do not match its header");
        let extent = Extent::of(frame.header()).ok_or_else(impossible)?;
        let file = GraphFile { frame, extent };
        let sizes = file.sizes().iter().map(|&size| u64::from(size));
        if sizes.sum::<u64>() != u64::from(file.frame.header().u32(UPPER)) {
            return Err(impossible());
        }
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        self.frame.path()
    }

    /// Identifies the content.
    pub(crate) fn content_crc(&self) -> u32 {
        self.frame.content_crc()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.frame.header().u32(DIMENSION) as usize
    }

    pub(crate) fn parameters(&self) -> Parameters {
        let header = self.frame.header();
        Parameters {
            lowest_slots: header.u32(LOWEST_SLOTS) as usize,
            connections: header.u32(CONNECTIONS) as usize,
            ef_construction: header.u32(EF_CONSTRUCTION) as usize,
            alpha: f32::from_bits(header.u32(ALPHA)),
        }
    }

    /// The id of each node, ascending if the file is whole; at least one.
    pub(crate) fn ids(&self) -> &[u64] {
        self.frame.section(self.extent.ids.clone())
    }

    fn sizes(&self) -> &[u32] {
        self.frame.section(self.extent.sizes.clone())
    }

    /// The links. They may be damaged: searches pass over those that lead nowhere.
    pub(crate) fn layers(&self) -> Layers<'_, u32> {
        let header = self.frame.header();
        let width = header.u32(CONNECTIONS) as usize;
        let lowest = self.frame.section(self.extent.lowest.clone());
        let mut layers = vec![Layer::lowest(self.ids().len(), lowest, header.u32(LOWEST_SLOTS) as usize)];
        let mut nodes: &[u32] = self.frame.section(self.extent.upper_nodes.clone());
        let mut slots: &[u32] = self.frame.section(self.extent.upper.clone());
        for &size in self.sizes() {
            // `open` has compared the sum; the product was computed for all layers at once.
            let size = (size as usize).min(nodes.len());
            let (own_nodes, other_nodes) = nodes.split_at(size);
            let (own_slots, other_slots) = slots.split_at((size * width).min(slots.len()));
            layers.push(Layer::upper(own_nodes, own_slots, width));
            (nodes, slots) = (other_nodes, other_slots);
        }
        Layers { layers, entry: header.u32(ENTRY) }
    }

    /// Copies the slots of a node in the lowest layer, of four bytes each: see [`Mapped::read_at`](crate::mapped::Mapped::read_at).
    pub(crate) fn read_slots(&self, node: u32, out: &mut [u8]) -> io::Result<()> {
        let at = self.extent.lowest.start + node as usize * out.len();
        if at + out.len() > self.extent.lowest.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.frame.read_at(at, out)
    }

    /// Reads the whole file and compares its checksums.
    pub(crate) fn verify_checksums(&self) -> Result<(), IndexError> {
        self.frame.verify()
    }

    /// Compares the checksums of some mebibytes, others each time, so that the time does not grow with the file.
    pub(crate) fn verify_a_part(&self) -> Result<(), IndexError> {
        // Seconds are as good as a random number here: a part that is damaged comes up sooner or later.
        let first = usize::try_from(manifest::now()).unwrap_or(0).wrapping_mul(SOME_BLOCKS);
        self.frame.verify_blocks(first, SOME_BLOCKS)
    }

    /// Checks all that can be: checksums, the order of the ids, that links and nodes are ones that there are, and that
    /// every node can be reached.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.verify_checksums()?;
        let wrong = |reason: &str| Err(IndexError::corrupt(self.path(), reason));
        if !self.ids().is_sorted_by(|a, b| a < b) {
            return wrong("the ids are not in ascending order");
        }
        let layers = self.layers();
        for (level, layer) in layers.layers.iter().enumerate() {
            let mut last = None;
            for position in 0..layer.len() as u32 {
                let node = layer.node(position);
                let is_in_order = last.replace(node).is_none_or(|last| last < node);
                let below = level.checked_sub(1).and_then(|below| layers.layers.get(below));
                if !is_in_order || below.is_some_and(|below| below.position(node).is_none()) {
                    return wrong(
                        "a node is in a layer, but not in the one below, or layers are not in ascending order",
                    );
                }
                if !layer.is_whole(position) {
                    return wrong("a link leads to a node that does not exist");
                }
            }
        }
        if layers.layers.last().is_none_or(|top| top.position(layers.entry).is_none()) {
            return wrong("its entry is not in the uppermost layer");
        }
        match layers.unreachable() {
            0 => Ok(()),
            count => wrong(&format!("no path leads to {count} of its nodes")),
        }
    }
}

/// Writes a graph; `ids` are those of its nodes.
pub(crate) fn write<R: CodeRows>(
    path: &Path,
    dimension: usize,
    ids: &[u64],
    parameters: Parameters,
    graph: &Builder<'_, R>,
) -> Result<(), IndexError> {
    let too_large = |_| IndexError::Graph { dir: path.to_path_buf(), reason: "it is too large for its file".into() };
    let number = |number: usize| u32::try_from(number).map_err(too_large);
    let upper = || graph.parts().filter_map(|(nodes, slots)| Some((nodes?, slots)));
    let mut header = Header::new();
    header.set_u32(DIMENSION, number(dimension)?);
    header.set_u64(NODES, ids.len() as u64);
    header.set_u32(LAYERS, number(graph.parts().count())?);
    header.set_u32(LOWEST_SLOTS, number(parameters.lowest_slots)?);
    header.set_u32(CONNECTIONS, number(parameters.connections)?);
    header.set_u32(EF_CONSTRUCTION, number(parameters.ef_construction)?);
    header.set_u32(ALPHA, parameters.alpha.to_bits());
    header.set_u32(ENTRY, graph.layers().entry);
    header.set_u32(UPPER, number(upper().map(|(nodes, _)| nodes.len()).sum())?);
    frame::write(path, &KIND, header, |sections| {
        sections.write_all(cast::to_bytes(ids))?;
        sections.pad()?;
        let lowest = graph.parts().find_map(|(nodes, slots)| nodes.is_none().then_some(slots));
        write_links(sections, lowest.unwrap_or_default())?;
        sections.pad()?;
        for (nodes, _) in upper() {
            sections.write_all(&(nodes.len() as u32).to_le_bytes())?;
        }
        sections.pad()?;
        upper().try_for_each(|(nodes, _)| sections.write_all(cast::to_bytes(nodes)))?;
        sections.pad()?;
        upper().try_for_each(|(_, slots)| write_links(sections, slots))
    })
}

fn write_links(out: &mut impl Write, slots: &[AtomicU32]) -> io::Result<()> {
    let mut numbers = Vec::with_capacity(CHUNK.min(slots.len()));
    for chunk in slots.chunks(CHUNK) {
        numbers.clear();
        numbers.extend(chunk.iter().map(|slot| slot.load(Ordering::Relaxed)));
        out.write_all(cast::to_bytes(&numbers))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use clip_kernels::similarity::quantise;
    use proptest::prelude::*;

    use super::*;
    use crate::graph::hnsw;

    struct Rows(Vec<[i8; 64]>);

    impl CodeRows for Rows {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn codes(&self, node: u32) -> (&[i8], f32) {
            (&self.0[node as usize], 1.0)
        }

        fn prefetch(&self, _: u32) {}
    }

    /// 300 nodes with the ids 10, 12, and so on, in several layers.
    fn example(path: &Path) -> (Vec<u64>, Vec<Vec<Vec<u32>>>) {
        let row = |number: u64| {
            let mut codes = [0; 64];
            let vector: Vec<f32> = (0..64).map(|i| ((number * 131 + i * i) as f32).sin()).collect();
            quantise(&vector, &mut codes);
            codes
        };
        let rows = Rows((0..300).map(row).collect());
        let ids: Vec<u64> = (5..305).map(|number| number * 2).collect();
        let parameters = Parameters { lowest_slots: 12, connections: 4, ef_construction: 20, alpha: 1.0 };
        let mut graph = Builder::new(&rows, parameters, |node| hnsw::level(ids[node as usize], 4));
        assert!(graph.insert(0..300, &clip_progress::Silent, &AtomicBool::new(false)));
        write(path, 64, &ids, parameters, &graph).unwrap();
        (ids, links(&graph.layers()))
    }

    fn links<S: hnsw::Slot>(layers: &Layers<'_, S>) -> Vec<Vec<Vec<u32>>> {
        let of = |layer: &Layer<'_, S>| (0..layer.len() as u32).map(|node| layer.neighbours(node).collect()).collect();
        layers.layers.iter().map(of).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("graph");
        let (ids, expected) = example(&path);
        let file = GraphFile::open(&path).unwrap();
        file.verify().unwrap();
        assert!(expected.len() > 2);
        assert_eq!((file.ids(), file.dimension(), file.parameters().lowest_slots), (&ids[..], 64, 12));
        assert_eq!(links(&file.layers()), expected);
    }

    #[test]
    fn damage_is_found_by_verification_and_harmless_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("graph");
        example(&path);
        let good = std::fs::read(&path).unwrap();
        for number in 0..200 {
            let at = number * 7919 % good.len();
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (number % 8);
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(file) = GraphFile::open(&path) {
                assert!(file.verify().is_err(), "byte {at}");
                links(&file.layers());
            }
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(GraphFile::open(&path).is_err(), "{at} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_header_gives_sections_in_order_or_none(
            nodes: u64, layers: u32, slots: (u32, u32), entry: u32, upper: u32, small: bool,
        ) {
            let mut header = Header::new();
            header.set_u64(NODES, if small { nodes % 1000 } else { nodes });
            header.set_u32(LAYERS, if small { layers % 70 } else { layers });
            header.set_u32(LOWEST_SLOTS, slots.0);
            header.set_u32(CONNECTIONS, slots.1);
            header.set_u32(ENTRY, if small { entry % 1000 } else { entry });
            header.set_u32(UPPER, upper);
            if let Some(extent) = Extent::of(&header) {
                let Extent { ids, lowest, sizes, upper_nodes, upper, end } = extent;
                let edges = [HEADER, ids.start, ids.end, lowest.start, lowest.end, sizes.start, sizes.end,
                    upper_nodes.start, upper_nodes.end, upper.start, upper.end, end];
                prop_assert!(edges.is_sorted());
            }
        }
    }
}
