//! Which rows a search looks at: all of them in blocks, or those of a filter one by one.

use std::ops::Range;

use roaring::RoaringTreemap;

use crate::segment::position_near;
use crate::snapshot::{Place, Snapshot};

/// Below this many bytes to be read, waking other threads costs more than it saves.
pub(crate) const PARALLEL_BYTES: usize = 1 << 20;

/// Rows that lie one after the other in one vector file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) segment: usize,
    pub(crate) rows: Range<usize>,
}

/// All rows, removed ones included, in blocks of at most `size`.
pub(crate) fn blocks(snapshot: &Snapshot, size: usize) -> Vec<Block> {
    let segments = snapshot.segments().iter().enumerate();
    segments
        .flat_map(|(segment, file)| {
            let count = file.len();
            (0..count).step_by(size).map(move |start| Block { segment, rows: start..count.min(start + size) })
        })
        .collect()
}

/// The live rows of a set of ids, in ascending order.
pub(crate) fn places_of(snapshot: &Snapshot, ids: &RoaringTreemap) -> Vec<(u64, Place)> {
    let mut finder = Finder { snapshot, segment: 0, start: 0 };
    ids.iter().filter_map(|id| Some((id, finder.find(id)?))).collect()
}

/// Finds ids that are asked for in ascending order.
struct Finder<'a> {
    snapshot: &'a Snapshot,
    segment: usize,
    /// The ids asked for from now on are not before this row.
    start: usize,
}

impl Finder<'_> {
    fn find(&mut self, id: u64) -> Option<Place> {
        let segments = self.snapshot.segments();
        while segments.get(self.segment)?.last_id() < id {
            self.segment += 1;
            self.start = 0;
        }
        let ids = &segments[self.segment].ids()[self.start..];
        // Where it is if none of the ids in between is missing.
        let guess = id.saturating_sub(*ids.first()?);
        let row = self.start + position_near(ids, id, guess)?;
        self.start = row;
        let place = Place { segment: self.segment as u32, row: row as u32 };
        self.snapshot.is_live_at(self.segment, row).then_some(place)
    }
}
