//! When and where all photos were taken, in some 60 bytes each.
//!
//! Listing photos without a description, the days and the places would otherwise read every record each time.

use std::cmp::Reverse;
use std::collections::hash_map::Entry::Vacant;
use std::collections::{HashMap, HashSet};

use clip_search::{IndexError, IndexReader, Kind, RoaringTreemap, together};

use super::request::Sort;

/// Records that are read at a time.
const AT_A_TIME: usize = 4096;
const SECONDS_OF_A_DAY: i64 = 86_400;

/// What is known of all items of an index; of a video, of its first moment.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// In ascending order of items.
    entries: Vec<Entry>,
    /// Items of files with the same content, by the first of them; only where there are several.
    copies: HashMap<u32, Vec<u32>>,
    /// Results that several files make, by the first entries with their contents; the one that is shown comes first.
    groups: Vec<Vec<u32>>,
    /// Where such an entry is in the groups: in which, and where in it.
    places: HashMap<u32, (u32, u32)>,
}

/// What is known of an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) item: u64,
    /// How many items there are of its asset.
    items: u32,
    /// In seconds since 1970, UTC.
    taken_at: Option<i64>,
    /// By the clock of the place, in days since 1970.
    pub(crate) day: Option<i32>,
    /// Latitude and longitude in degrees.
    pub(crate) gps: Option<(f32, f32)>,
    /// Of the file, in bytes.
    size: u64,
    /// The first entry with the same content.
    first: u32,
    /// Its place among all, the newest first.
    order: u32,
}

impl Catalogue {
    /// Reads all records.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if one cannot be read.
    pub(crate) fn of(reader: &IndexReader) -> Result<Catalogue, IndexError> {
        let mut entries: Vec<Entry> = Vec::with_capacity(reader.len());
        let mut firsts = HashMap::new();
        let mut copies: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut add = |items: &[u64]| -> Result<(), IndexError> {
            // An item of which there is no record is left out, as in a search.
            for &item in items {
                let Some(record) = reader.records(&[item])?.pop() else { continue };
                let asset = &record.asset;
                let items = record.items();
                if asset.kind == Kind::Video && item != items.start {
                    continue;
                }
                let at = entries.len() as u32;
                let key = asset.content().map(|hash| (hash, record.position(item).unwrap_or_default()));
                let first = key.map_or(at, |key| *firsts.entry(key).or_insert(at));
                if first != at {
                    copies.entry(first).or_insert_with(|| vec![first]).push(at);
                }
                let day = asset.taken_at_place().map(|seconds| seconds.div_euclid(SECONDS_OF_A_DAY));
                entries.push(Entry {
                    item,
                    items: if asset.kind == Kind::Video { (items.end - items.start) as u32 } else { 1 },
                    taken_at: asset.taken_at,
                    day: day.and_then(|day| i32::try_from(day).ok()),
                    gps: asset.gps.map(|(latitude, longitude)| (latitude as f32, longitude as f32)),
                    size: asset.stamp.size,
                    first,
                    order: 0,
                });
            }
            Ok(())
        };
        let mut ids = reader.ids();
        loop {
            let items: Vec<u64> = ids.by_ref().take(AT_A_TIME).collect();
            if items.is_empty() {
                break;
            }
            add(&items)?;
        }
        drop(firsts);
        let mut newest: Vec<u32> = (0..entries.len() as u32).collect();
        let taken_at = |at: u32| entries[at as usize].taken_at;
        // Those without a date come last, and what was indexed first comes first where dates are equal.
        newest.sort_by_key(|&at| (taken_at(at).is_none(), Reverse(taken_at(at)), at));
        for (order, at) in newest.into_iter().enumerate() {
            entries[at as usize].order = order as u32;
        }
        entries.shrink_to_fit();
        let mut catalogue = Catalogue { entries, copies, groups: Vec::new(), places: HashMap::new() };
        for items in together(reader)? {
            catalogue.add_group(&items);
        }
        Ok(catalogue)
    }

    /// Notes that these items are one result.
    fn add_group(&mut self, items: &[u64]) {
        let number = self.groups.len() as u32;
        let mut group = Vec::new();
        for item in items {
            let Some(first) = self.find(*item).map(|at| self.entry(at).first) else { continue };
            // A copy of it may be in another group, which has all of the copies then.
            if let Vacant(place) = self.places.entry(first) {
                place.insert((number, group.len() as u32));
                group.push(first);
            }
        }
        self.groups.push(group);
    }

    /// What is known of the entry with this number.
    pub(crate) fn entry(&self, at: u32) -> Entry {
        self.entries[at as usize]
    }

    /// The number of an item's entry.
    pub(crate) fn find(&self, item: u64) -> Option<u32> {
        let at = self.entries.partition_point(|entry| entry.item <= item).checked_sub(1)?;
        let entry = &self.entries[at];
        (item < entry.item + u64::from(entry.items)).then_some(at as u32)
    }

    /// The entries of these items, or of all, in ascending order, as far as they are results of their own. Of files with the same
    /// content, the one that was indexed first stands for the others; of files that belong together, the one that is shown.
    pub(crate) fn distinct(&self, passing: Option<&RoaringTreemap>) -> Vec<u32> {
        let mut entries = self.contents(passing);
        if !self.groups.is_empty() {
            let place = |at: &u32| self.places.get(&self.entry(*at).first);
            let mut shown: HashMap<u32, u32> = HashMap::new();
            for (group, place) in entries.iter().filter_map(place) {
                shown.entry(*group).and_modify(|shown| *shown = (*shown).min(*place)).or_insert(*place);
            }
            entries.retain(|at| place(at).is_none_or(|(group, place)| shown.get(group) == Some(place)));
        }
        entries
    }

    /// The entries of these items, or of all, one for each content.
    fn contents(&self, passing: Option<&RoaringTreemap>) -> Vec<u32> {
        match passing {
            None => (0..).zip(&self.entries).filter(|(at, entry)| entry.first == *at).map(|(at, _)| at).collect(),
            Some(passing) => {
                let mut seen = HashSet::new();
                // Each moment of a video passes if one does.
                let mut passing: Vec<u32> = passing.iter().filter_map(|item| self.find(item)).collect();
                passing.dedup();
                passing
                    .into_iter()
                    .filter(|at| {
                        let first = self.entry(*at).first;
                        // Most photos have no copies.
                        !self.copies.contains_key(&first) || seen.insert(first)
                    })
                    .collect()
            }
        }
    }

    /// Puts entries into another order; where they are equal, what was indexed first comes first.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub(crate) fn sort(&self, entries: &mut [u32], sort: Sort, reader: &IndexReader) -> Result<(), IndexError> {
        match sort {
            Sort::Relevance | Sort::Date => entries.sort_unstable_by_key(|at| self.entry(*at).order),
            Sort::Oldest => entries.sort_unstable_by_key(|at| {
                let taken_at = self.entry(*at).taken_at;
                (taken_at.is_none(), taken_at, *at)
            }),
            Sort::Size => entries.sort_unstable_by_key(|at| (Reverse(self.entry(*at).size), *at)),
            Sort::Path => {
                let mut paths = Vec::with_capacity(entries.len());
                for &at in &*entries {
                    let record = reader.records(&[self.entry(at).item])?.pop();
                    paths.push((record.map(|record| record.asset.path), at));
                }
                paths.sort_unstable();
                entries.iter_mut().zip(paths).for_each(|(entry, (_, at))| *entry = at);
            }
        }
        Ok(())
    }

    /// The items of other content that belong to the same result, among those that pass.
    pub(crate) fn members(&self, at: u32, passing: Option<&RoaringTreemap>) -> Vec<u64> {
        let own = self.entry(at).first;
        let Some((group, _)) = self.places.get(&own) else { return Vec::new() };
        let others = self.groups[*group as usize].iter().filter(|first| **first != own);
        let files = others.flat_map(|first| self.copies.get(first).map_or(std::slice::from_ref(first), Vec::as_slice));
        let items = files.map(|at| self.entry(*at).item);
        items.filter(|item| passing.is_none_or(|passing| passing.contains(*item))).collect()
    }

    /// The other items with the same content among those that pass.
    pub(crate) fn copies(&self, at: u32, passing: Option<&RoaringTreemap>) -> Vec<u64> {
        let copies = self.copies.get(&self.entry(at).first).map(Vec::as_slice).unwrap_or_default();
        let others = copies.iter().filter(|other| **other != at).map(|other| self.entry(*other).item);
        others.filter(|item| passing.is_none_or(|passing| passing.contains(*item))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clip_search::{
        Alternative, Asset, CachedTexts, Filter, IndexWriter, ModelId, NumberField, Query, Searcher, Stamp, TextCache,
    };

    use super::*;

    /// Numbers that look random, and are the same each time.
    fn draw(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    /// An index with copies, photos without dates, equal dates, and some that were removed.
    fn index(dir: &std::path::Path) -> ModelId {
        let model = ModelId { name: "m".into(), fingerprint: "m".into(), dimension: 2 };
        let mut writer = IndexWriter::open_or_create(dir, &model).unwrap();
        let mut state = 7;
        let mut ids = Vec::new();
        for number in 0..400 {
            let asset = Asset {
                path: format!("/{}/{number}.jpg", draw(&mut state) % 7).into(),
                stamp: Stamp { size: draw(&mut state) % 50, ..Stamp::default() },
                hash: [(draw(&mut state) % 150) as u8; 16],
                width: 1 + (draw(&mut state) % 3) as u32,
                taken_at: (!draw(&mut state).is_multiple_of(4)).then(|| (draw(&mut state) % 100) as i64 * 40_000),
                utc_offset: (!draw(&mut state).is_multiple_of(2)).then_some(120),
                ..Asset::default()
            };
            ids.push(writer.add(asset, vec![1.0, 0.0]).unwrap());
        }
        writer.commit().unwrap();
        for id in ids.iter().step_by(17) {
            writer.remove(*id).unwrap();
        }
        writer.commit().unwrap();
        writer.close().unwrap();
        model
    }

    #[test]
    fn the_catalogue_lists_what_a_search_lists() {
        let dir = tempfile::tempdir().unwrap();
        let model = index(dir.path());
        let texts = CachedTexts::new(model, Arc::new(TextCache::in_memory()));
        let searcher = Searcher::open(dir.path(), texts).unwrap();
        let catalogue = Catalogue::of(searcher.reader()).unwrap();
        let width = |from: f64| Filter::Number {
            field: NumberField::Width,
            from: std::ops::Bound::Included(from),
            to: std::ops::Bound::Unbounded,
        };
        for filter in [width(0.0), width(2.0), width(9.0), Filter::Under("/3".into())] {
            let passing = searcher.reader().matching(&filter).unwrap();
            for sort in [Sort::Relevance, Sort::Date, Sort::Oldest, Sort::Path, Sort::Size] {
                let mut entries = catalogue.distinct(Some(&passing));
                catalogue.sort(&mut entries, sort, searcher.reader()).unwrap();
                let found: Vec<(u64, Vec<u64>)> = entries
                    .iter()
                    .map(|at| (catalogue.entry(*at).item, catalogue.copies(*at, Some(&passing))))
                    .collect();
                let all = Query::any(vec![Alternative { terms: Vec::new(), filter: filter.clone() }]);
                let hits = searcher.search(&all.order(sort.order()).limit(usize::MAX)).unwrap();
                let expected: Vec<(u64, Vec<u64>)> = hits
                    .iter()
                    .map(|hit| (hit.item, hit.duplicates.iter().map(|record| record.id).collect()))
                    .collect();
                assert_eq!(found, expected, "{filter:?} {sort:?}");
            }
        }
        let passing: RoaringTreemap = searcher.reader().ids().collect();
        assert_eq!(catalogue.distinct(None), catalogue.distinct(Some(&passing)));
    }

    /// A photo with its raw file and an edited copy, another with a raw file that does not pass, and a video.
    #[test]
    fn files_that_belong_together_are_listed_once() {
        let dir = tempfile::tempdir().unwrap();
        let model = ModelId { name: "m".into(), fingerprint: "m".into(), dimension: 2 };
        let mut writer = IndexWriter::open_or_create(dir.path(), &model).unwrap();
        let names =
            ["IMG_0001.CR2", "IMG_0001.JPG", "IMG_0002.JPG", "IMG_0003.CR2", "IMG_0003.JPG", "other/IMG_0003.JPG"];
        for (number, name) in names.into_iter().enumerate() {
            let asset = Asset {
                path: format!("/photos/{name}").into(),
                // The last is a copy of the one before.
                hash: [number.min(4) as u8 + 1; 16],
                width: if name == "IMG_0003.CR2" { 1 } else { 3 },
                height: 2,
                taken_at: Some(1_500_000_000 + i64::from(name.as_bytes()[name.len() - 5]) * 1000),
                camera: Some("Canon EOS R5".to_owned()),
                ..Asset::default()
            };
            writer.add(asset, vec![1.0, 0.0]).unwrap();
        }
        let film =
            Asset { path: "/photos/film.mp4".into(), hash: [9; 16], kind: Kind::Video, width: 3, ..Asset::default() };
        let moment = |position| clip_search::NewItem { position, embedding: vec![0.0, 1.0] };
        writer.add_items(film, &[moment(0), moment(1000), moment(2000)]).unwrap();
        writer.commit().unwrap();
        writer.close().unwrap();
        let searcher = Searcher::open(dir.path(), CachedTexts::new(model, Arc::new(TextCache::in_memory()))).unwrap();
        let catalogue = Catalogue::of(searcher.reader()).unwrap();
        let wide = Filter::Number {
            field: NumberField::Width,
            from: std::ops::Bound::Included(2.0),
            to: std::ops::Bound::Unbounded,
        };
        let everything = Filter::Not(Box::new(Filter::Any(Vec::new())));
        for filter in [everything, wide] {
            let passing = searcher.reader().matching(&filter).unwrap();
            let mut entries = catalogue.distinct(Some(&passing));
            catalogue.sort(&mut entries, Sort::Oldest, searcher.reader()).unwrap();
            let found: Vec<_> = entries
                .iter()
                .map(|at| {
                    let mut members = catalogue.members(*at, Some(&passing));
                    members.sort_unstable();
                    (catalogue.entry(*at).item, catalogue.copies(*at, Some(&passing)), members)
                })
                .collect();
            let all = Query::any(vec![Alternative { terms: Vec::new(), filter: filter.clone() }]);
            let hits = searcher.search(&all.order(Sort::Oldest.order()).limit(usize::MAX)).unwrap();
            let ids = |records: Vec<u64>| {
                let mut ids = records;
                ids.sort_unstable();
                ids
            };
            let expected: Vec<_> = hits
                .iter()
                .map(|hit| {
                    let members = hit.members.iter().filter_map(|member| Some(member.record.as_ref()?.id)).collect();
                    (hit.item, hit.duplicates.iter().map(|record| record.id).collect::<Vec<_>>(), ids(members))
                })
                .collect();
            assert_eq!(found, expected, "{filter:?}");
            assert_eq!(found.len(), 4, "{found:?}");
        }
        let film = catalogue.find(7).unwrap();
        assert_eq!(catalogue.entry(film).item, 7, "ids begin at 1");
        assert_eq!((catalogue.find(9), catalogue.find(10)), (Some(film), None));
    }
}
