//! Adding embeddings that were made elsewhere, or exported from another index.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clip_progress::{Progress, Steps};

use super::ndjson::Item;
use super::options::ImportOptions;
use super::part::Described;
use super::source::ImportSource;
use crate::asset::{Asset, NewItem};
use crate::error::IndexError;
use crate::unit::{self, UNIT_TOLERANCE};
use crate::watch::Watch;
use crate::writer::IndexWriter;

/// Items between two commits.
const COMMIT_EVERY: usize = 2000;

/// Where something is described that is to be imported.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImportPlace {
    /// The Parquet file of which it is a row; `None` for a line of the file of lines.
    pub file: Option<Arc<Path>>,
    /// The line or row, counted from 1.
    pub number: usize,
}

/// What [`import`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Assets that the index did not have.
    pub added: usize,
    /// Assets that took the place of others with the same path.
    pub replaced: usize,
    /// What was left out, and why.
    pub skipped: Vec<(ImportPlace, String)>,
    /// False if it was cancelled. What is counted above is in the index all the same.
    pub is_complete: bool,
}

/// Adds the embeddings of an [`ImportSource`] to the index, with what it says of their files. Commits every 2,000 items and at the
/// end.
///
/// Arrays have two dimensions and little-endian numbers of 16, 32 or 64 bits in C order. Embeddings are brought to length 1,
/// if they are not within 0.001 of it. A line is a JSON object with at least `path` or `image_path`, a Parquet file has such a
/// column; `docs/exchange.md` describes the others. Lines without anything are passed over. What cannot be added is left out
/// and reported.
///
/// `progress` gets the embeddings done and in all.
///
/// # Errors
/// [`IndexError::Import`] if a file is not what it should be, or if there are more or fewer rows than lines;
/// [`IndexError::Dimension`] if embeddings have another length than those of the index. Nothing was added then, unless a
/// Parquet file turns out to be damaged. Those of [`IndexWriter::commit`], and [`IndexError::Exchange`] if a file cannot be read: what
/// was committed before stays.
pub fn import(
    writer: &mut IndexWriter,
    source: &ImportSource,
    options: ImportOptions<'_>,
    progress: &dyn Progress<Steps>,
    cancel: &AtomicBool,
) -> Result<Imported, IndexError> {
    let mut total = 0;
    for part in &source.parts {
        total += part.check(writer.model(), &options)?;
    }
    let watch = Watch::new(total, progress, cancel);
    let mut import = Import::new(writer, options)?;
    let mut row = Vec::new();
    for part in &source.parts {
        let dimension = import.writer.dimension();
        let (mut items, mut embeddings) = part.open(dimension, &import.options)?;
        while let Some(found) = embeddings.next(&mut row)? {
            let Some(Described { number, item }) = items.next()? else {
                let reason = "it was changed while it was read".into();
                return Err(IndexError::Import { path: part.items.clone(), reason });
            };
            let place = ImportPlace { file: items.file(), number };
            import.row(place, item, found.and_then(|()| unit(&row)))?;
            if watch.step().is_err() {
                import.finish()?;
                return Ok(import.imported);
            }
        }
    }
    import.finish()?;
    import.imported.is_complete = true;
    Ok(import.imported)
}

/// Items of one asset.
struct Group {
    /// What its lines call it.
    asset: Option<u64>,
    file: Asset,
    is_checked: bool,
    places: Vec<ImportPlace>,
    items: Vec<NewItem>,
}

struct Import<'w, 'o> {
    writer: &'w mut IndexWriter,
    options: ImportOptions<'o>,
    /// The ids of what the index had before; `None` for what was imported.
    paths: HashMap<PathBuf, Option<u64>>,
    /// The asset whose items are being read.
    group: Option<Group>,
    uncommitted: usize,
    imported: Imported,
}

impl<'w, 'o> Import<'w, 'o> {
    fn new(writer: &'w mut IndexWriter, options: ImportOptions<'o>) -> Result<Import<'w, 'o>, IndexError> {
        // The records are those of what is committed.
        writer.commit()?;
        let paths = writer.records()?.into_iter().map(|record| (record.asset.path, Some(record.id))).collect();
        let imported = Imported::default();
        Ok(Import { writer, options, paths, group: None, uncommitted: 0, imported })
    }

    fn row(
        &mut self,
        place: ImportPlace,
        item: Result<Item, String>,
        embedding: Result<Vec<f32>, String>,
    ) -> Result<(), IndexError> {
        let item = item.and_then(|item| self.with_absolute_path(item));
        let (item, embedding) = match item.and_then(|item| Ok((item, embedding?))) {
            Ok(found) => found,
            Err(reason) => {
                self.imported.skipped.push((place, reason));
                return Ok(());
            }
        };
        let new = NewItem { position: item.position, embedding };
        match &mut self.group {
            Some(group) if group.asset.is_some() && group.asset == item.asset && group.file.path == item.file.path => {
                group.places.push(place);
                group.items.push(new);
            }
            _ => {
                self.end_group()?;
                let Item { asset, file, is_checked, .. } = item;
                self.group = Some(Group { asset, file, is_checked, places: vec![place], items: vec![new] });
            }
        }
        Ok(())
    }

    fn with_absolute_path(&self, mut item: Item) -> Result<Item, String> {
        if item.file.path.is_relative() {
            let folder = self
                .options
                .folder
                .as_ref()
                .ok_or_else(|| format!("expected an absolute path, found {}", item.file.path.display()))?;
            item.file.path = folder.join(&item.file.path);
        }
        Ok(item)
    }

    /// Adds the asset whose items were read.
    fn end_group(&mut self) -> Result<(), IndexError> {
        let Some(Group { mut file, is_checked, places, items, .. }) = self.group.take() else { return Ok(()) };
        let known = self.paths.get(&file.path).copied();
        let reason = match known {
            Some(None) => Some("an earlier line has the same path"),
            Some(Some(_)) if !self.options.replace => Some("the index has this path already"),
            _ => None,
        };
        if let Some(reason) = reason {
            self.imported.skipped.extend(places.into_iter().map(|place| (place, reason.to_owned())));
            return Ok(());
        }
        if let Some(describe) = self.options.describe.as_mut().filter(|_| !is_checked)
            && let Some((stamp, hash)) = describe(&file.path)
        {
            // A hash that the line has is that of what the vector was made of.
            if file.content().is_none_or(|known| known == hash) {
                (file.stamp, file.hash) = (stamp, hash);
            }
        }
        let path = file.path.clone();
        match self.writer.add_items(file, &items) {
            Ok(_) => {}
            Err(error @ IndexError::Path { .. }) => {
                self.imported.skipped.extend(places.into_iter().map(|place| (place, error.to_string())));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        match known {
            Some(Some(id)) => {
                self.writer.remove(id)?;
                self.imported.replaced += 1;
            }
            _ => self.imported.added += 1,
        }
        self.paths.insert(path, None);
        self.uncommitted += items.len();
        if self.uncommitted >= COMMIT_EVERY {
            self.writer.commit()?;
            self.uncommitted = 0;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), IndexError> {
        self.end_group()?;
        self.writer.commit()
    }
}

/// A row as a vector of length 1. One that is nearly so stays as it is: it was exported, perhaps, and comes back
/// unchanged.
fn unit(row: &[f64]) -> Result<Vec<f32>, String> {
    let is_unit = |vector: &[f32]| (unit::length(vector) - 1.0).abs() <= UNIT_TOLERANCE;
    let as_it_is: Vec<f32> = row.iter().map(|&x| x as f32).collect();
    if is_unit(&as_it_is) {
        return Ok(as_it_is);
    }
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scaled: Vec<f32> = row.iter().map(|x| (x / length) as f32).collect();
    // Neither zero nor infinite: NaN is no length either.
    if is_unit(&scaled) {
        Ok(scaled)
    } else {
        Err(format!("expected a vector that has a length, found one of {length}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_get_the_length_1_and_keep_what_has_it() {
        assert_eq!(unit(&[0.0, 4.0, -3.0]).unwrap(), [0.0, 0.8, -0.6]);
        assert_eq!(unit(&[0.6004, 0.8]).unwrap(), [0.6004f32, 0.8]);
        assert_eq!(unit(&[3e-30, 4e-30]).unwrap(), [0.6, 0.8]);
        assert_eq!(unit(&[3e100, 4e100]).unwrap(), [0.6, 0.8]);
        for row in [[0.0, 0.0], [f64::NAN, 1.0], [f64::INFINITY, 0.0], [1e200, 1e200]] {
            assert!(unit(&row).is_err(), "{row:?}");
        }
    }
}
