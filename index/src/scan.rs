//! Search in two steps: a scan over the codes of all rows finds the candidates, their rows give the scores.
//!
//! A row's codes take a quarter of the bytes of the row in `f32`, and a scan is as fast as memory is. What the codes say of
//! a score is off by a few thousandths, so the best by codes are not in the right order; but the best k are among the
//! best few hundred by codes.

use clip_kernels::Isa;
use clip_kernels::similarity::{self, CodeQuery};
use rayon::prelude::*;
use roaring::RoaringTreemap;

use crate::candidates::{Block, PARALLEL_BYTES, blocks, places_of};
use crate::exact;
use crate::plan::follows_filter;
use crate::shortlist::{SharedFloor, Shortlist};
use crate::snapshot::{Place, Snapshot};
use crate::sought::Sought;
use crate::status::Neighbour;

/// Codes that one task reads: they and the sums fit into the second-level cache.
const BLOCK_BYTES: usize = 256 << 10;
/// Rows whose scores are looked at together.
const GROUP: usize = 16;
/// Rows that a walk along a filter asks the memory for ahead of their use.
const AHEAD: usize = 8;

/// How many candidates are scored again for the best `k`.
pub(crate) fn shortlist_len(k: usize) -> usize {
    k.saturating_mul(4).saturating_add(100)
}

/// The best `k` live rows, best first; equal scores in ascending order of ids. Scores are those of [`exact::search`].
pub(crate) fn search(
    snapshot: &Snapshot,
    sought: Sought<'_>,
    k: usize,
    filter: Option<&RoaringTreemap>,
) -> Vec<Neighbour> {
    let size = shortlist_len(k);
    // With so many candidates to be scored again, the first step saves nothing.
    if size as u64 >= snapshot.rows() / 4 {
        return exact::search(snapshot, sought, k, filter);
    }
    let codes = CodeQuery::new(Isa::best(), sought.vector);
    let scan = Scan { snapshot, sought, codes, size, floor: SharedFloor::new() };
    let shortlist = match filter {
        Some(filter) if follows_filter(snapshot.rows(), filter.len(), similarity::code_len(sought.vector.len())) => {
            let places = places_of(snapshot, filter);
            if places.len() <= 2 * size {
                return exact::search_places(snapshot, sought, k, &places);
            }
            scan.places(&places)
        }
        _ => scan.all(filter),
    };
    let places: Vec<(u64, Place)> =
        shortlist.into_places().into_iter().map(|place| (snapshot.id_at(place), place)).collect();
    exact::search_places(snapshot, sought, k, &places)
}

struct Scan<'a> {
    snapshot: &'a Snapshot,
    sought: Sought<'a>,
    codes: CodeQuery,
    size: usize,
    floor: SharedFloor,
}

impl Scan<'_> {
    fn all(&self, filter: Option<&RoaringTreemap>) -> Shortlist {
        let code_len = self.code_len();
        let blocks = blocks(self.snapshot, (BLOCK_BYTES / code_len).clamp(GROUP, 1 << 14));
        let each = |(mut list, mut sums): (Shortlist, Vec<i32>), block: &Block| {
            self.block(&mut list, &mut sums, block, filter);
            (list, sums)
        };
        let new = || (Shortlist::new(self.size), Vec::new());
        if self.snapshot.rows() * (code_len as u64) < PARALLEL_BYTES as u64 {
            return blocks.iter().fold(new(), each).0;
        }
        self.merged(blocks.par_iter().fold(new, each).map(|(list, _)| list))
    }

    fn code_len(&self) -> usize {
        similarity::code_len(self.sought.vector.len())
    }

    fn places(&self, places: &[(u64, Place)]) -> Shortlist {
        let each = |mut list: Shortlist, places: &[(u64, Place)]| {
            self.some_places(&mut list, places);
            list
        };
        let new = || Shortlist::new(self.size);
        if places.len() * self.code_len() < PARALLEL_BYTES {
            return each(new(), places);
        }
        self.merged(places.par_chunks(1024).fold(new, each))
    }

    fn merged(&self, lists: impl ParallelIterator<Item = Shortlist>) -> Shortlist {
        lists.reduce(|| Shortlist::new(self.size), Shortlist::merge)
    }

    fn block(&self, list: &mut Shortlist, sums: &mut Vec<i32>, block: &Block, filter: Option<&RoaringTreemap>) {
        let segment = &self.snapshot.segments()[block.segment];
        let ids = &segment.ids()[block.rows.clone()];
        let penalties = self.sought.penalties(self.snapshot, block.segment);
        let penalty = |index: usize| penalties.map_or(0.0, |penalties| penalties.of(block.rows.start + index));
        let floor = list.floor(&self.floor);
        let mut offer = |index: usize, score: f32| {
            let row = block.rows.start + index;
            if score >= list.own_floor()
                && self.snapshot.is_live_at(block.segment, row)
                && filter.is_none_or(|filter| filter.contains(ids[index]))
            {
                list.offer(score, Place { segment: block.segment as u32, row: row as u32 });
            }
        };
        let (Some(codes), Some(scales)) = (segment.codes_block(block.rows.clone()), segment.scales(block.rows.clone()))
        else {
            // A file of version 1.
            let rows = segment.rows(block.rows.clone()).split(self.sought.vector.len());
            return rows.enumerate().for_each(|(index, row)| {
                offer(index, row.dot(Isa::best(), self.sought.vector) - penalty(index));
            });
        };
        sums.resize(scales.len(), 0);
        self.codes.dots(codes, sums);
        let unit = self.codes.scale();
        let score = |sum: i32, scale: f32| unit * scale * sum as f32;
        let (groups, _) = sums.as_chunks::<GROUP>();
        let penalties_of = penalties.map(|penalties| penalties.groups::<GROUP>(block.rows.clone()));
        for (group, (sums, scales)) in groups.iter().zip(scales.as_chunks::<GROUP>().0).enumerate() {
            let mut scores: [f32; GROUP] = std::array::from_fn(|lane| score(sums[lane], scales[lane]));
            if let Some(penalties) = &penalties_of {
                penalties.subtract_from(group, &mut scores);
            }
            // Hardly any group has one that is good enough. They are counted, since sums of integers become vector
            // instructions. NaN, which only damage makes, is never among them.
            if scores.iter().map(|&score| u32::from(score >= floor)).sum::<u32>() == 0 {
                continue;
            }
            scores.iter().enumerate().for_each(|(lane, &score)| offer(group * GROUP + lane, score));
        }
        for index in groups.len() * GROUP..sums.len() {
            offer(index, score(sums[index], scales[index]) - penalty(index));
        }
    }

    fn some_places(&self, list: &mut Shortlist, places: &[(u64, Place)]) {
        list.floor(&self.floor);
        let segments = self.snapshot.segments();
        let codes = |place: Place| segments[place.segment as usize].codes(place.row as usize);
        for (index, &(_, place)) in places.iter().enumerate() {
            if let Some(&(_, later)) = places.get(index + AHEAD)
                && let Some((codes, _)) = codes(later)
            {
                similarity::prefetch(codes);
            }
            let score = match codes(place) {
                Some((codes, scale)) => self.codes.scale() * scale * self.codes.dot(codes) as f32,
                None => self.snapshot.row(place).dot(Isa::best(), self.sought.vector),
            };
            list.offer(score - self.sought.penalty(self.snapshot, place), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::layout::Layout;
    use crate::manifest::Manifest;
    use crate::model::ModelId;
    use crate::records::Records;
    use crate::segment::{self, NewRow, RowFormat, Segment};

    fn units(rng: &mut StdRng, count: usize, dimension: usize) -> Vec<Vec<f32>> {
        let mut unit = || {
            let row: Vec<f32> = (0..dimension).map(|_| rng.random_range(-1.0..1.0)).collect();
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter().map(|x| x / length).collect()
        };
        (0..count).map(|_| unit()).collect()
    }

    /// `None` stands for a file of version 1. Every third id is missing, and some of the others are removed.
    fn snapshot(dir: &Path, dimension: usize, segments: &[(Option<RowFormat>, usize)]) -> Snapshot {
        let mut rng = StdRng::seed_from_u64(dimension as u64);
        let model = ModelId { name: "test".into(), fingerprint: "test".into(), dimension };
        let mut ids = (1u64..).filter(|id| id % 3 > 0);
        let mut files = Vec::new();
        for (number, &(format, count)) in segments.iter().enumerate() {
            let path = dir.join(format!("{number}.vec"));
            let ids: Vec<u64> = ids.by_ref().take(count).collect();
            let rows = units(&mut rng, count, dimension);
            match format {
                None => fs::write(&path, segment::version_1(&ids, &rows)).unwrap(),
                Some(format) => {
                    let rows = ids.iter().zip(&rows).map(|(&id, row)| NewRow::new(id, row));
                    segment::write(&path, dimension, format, rows).unwrap();
                }
            }
            files.push(Arc::new(Segment::open_checked(&path, number as u64).unwrap()));
        }
        let next = ids.next().unwrap();
        let manifest = Manifest::empty(&model, next, 100);
        let removed = (1..next).filter(|id| id % 3 > 0 && id % 11 == 0).collect();
        Snapshot::assemble(Layout::new(dir), manifest, files, Records::default(), removed).unwrap()
    }

    const KINDS: [Option<RowFormat>; 3] = [Some(RowFormat::F16), Some(RowFormat::F32), None];

    /// In so few random rows the best few are far ahead of those that the codes may miss.
    #[test]
    fn finds_what_the_exact_search_finds() {
        for dimension in [20, 64, 65, 300] {
            let dir = tempfile::tempdir().unwrap();
            let segments = [(KINDS[0], 3000), (KINDS[1], 700), (KINDS[2], 1500), (KINDS[0], 9000), (KINDS[0], 1)];
            let snapshot = snapshot(dir.path(), dimension, &segments);
            let mut rng = StdRng::seed_from_u64(1);
            for query in units(&mut rng, 5, dimension) {
                for k in [0, 1, 10, 500, 100_000] {
                    for share in [None, Some(1.0), Some(0.5), Some(0.11), Some(0.07), Some(0.01), Some(0.0)] {
                        let filter: Option<RoaringTreemap> =
                            share.map(|share| (0..25_000).filter(|_| rng.random_bool(share)).collect());
                        let sought = Sought::plain(&query);
                        let found = search(&snapshot, sought, k, filter.as_ref());
                        let expected = exact::search(&snapshot, sought, k, filter.as_ref());
                        assert_eq!(found, expected, "{dimension} numbers, {k} of {share:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn all_rows_are_equal_to_a_query_of_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = snapshot(dir.path(), 30, &[(KINDS[0], 2000), (KINDS[2], 2000)]);
        let found = search(&snapshot, Sought::plain(&[0.0; 30]), 5, None);
        assert_eq!(
            found.iter().map(|hit| (hit.id, hit.score)).collect::<Vec<_>>(),
            [1, 2, 4, 5, 7].map(|id| (id, 0.0))
        );
    }

    #[test]
    fn results_do_not_depend_on_threads() {
        let dir = tempfile::tempdir().unwrap();
        // More than a thread is used for, in one segment and in a filter.
        let snapshot = snapshot(dir.path(), 130, &[(KINDS[0], 40_000), (KINDS[0], 35_000)]);
        let filter: RoaringTreemap = (0..110_000).filter(|id| id % 5 != 0).collect();
        let small: RoaringTreemap = (0..110_000).filter(|id| id % 13 == 0).collect();
        let mut rng = StdRng::seed_from_u64(2);
        for query in units(&mut rng, 4, 130) {
            for filter in [None, Some(&filter), Some(&small)] {
                let all: Vec<Vec<Neighbour>> = [1, 2, 3, 7]
                    .map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
                    .iter()
                    .map(|pool| pool.install(|| search(&snapshot, Sought::plain(&query), 100, filter)))
                    .collect();
                assert!(all.iter().all(|found| found.len() == 100 && *found == all[0]));
            }
        }
    }

    /// Whatever a file holds whose checksums nobody has compared, a search ends, with rows that are there.
    #[test]
    fn damage_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let whole = snapshot(dir.path(), 65, &[(KINDS[0], 1200)]);
        let path = dir.path().join("0.vec");
        let good = fs::read(&path).unwrap();
        let mut rng = StdRng::seed_from_u64(3);
        let query = &units(&mut rng, 1, 65)[0];
        let filter: RoaringTreemap = (0..2000).collect();
        for _ in 0..200 {
            let mut bytes = good.clone();
            for _ in 0..rng.random_range(1..2000) {
                let at = rng.random_range(64..bytes.len());
                bytes[at] = rng.random();
            }
            let damaged = dir.path().join("damaged.vec");
            fs::write(&damaged, &bytes).unwrap();
            let segment = Arc::new(Segment::open(&damaged, 1).unwrap());
            let manifest = whole.manifest().clone();
            let Ok(snapshot) = Snapshot::assemble(
                Layout::new(dir.path()),
                manifest,
                vec![segment],
                Records::default(),
                RoaringTreemap::new(),
            ) else {
                // The ids are not those of the manifest.
                continue;
            };
            for filter in [None, Some(&filter)] {
                let sought = Sought::plain(query);
                for found in [search(&snapshot, sought, 10, filter), exact::search(&snapshot, sought, 10, filter)] {
                    assert!(found.iter().all(|hit| snapshot.segments()[0].ids().contains(&hit.id)));
                }
            }
            assert!(snapshot.live_from(0).count() <= 1200);
            let _ = snapshot.locate_live(700);
        }
    }
}
