//! Changes that depend on nothing but a seed, so that the state after each step is known, of photos and videos whose hashes
//! tell what their vectors are, as those of files do: an index can be checked by anybody, at any time, and the vector of what a
//! file was before is told from that of what it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_index::{
    Asset, BadFile, Exclude, GraphOptions, IndexError, IndexReader, IndexWriter, Kind, NewItem, Rebuild, Record, verify,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::{bank, model, photo, stamp, stored, unit};

pub const DIMENSION: usize = 8;

/// The ids of a rebuilt index lie this far beyond those of the index that it replaces.
const GAP: u64 = 1 << 24;

/// How many times the tests that kill, or let a disk fail, do so, all together; those that damage files do so in a tenth or a fifth
/// as many places of each, in each way.
pub fn rounds() -> u32 {
    std::env::var("CLIP_SEARCH_ROUNDS").map_or(100, |rounds| rounds.parse().expect("CLIP_SEARCH_ROUNDS is a number"))
}

/// The vector of an item of an asset with this content.
pub fn embedding_of(asset: &Asset, position: u64) -> Vec<f32> {
    let fold = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
    let seed = asset.hash.iter().chain(&position.to_le_bytes()).fold(14_695_981_039_346_656_037, fold);
    unit(&mut StdRng::seed_from_u64(seed), DIMENSION)
}

/// What an index should hold.
#[derive(Debug, Clone)]
pub struct History {
    seed: u64,
    pub step: u64,
    next_id: u64,
    pub records: BTreeMap<u64, Record>,
    bad_files: BTreeMap<PathBuf, BadFile>,
    excluded: Vec<Exclude>,
}

impl History {
    /// The state after some steps.
    pub fn after(seed: u64, steps: u64) -> History {
        let (records, bad_files, excluded) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut history = History { seed, step: 0, next_id: 1, records, bad_files, excluded };
        (0..steps).for_each(|_| history.replay());
        history
    }

    /// The state that a reader finds.
    pub fn of(seed: u64, reader: &IndexReader) -> History {
        History::after(seed, step_of(reader))
    }

    /// Makes the next step in thought only.
    pub fn replay(&mut self) {
        self.begin(&mut None).unwrap();
    }

    /// Makes the next step in the index in `dir`, and commits it. Where this fails, the history is one step further all
    /// the same; the index may or may not be.
    pub fn advance(&mut self, dir: &Path, writer: &mut Option<IndexWriter>) -> Result<(), IndexError> {
        if is_rebuild(self.step + 1) {
            *writer = None;
            self.replay();
            return self.rebuild(dir);
        }
        if writer.is_none() {
            match IndexWriter::open_or_create(dir, &model(DIMENSION)) {
                Ok(opened) => writer.insert(opened).set_bank(bank(7, DIMENSION))?,
                Err(error) => {
                    self.replay();
                    return Err(error);
                }
            }
        }
        self.begin(writer)?;
        let writer = writer.as_mut().unwrap();
        assert_eq!(writer.len(), self.items().count());
        writer.commit()
    }

    /// What is done after some of the steps, and changes nothing that can be told from outside.
    pub fn tend(&self, writer: &mut Option<IndexWriter>) -> Result<(), IndexError> {
        let Some(writer) = writer else { return Ok(()) };
        if self.step % 4 == 3 {
            let options =
                GraphOptions { connections: 8, ef_construction: 30, min_photos: 20, ..GraphOptions::default() };
            writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false))?;
        }
        if self.step % 5 == 4 {
            writer.compact(&clip_index::Silent, &AtomicBool::new(false))?;
        }
        Ok(())
    }

    /// The changes of the next step, or what comes of a rebuild.
    fn begin(&mut self, writer: &mut Option<IndexWriter>) -> Result<(), IndexError> {
        self.step += 1;
        if is_rebuild(self.step) {
            self.next_id += GAP;
            for (_, mut record) in std::mem::take(&mut self.records) {
                record.id = self.next_id;
                self.next_id += record.positions.len() as u64;
                self.records.insert(record.id, record);
            }
            self.bad_files.values_mut().for_each(|file| file.decoder = None);
            return Ok(());
        }
        let step = self.step;
        let mut rng = StdRng::seed_from_u64(self.seed << 32 | step);
        let mut replaced = Vec::new();
        let emptied = rng.random_bool(0.2).then(|| PathBuf::from(format!("/photos/Album {}", rng.random_range(0..5))));
        for id in self.records.keys().copied().collect::<Vec<_>>() {
            let asset = &mut self.records.get_mut(&id).unwrap().asset;
            let changed = stamp(step, 3);
            if emptied.as_deref() == asset.path.parent() || rng.random_bool(0.05) {
                self.records.remove(&id);
                if let Some(writer) = writer {
                    assert!(writer.remove(id)?);
                }
            } else if rng.random_bool(0.05) {
                replaced.extend(self.records.remove(&id));
                if let Some(writer) = writer {
                    assert!(writer.remove(id)?);
                }
            } else if rng.random_bool(0.04) {
                asset.path = Path::new(&format!("/moved in {step}")).join(asset.path.file_name().unwrap());
                asset.stamp = changed;
                if let Some(writer) = writer {
                    writer.relocate(id, &asset.path, changed)?;
                }
            } else if rng.random_bool(0.04) {
                asset.stamp = changed;
                if let Some(writer) = writer {
                    writer.touch(id, changed)?;
                }
            }
        }
        // Another content under the same path, which has another vector.
        for mut record in replaced {
            record.id = self.next_id;
            self.next_id += record.positions.len() as u64;
            record.asset.hash = (u128::from(step) << 64 | u128::from(record.id)).to_le_bytes();
            record.asset.stamp = stamp(step, 4);
            if let Some(writer) = writer {
                assert_eq!(writer.add_items(record.asset.clone(), &items(&record))?, record.id);
            }
            self.records.insert(record.id, record);
        }
        for number in 0..rng.random_range(5..25) {
            let mut record = Record { id: self.next_id, asset: new_asset(step, number), positions: vec![0] };
            if rng.random_bool(0.2) {
                record.asset.kind = Kind::Video;
                record.positions = (0..rng.random_range(1..5)).map(|second| second * 1000).collect();
            }
            self.next_id += record.positions.len() as u64;
            if let Some(writer) = writer {
                assert_eq!(writer.add_items(record.asset.clone(), &items(&record))?, record.id);
            }
            // Some come and go between two commits.
            if rng.random_bool(0.1) {
                if let Some(writer) = writer {
                    assert!(writer.remove(record.id)?);
                }
            } else {
                self.records.insert(record.id, record);
            }
        }
        self.tell_of_bad_files(writer);
        writer.as_mut().map_or(Ok(()), |writer| writer.set_roots(&[step.to_string().into()]))
    }

    /// What a step changes about the files that could not be indexed, and those that are left out.
    fn tell_of_bad_files(&mut self, writer: &mut Option<IndexWriter>) {
        let step = self.step;
        let path = |number: u64| PathBuf::from(format!("/photos/bad {}.jpg", number % 7));
        let file = BadFile {
            path: path(step),
            stamp: stamp(step, 1),
            hash: step.is_multiple_of(2).then_some([step as u8; 16]),
            reason: format!("it was bad in step {step}"),
            decoder: Some(step),
        };
        let forgotten = step.is_multiple_of(3).then(|| path(step + 2));
        self.bad_files.insert(file.path.clone(), file.clone());
        let was_known = forgotten.as_ref().is_some_and(|path| self.bad_files.remove(path).is_some());
        self.excluded = (0..step % 4).map(|number| Exclude::Pattern(format!("*.{number}"))).collect();
        if let Some(writer) = writer {
            writer.remember_bad_file(file);
            assert_eq!(forgotten.is_some_and(|path| writer.forget_bad_file(&path)), was_known);
            writer.set_excluded(self.excluded.clone());
        }
    }

    /// Rebuilds the index in `dir`, so that it becomes what this history says. What is staged already is gone on from.
    fn rebuild(&self, dir: &Path) -> Result<(), IndexError> {
        let rebuild = Rebuild::begin(dir, &model(DIMENSION))?;
        let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model(DIMENSION))?;
        writer.set_bank(bank(7, DIMENSION))?;
        let staged = writer.records()?.len();
        for (number, record) in self.records.values().enumerate().skip(staged) {
            assert_eq!(writer.add_items(record.asset.clone(), &items(record))?, record.id);
            if number == self.records.len() / 2 {
                writer.commit()?;
            }
        }
        writer.set_roots(&[self.step.to_string().into()])?;
        writer.commit()?;
        self.tend(&mut Some(writer))?;
        rebuild.commit()
    }

    fn items(&self) -> impl Iterator<Item = u64> {
        self.records.values().flat_map(Record::items)
    }

    /// The index in `dir` is whole and holds exactly this.
    pub fn check(&self, dir: &Path) {
        let report = verify(dir).unwrap();
        assert!(report.is_clean(), "{report:?}");
        let reader = IndexReader::open(dir).unwrap();
        assert_eq!(step_of(&reader), self.step);
        assert_eq!(reader.all_records().unwrap(), self.records.values().cloned().collect::<Vec<_>>());
        assert_eq!(reader.bad_files().unwrap(), self.bad_files.values().cloned().collect::<Vec<_>>());
        assert_eq!(reader.bad_file_count(), self.bad_files.len() as u64);
        assert_eq!(reader.excluded(), self.excluded);
        check_pairs(&reader);
        assert_eq!(reader.bank().is_some(), !reader.is_empty());
        // The words are those of the same commit.
        for record in self.records.values().step_by(17) {
            let name = record.asset.path.file_stem().unwrap().to_str().unwrap();
            let found = reader.search_words(name, 9).unwrap();
            assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [record.id], "{name}");
        }
    }

    /// The index in `dir`, which is what this history says, can be written on.
    pub fn go_on(mut self, dir: &Path) {
        let mut writer = None;
        if is_rebuild(self.step + 1) {
            // A plain writer comes first, as it does where a rebuild is not taken up again.
            drop(IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap());
            self.check(dir);
        }
        self.advance(dir, &mut writer).unwrap();
        self.tend(&mut writer).unwrap();
        drop(writer);
        self.check(dir);
        assert_swept(dir);
    }
}

fn is_rebuild(step: u64) -> bool {
    step % 9 == 7
}

fn new_asset(step: u64, number: u64) -> Asset {
    let path = format!("/photos/Album {}/s{step}n{number}.jpg", number % 5).into();
    Asset { path, ..photo(step * 100 + number, 1).asset }
}

fn items(record: &Record) -> Vec<NewItem> {
    let item = |&position: &u64| NewItem { position, embedding: embedding_of(&record.asset, position) };
    record.positions.iter().map(item).collect()
}

/// The number of the last committed step is committed with it, as a root.
pub fn step_of(reader: &IndexReader) -> u64 {
    reader.roots().first().map_or(0, |root| root.to_str().unwrap().parse().unwrap())
}

/// No vector is under another path than its own, no item is lost and none is there twice, as far as the index itself tells.
pub fn check_pairs(reader: &IndexReader) {
    let bank = bank(7, DIMENSION);
    let mut items = Vec::new();
    for record in reader.all_records().unwrap() {
        for (item, &position) in record.items().zip(&record.positions) {
            let expected = stored(&embedding_of(&record.asset, position));
            assert_eq!(reader.embedding(item).as_ref(), Some(&expected), "{}", record.asset.path.display());
            // Where it is not known of all, it is told of none.
            assert!(reader.hubness(item).is_none_or(|found| found == bank.hubness(&expected)));
            items.push(item);
        }
    }
    assert_eq!(reader.ids().collect::<Vec<_>>(), items);
    assert_eq!(reader.len(), items.len());
    for &item in items.iter().step_by(items.len() / 5 + 1) {
        let record = reader.records(&[item]).unwrap().remove(0);
        let query = embedding_of(&record.asset, record.position(item).unwrap());
        for found in [reader.search_exact(&query, 1, None).unwrap(), reader.search_scan(&query, 1, None).unwrap()] {
            assert_eq!(found[0].id, item, "{}", record.asset.path.display());
            assert!(found[0].score > 0.999, "{}", record.asset.path.display());
        }
        if reader.has_graph() {
            match reader.search_graph(&query, 3, 60, None) {
                Ok(found) => assert!(found.iter().all(|found| items.binary_search(&found.id).is_ok())),
                // It is opened when it is first asked for, and may be gone by then.
                Err(IndexError::Graph { .. }) if !reader.is_current().unwrap() => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A writer has left nothing temporary and no second generation of anything in this directory.
pub fn assert_swept(dir: &Path) {
    let lists = std::fs::read_dir(dir.join("records")).unwrap();
    let lists = lists.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "bad"));
    assert!(lists.count() <= 1);
    for folder in [dir.to_path_buf(), dir.join("vectors"), dir.join("records"), dir.join("words"), dir.join("graph")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with(".tmp"), "{name}");
        }
    }
}
