//! An index, its model and its folders as one thing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use clip_index::{IndexError, IndexReader, IndexSource, ModelOrigin, Status, VerifyReport};
use clip_indexer::Removed;
use clip_model::{DeviceChoice, Fingerprint, LoadOptions, ModelSource, Precision, Towers};
use clip_progress::{Progress, Steps};
use clip_query::relevance;
use clip_query::{
    CachedEncoder, DuplicateOptions, DuplicateProgress, Duplicates, Explanation, Hit, Query, Searcher, TextCache,
};

use crate::error::LibraryError;
use crate::model::LazyModel;
use crate::models::{Models, name_of};
use crate::refinement;
use crate::saved::SavedSearches;

/// What a [`Library`] searches with.
pub type LibrarySearcher = Searcher<CachedEncoder<Arc<LazyModel>>>;

/// An index with the model that made it: everything that a program needs to keep photos searchable.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use clip_search::{Library, Query, Silent, UpdateOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let index = folder.path().join("index");
/// # let photos = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples"));
/// let library = Library::builder(&index).open_or_create()?;
/// // Run again, it takes only what is new, changed, moved or gone.
/// library.update(&[photos], &UpdateOptions::default(), &Silent, &AtomicBool::new(false))?;
/// for hit in library.search(&Query::text("a photo of a cat").limit(3))? {
///     println!("{:.3}  {}", hit.score.unwrap_or_default(), hit.path.display());
/// }
/// # assert!(library.search(&Query::text("a photo of a cat"))?[0].path.ends_with("samples/cat.jpg"));
/// # Ok(())
/// # }
/// ```
///
/// All methods take `&self`, so that a server can share a library among its threads. A search goes on in the state of the
/// index in which it began; [`reload`](Library::reload) takes up what other processes have committed since.
pub struct Library {
    index: PathBuf,
    pub(crate) models: Models,
    pub(crate) choice: Choice,
    cache: Arc<TextCache>,
    /// `None` as long as there is no index that can be read.
    searcher: RwLock<Option<Arc<LibrarySearcher>>>,
}

/// The model that was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    pub model: Option<ModelSource>,
    pub precision: Option<Precision>,
    pub device: DeviceChoice,
}

impl Choice {
    /// Whether the caller named a model or a precision, so that an index that has another one is to be changed.
    pub fn is_explicit(&self) -> bool {
        self.model.is_some() || self.precision.is_some()
    }
}

/// Says how a [`Library`] is opened.
#[derive(Debug)]
#[must_use = "a builder does nothing until the library is opened"]
pub struct LibraryBuilder {
    index: PathBuf,
    models: Models,
    choice: Choice,
    cache: TextCache,
}

impl LibraryBuilder {
    /// Says where models are found by name; only on this disk unless this is called.
    pub fn models(mut self, models: Models) -> LibraryBuilder {
        self.models = models;
        self
    }

    /// Uses this model. Without it, the model is the one that the index was made with, and the built-in one for a new index.
    pub fn model(mut self, model: ModelSource) -> LibraryBuilder {
        self.choice.model = Some(model);
        self
    }

    /// Uses this precision. Without it, the precision is that of the index, and what suits the model for a new index.
    pub fn precision(mut self, precision: Precision) -> LibraryBuilder {
        self.choice.precision = Some(precision);
        self
    }

    /// Computes on this device.
    pub fn device(mut self, device: DeviceChoice) -> LibraryBuilder {
        self.choice.device = device;
        self
    }

    /// Keeps the embeddings of recent texts here; in memory unless this is called.
    pub fn text_cache(mut self, cache: TextCache) -> LibraryBuilder {
        self.cache = cache;
        self
    }

    /// Opens a library whose index exists. Where the model that the index was made with is not found, the library still
    /// opens, and only what needs the model fails: the index can be looked at, checked and cleaned up.
    ///
    /// # Errors
    /// [`IndexError::NotFound`], within [`LibraryError::Index`], if there is no index; whatever keeps the index from being
    /// read, or a model from being found that was asked for.
    pub fn open(self) -> Result<Library, LibraryError> {
        let library = self.closed()?;
        library.take_up()?;
        Ok(library)
    }

    /// Opens a library whose index need not exist yet, and need not be readable: [`Library::update`] makes it.
    ///
    /// # Errors
    /// Whatever keeps a model from being found that was asked for.
    pub fn open_or_create(self) -> Result<Library, LibraryError> {
        let library = self.closed()?;
        match library.take_up() {
            // What cannot be read is for an update to tell of, or to replace.
            Ok(()) | Err(LibraryError::Index(_)) => Ok(library),
            Err(error) => Err(error),
        }
    }

    fn closed(self) -> Result<Library, LibraryError> {
        let index = std::path::absolute(&self.index)
            .map_err(|source| LibraryError::Path { path: self.index.clone(), source })?;
        let Self { models, choice, cache, .. } = self;
        Ok(Library { index, models, choice, cache: Arc::new(cache), searcher: RwLock::new(None) })
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("index", &self.index)
            .field("models", &self.models)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

impl Library {
    /// Begins to open the library whose index lies in this folder.
    pub fn builder(index: impl Into<PathBuf>) -> LibraryBuilder {
        LibraryBuilder {
            index: index.into(),
            models: Models::local(),
            choice: Choice::default(),
            cache: TextCache::in_memory(),
        }
    }

    /// Opens the library whose index lies in this folder, with the model that the index was made with.
    ///
    /// # Errors
    /// Those of [`LibraryBuilder::open`].
    pub fn open(index: impl Into<PathBuf>) -> Result<Library, LibraryError> {
        Library::builder(index).open()
    }

    /// The folder of the index, absolute.
    pub fn index(&self) -> &Path {
        &self.index
    }

    /// Where models are found by name.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The photos that answer the query best, best first. Identical files are one result, and [`Hit::duplicates`] has the
    /// others. Loads the towers that the query needs, the first time; words
    /// that are cached need none.
    ///
    /// # Errors
    /// [`IndexError::NotFound`], within [`LibraryError::Index`], if there is no index yet; [`IndexError::Fingerprint`] if
    /// a model was asked for that did not make it; otherwise as [`Searcher::search`].
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, LibraryError> {
        self.search_explained(query).map(|(hits, _)| hits)
    }

    /// As [`search`](Library::search), and how it was done. Loading the model is no part of the times.
    ///
    /// # Errors
    /// Those of [`search`](Library::search).
    pub fn search_explained(&self, query: &Query) -> Result<(Vec<Hit>, Explanation), LibraryError> {
        self.search_with(&*self.searcher()?, query)
    }

    /// As [`search_explained`](Library::search_explained), in the index as `searcher` has it, which may be older.
    ///
    /// # Errors
    /// Those of [`search`](Library::search).
    pub fn search_with(
        &self,
        searcher: &LibrarySearcher,
        query: &Query,
    ) -> Result<(Vec<Hit>, Explanation), LibraryError> {
        self.load_for(searcher, query)?;
        Ok(searcher.search_explained(query)?)
    }

    /// The index as it was at the last [`reload`](Library::reload) or change, ready to be searched.
    ///
    /// # Errors
    /// [`LibraryError::Index`] if there is no index that can be read, and whatever keeps its model from being found.
    pub fn searcher(&self) -> Result<Arc<LibrarySearcher>, LibraryError> {
        if let Some(searcher) = self.opened() {
            return Ok(searcher);
        }
        self.reload()?;
        self.opened().ok_or_else(|| IndexError::NotFound { dir: self.index.clone() }.into())
    }

    /// Takes up the newest commit, of whatever process; `true` if there was a newer one. The model stays loaded, unless
    /// the index was made anew with another.
    ///
    /// # Errors
    /// [`LibraryError::Index`] if the index cannot be read, and whatever keeps its model from being found.
    pub fn reload(&self) -> Result<bool, LibraryError> {
        let opened = self.opened();
        if let Some(searcher) = &opened
            && searcher.reader().is_current()?
        {
            return Ok(false);
        }
        let reader = IndexReader::open(&self.index)?;
        let model = match &opened {
            Some(searcher) if searcher.reader().model() == reader.model() => Arc::clone(searcher.encoder().encoder()),
            _ => Arc::new(self.model_of(&reader)?),
        };
        self.set(reader, model)?;
        Ok(true)
    }

    /// Sizes and counts of the index as it was opened; as it is now, where its model is not found. Needs no model.
    ///
    /// # Errors
    /// [`LibraryError::Index`] if there is no index that can be read.
    pub fn status(&self) -> Result<Status, LibraryError> {
        match self.opened() {
            Some(searcher) => Ok(searcher.reader().status()?),
            None => Ok(IndexReader::open(&self.index)?.status()?),
        }
    }

    /// Finds photos that are there more than once, in the index as it was opened; as it is now, where its model is not found. `None` if
    /// cancelled. Writes nothing and needs no model. See [`duplicates`](crate::duplicates()).
    ///
    /// # Errors
    /// [`LibraryError::Index`] if there is no index that can be read.
    pub fn duplicates(
        &self,
        options: &DuplicateOptions,
        progress: &dyn Progress<DuplicateProgress>,
        cancel: &AtomicBool,
    ) -> Result<Option<Duplicates>, LibraryError> {
        Ok(match self.opened() {
            Some(searcher) => clip_query::duplicates(searcher.reader(), options, progress, cancel)?,
            None => clip_query::duplicates(&IndexReader::open(&self.index)?, options, progress, cancel)?,
        })
    }

    /// Checks every byte of the index, and the files of text beside it. Needs no model.
    ///
    /// # Errors
    /// Those of [`crate::verify`]. Damage is no error but part of the report.
    pub fn verify(&self) -> Result<VerifyReport, LibraryError> {
        Ok(crate::verify(&self.index)?)
    }

    /// As [`verify`](Self::verify), for an index that takes a while to read: `progress` gets the bytes that were read so far and
    /// in all. `None` if `cancel` was set.
    ///
    /// # Errors
    /// Those of [`crate::verify`].
    pub fn verify_with(
        &self,
        progress: &dyn Progress<Steps>,
        cancel: &AtomicBool,
    ) -> Result<Option<VerifyReport>, LibraryError> {
        Ok(crate::verify_with(&self.index, progress, cancel)?)
    }

    /// The searches that were saved for the index, as they are now. Needs no model.
    ///
    /// # Errors
    /// Those of [`SavedSearches::open`].
    pub fn saved_searches(&self) -> Result<SavedSearches, LibraryError> {
        SavedSearches::open(&self.index)
    }

    /// Whether the model is the built-in one, as far as names tell.
    pub fn uses_built_in_model(&self) -> bool {
        match self.opened() {
            Some(searcher) => *searcher.encoder().encoder().source() == ModelSource::Default,
            None => match (&self.choice.model, IndexSource::read(&self.index)) {
                (Some(model), _) => *model == ModelSource::Default,
                (None, Ok(made_of)) => {
                    let found = self.models.of_origin(&made_of.model, made_of.origin.as_ref());
                    found.is_ok_and(|model| model == ModelSource::Default)
                }
                (None, Err(_)) => true,
            },
        }
    }

    /// Removes photos from the index, never from the disk; see [`remove`](crate::remove). Needs no model.
    ///
    /// # Errors
    /// [`LibraryError::Index`] or [`LibraryError::Indexer`] if the index cannot be read or written.
    pub fn remove(&self, paths: &[PathBuf]) -> Result<Removed, LibraryError> {
        let removed = crate::remove(&self.index, paths)?;
        self.take_up()?;
        Ok(removed)
    }

    /// As [`reload`](Library::reload), but an index whose model is not found is none the worse for it, as long as nobody
    /// asked for a model: it stays closed, and whoever needs the model tries again and is told.
    fn take_up(&self) -> Result<(), LibraryError> {
        match self.reload() {
            Ok(_) => Ok(()),
            Err(error) if self.choice.is_explicit() || !error.is_about_the_model() => Err(error),
            Err(_) => {
                // What was opened is older than the index.
                *self.searcher.write().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(())
            }
        }
    }

    fn opened(&self) -> Option<Arc<LibrarySearcher>> {
        // A searcher is put in whole or not at all.
        self.searcher.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, reader: IndexReader, model: Arc<LazyModel>) -> Result<(), LibraryError> {
        let is_built_in = *model.source() == ModelSource::Default;
        let mut searcher = Searcher::over(reader, CachedEncoder::new(model, Arc::clone(&self.cache)))?;
        if is_built_in {
            searcher = searcher.calibrated(relevance::POCKET);
        }
        let refinement = refinement::holding(searcher.reader());
        searcher = searcher.refined(refinement);
        *self.searcher.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(searcher));
        Ok(())
    }

    /// The model of an index, as far as names tell: the one that was asked for, else the one that the index names.
    pub(crate) fn model_of(&self, reader: &IndexReader) -> Result<LazyModel, LibraryError> {
        let (source, options) = self.source_of(&IndexSource::of(reader))?;
        let model = LazyModel::new(source, options, reader);
        let is_recorded = !self.choice.is_explicit() && matches!(reader.origin(), Some(ModelOrigin::Path { .. }));
        Ok(if is_recorded { model.recorded() } else { model })
    }

    /// Where the model for an index comes from, and how it is loaded. It keeps the precision that it has there, unless
    /// another was asked for.
    pub(crate) fn source_of(&self, made_of: &IndexSource) -> Result<(ModelSource, LoadOptions), LibraryError> {
        let indexed = &made_of.model;
        let source = match &self.choice.model {
            Some(source) => source.clone(),
            None => self.models.of_origin(indexed, made_of.origin.as_ref())?,
        };
        let precision = match self.choice.precision {
            None if name_of(&source)? == indexed.name => Some(Fingerprint::precision_of(&indexed.fingerprint)),
            precision => precision,
        };
        Ok((source, LoadOptions { device: self.choice.device, towers: Towers::Both, precision }))
    }

    /// Loads what a query needs of the model, so that what is wrong with it is told as it is, before the search begins.
    fn load_for(&self, searcher: &LibrarySearcher, query: &Query) -> Result<(), LibraryError> {
        let model = searcher.encoder().encoder();
        if query.needs_image_tower() {
            model.image()?;
        }
        if query.needs_text_tower() && !self.answers_from_cache(searcher, query)? {
            model.text()?;
        }
        Ok(())
    }

    /// Whether all texts of a query are cached, and may be taken from there: the model is by its name and precision the
    /// one that made the index, and nobody insisted on a device.
    fn answers_from_cache(&self, searcher: &LibrarySearcher, query: &Query) -> Result<bool, LibraryError> {
        let (indexed, model) = (searcher.reader().model(), searcher.encoder().encoder());
        Ok(self.choice.device != DeviceChoice::Gpu
            && model.precision() == Some(Fingerprint::precision_of(&indexed.fingerprint))
            && query.texts().all(|text| self.cache.get(&indexed.fingerprint, text, indexed.dimension).is_some())
            && name_of(model.source())? == indexed.name)
    }
}
