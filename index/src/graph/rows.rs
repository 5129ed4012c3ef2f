//! The rows of a graph's nodes, in the vector files.
//!
//! Ids ascend in both, and all of a graph's rows stay in the vector files as long as the graph is part of the index. So
//! the rows of most files are nodes that follow each other, and no table is needed. That is found out from the ends of
//! each file, so that a graph is ready at once, however large it is.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use clip_kernels::similarity::{self, code_len};

use super::hnsw::CodeRows;
use crate::segment::Segment;
use crate::snapshot::Place;

/// Nodes that share an entry of the hints.
const STRIDE: usize = 1024;

/// Which row of a vector file each of its nodes is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Placement {
    /// The first node is the first row, and so on.
    InOrder,
    /// There are rows between others that are no nodes: photos that were removed before the graph was built.
    Table(Vec<u32>),
}

/// The nodes whose rows are in one vector file.
#[derive(Debug)]
struct Part {
    /// The number of the file in the snapshot.
    index: u32,
    segment: Arc<Segment>,
    nodes: Range<usize>,
    placement: Placement,
}

/// Finds the rows of nodes.
#[derive(Debug)]
pub(crate) struct NodeRows {
    /// Each has nodes, which follow those of the part before.
    parts: Vec<Part>,
    /// The part of every 1024th node.
    hints: Vec<u32>,
    count: usize,
    code_len: usize,
}

impl NodeRows {
    /// The rows of the nodes with these ids, ascending. Files may be damaged: then it is an error, or rows are wrong
    /// ones, but ones that there are.
    ///
    /// # Errors
    /// Says, in one line, why the graph cannot be used.
    pub(crate) fn new(segments: &[Arc<Segment>], ids: &[u64]) -> Result<NodeRows, &'static str> {
        const GONE: &str = "one of its rows is in no vector file";
        let mut parts: Vec<Part> = Vec::new();
        let mut next = 0;
        let mut dimension = 0;
        for (segment, index) in segments.iter().zip(0..) {
            let end = ids.partition_point(|&id| id <= segment.last_id()).max(next);
            if end == next {
                continue;
            }
            if !segment.has_codes() {
                return Err("one of its vector files is of version 1, which has no codes");
            }
            let placement = place(segment.ids(), &ids[next..end]).ok_or(GONE)?;
            parts.push(Part { index, segment: segment.clone(), nodes: next..end, placement });
            next = end;
            dimension = segment.dimension();
        }
        if next != ids.len() {
            return Err(GONE);
        }
        let mut hints = Vec::with_capacity(ids.len().div_ceil(STRIDE));
        let mut part = 0;
        for node in (0..ids.len()).step_by(STRIDE) {
            while parts[part].nodes.end <= node {
                part += 1;
            }
            hints.push(part as u32);
        }
        Ok(NodeRows { parts, hints, count: ids.len(), code_len: code_len(dimension) })
    }

    /// The codes of the rows.
    pub(crate) fn codes(&self) -> Codes<'_> {
        let part = |part| {
            let Part { index, segment, nodes, placement }: &Part = part;
            let all = 0..segment.len();
            CodesPart {
                index: *index,
                segment,
                first: nodes.start,
                end: nodes.end,
                // `new` has found that there are codes.
                codes: segment.codes_block(all.clone()).unwrap_or_default(),
                scales: segment.scales(all).unwrap_or_default(),
                table: match placement {
                    Placement::InOrder => None,
                    Placement::Table(rows) => Some(rows.as_slice()),
                },
            }
        };
        let parts = self.parts.iter().map(part).collect();
        Codes { parts, hints: &self.hints, count: self.count, code_len: self.code_len }
    }
}

/// Where rows with the ids of `nodes` are among `rows`; `None` if one is not there. All of `nodes` are supposed to be.
fn place(rows: &[u64], nodes: &[u64]) -> Option<Placement> {
    let first_rows = rows.get(..nodes.len())?;
    // As many rows as nodes, all of which are among the rows, between the same ends: they are the same.
    if first_rows.first() == nodes.first() && first_rows.last() == nodes.last() {
        return Some(Placement::InOrder);
    }
    let mut rows = rows.iter().zip(0u32..);
    let find = |id| rows.find(|&(row, _)| row >= id).filter(|&(row, _)| row == id).map(|(_, index)| index);
    nodes.iter().map(find).collect::<Option<_>>().map(Placement::Table)
}

/// The codes of a graph's nodes.
#[derive(Debug)]
pub(crate) struct Codes<'a> {
    parts: Vec<CodesPart<'a>>,
    hints: &'a [u32],
    count: usize,
    code_len: usize,
}

#[derive(Debug)]
struct CodesPart<'a> {
    index: u32,
    segment: &'a Segment,
    first: usize,
    end: usize,
    codes: &'a [i8],
    scales: &'a [f32],
    table: Option<&'a [u32]>,
}

impl Codes<'_> {
    /// Where the row of a node is.
    pub(crate) fn place(&self, node: u32) -> Place {
        let (part, row) = self.find(node);
        Place { segment: part.index, row: row as u32 }
    }

    /// Bytes of the codes of a row.
    pub(crate) fn code_len(&self) -> usize {
        self.code_len
    }

    /// Copies a row's codes, `code_len` of them, and gives their scale: see
    /// [`Mapped::read_at`](crate::mapped::Mapped::read_at).
    pub(crate) fn copy(&self, node: u32, out: &mut [u8]) -> io::Result<f32> {
        let (part, row) = self.find(node);
        part.segment.read_codes(row, out)?;
        // Scales of so many rows share a page that they are not worth copying.
        Ok(part.scales[row])
    }

    #[inline(always)]
    fn find(&self, node: u32) -> (&CodesPart<'_>, usize) {
        let node = node as usize;
        let mut part = self.hints[node / STRIDE] as usize;
        // The parts have all nodes, in order.
        while self.parts[part].end <= node {
            part += 1;
        }
        let part = &self.parts[part];
        let offset = node - part.first;
        (part, part.table.map_or(offset, |table| table[offset] as usize))
    }
}

impl CodeRows for Codes<'_> {
    fn len(&self) -> usize {
        self.count
    }

    #[inline(always)]
    fn codes(&self, node: u32) -> (&[i8], f32) {
        let (part, row) = self.find(node);
        (&part.codes[row * self.code_len..(row + 1) * self.code_len], part.scales[row])
    }

    #[inline(always)]
    fn prefetch(&self, node: u32) {
        let (part, row) = self.find(node);
        similarity::prefetch(&part.codes[row * self.code_len..(row + 1) * self.code_len]);
        similarity::prefetch(&part.scales[row..=row]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nodes_in_order_need_no_table() {
        assert_eq!(place(&[3, 4, 7], &[3, 4, 7]), Some(Placement::InOrder));
        assert_eq!(place(&[3, 4, 7, 8, 9], &[3, 4, 7]), Some(Placement::InOrder));
        assert_eq!(place(&[3, 4, 7], &[3, 7]), Some(Placement::Table(vec![0, 2])));
        assert_eq!(place(&[3, 4, 7], &[4, 7]), Some(Placement::Table(vec![1, 2])));
    }

    #[test]
    fn nodes_without_a_row_are_noticed() {
        assert_eq!(place(&[3, 4, 7], &[3, 5]), None);
        assert_eq!(place(&[3, 4, 7], &[3, 4, 7, 8]), None);
        assert_eq!(place(&[3, 4, 7], &[8]), None);
        assert_eq!(place(&[3, 4, 7], &[2, 3]), None);
    }

    proptest! {
        #[test]
        fn every_node_gets_its_row(rows in prop::collection::btree_set(0u64..200, 1..60), keep: u64) {
            let rows: Vec<u64> = rows.into_iter().collect();
            let kept = rows.iter().enumerate().filter(|(index, _)| keep >> index & 1 == 1);
            let nodes: Vec<u64> = kept.map(|(_, &id)| id).collect();
            prop_assume!(!nodes.is_empty());
            let found: Vec<u64> = match place(&rows, &nodes).unwrap() {
                Placement::InOrder => rows[..nodes.len()].to_vec(),
                Placement::Table(table) => table.iter().map(|&row| rows[row as usize]).collect(),
            };
            prop_assert_eq!(found, nodes);
        }

        #[test]
        fn damaged_ids_give_rows_that_there_are(
            rows in prop::collection::vec(0u64..30, 1..30),
            nodes in prop::collection::vec(0u64..30, 1..30),
        ) {
            match place(&rows, &nodes) {
                None => {}
                Some(Placement::InOrder) => prop_assert!(nodes.len() <= rows.len()),
                Some(Placement::Table(table)) => {
                    prop_assert_eq!(table.len(), nodes.len());
                    prop_assert!(table.iter().all(|&row| (row as usize) < rows.len()));
                }
            }
        }
    }
}
