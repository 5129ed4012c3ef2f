//! Building an index again, for another model or from scratch, while the old one stays in use.

use std::path::{Path, PathBuf};

use crate::bad_files::{self, BadFile};
use crate::commit_point::CommitPoint;
use crate::drives::Drives;
use crate::error::IndexError;
use crate::files;
use crate::layout::{Entry, Layout};
use crate::lock::WriteLock;
use crate::manifest::{self, Manifest};
use crate::model::ModelId;
use crate::privacy;
use crate::recognise::{Standing, refuse_foreign_files};
use crate::snapshot::Snapshot;
use crate::spare;
use crate::staging::{self, Unused};
use crate::sweep::{entries, sweep};
use crate::v1;
use crate::words::{self, ReadDirectory};
use crate::writer::IndexWriter;

/// How far the ids and file numbers of a staged index lie beyond those of the index around it, which may be updated
/// between an interrupted rebuild and its continuation.
const GAP: u64 = 1 << 24;

/// A new index that is built inside the directory of the old one, and takes its place in one commit.
///
/// It holds the lock of the old index, so that nothing changes there until the new one has taken its place. Readers find
/// the old index until then, and those that have it open keep it. Ids of the old index are never given out again.
///
/// Dropping it leaves the staged index for the next rebuild to go on from.
///
/// ```
/// use clip_index::{IndexReader, IndexWriter, ModelId, Rebuild};
///
/// # fn main() -> Result<(), clip_index::IndexError> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path().join("index");
/// let old = ModelId { name: "old".into(), fingerprint: "old-1".into(), dimension: 2 };
/// IndexWriter::open_or_create(&dir, &old)?.close()?;
///
/// let new = ModelId { name: "new".into(), fingerprint: "new-1".into(), dimension: 3 };
/// let rebuild = Rebuild::begin(&dir, &new)?;
/// let mut writer = IndexWriter::open_or_create(rebuild.dir(), &new)?;
/// // Photos are added and committed here.
/// writer.close()?;
/// assert_eq!(IndexReader::open(&dir)?.model(), &old);
/// rebuild.commit()?;
/// assert_eq!(IndexReader::open(&dir)?.model(), &new);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Rebuild {
    layout: Layout,
    staged: Layout,
    model: ModelId,
    base: Base,
    _lock: WriteLock,
}

/// What is known of the index that is to be replaced.
#[derive(Debug)]
struct Base {
    /// The committed generation, if it can be read.
    manifest: Option<Manifest>,
    /// No generation in the directory is greater, committed or not.
    generation: u64,
    unused: Unused,
    /// Where a staged index that is begun now starts.
    first_id: u64,
    first_file: u64,
}

impl Rebuild {
    /// Takes the lock of the index in `dir` and opens the staging area, the directory `rebuild` in it. What an earlier
    /// rebuild for the same model left there is gone on from; what is left of any other is thrown away.
    ///
    /// There need not be an index yet: then `commit` makes the first one. A damaged index may be replaced, as long as it
    /// can be recognised as one.
    ///
    /// # Errors
    /// [`IndexError::Locked`] if there is a writer or another rebuild, [`IndexError::NotAnIndex`] if the directory holds
    /// other files and no index: then nothing was created and nothing removed. [`IndexError::NewerFormat`] if a newer
    /// version has written the manifest, [`IndexError::Io`] if the system refuses something.
    pub fn begin(dir: impl AsRef<Path>, model: &ModelId) -> Result<Rebuild, IndexError> {
        if model.dimension == 0 {
            return Err(IndexError::Dimension { expected: 1, found: 0 });
        }
        let layout = Layout::new(dir.as_ref());
        refuse_foreign_files(&layout)?;
        files::create_dir(layout.root())?;
        let lock = WriteLock::acquire(&layout)?;
        let base = Base::of(&layout)?;
        // What was committed may not be on the disk yet, where its writer has died, and what it has replaced may be removed
        // below.
        files::sync_dir(layout.root())?;
        privacy::tighten(&layout)?;
        let staged = layout.rebuild();
        if staging::exists(&layout)? && !may_go_on(&staged, model, &base)? {
            // Nobody should be writing there while we hold the outer lock.
            drop(WriteLock::acquire(&staged)?);
            staging::remove(&layout)?;
        }
        if !staging::exists(&layout)? {
            IndexWriter::create(staged.root(), model, base.first_id, base.first_file)?.close()?;
        }
        base.hand_on(&layout, &staged, model)?;
        Ok(Rebuild { layout, staged, model: model.clone(), base, _lock: lock })
    }

    /// The staging directory. It is an index of its own, to be filled by an [`IndexWriter`] for the same model, which
    /// gives ids that were never given out in the old index. Its folders become those of the new index.
    pub fn dir(&self) -> &Path {
        self.staged.root()
    }

    /// Puts the staged index in the place of the old one, in one step: a process that is killed at any moment leaves the
    /// old index or the new one, whole. Only what was committed in the staged index counts, and its writer must be gone.
    ///
    /// # Errors
    /// [`IndexError::Locked`] if the staged index still has a writer, [`IndexError::Corrupt`] or
    /// [`IndexError::Metadata`] if it is damaged, [`IndexError::Io`] if something could not be written. The old index is
    /// as it was then, unless only the last sync has failed: then the new one has taken its place, but a power cut may
    /// bring the old one back.
    pub fn commit(self) -> Result<(), IndexError> {
        self.promote(&mut |_| Ok(()))
    }

    /// Throws the staged index away. The old index is as it was.
    ///
    /// # Errors
    /// [`IndexError::Locked`] if the staged index still has a writer, [`IndexError::Io`] if something could not be
    /// removed.
    pub fn abandon(self) -> Result<(), IndexError> {
        drop(WriteLock::acquire(&self.staged)?);
        staging::remove(&self.layout)
    }

    /// Commits; `before` is called before each step and may fail, so that tests can stop anywhere.
    fn promote(&self, before: &mut dyn FnMut(&'static str) -> Result<(), IndexError>) -> Result<(), IndexError> {
        let point = CommitPoint::read(&self.staged)?;
        if matches!(point, CommitPoint::Version1(_)) {
            // Left by an earlier version of the program.
            IndexWriter::open_or_create(self.staged.root(), &self.model)?.close()?;
        }
        let lock = WriteLock::acquire(&self.staged)?;
        let snapshot = self.open_whole()?;
        if let Some(manifest) = self.base.manifest.as_ref().filter(|manifest| manifest.version == manifest::VERSION) {
            // An earlier rebuild may have died between the linking of its files and the commit.
            sweep(&self.layout, Some(manifest))?;
        }
        let generation = self.base.generation.max(snapshot.manifest().generation) + 1;
        for folder in self.layout.folders() {
            files::restore_inner_dir(&folder)?;
        }
        let mut manifest = Manifest { generation, committed_at: manifest::now(), ..snapshot.manifest().clone() };
        manifest.drives = Drives::of(generation, snapshot.manifest().drives());
        self.leave_out_incomplete(&mut manifest)?;
        let moves = self.moves(&manifest)?;
        // Mapped files cannot be moved everywhere.
        drop(snapshot);
        for (from, to) in moves {
            before("link")?;
            files::link_or_move(&from, &to)?;
        }
        for folder in self.layout.folders() {
            files::sync_dir(&folder)?;
        }
        before("manifest")?;
        if let Err(error) = spare::commit(&self.layout, &manifest.encode()) {
            // What counts is whether the commit point was replaced: syncing it may have failed after that.
            if CommitPoint::read(&self.layout).ok().map(|point| point.generation()) != Some(generation) {
                return Err(error);
            }
            // A power cut could bring the old index back: its files stay until that is out of the question.
            files::sync_dir(self.layout.root())?;
        }
        before("removal of the old files")?;
        // The commit is made. What is left over is removed by the next writer, if not now.
        let removed =
            sweep(&self.layout, Some(&manifest)).and_then(|()| before("removal of the staging area")).and_then(|()| {
                drop(lock);
                staging::remove(&self.layout)
            });
        if let Err(error) = removed {
            log::warn!("cannot remove files replaced by a rebuild: {error}");
        }
        Ok(())
    }

    /// The staged index, after everything in it was found to be whole: what takes the place of an index is checked first.
    fn open_whole(&self) -> Result<Snapshot, IndexError> {
        let snapshot = Snapshot::open(&self.staged)?;
        let manifest = snapshot.manifest();
        let path = self.staged.manifest();
        if manifest.model.fingerprint != self.model.fingerprint || manifest.model.dimension != self.model.dimension {
            return Err(IndexError::corrupt(&path, "it belongs to a rebuild for a different model"));
        }
        if !self.base.unused.allows(&snapshot) {
            return Err(IndexError::corrupt(
                &path,
                "it reuses ids or file numbers of the index it is meant to replace",
            ));
        }
        snapshot.check_checksums()?;
        Ok(snapshot)
    }

    /// Graph, words and the list of bad files can be made again: where one has lost a file, for instance to an earlier attempt at the commit that
    /// had to move files instead of linking them, the new generation does without.
    fn leave_out_incomplete(&self, manifest: &mut Manifest) -> Result<(), IndexError> {
        if ReadDirectory::of(&self.staged, manifest)?.is_some_and(|files| !files.is_complete()) {
            manifest.words = None;
            manifest.word_sums.clear();
        }
        if let Some(entry) = &manifest.graph
            && !self.staged.graph(entry.file).is_file()
        {
            manifest.graph = None;
        }
        manifest.hubness.retain(|entry| self.staged.hubness(entry.file).is_file());
        if let Some(entry) = &manifest.bad_files
            && !self.staged.bad_files(entry.file).is_file()
        {
            manifest.bad_files = None;
        }
        Ok(())
    }

    /// All files that the new generation takes over, and where they go.
    fn moves(&self, manifest: &Manifest) -> Result<Vec<(PathBuf, PathBuf)>, IndexError> {
        let (from, to) = (&self.staged, &self.layout);
        let of = |place: &dyn Fn(&Layout) -> PathBuf| (place(from), place(to));
        let mut moves: Vec<_> = manifest.segments.iter().map(|entry| of(&|at| at.segment(entry.file))).collect();
        moves.extend(manifest.records.iter().map(|entry| of(&|at| at.record_file(entry.file))));
        moves.extend(manifest.deleted.iter().map(|entry| of(&|at| at.deleted(entry.file))));
        // Some of tantivy's names are of files that it need not have.
        let mut made_again = Vec::new();
        if let Some(entry) = &manifest.graph {
            made_again.push(of(&|at| at.graph(entry.file)));
        }
        made_again.extend(manifest.hubness.iter().map(|entry| of(&|at| at.hubness(entry.file))));
        made_again.extend(manifest.bad_files.iter().map(|entry| of(&|at| at.bad_files(entry.file))));
        let words = words::live_files(&from.words(), manifest.words.as_deref())?;
        made_again.extend(words.iter().map(|name| of(&|at| at.words().join(name))));
        moves.extend(made_again.into_iter().filter(|(from, _)| from.is_file()));
        Ok(moves)
    }
}

/// May a rebuild go on from this staged index? Damage, another model or used up ids say no; an error of the system, which
/// says nothing about the index, is an error here too.
fn may_go_on(staged: &Layout, model: &ModelId, base: &Base) -> Result<bool, IndexError> {
    let open = || {
        let snapshot = Snapshot::open(staged)?;
        let made_with = &snapshot.manifest().model;
        if made_with.fingerprint != model.fingerprint || made_with.dimension != model.dimension {
            return Ok(false);
        }
        if !base.unused.allows(&snapshot) {
            return Ok(false);
        }
        snapshot.check_checksums()?;
        Ok(true)
    };
    match open() {
        Err(error @ IndexError::Io { .. }) if !error.is_missing_file() && !error.is_unreadable_file() => Err(error),
        Err(error) => {
            log::info!("restarting an earlier rebuild: {error}");
            Ok(false)
        }
        result => result,
    }
}

impl Base {
    /// Looks at the index whose lock is held.
    fn of(layout: &Layout) -> Result<Base, IndexError> {
        if refuse_foreign_files(layout)? == Standing::Empty {
            sweep(layout, None)?;
            let unused = Unused { next_id: None, next_file: 1 };
            return Ok(Base { manifest: None, generation: 0, unused, first_id: 1, first_file: 1 });
        }
        let committed = match Snapshot::open(layout) {
            Ok(snapshot) => Some(snapshot.manifest().clone()),
            Err(IndexError::NotFound { .. }) => None,
            Err(error) if error.may_be_rebuilt() => None,
            Err(error) => return Err(error),
        };
        // A manifest that can be read tells its numbers even where a file that it names is damaged.
        let point = CommitPoint::read(layout).ok();
        let manifest = committed.or_else(|| match &point {
            Some(CommitPoint::Version2(manifest)) => Some(manifest.as_ref().clone()),
            _ => None,
        });
        let mut base = Base {
            generation: point.map_or(0, |point| point.generation()),
            unused: Unused { next_id: None, next_file: 1 },
            first_id: 0,
            first_file: 0,
            manifest,
        };
        if let Some(manifest) = &base.manifest {
            manifest.refuse_newer(&layout.manifest())?;
            base.unused = Unused::by(manifest);
            (base.first_id, base.first_file) = (manifest.next_id, manifest.next_file);
        } else {
            base.read_what_is_left(layout)?;
        }
        let exhausted = || IndexError::corrupt(layout.root(), "it has run out of ids or file numbers");
        let beyond = |number: u64| number.checked_add(GAP).filter(|&n| n <= manifest::GREATEST).ok_or_else(exhausted);
        base.first_id = beyond(base.first_id)?;
        base.first_file = beyond(base.first_file)?;
        if base.generation >= manifest::GREATEST {
            return Err(exhausted());
        }
        Ok(base)
    }

    /// Gives the staged index what a rebuild does not make anew: what is excluded and which text is read, which may have changed
    /// since it was begun, and at its beginning how rows are stored and the bad files. They are tried again, but nobody needs to be told of them
    /// again.
    fn hand_on(&self, layout: &Layout, staged: &Layout, model: &ModelId) -> Result<(), IndexError> {
        let Some(base) = &self.manifest else { return Ok(()) };
        let (is_new, is_same) = {
            let snapshot = Snapshot::open(staged)?;
            // A process may have died between the first commit, which makes the index, and the one below.
            let staged = snapshot.manifest();
            let is_same = staged.excluded == base.excluded && staged.text_languages == base.text_languages;
            (staged.generation <= 1, is_same)
        };
        if is_same && !is_new {
            return Ok(());
        }
        let mut writer = IndexWriter::open_or_create(staged.root(), model)?;
        writer.set_excluded(base.excluded.clone());
        writer.set_text_languages(base.text_languages.clone());
        if is_new {
            writer.set_row_format(base.rows);
            for file in self.bad_files(layout) {
                writer.remember_bad_file(BadFile { decoder: None, ..file });
            }
        }
        writer.commit()?;
        writer.close()
    }

    /// What the index remembers of bad files. It can do without.
    fn bad_files(&self, layout: &Layout) -> Vec<BadFile> {
        let Some(entry) = self.manifest.as_ref().and_then(|manifest| manifest.bad_files.as_ref()) else {
            return Vec::new();
        };
        match bad_files::read(&layout.bad_files(entry.file), entry) {
            Ok(files) => files.into_values().collect(),
            Err(error) => {
                log::warn!("the list of bad files is not taken over: {error}");
                Vec::new()
            }
        }
    }

    /// Looks for numbers that were not used yet, where the manifest that would tell cannot be read.
    fn read_what_is_left(&mut self, layout: &Layout) -> Result<(), IndexError> {
        // A first rebuild that died just before its commit has left files here that are the staged index's.
        let staged = Snapshot::open(&layout.rebuild()).ok();
        let is_staged =
            |file: u64| staged.as_ref().is_some_and(|staged| staged.manifest().files().any(|other| other == file));
        for (path, entry) in entries(layout)? {
            match entry {
                Entry::V1Manifest(generation) => {
                    self.generation = self.generation.max(generation);
                    match v1::Manifest::read(&path, generation) {
                        Ok(manifest) => {
                            self.unused.next_id = self.unused.next_id.max(Some(manifest.next_id));
                            self.unused.next_file = self.unused.next_file.max(manifest.next_file);
                        }
                        Err(IndexError::Corrupt { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Entry::V1Deleted(generation) => self.generation = self.generation.max(generation),
                Entry::Segment(file)
                | Entry::Deleted(file)
                | Entry::Records(file)
                | Entry::BadFiles(file)
                | Entry::Hubness(file)
                | Entry::Graph(file)
                    if !is_staged(file) =>
                {
                    self.unused.next_file = self.unused.next_file.max(file.saturating_add(1));
                }
                _ => {}
            }
        }
        // No index has made commits, or added photos, faster than this since 1970.
        let seconds = manifest::now().max(0) as u64;
        self.generation = self.generation.max(seconds << 8);
        self.first_file = self.unused.next_file;
        self.first_id = self.unused.next_id.unwrap_or(0).max(seconds << 16);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::asset::{Asset, Kind, Stamp};
    use crate::reader::IndexReader;
    use crate::verify::verify;

    fn model(dimension: usize) -> ModelId {
        ModelId { name: "test".into(), fingerprint: format!("test-{dimension}"), dimension }
    }

    fn fill(dir: &Path, dimension: usize, photos: u64) {
        let mut writer = IndexWriter::open_or_create(dir, &model(dimension)).unwrap();
        for number in writer.len() as u64..photos {
            let mut embedding = vec![0.0; dimension];
            embedding[number as usize % dimension] = 1.0;
            let photo = Asset {
                path: format!("/{dimension}/{photos}/{number}.jpg").into(),
                stamp: Stamp { size: number, ..Stamp::default() },
                hash: [0; 16],
                kind: Kind::Photo,
                width: 1,
                height: 1,
                taken_at: None,
                camera: None,
                lens: None,
                gps: None,
                ..Asset::default()
            };
            writer.add(photo, embedding).unwrap();
        }
        writer.commit().unwrap();
        let first = IndexReader::open(dir).unwrap().ids().next().unwrap();
        assert!(writer.remove(first).unwrap());
        writer.commit().unwrap();
        writer.close().unwrap();
    }

    fn ids(dir: &Path) -> Vec<u64> {
        let reader = IndexReader::open(dir).unwrap();
        let ids: Vec<u64> = reader.ids().collect();
        assert_eq!(reader.records(&ids).unwrap().len(), ids.len());
        assert!(verify(dir).unwrap().is_clean());
        ids
    }

    /// Stops before every step in turn, as a full disk or a sudden death would.
    #[test]
    fn a_commit_that_stops_anywhere_leaves_the_old_index_or_the_new_one() {
        let mut steps = 0;
        for stop in 0.. {
            let dir = tempfile::tempdir().unwrap();
            fill(dir.path(), 2, 5);
            let old = ids(dir.path());
            let rebuild = Rebuild::begin(dir.path(), &model(3)).unwrap();
            fill(rebuild.dir(), 3, 7);
            let new = ids(rebuild.dir());
            let mut count = 0;
            let mut last = "";
            let result = rebuild.promote(&mut |step| {
                count += 1;
                last = step;
                if count > stop { Err(IndexError::NoGraph { dir: step.into() }) } else { Ok(()) }
            });
            drop(rebuild);
            let committed = last.starts_with("removal");
            assert_eq!(ids(dir.path()), if committed { new.clone() } else { old.clone() }, "before the {last}");
            if count <= stop {
                result.unwrap();
                steps = stop;
                break;
            }
            // Whoever comes next gets what he expects: the old index with its staging area, or the new one without.
            if stop % 2 == 0 {
                fill(dir.path(), if committed { 3 } else { 2 }, 9);
            }
            let before = ids(dir.path());
            let rebuild = Rebuild::begin(dir.path(), &model(3)).unwrap();
            let staged = IndexReader::open(rebuild.dir()).unwrap().len();
            assert_eq!(staged, if committed { 0 } else { new.len() }, "before the {last}");
            fill(rebuild.dir(), 3, 11);
            rebuild.commit().unwrap();
            assert!(ids(dir.path())[0] > *before.last().unwrap(), "before the {last}");
            assert!(!dir.path().join("rebuild").exists());
            assert_eq!(fs::read_dir(dir.path().join("vectors")).unwrap().count(), 2, "one file and what was removed");
        }
        assert!(steps > 10, "only {steps} steps");
    }

    #[test]
    fn numbers_that_are_used_up_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let create = IndexWriter::create(dir.path(), &model(2), manifest::GREATEST - 5, 1).unwrap();
        create.close().unwrap();
        let error = Rebuild::begin(dir.path(), &model(2)).unwrap_err();
        assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
        assert!(!layout.rebuild().root().exists());
    }
}
