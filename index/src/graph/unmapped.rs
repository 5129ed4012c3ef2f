//! The first walk of a reader: rows and links are copied from the files instead of being used where they are mapped.
//!
//! A walk goes here and there, and the first touch of a mapped page is dear: the system maps it with its neighbours,
//! which takes it three times as long as copying a row from a file that is in its memory, and must undo that when the
//! program ends. A program that answers one question and ends is done earlier without. A reader that lives on maps
//! pages from its second walk on, and each of them only once.

use std::cell::{Cell, RefCell};

use clip_kernels::similarity::CodeQuery;

use super::file::GraphFile;
use super::hnsw::{Links, NONE, Scores};
use super::rows::Codes;
use crate::cast;

/// Rows that are copied one by one.
pub(super) struct CopiedRows<'a> {
    codes: &'a Codes<'a>,
    row: RefCell<Vec<u8>>,
    failed: &'a Cell<bool>,
}

impl<'a> CopiedRows<'a> {
    /// `failed` becomes true if a row cannot be read; what a walk finds is worth nothing then.
    pub(super) fn new(codes: &'a Codes<'a>, failed: &'a Cell<bool>) -> CopiedRows<'a> {
        let row = RefCell::new(vec![0; codes.code_len()]);
        CopiedRows { codes, row, failed }
    }
}

impl Scores for CopiedRows<'_> {
    fn count(&self) -> usize {
        super::hnsw::CodeRows::len(self.codes)
    }

    fn score(&self, node: u32, query: &CodeQuery) -> f32 {
        let mut row = self.row.borrow_mut();
        match self.codes.copy(node, &mut row) {
            Ok(scale) => scale * query.dot(cast::from_bytes(&row).unwrap_or_default()) as f32,
            Err(error) => {
                if !self.failed.replace(true) {
                    log::debug!("a row of a vector file was not read: {error}");
                }
                f32::NEG_INFINITY
            }
        }
    }

    fn ask_for(&self, _: u32) {}
}

/// Links of the lowest layer that are copied, those of one node after the other.
pub(super) struct CopiedLinks<'a> {
    file: &'a GraphFile,
    slots: RefCell<Vec<u8>>,
    failed: &'a Cell<bool>,
}

impl<'a> CopiedLinks<'a> {
    /// `failed` becomes true if links cannot be read; what a walk finds is worth nothing then.
    pub(super) fn new(file: &'a GraphFile, failed: &'a Cell<bool>) -> CopiedLinks<'a> {
        let slots = RefCell::new(vec![0; 4 * file.parameters().lowest_slots]);
        CopiedLinks { file, slots, failed }
    }
}

impl Links for &CopiedLinks<'_> {
    fn len(self) -> usize {
        self.file.ids().len()
    }

    fn node(self, position: u32) -> u32 {
        position
    }

    fn visit(self, position: u32, visit: impl FnMut(u32)) {
        let mut slots = self.slots.borrow_mut();
        if let Err(error) = self.file.read_slots(position, &mut slots) {
            if !self.failed.replace(true) {
                log::debug!("links of a graph were not read: {error}");
            }
            return;
        }
        let len = self.len();
        let links = slots.chunks_exact(4).map(|slot| u32::from_le_bytes(slot.try_into().unwrap_or_default()));
        links.take_while(|&link| link != NONE).filter(|&link| (link as usize) < len).for_each(visit);
    }

    fn ask_for(self, _: u32) {}
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use clip_kernels::Isa;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::graph::{Graph, open_file};
    use crate::layout::Layout;
    use crate::snapshot::Snapshot;
    use crate::{Asset, GraphOptions, IndexWriter, ModelId};

    const DIMENSION: usize = 24;

    fn unit(rng: &mut StdRng) -> Vec<f32> {
        let vector: Vec<f32> = (0..DIMENSION).map(|_| rng.random_range(-1.0f32..1.0)).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter().map(|x| x / length).collect()
    }

    /// An index in several vector files, with rows between others that the graph lacks.
    fn index(dir: &std::path::Path, rng: &mut StdRng) -> Snapshot {
        let model = ModelId { name: "random".into(), fingerprint: "random".into(), dimension: DIMENSION };
        let mut writer = IndexWriter::open_or_create(dir, &model).unwrap();
        for number in 0..900 {
            writer.add(Asset { path: format!("/{number}").into(), ..Asset::default() }, unit(rng)).unwrap();
            if number % 400 == 399 {
                writer.commit().unwrap();
            }
        }
        for id in [3, 4, 500, 899] {
            writer.remove(id).unwrap();
        }
        writer.commit().unwrap();
        let options = GraphOptions { min_photos: 1, connections: 6, ef_construction: 40, ..GraphOptions::default() };
        writer.update_graph(&options, &clip_progress::Silent, &AtomicBool::new(false)).unwrap();
        writer.close().unwrap();
        Snapshot::open(&Layout::new(dir)).unwrap()
    }

    fn graph(snapshot: &Snapshot) -> Graph {
        let entry = snapshot.manifest().graph.as_ref().unwrap();
        Graph::of_file(snapshot, Arc::new(open_file(snapshot.layout(), entry).unwrap())).unwrap()
    }

    #[test]
    fn what_is_copied_is_what_is_mapped() {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let snapshot = index(dir.path(), &mut rng);
        let graph = graph(&snapshot);
        let even = |node: u32| node.is_multiple_of(2);
        for round in 0..50 {
            let query = CodeQuery::new(Isa::best(), &unit(&mut rng));
            let accept: Option<&dyn Fn(u32) -> bool> = if round % 2 == 0 { None } else { Some(&even) };
            let copied = graph.walk_copying(&graph.rows.codes(), &query, 30, accept).unwrap();
            let mapped = graph.searcher.search(&graph.file.layers(), &graph.rows.codes(), &query, 30, accept);
            assert!(copied == mapped && copied.len() == 30);
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_copying() {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(2);
        let snapshot = index(dir.path(), &mut rng);
        let graph = graph(&snapshot);
        let query = CodeQuery::new(Isa::best(), &unit(&mut rng));
        assert!(graph.walk_copying(&graph.rows.codes(), &query, 30, None).is_some());

        let failed = Cell::new(false);
        let links = CopiedLinks::new(&graph.file, &failed);
        (&links).visit(0, |_| ());
        assert!(!failed.get());
        (&links).visit(graph.nodes() as u32, |_| panic!("a link of a node that there is not"));
        assert!(failed.get());

        // The mapping must not be touched while the file is short.
        let path = snapshot.segments()[0].path();
        let content = fs::read(path).unwrap();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(4096).unwrap();
        let found = graph.walk_copying(&graph.rows.codes(), &query, 30, None);
        fs::write(path, content).unwrap();
        assert!(found.is_none());
    }
}
