//! What is known of each asset: files of records, the newer ones in place of the older.
//!
//! A commit with new or changed assets writes one file. Writers merge files to keep them few, and leave out records that
//! a newer file replaces or whose assets were removed then.

mod encode;
mod file;

use std::sync::Arc;

use crate::asset::Record;
use crate::error::IndexError;

#[cfg(any(test, fuzzing))]
pub(crate) use encode::check as check_record;
pub(crate) use encode::{encode, whereabouts};
#[cfg(any(test, fuzzing))]
pub(crate) use file::check_file;
pub(crate) use file::{KIND, RecordFile, write, write_watched};

/// The files of a generation, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    files: Vec<Arc<RecordFile>>,
}

/// Where a record is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    file: &'a RecordFile,
    at: usize,
}

impl<'a> Found<'a> {
    pub(crate) fn id(&self) -> u64 {
        self.file.ids()[self.at]
    }

    pub(crate) fn bytes(&self) -> Result<&'a [u8], IndexError> {
        self.file.bytes(self.at)
    }

    pub(crate) fn record(&self) -> Result<Record, IndexError> {
        self.file.record(self.at)
    }

    pub(crate) fn item_count(&self) -> Result<u64, IndexError> {
        self.file.item_count(self.at)
    }
}

impl Records {
    pub(crate) fn new(files: Vec<Arc<RecordFile>>) -> Records {
        Records { files }
    }

    pub(crate) fn files(&self) -> &[Arc<RecordFile>] {
        &self.files
    }

    /// The newest record of an asset.
    pub(crate) fn find(&self, asset: u64) -> Option<Found<'_>> {
        self.files.iter().rev().find_map(|file| Some(Found { file, at: file.ids().binary_search(&asset).ok()? }))
    }

    /// The newest record of the asset that an item belongs to: the one with the greatest id that is not beyond the item's,
    /// if it has that many items.
    pub(crate) fn find_by_item(&self, item: u64) -> Result<Option<Found<'_>>, IndexError> {
        // Photos have one item, with the asset's own id.
        if let Some(found) = self.find(item) {
            return Ok(Some(found));
        }
        let before = |file: &'_ RecordFile| {
            let at = file.ids().partition_point(|&id| id <= item).checked_sub(1)?;
            Some(file.ids()[at])
        };
        let Some(found) = self.files.iter().filter_map(|file| before(file)).max().and_then(|id| self.find(id)) else {
            return Ok(None);
        };
        Ok(found.id().checked_add(found.item_count()?).is_some_and(|end| item < end).then_some(found))
    }

    /// The newest record of every asset, in ascending order of ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Found<'_>> {
        let mut places = vec![0; self.files.len()];
        std::iter::from_fn(move || {
            let next = |(file, &at): (&'_ Arc<RecordFile>, &usize)| file.ids().get(at).copied();
            let id = self.files.iter().zip(&places).filter_map(next).min()?;
            let mut newest = None;
            for (file, at) in self.files.iter().zip(&mut places) {
                if file.ids().get(*at) == Some(&id) {
                    newest = Some(Found { file, at: *at });
                    *at += 1;
                }
            }
            newest
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::asset::Asset;

    fn file(dir: &Path, number: u64, records: &BTreeMap<u64, Record>) -> Arc<RecordFile> {
        let encoded: Vec<(u64, Vec<u8>)> = records
            .values()
            .map(|record| {
                let mut bytes = Vec::new();
                encode(record, &mut bytes).unwrap();
                (record.id, bytes)
            })
            .collect();
        let path = dir.join(format!("{number}.rec"));
        write(&path, || encoded.iter().map(|(id, bytes)| (*id, &bytes[..]))).unwrap();
        Arc::new(RecordFile::open(&path, number).unwrap())
    }

    fn of(id: u64, asset: Asset) -> Record {
        // Ids are a hundred apart, so there is room for several items.
        Record { id: id * 100, asset, positions: (0..=id % 3).collect() }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn the_newest_record_counts(
            commits in prop::collection::vec(prop::collection::btree_map(0u64..20, encode::tests::assets(), 1..8), 1..6)
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut expected = BTreeMap::new();
            let mut files = Vec::new();
            for (number, commit) in commits.into_iter().enumerate() {
                let records: BTreeMap<u64, Record> = commit.into_iter().map(|(id, asset)| (id * 100, of(id, asset))).collect();
                files.push(file(dir.path(), number as u64, &records));
                expected.extend(records);
            }
            let records = Records::new(files);
            records.files().iter().try_for_each(|file| file.verify()).unwrap();
            let all: Vec<Record> = records.iter().map(|found| found.record().unwrap()).collect();
            prop_assert!(all.iter().eq(expected.values()));
            for item in 0..2100 {
                let owner = expected.values().find(|record| record.items().contains(&item));
                let found = records.find_by_item(item).unwrap().map(|found| found.record().unwrap());
                prop_assert_eq!(found.as_ref(), owner, "{}", item);
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let asset = |path: &str| Asset {
            path: path.into(),
            stamp: crate::Stamp { size: 5, mtime_ns: 77, ..crate::Stamp::default() },
            hash: [7; 16],
            kind: crate::Kind::Photo,
            width: 3,
            height: 4,
            taken_at: Some(9),
            camera: Some("camera".into()),
            lens: None,
            gps: Some((1.0, 2.0)),
            ..Asset::default()
        };
        let records: BTreeMap<u64, Record> =
            (1..20).map(|id| (id * 100, of(id, asset(&format!("/photos/{id}.jpg"))))).collect();
        let path = file(dir.path(), 1, &records).path().to_path_buf();
        let whole = std::fs::read(&path).unwrap();
        check_file(&whole);
        for step in 0..200 {
            check_file(&whole[..step * whole.len() / 200]);
            let mut flipped = whole.clone();
            flipped[step * whole.len() / 200] ^= 1 << (step % 8);
            check_file(&flipped);
            std::fs::write(&path, &flipped).unwrap();
            let noticed = RecordFile::open(&path, 1).and_then(|file| file.verify());
            assert!(noticed.is_err(), "at {}", step * whole.len() / 200);
        }
    }
}
