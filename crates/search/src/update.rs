//! Making an index agree with folders, with the model that is wanted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{
    Bank, GraphOptions, ImportOptions, ImportSource, Imported, IndexError, IndexReader, IndexSource, IndexWriter,
    ModelId, ModelOrigin, Rebuild, restore_manifest,
};
use clip_indexer::{Changes, Event, IndexOptions, Indexer, IndexerError, Report, Session};
use clip_model::{LoadOptions, Model, ModelSource, Towers};
use clip_progress::{Progress, Silent, Steps};
use clip_query::alignment;

use crate::bank;
use crate::error::LibraryError;
use crate::library::Library;
use crate::model::LazyModel;

/// With fewer photos, hubs do not crowd out others enough to be worth a minute of embedding texts.
const WORTH_A_BANK: usize = 200;

/// How [`Library::update`] goes about its work.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// How the run goes about its work.
    pub indexing: IndexOptions,
    /// Encode every photo again. The old index answers until the new one is complete.
    pub rebuild: bool,
}

/// What [`Library::update`] did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Update {
    /// Photo by photo.
    pub report: Report,
    /// What became of the index as a whole.
    pub result: UpdateResult,
}

/// What became of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateResult {
    /// It was brought up to date where it is.
    Updated,
    /// It was made anew, and the new one has taken its place.
    Replaced,
    /// It is being made anew, and the run was cancelled. The old index is as it was; the next update of the same kind goes
    /// on from there.
    Interrupted,
    /// It was made anew, but some places could not be reached ([`Report::unreachable`]), and their photos would be lost. The
    /// old index is as it was; the next update of the same kind goes on from there.
    Withheld,
}

impl Library {
    /// Makes the index agree with folders: what is new or changed is read and encoded, what moved keeps its embedding, what
    /// is gone leaves the index. Without folders, those that the index knows are taken.
    ///
    /// Where the library was opened with a model or precision other than the index has, the index is changed: all folders
    /// that it knows, and `folders` besides, are encoded anew, and the old index answers until all is done. So it is with
    /// [`UpdateOptions::rebuild`], of `folders` alone if some are given. An interrupted change goes on where it was.
    ///
    /// # Errors
    /// [`LibraryError::Indexer`] if a folder cannot be used, the index cannot be written or the model fails; what was
    /// committed before stays. [`LibraryError::ImportsAtStake`] if an index with imported photos is to be replaced, [`LibraryError::FolderAway`] if a folder of an index that is to change its model is away;
    /// [`IndexerError::VideosAtStake`] if the index has videos that would be lost, because nothing reads them.
    /// A file that cannot be indexed is no error: the report names it.
    pub fn update(
        &self,
        folders: &[PathBuf],
        options: &UpdateOptions,
        progress: &dyn for<'e> Progress<Event<'e>>,
        cancel: &AtomicBool,
    ) -> Result<Update, LibraryError> {
        self.bring_up_to_date(Extent::Folders(folders), &mut Session::default(), options, progress, cancel)
    }

    /// As [`Library::update`], and remembers in `session` what [`Library::update_changes`] needs. To follow changes, update all
    /// folders first.
    ///
    /// # Errors
    /// Those of [`Library::update`].
    pub fn update_in_session(
        &self,
        session: &mut Session,
        folders: &[PathBuf],
        options: &UpdateOptions,
        progress: &dyn for<'e> Progress<Event<'e>>,
        cancel: &AtomicBool,
    ) -> Result<Update, LibraryError> {
        self.bring_up_to_date(Extent::Folders(folders), session, options, progress, cancel)
    }

    /// Brings the index up to date after changes that are known, which takes as long as the changes: see
    /// [`Indexer::run_changes`]. The model stays loaded from one call to the next. [`UpdateOptions::rebuild`] is ignored.
    ///
    /// # Errors
    /// Those of [`Library::update`].
    pub fn update_changes(
        &self,
        session: &mut Session,
        changes: &Changes,
        options: &UpdateOptions,
        progress: &dyn for<'e> Progress<Event<'e>>,
        cancel: &AtomicBool,
    ) -> Result<Update, LibraryError> {
        let options = UpdateOptions { rebuild: false, ..options.clone() };
        self.bring_up_to_date(Extent::Changes(changes), session, &options, progress, cancel)
    }

    fn bring_up_to_date(
        &self,
        extent: Extent<'_>,
        session: &mut Session,
        options: &UpdateOptions,
        progress: &dyn for<'e> Progress<Event<'e>>,
        cancel: &AtomicBool,
    ) -> Result<Update, LibraryError> {
        let folders = extent.folders();
        let known = Known::read(self.index(), options.rebuild, folders, cancel)?;
        let (source, load) = self.source_for(&known)?;
        let model = self.image_model(&known, &source, &load, options.rebuild)?;
        let origin = self.models.origin(&source);
        let id = id_of(&model);
        let bank = bank::at_hand(self.index(), &source, &id);
        let work = Work { folders, options, origin, bank, progress, cancel };
        let folders = if options.rebuild {
            known.folders_to_rebuild(&work)?
        } else if self.choice.is_explicit() {
            // If the index has another model or precision, the caller wants to change it.
            known.folders_to_change(&id, &work)?
        } else {
            None
        };
        let update = match folders {
            Some(folders) => self.replace(&known, &folders, &id, &model, &work)?,
            None => {
                let indexer = work.indexer(&model, self.index()).session(session);
                let report = match extent {
                    Extent::Folders(folders) => indexer.run(folders)?,
                    Extent::Changes(changes) => indexer.run_changes(changes)?,
                };
                Update { report, result: UpdateResult::Updated }
            }
        };
        drop(known);
        let is_done = !update.report.cancelled && update.result != UpdateResult::Withheld;
        if is_done && work.options.indexing.correct_scores {
            self.get_to_know(&source, &load, &id, &model, &work)?;
        }
        // An interrupted first run may not have come as far as an index.
        match IndexReader::open(self.index()) {
            Ok(reader) if *reader.model() == id => {
                let load = LoadOptions { precision: Some(model.precision()), ..load };
                let lazy = LazyModel::new(source, load, &reader);
                lazy.set_image(model);
                self.set(reader, Arc::new(lazy))?;
            }
            Ok(_) => drop(self.reload()?),
            Err(IndexError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(update)
    }

    /// Adds embeddings that this library's model has made elsewhere. `docs/exchange.md` has the details. Makes an index if
    /// there is none.
    ///
    /// # Errors
    /// [`LibraryError::Index`] as [`clip_index::import`], and whatever keeps the model from being loaded, whose fingerprint is
    /// compared.
    pub fn import(
        &self,
        source: &ImportSource,
        options: ImportOptions<'_>,
        progress: &dyn Progress<Steps>,
        cancel: &AtomicBool,
    ) -> Result<Imported, LibraryError> {
        let known = Known::read(self.index(), false, &[], cancel)?;
        let (model, load) = self.source_for(&known)?;
        let id = id_of(&*self.image_model(&known, &model, &load, false)?);
        drop(known);
        let mut writer = IndexWriter::open_or_create(self.index(), &id)?;
        writer.set_origin(Some(self.models.origin(&model)));
        if let Some(bank) = bank::at_hand(self.index(), &model, &id) {
            writer.set_bank(bank)?;
        }
        let imported = clip_index::import(&mut writer, source, options, progress, cancel)?;
        if imported.is_complete {
            writer.update_hubness(progress, cancel)?;
            writer.update_graph(&GraphOptions::default(), progress, cancel)?;
        }
        writer.close()?;
        self.reload()?;
        Ok(imported)
    }

    /// Measures what is not known yet of a model that is not the built-in one: whether it knows which words go with which pictures,
    /// and how near photos are to texts in general. Its text tower is loaded once for both.
    fn get_to_know(
        &self,
        source: &ModelSource,
        load: &LoadOptions,
        id: &ModelId,
        model: &Arc<Model>,
        work: &Work<'_>,
    ) -> Result<(), LibraryError> {
        let reader = match IndexReader::open(self.index()) {
            Ok(reader) if *reader.model() == *id && !reader.is_empty() => reader,
            Ok(_) | Err(IndexError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let load = LoadOptions { precision: Some(model.precision()), ..*load };
        let lazy = LazyModel::new(source.clone(), load, &reader);
        lazy.set_image(Arc::clone(model));
        let is_aligned = reader.alignment().is_some() || *source == ModelSource::Default;
        let has_hubness = work.bank.is_some() || reader.len() < WORTH_A_BANK;
        drop(reader);
        if !is_aligned && !work.cancel.load(Ordering::Relaxed) {
            let measured = alignment::measure(&lazy)?;
            let mut writer = IndexWriter::open_or_create(self.index(), id)?;
            writer.set_alignment(measured);
            writer.commit()?;
            writer.close()?;
        }
        if has_hubness { Ok(()) } else { self.measure_hubness(source, &*lazy.text()?, id, work) }
    }

    /// Embeds the texts that scores are corrected by, and measures all photos with them. A model whose texts are not at hand
    /// has to embed them once.
    fn measure_hubness(
        &self,
        source: &ModelSource,
        model: &Model,
        id: &ModelId,
        work: &Work<'_>,
    ) -> Result<(), LibraryError> {
        let tell = |Steps { done, total }| work.progress.event(Event::Bank { done, total });
        let Some(bank) = bank::measure_bank(source, model, &tell, work.cancel)? else { return Ok(()) };
        bank.store(self.index())?;
        let mut writer = IndexWriter::open_or_create(self.index(), id)?;
        writer.set_bank(Arc::new(bank))?;
        let tell = |Steps { done, total }| work.progress.event(Event::Hubness { done, total });
        writer.update_hubness(&tell, work.cancel)?;
        writer.close()?;
        Ok(())
    }

    /// Makes a new index inside the old one's folder and puts it in its place.
    fn replace(
        &self,
        known: &Known,
        folders: &[PathBuf],
        id: &ModelId,
        model: &Arc<Model>,
        work: &Work<'_>,
    ) -> Result<Update, LibraryError> {
        known.refuse_to_lose_imports(folders, work)?;
        let rebuild = Rebuild::begin(self.index(), id)?;
        let mut indexer = work.indexer(model, rebuild.dir());
        if let Some(replaced) = known.reader() {
            indexer = indexer.in_place_of(replaced);
        }
        let report = match indexer.run(folders) {
            Err(error @ IndexerError::VideosAtStake { .. }) => {
                // Nothing was begun, unless an earlier run did.
                if IndexReader::open(rebuild.dir()).is_ok_and(|staged| staged.is_empty()) {
                    rebuild.abandon()?;
                }
                return Err(error.into());
            }
            report => report?,
        };
        if report.cancelled {
            return Ok(Update { report, result: UpdateResult::Interrupted });
        }
        if !report.unreachable.is_empty() && !work.options.indexing.forget_unreachable {
            return Ok(Update { report, result: UpdateResult::Withheld });
        }
        rebuild.commit()?;
        Ok(Update { report, result: UpdateResult::Replaced })
    }

    /// Where the model comes from, and how it is loaded: that of the index, as far as it tells, or the one for a new index.
    fn source_for(&self, known: &Known) -> Result<(ModelSource, LoadOptions), LibraryError> {
        match known {
            Known::Index(reader) => self.source_of(&IndexSource::of(reader)),
            Known::Damaged(Some(made_of)) => self.source_of(made_of),
            Known::Nothing | Known::Damaged(None) => {
                let options =
                    LoadOptions { device: self.choice.device, towers: Towers::Both, precision: self.choice.precision };
                Ok((self.choice.model.clone().unwrap_or_default(), options))
            }
        }
    }

    /// The model with its image tower; that of the searcher where it is the same and loaded already. `any` takes what is in
    /// the place of the index's model now, whatever it is.
    fn image_model(
        &self,
        known: &Known,
        source: &ModelSource,
        load: &LoadOptions,
        any: bool,
    ) -> Result<Arc<Model>, LibraryError> {
        if let Known::Index(reader) = known
            && let Ok(searcher) = self.searcher()
            && searcher.reader().model() == reader.model()
        {
            match searcher.encoder().encoder().image() {
                // It is another model than the index was made with: what is wanted now.
                Err(LibraryError::Index(IndexError::Fingerprint { .. })) => {}
                Err(LibraryError::ModelChanged { .. }) if any => {}
                model => return model,
            }
        }
        let mut model = Model::load(source, &LoadOptions { towers: Towers::ImageOnly, ..*load })?;
        if let Known::Index(reader) = known {
            model.recognise(&reader.model().fingerprint)?;
        }
        Ok(Arc::new(model))
    }
}

fn id_of(model: &Model) -> ModelId {
    ModelId {
        name: model.name().to_owned(),
        fingerprint: model.fingerprint().to_string(),
        dimension: model.dimension(),
    }
}

/// What a run is about.
struct Work<'a> {
    folders: &'a [PathBuf],
    options: &'a UpdateOptions,
    /// Of the model.
    origin: ModelOrigin,
    bank: Option<Arc<Bank>>,
    progress: &'a dyn for<'e> Progress<Event<'e>>,
    cancel: &'a AtomicBool,
}

impl Work<'_> {
    /// What indexes into the index in `index`.
    fn indexer<'i>(&'i self, model: &'i Arc<Model>, index: &'i Path) -> Indexer<'i, Arc<Model>> {
        let mut indexer = Indexer::new(model, index).options(self.options.indexing.clone()).origin(self.origin.clone());
        if self.options.indexing.correct_scores {
            indexer = indexer.bank(self.bank.clone());
        }
        indexer.progress(self.progress).cancel(self.cancel)
    }
}

/// What an update looks at.
#[derive(Debug, Clone, Copy)]
enum Extent<'a> {
    Folders(&'a [PathBuf]),
    Changes(&'a Changes),
}

impl<'a> Extent<'a> {
    fn folders(self) -> &'a [PathBuf] {
        match self {
            Extent::Folders(folders) => folders,
            Extent::Changes(_) => &[],
        }
    }
}

/// What there is before an update.
#[expect(clippy::large_enum_variant, reason = "there is one of it, for the length of a call")]
enum Known {
    Nothing,
    /// An index that cannot be opened and is to be replaced. Its commit point may still tell what it is made of.
    Damaged(Option<IndexSource>),
    Index(IndexReader),
}

impl Known {
    /// An index that cannot be opened is an error, unless it is to be replaced. If it does not even tell of which folders it was
    /// made, some must be given.
    fn read(index: &Path, rebuild: bool, folders: &[PathBuf], cancel: &AtomicBool) -> Result<Known, LibraryError> {
        let mut opened = IndexReader::open(index);
        if matches!(opened, Err(IndexError::ManifestLost { .. })) && restore_manifest(index)? {
            opened = IndexReader::open(index);
        }
        match opened {
            Ok(reader) => Ok(Known::Index(reader)),
            Err(IndexError::NotFound { .. }) => Ok(Known::Nothing),
            Err(error) if rebuild && error.may_be_rebuilt() => Known::repaired(index, error, folders, cancel),
            Err(error) => Err(error.into()),
        }
    }

    /// What is left of an index that cannot be opened because of `error`. What is damaged is dropped from it, so that it tells what
    /// else it has: imported photos, videos and text, which an index in its place must not lose without a word.
    fn repaired(
        index: &Path,
        error: IndexError,
        folders: &[PathBuf],
        cancel: &AtomicBool,
    ) -> Result<Known, LibraryError> {
        match clip_index::repair(index, &Silent, cancel).and_then(|_| IndexReader::open(index)) {
            Ok(reader) => return Ok(Known::Index(reader)),
            Err(error) if !error.may_be_rebuilt() => return Err(error.into()),
            Err(_) => {}
        }
        match IndexSource::read(index) {
            Ok(made_of) if !made_of.roots.is_empty() || !folders.is_empty() => Ok(Known::Damaged(Some(made_of))),
            Err(_) if !folders.is_empty() => Ok(Known::Damaged(None)),
            _ => Err(LibraryError::UnknownFolders(error)),
        }
    }

    fn reader(&self) -> Option<&IndexReader> {
        match self {
            Known::Index(reader) => Some(reader),
            Known::Nothing | Known::Damaged(_) => None,
        }
    }

    /// Which folders a rebuild is of: those that are given, else those that the index knows. `None` if there is nothing to
    /// replace, or nothing to replace it with.
    fn folders_to_rebuild(&self, work: &Work<'_>) -> Result<Option<Vec<PathBuf>>, LibraryError> {
        match self {
            Known::Nothing => Ok(None),
            _ if !work.folders.is_empty() => Ok(Some(work.folders.to_vec())),
            Known::Index(reader) => {
                let folders = Known::reachable(reader.roots(), work)?;
                Ok((!folders.is_empty()).then_some(folders))
            }
            Known::Damaged(made_of) => {
                let roots = made_of.as_ref().map(|made_of| made_of.roots.clone()).unwrap_or_default();
                Known::reachable(roots, work).map(Some)
            }
        }
    }

    /// Refuses to replace an index that holds photos outside its folders, and outside `folders`, unless the caller says so. Nobody
    /// else knows of these photos: they were imported, and may not even be on this disk.
    fn refuse_to_lose_imports(&self, folders: &[PathBuf], work: &Work<'_>) -> Result<(), LibraryError> {
        let Some(reader) = self.reader().filter(|_| !work.options.indexing.forget_unreachable) else { return Ok(()) };
        let mut all = reader.roots();
        for folder in folders {
            all.extend(std::path::absolute(folder));
            all.extend(folder.canonicalize());
        }
        let (mut photos, mut example) = (0, None);
        // What cannot be read of a damaged index is lost in any case: that is what it is rebuilt for.
        for record in reader.all_records().unwrap_or_default() {
            if !all.iter().any(|folder| record.asset.path.starts_with(folder)) {
                photos += 1;
                example.get_or_insert(record.asset.path);
            }
        }
        example.map_or(Ok(()), |example| Err(LibraryError::ImportsAtStake { photos, example }))
    }

    /// The folders of an index that are there. A folder that is not cannot be encoded again, and an index that lacks it must
    /// not take the place of one that has it; unless the caller says so, such a folder is an error.
    fn reachable(roots: Vec<PathBuf>, work: &Work<'_>) -> Result<Vec<PathBuf>, LibraryError> {
        let (folders, away): (Vec<_>, Vec<_>) = roots.into_iter().partition(|root| root.is_dir() || root.is_file());
        match away.into_iter().next() {
            Some(folder) if !work.options.indexing.forget_unreachable => Err(LibraryError::FolderAway { folder }),
            _ => Ok(folders),
        }
    }

    /// Which folders a change to the model `wanted` is of: all that the index knows, and those that are given besides.
    /// `None` if the index has this model already.
    fn folders_to_change(&self, wanted: &ModelId, work: &Work<'_>) -> Result<Option<Vec<PathBuf>>, LibraryError> {
        let Known::Index(reader) = self else { return Ok(None) };
        if reader.model().fingerprint == wanted.fingerprint {
            return Ok(None);
        }
        let mut folders = Known::reachable(reader.roots(), work)?;
        folders.extend_from_slice(work.folders);
        Ok(Some(folders))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trained_model_knows_which_words_go_with_which_pictures() {
        let model = Model::load(&ModelSource::Default, &LoadOptions::default()).unwrap();
        let measured = alignment::measure(&model).unwrap();
        assert!(alignment::is_enough(measured), "{measured}");
    }

    #[test]
    fn models_with_random_weights_do_not() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-model/tests/fixtures");
        for name in ["tiny-huggingface", "tiny-resnet", "tiny-open-clip"] {
            let model = Model::load(&ModelSource::Folder(fixtures.join(name)), &LoadOptions::default()).unwrap();
            let measured = alignment::measure(&model).unwrap();
            assert!(!alignment::is_enough(measured), "{name}: {measured}");
        }
    }
}
