//! Which assets are in a folder, and which have a content, for whoever asks often and changes little in between.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clip_files::path_bytes;

use crate::asset::Record;
use crate::error::IndexError;
use crate::reader::IndexReader;
use crate::records::{RecordFile, whereabouts};

/// Finds the assets of an index by folder and by content, without looking at all records each time.
///
/// Files of records never change, so after a commit only those that are new are read. Takes some 20 bytes for a record, and
/// the paths of the folders.
///
/// A question is about the reader that [`Catalogue::refresh`] was given last.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// By the number and checksum of the file.
    files: HashMap<(u64, u32), FileCatalogue>,
}

/// What one file of records has. Newer files may have other records of the same assets.
#[derive(Debug, Default)]
struct FileCatalogue {
    /// Paths compare by component, so what lies in a folder comes right after it.
    by_folder: BTreeMap<PathBuf, Vec<u64>>,
    /// The beginnings of hashes and the ids of their assets, sorted.
    by_content: Vec<(u64, u64)>,
}

impl Catalogue {
    /// Reads the files of records that the last call did not see.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn refresh(&mut self, index: &IndexReader) -> Result<(), IndexError> {
        let mut files = HashMap::new();
        for file in index.snapshot().records().files() {
            let key = (file.number(), file.content_crc());
            let known = self.files.remove(&key);
            files.insert(key, known.map_or_else(|| FileCatalogue::read(file), Ok)?);
        }
        self.files = files;
        Ok(())
    }

    /// The assets whose files are directly in a folder, in ascending order of ids.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn in_folder(&self, index: &IndexReader, folder: &Path) -> Result<Vec<Record>, IndexError> {
        let ids = self.files.values().filter_map(|file| file.by_folder.get(folder)).flatten().copied().collect();
        records(index, ids, |record| record.asset.path.parent() == Some(folder))
    }

    /// The assets whose files are in a folder or in folders below it, in ascending order of ids.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn below(&self, index: &IndexReader, folder: &Path) -> Result<Vec<Record>, IndexError> {
        let mut ids: Vec<u64> = Vec::new();
        for file in self.files.values() {
            let inside = file.by_folder.range(folder.to_path_buf()..).take_while(|(path, _)| path.starts_with(folder));
            ids.extend(inside.flat_map(|(_, ids)| ids));
        }
        records(index, ids, |record| record.asset.path.parent().is_some_and(|parent| parent.starts_with(folder)))
    }

    /// The assets with a content, in ascending order of ids.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn with_content(&self, index: &IndexReader, hash: &[u8; 16]) -> Result<Vec<Record>, IndexError> {
        let wanted = beginning(hash);
        let mut ids = Vec::new();
        for file in self.files.values() {
            let first = file.by_content.partition_point(|&(beginning, _)| beginning < wanted);
            let same = file.by_content[first..].iter().take_while(|&&(beginning, _)| beginning == wanted);
            ids.extend(same.map(|&(_, id)| id));
        }
        records(index, ids, |record| record.asset.hash == *hash)
    }
}

impl FileCatalogue {
    fn read(file: &RecordFile) -> Result<FileCatalogue, IndexError> {
        let mut catalogue = FileCatalogue::default();
        for (at, &id) in file.ids().iter().enumerate() {
            let (path, hash) = whereabouts(file.bytes(at)?).ok_or_else(|| {
                IndexError::corrupt(file.path(), format!("the record of the asset {id} cannot be read"))
            })?;
            catalogue.by_content.push((beginning(&hash), id));
            let path = path_bytes::to_path(path);
            let folder = path.parent().unwrap_or(&path);
            match catalogue.by_folder.get_mut(folder) {
                Some(ids) => ids.push(id),
                None => drop(catalogue.by_folder.insert(folder.to_path_buf(), vec![id])),
            }
        }
        catalogue.by_content.sort_unstable();
        Ok(catalogue)
    }
}

fn beginning(hash: &[u8; 16]) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|at| hash[at]))
}

/// The newest records of those of the assets that are still there and meet a condition.
fn records(
    index: &IndexReader,
    mut ids: Vec<u64>,
    is_meant: impl Fn(&Record) -> bool,
) -> Result<Vec<Record>, IndexError> {
    ids.sort_unstable();
    ids.dedup();
    let mut records = index.records(&ids)?;
    records.retain(is_meant);
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::{Asset, IndexWriter, ModelId, Stamp};

    fn asset(path: &str, content: u8) -> Asset {
        Asset { path: path.into(), hash: [content; 16], ..Asset::default() }
    }

    fn ids(records: Vec<Record>) -> Vec<u64> {
        records.into_iter().map(|record| record.id).collect()
    }

    /// Compares every answer with a look at all records.
    fn check(catalogue: &mut Catalogue, dir: &Path) {
        let index = IndexReader::open(dir).unwrap();
        catalogue.refresh(&index).unwrap();
        let all = index.all_records().unwrap();
        let meant = |is_meant: &dyn Fn(&Record) -> bool| ids(all.iter().filter(|r| is_meant(r)).cloned().collect());
        for folder in ["/", "/p", "/p/a", "/p/a/b", "/p/ab", "/p/a/1.jpg", "/q"].map(Path::new) {
            let found = ids(catalogue.below(&index, folder).unwrap());
            assert_eq!(found, meant(&|r| r.asset.path.parent().unwrap().starts_with(folder)), "{}", folder.display());
            let found = ids(catalogue.in_folder(&index, folder).unwrap());
            assert_eq!(found, meant(&|record| record.asset.path.parent() == Some(folder)), "{}", folder.display());
        }
        for content in 0..12 {
            let found = ids(catalogue.with_content(&index, &[content; 16]).unwrap());
            assert_eq!(found, meant(&|record| record.asset.hash == [content; 16]), "{content}");
        }
    }

    #[test]
    fn it_follows_the_index_through_commits_and_compaction() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("index");
        let model = ModelId { name: "example".into(), fingerprint: "example-1".into(), dimension: 2 };
        let mut writer = IndexWriter::open_or_create(&dir, &model).unwrap();
        let mut catalogue = Catalogue::default();
        check(&mut catalogue, &dir);
        let mut first = Vec::new();
        for (content, path) in ["/p/1.jpg", "/p/a/1.jpg", "/p/a/b/1.jpg", "/p/ab/1.jpg"].into_iter().enumerate() {
            first.push(writer.add(asset(path, content as u8), vec![0.6, 0.8]).unwrap());
        }
        writer.commit().unwrap();
        check(&mut catalogue, &dir);
        writer.relocate(first[1], Path::new("/q/1.jpg"), Stamp::default()).unwrap();
        writer.remove(first[2]).unwrap();
        writer.add(asset("/p/a/1.jpg", 0), vec![0.6, 0.8]).unwrap();
        writer.commit().unwrap();
        check(&mut catalogue, &dir);
        for content in 5..12 {
            writer.add(asset(&format!("/p/a/{content}.jpg"), content), vec![0.6, 0.8]).unwrap();
            writer.commit().unwrap();
            check(&mut catalogue, &dir);
        }
        writer.compact(&clip_progress::Silent, &AtomicBool::new(false)).unwrap();
        check(&mut catalogue, &dir);
    }
}
