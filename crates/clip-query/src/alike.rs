//! Near duplicates and shots of the same moment are one result, if that is wanted: by the rules of [`duplicates`](crate::duplicates()),
//! among the photos that are nearest to a result.

use std::collections::HashMap;

use clip_index::{IndexError, IndexReader, Kind, Mean, Neighbour, Record, SearchOptions};
use roaring::RoaringTreemap;

use crate::absent::is_absent;
use crate::distinct::Group;
use crate::embed::unit;
use crate::likeness::{Looks, SAME_MOMENT, Scale};

/// More are not counted.
const MOST: usize = 200;
/// A result is compared with so many of those before it, which need not be near by their embeddings.
const COMPARED: usize = 100;

/// Finds near duplicates, and remembers them.
pub(crate) struct Alikes<'a> {
    reader: &'a IndexReader,
    /// The items that may be found.
    passing: Option<RoaringTreemap>,
    scale: Scale,
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
        Alikes { reader, passing, scale: Scale::of(mean), only_present, known: HashMap::new() }
    }

    /// Lets groups that are like an earlier one go up in it, until there are `limit`.
    pub fn collapsed(&mut self, groups: Vec<Group>, limit: usize) -> Result<Vec<Group>, IndexError> {
        let mut kept: Vec<Group> = Vec::new();
        let mut looks: Vec<Looks> = Vec::new();
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
            let own = Looks::of(&record.asset);
            let far = |other: u64| Some(self.scale.far(self.reader.similarity(&self.reader.embedding(*item)?, other)?));
            let is_the_same =
                |(kept, before): (&Group, &Looks)| before.same_picture(&own, || far(kept.members[0].0)).is_some();
            if own.hash.is_some()
                && let Some(same) = kept.iter().zip(&looks).position(is_the_same)
            {
                kept[same].alike.extend(group.members.into_iter().map(|(_, record)| record));
                continue;
            }
            for (item, record) in self.of(*item, record)? {
                // What was taken up by a better one stays there.
                if gone.insert(*item) {
                    group.alike.push(record.clone());
                }
            }
            if looks.len() < COMPARED {
                looks.push(own);
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
        let looks = Looks::of(&record.asset);
        let mut found = Vec::new();
        for Neighbour { id, score } in self.reader.search(&embedding, &options)?.neighbours {
            let far = self.scale.far(score);
            // NaN, where all photos of a library are the same, is far enough.
            if far < SAME_MOMENT {
                break;
            }
            if id == item {
                continue;
            }
            let Some(other) = self.reader.records(&[id])?.pop() else { continue };
            // A moment of a video is like others of it, and says nothing of the rest.
            if other.asset.kind == Kind::Video || record.asset.kind == Kind::Video {
                continue;
            }
            let other_looks = Looks::of(&other.asset);
            let content = record.asset.content();
            let is_alike = content.is_some() && content == other.asset.content()
                || looks.same_picture(&other_looks, || Some(far)).is_some()
                || looks.same_moment(&other_looks);
            if is_alike && !(self.only_present && is_absent(&other.asset.path)) {
                found.push((id, other));
            }
        }
        Ok(found)
    }
}
