//! Near duplicates and shots of the same moment are one result, if that is wanted.
//!
//! How similar two photos are by chance differs by model and library. So similarity is measured by how far it lies between that of
//! two photos of the library drawn by lot and that of identical ones. `docs/search.md` says how the limits were chosen.

use std::collections::HashMap;

use clip_index::{Asset, IndexError, IndexReader, Mean, Neighbour, Record, SearchOptions};
use roaring::RoaringTreemap;

use crate::distinct::Group;
use crate::embed::unit;
use crate::hit::is_absent;

/// Photos that are so far alike are the same picture: scaled a little, cropped, brightened, compressed anew.
const SAME_PICTURE: f32 = 0.9;
/// Photos that are so far alike, and were taken by the same camera within seconds, are shots of one moment.
const SAME_MOMENT: f32 = 0.75;
const SECONDS: u64 = 10;
/// More are not counted.
const MOST: usize = 200;

/// Finds near duplicates, and remembers them.
pub(crate) struct Alikes<'a> {
    reader: &'a IndexReader,
    /// The items that may be found.
    passing: Option<RoaringTreemap>,
    /// The similarity of two photos drawn by lot.
    by_lot: f32,
    only_present: bool,
    known: HashMap<u64, Vec<(u64, Record)>>,
}

impl<'a> Alikes<'a> {
    /// `mean` is that of the library.
    pub fn new(
        reader: &'a IndexReader,
        passing: Option<RoaringTreemap>,
        mean: Option<&Mean>,
        only_present: bool,
    ) -> Alikes<'a> {
        // The mean of the dot products of all pairs.
        let by_lot = mean.map_or(0.0, |mean| mean.embedding.iter().map(|x| x * x).sum());
        Alikes { reader, passing, by_lot, only_present, known: HashMap::new() }
    }

    /// Lets groups that are like an earlier one go up in it, until there are `limit`.
    pub fn collapsed(&mut self, groups: Vec<Group>, limit: usize) -> Result<Vec<Group>, IndexError> {
        let mut kept: Vec<Group> = Vec::new();
        let mut gone = RoaringTreemap::new();
        for mut group in groups {
            if kept.len() == limit {
                break;
            }
            if group.members.iter().any(|(item, _)| gone.contains(*item)) {
                continue;
            }
            gone.extend(group.members.iter().map(|(item, _)| *item));
            let (item, record) = &group.members[0];
            for (item, record) in self.of(*item, record)? {
                // What was taken up by a better one stays there.
                if gone.insert(*item) {
                    group.alike.push(record.clone());
                }
            }
            kept.push(group);
        }
        Ok(kept)
    }

    /// What is like an item, the most similar first.
    fn of(&mut self, item: u64, record: &Record) -> Result<&[(u64, Record)], IndexError> {
        if !self.known.contains_key(&item) {
            let found = self.find(item, record)?;
            self.known.insert(item, found);
        }
        Ok(self.known.get(&item).map_or(&[], Vec::as_slice))
    }

    fn find(&self, item: u64, record: &Record) -> Result<Vec<(u64, Record)>, IndexError> {
        // It was rounded when it was stored.
        let embedding = self.reader.embedding(item).and_then(|stored| unit(&stored, self.reader.dimension()).ok());
        let Some(embedding) = embedding else { return Ok(Vec::new()) };
        let options = SearchOptions { filter: self.passing.as_ref(), ..SearchOptions::best(MOST) };
        let mut found = Vec::new();
        for Neighbour { id, score } in self.reader.search(&embedding, &options)?.neighbours {
            let far = (score - self.by_lot) / (1.0 - self.by_lot);
            // NaN, where all photos of a library are the same, is far enough.
            if far < SAME_MOMENT {
                break;
            }
            if id == item {
                continue;
            }
            let Some(other) = self.reader.records(&[id])?.pop() else { continue };
            let is_alike = far.is_nan() || far >= SAME_PICTURE || is_same_moment(&record.asset, &other.asset);
            if is_alike && !(self.only_present && is_absent(&other.asset.path)) {
                found.push((id, other));
            }
        }
        Ok(found)
    }
}

/// Whether two photos were taken by the same camera within seconds.
fn is_same_moment(a: &Asset, b: &Asset) -> bool {
    let times = a.taken_at.zip(b.taken_at);
    a.camera == b.camera && times.is_some_and(|(a, b)| a.abs_diff(b) <= SECONDS)
}
