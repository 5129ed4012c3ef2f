//! The model of an index, loaded as far as it is used.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clip_encoder::{BoxedError, Encoder};
use clip_index::{IndexError, IndexReader, ModelId};
use clip_model::{LoadOptions, Model, ModelSource, Pixels, Precision, Towers};
use image::RgbImage;

use crate::error::LibraryError;
use crate::models::{origin_of, shown_name};

/// The model that made an index. Each of its towers is loaded when it is first used: a query in words needs no image
/// tower, and words that are cached need no model at all.
#[derive(Debug)]
pub struct LazyModel {
    source: ModelSource,
    options: LoadOptions,
    /// As the index has it; what is loaded must agree.
    id: ModelId,
    /// For errors: what users call it.
    shown: String,
    /// For errors: where the index lies.
    index: Box<Path>,
    /// Whether nobody named the source, and it is where the index says that its model is.
    is_recorded: bool,
    text: Mutex<Option<Arc<Model>>>,
    image: Mutex<Option<Arc<Model>>>,
}

impl LazyModel {
    /// The model of an index.
    pub(crate) fn new(source: ModelSource, options: LoadOptions, reader: &IndexReader) -> LazyModel {
        let (id, index) = (reader.model().clone(), reader.dir().into());
        let shown = shown_name(&id.name, reader.origin());
        let (text, image) = (Mutex::default(), Mutex::default());
        LazyModel { source, options, id, shown, index, is_recorded: false, text, image }
    }

    /// The same, where nobody named the source: it is where the index says that its model is.
    pub(crate) fn recorded(self) -> LazyModel {
        LazyModel { is_recorded: true, ..self }
    }

    /// Where its files are.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// What it is loaded as.
    pub(crate) fn precision(&self) -> Option<Precision> {
        self.options.precision
    }

    /// The model with its text tower.
    ///
    /// # Errors
    /// [`LibraryError::Model`] if it cannot be loaded; [`IndexError::Fingerprint`], within [`LibraryError::Index`], if it
    /// is not the one that made the index, [`LibraryError::ModelChanged`] if it was when the index recorded its place.
    pub fn text(&self) -> Result<Arc<Model>, LibraryError> {
        self.load(&self.text, Towers::TextOnly)
    }

    /// The model with its image tower.
    ///
    /// # Errors
    /// Those of [`text`](LazyModel::text).
    pub fn image(&self) -> Result<Arc<Model>, LibraryError> {
        self.load(&self.image, Towers::ImageOnly)
    }

    /// Takes over an image tower that is loaded already.
    pub(crate) fn set_image(&self, model: Arc<Model>) {
        *lock(&self.image) = Some(model);
    }

    fn load(&self, place: &Mutex<Option<Arc<Model>>>, towers: Towers) -> Result<Arc<Model>, LibraryError> {
        // Whoever else wants it waits here instead of loading it a second time.
        let mut place = lock(place);
        if let Some(model) = &*place {
            return Ok(Arc::clone(model));
        }
        let mut model = Model::load(&self.source, &LoadOptions { towers, ..self.options })?;
        if !model.recognise(&self.id.fingerprint)? {
            if let (true, ModelSource::File(path) | ModelSource::Folder(path)) = (self.is_recorded, &self.source) {
                return Err(LibraryError::ModelChanged { model: self.id.name.clone(), path: path.clone() });
            }
            return Err(LibraryError::Index(IndexError::Fingerprint {
                dir: self.index.to_path_buf(),
                indexed_name: self.shown.clone(),
                indexed_fingerprint: self.id.fingerprint.clone(),
                wanted_name: shown_name(model.name(), Some(&origin_of(&self.source))),
                wanted_fingerprint: model.fingerprint().to_string(),
            }));
        }
        Ok(Arc::clone(place.insert(Arc::new(model))))
    }
}

fn lock(place: &Mutex<Option<Arc<Model>>>) -> MutexGuard<'_, Option<Arc<Model>>> {
    // A panic while loading leaves nothing there, which is right.
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Encoder for LazyModel {
    type Pixels = Pixels;

    fn name(&self) -> &str {
        &self.id.name
    }

    fn fingerprint(&self) -> &str {
        &self.id.fingerprint
    }

    fn dimension(&self) -> usize {
        self.id.dimension
    }

    fn shorter_side(&self) -> Option<u32> {
        // Asked for before the photo is decoded. A model that cannot be loaded says so when it is used.
        self.image().ok()?.shorter_side()
    }

    fn preprocess(&self, image: &RgbImage) -> Result<Pixels, BoxedError> {
        self.image()?.preprocess(image)
    }

    fn embed_pixels(&self, batch: &[Pixels]) -> Result<Vec<f32>, BoxedError> {
        self.image()?.embed_pixels(batch)
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        self.text()?.embed_texts(texts)
    }
}
