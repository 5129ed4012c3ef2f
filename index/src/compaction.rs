//! Keeps the number of files of vectors and records small: every commit writes one, and eight of a size are merged into
//! one.
//!
//! A row is copied about once for every eightfold growth of the index. Rows of removed photos are left out whenever a
//! file is rewritten, and files with many of them are rewritten for that alone.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::error::IndexError;
use crate::graph;
use crate::layout::Layout;
use crate::manifest::GraphEntry;
use crate::records::{self, RecordFile, Records};
use crate::segment::{self, NewRow, RowFormat, Segment};

/// This many files of a size are merged.
const FAN_IN: usize = 8;
/// Rows of the smallest size. A commit of one photo soon rewrites this many, so it is less than what a long run commits at a
/// time.
const SMALLEST: u64 = 125;
/// Files of at least this many bytes are not merged any more.
const FULL: u64 = 256 << 20;

/// What decides whether a file is rewritten.
#[derive(Debug, Clone, Copy)]
struct Load {
    rows: u64,
    bytes: u64,
    /// Rows that may be dropped.
    purgeable: u64,
}

/// The next files to be rewritten as one, if any.
pub(crate) fn plan(segments: &[Arc<Segment>], purgeable: &RoaringTreemap) -> Option<Range<usize>> {
    let loads: Vec<Load> = segments
        .iter()
        .map(|segment| Load {
            rows: segment.len() as u64,
            bytes: segment.byte_len(),
            purgeable: count_in(purgeable, segment),
        })
        .collect();
    choose(&loads)
}

/// Of these removed ids, those whose rows may go: the graph refers to the others.
pub(crate) fn purgeable(layout: &Layout, graph: Option<&GraphEntry>, removed: &RoaringTreemap) -> RoaringTreemap {
    match graph {
        None => removed.clone(),
        Some(entry) => graph::unreferenced(layout, entry, removed).unwrap_or_default(),
    }
}

/// Divides the vector files into as few groups as can be, each of which fits into one file without the rows to be purged.
pub(crate) fn groups(segments: &[Arc<Segment>], purgeable: &RoaringTreemap) -> Vec<Range<usize>> {
    group(segments.iter().map(|segment| segment.len() as u64 - count_in(purgeable, segment)))
}

/// A file that compaction would write again as it is.
pub(crate) fn is_compact(segment: &Segment, removed: &RoaringTreemap, format: RowFormat) -> bool {
    segment.has_codes() && segment.format() == format && count_in(removed, segment) == 0
}

/// Places of rows have 32 bits, so no file has more rows than that.
fn group(rows: impl Iterator<Item = u64>) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut in_last = 0u64;
    for (index, rows) in rows.enumerate() {
        match groups.last_mut() {
            Some(last) if in_last + rows <= u64::from(u32::MAX) => {
                last.end = index + 1;
                in_last += rows;
            }
            _ => {
                groups.push(index..index + 1);
                in_last = rows;
            }
        }
    }
    groups
}

/// The next files of records to be rewritten as one, if any.
pub(crate) fn plan_records(files: &[Arc<RecordFile>]) -> Option<Range<usize>> {
    let load = |file: &Arc<RecordFile>| Load { rows: file.len() as u64, bytes: file.byte_len(), purgeable: 0 };
    choose(&files.iter().map(load).collect::<Vec<_>>())
}

/// Copies the newest record of each asset in adjacent files into one, without assets that are gone; `None` if none is left.
/// `step` is called for each record, and stops it by an error.
pub(crate) fn merge_records(
    files: &[Arc<RecordFile>],
    is_live: &dyn Fn(u64) -> bool,
    path: &Path,
    number: u64,
    step: &mut dyn FnMut() -> io::Result<()>,
) -> Result<Option<RecordFile>, IndexError> {
    // A copy gets checksums of its own: damage must not be copied along with it.
    files.iter().try_for_each(|file| file.verify())?;
    let merged = Records::new(files.to_vec());
    let kept = || merged.iter().filter(|found| is_live(found.id()));
    if kept().next().is_none() {
        return Ok(None);
    }
    // All were read just now.
    records::write_watched(path, || kept().map(|found| (found.id(), found.bytes().unwrap_or_default())), step)?;
    RecordFile::open(path, number).map(Some)
}

fn choose(loads: &[Load]) -> Option<Range<usize>> {
    if let Some(index) = loads.iter().position(|load| load.purgeable * 4 >= load.rows) {
        return Some(index..index + 1);
    }
    let last = size_class(loads.last()?);
    let run = loads.iter().rev().take_while(|load| load.bytes < FULL && size_class(load) <= last).count();
    (run >= FAN_IN).then(|| loads.len() - run..loads.len())
}

fn size_class(load: &Load) -> u32 {
    (load.rows / SMALLEST).max(1).ilog(FAN_IN as u64)
}

fn count_in(ids: &RoaringTreemap, segment: &Segment) -> u64 {
    let up_to = |id: u64| ids.rank(id);
    let before = segment.first_id().checked_sub(1).map_or(0, up_to);
    up_to(segment.last_id()).saturating_sub(before)
}

/// Copies the rows of adjacent files, without those to be purged, into one of the current version; `None` if no row is
/// left. Rows that have the format already are copied with their codes. Nothing is kept in memory but one row. `step` is
/// called twice for each row, and stops it by an error.
pub(crate) fn merge(
    segments: &[Arc<Segment>],
    purgeable: &RoaringTreemap,
    format: RowFormat,
    path: &Path,
    file: u64,
    step: &mut dyn FnMut() -> io::Result<()>,
) -> Result<Option<Segment>, IndexError> {
    // A copy gets checksums of its own: damage must not be copied along with it.
    segments.iter().try_for_each(|segment| segment.verify())?;
    let kept = segments.iter().flat_map(|segment| {
        let purges = count_in(purgeable, segment) > 0;
        let ids = segment.ids().iter().enumerate();
        ids.filter(move |&(_, &id)| !(purges && purgeable.contains(id))).map(|(row, _)| NewRow::stored(segment, row))
    });
    if kept.clone().next().is_none() {
        return Ok(None);
    }
    segment::write_watched(path, segments[0].dimension(), format, kept, step)?;
    Segment::open(path, file).map(Some)
}

/// Writes a file again, as one of the current version with rows in `format`; all ids are kept. For indexes that have
/// files of version 1, or whose rows shall have another format.
pub(crate) fn rewrite(
    segment: &Arc<Segment>,
    format: RowFormat,
    path: &Path,
    file: u64,
) -> Result<Segment, IndexError> {
    let rewritten = merge(std::slice::from_ref(segment), &RoaringTreemap::new(), format, path, file, &mut || Ok(()))?;
    rewritten.ok_or_else(|| IndexError::corrupt(segment.path(), "its header claims zero vectors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commits of `size` rows, compacted after each; returns the files' rows and how many rows were copied.
    fn simulate(commits: u64, size: u64) -> (Vec<u64>, u64) {
        let mut loads: Vec<Load> = Vec::new();
        let mut copied = 0;
        for _ in 0..commits {
            loads.push(Load { rows: size, bytes: size * 2048, purgeable: 0 });
            while let Some(range) = choose(&loads) {
                let rows = loads[range.clone()].iter().map(|load| load.rows).sum();
                copied += rows;
                loads.splice(range, [Load { rows, bytes: rows * 2048, purgeable: 0 }]);
            }
        }
        (loads.iter().map(|load| load.rows).collect(), copied)
    }

    #[test]
    fn few_files_and_few_copies() {
        let (files, copied) = simulate(1000, 1000);
        assert_eq!(files.iter().sum::<u64>(), 1_000_000);
        assert!(files.len() <= 25, "{files:?}");
        assert!(copied <= 4_000_000, "{copied}");
        let (files, _) = simulate(500, 3);
        assert!(files.len() <= 8, "{files:?}");
    }

    #[test]
    fn files_are_grouped_as_far_as_rows_can_be_counted() {
        let most = u64::from(u32::MAX);
        assert!(group([3, 5, 8].into_iter()).into_iter().eq(std::iter::once(0..3)));
        assert_eq!(group([most - 5, 5, 1, 0, most - 1, 2].into_iter()), [0..2, 2..5, 5..6]);
        assert!(group(std::iter::empty()).is_empty());
    }

    #[test]
    fn files_full_of_removed_rows_are_rewritten() {
        let load = |purgeable| Load { rows: 100, bytes: 1, purgeable };
        assert_eq!(choose(&[load(0), load(25), load(0)]), Some(1..2));
        assert_eq!(choose(&[load(24), load(0)]), None);
        assert_eq!(choose(&[]), None);
    }

    fn segment(dir: &Path, file: u64, ids: &[u64]) -> Arc<Segment> {
        let rows: Vec<[f32; 3]> = ids.iter().map(|&id| [(id as f32).cos(), 0.0, (id as f32).sin()]).collect();
        let path = dir.join(format!("{file}.vec"));
        let rows = ids.iter().zip(&rows).map(|(&id, row)| NewRow::new(id, row));
        segment::write(&path, 3, RowFormat::F32, rows).unwrap();
        Arc::new(Segment::open(&path, file).unwrap())
    }

    #[test]
    fn merging_leaves_out_what_may_be_purged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("merged.vec");
        let parts = [segment(dir.path(), 1, &[1, 2, 5]), segment(dir.path(), 2, &[6, 9])];
        let purgeable: RoaringTreemap = [2, 9, 40].into_iter().collect();
        let merged = merge(&parts, &purgeable, RowFormat::F16, &path, 3, &mut || Ok(())).unwrap().unwrap();
        merged.verify().unwrap();
        assert_eq!(merged.ids(), [1, 5, 6]);
        for (row, &id) in merged.ids().iter().enumerate() {
            let expected = [(id as f32).cos(), 0.0, (id as f32).sin()];
            let found = merged.row(row).to_vec();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 5e-4), "{found:?} for {expected:?}");
        }
        let all: RoaringTreemap = (0..50).collect();
        assert!(merge(&parts, &all, RowFormat::F16, &path, 3, &mut || Ok(())).unwrap().is_none());
    }

    #[test]
    fn damage_is_neither_merged_nor_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("merged.vec");
        drop(segment(dir.path(), 1, &[1, 2, 5]));
        let file = dir.path().join("1.vec");
        let good = std::fs::read(&file).unwrap();
        for at in (64..good.len()).step_by(13) {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            let damaged = Arc::new(Segment::open(&file, 1).unwrap());
            assert!(rewrite(&damaged, RowFormat::F16, &path, 2).is_err(), "byte {at}");
            assert!(!path.exists());
        }
        std::fs::write(&file, good).unwrap();
        let whole = Arc::new(Segment::open(&file, 1).unwrap());
        assert_eq!(rewrite(&whole, RowFormat::F16, &path, 2).unwrap().ids(), [1, 2, 5]);
    }
}
