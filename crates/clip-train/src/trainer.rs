//! A whole run: data, caches, stages, export.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use clip_classify::retrieval::Retrieval;
use clip_files::lock::{FileLock, LockError};
use clip_files::private;
use clip_model::ModelError;
use clip_model::families::ImageTower;
use clip_model::preprocess::Preprocessor;
use clip_model::tokenizer::Tokenizer;
use clip_model::weights::module::shapes;
use clip_progress::{Progress, Silent};

use crate::cut::{Cuts, ImageCut, TextCut};
use crate::dataset::{DevData, TrainData};
use crate::error::TrainError;
use crate::optimizer::Rates;
use crate::progress::{Control, Event};
use crate::recipe::Recipe;
use crate::run::Run;
use crate::session::{Decode, Frozen, Session};
use crate::start::{FindModel, Start};
use crate::teacher::Teacher;
use crate::{export, stage, state};

/// What a run made.
#[derive(Debug, Clone)]
pub struct TrainedModel {
    /// The model file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Dev recall with the weights as trained.
    pub trained: Retrieval,
    /// Dev recall with the weights as stored.
    pub stored: Retrieval,
}

/// The tensors of a model, and how a recipe trains them.
#[derive(Debug, Clone)]
pub struct Tensors {
    /// Names of the stages.
    pub stages: Vec<String>,
    /// All tensors, in the model's order.
    pub tensors: Vec<TensorRates>,
}

/// A tensor, and the rates at which it learns.
#[derive(Debug, Clone)]
pub struct TensorRates {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// For each stage the peak learning rate; `None` where it is frozen.
    pub rates: Vec<Option<f64>>,
}

/// Carries out a recipe.
pub struct Trainer<'a> {
    recipe: &'a Path,
    out: &'a Path,
    resume: bool,
    restart: bool,
    find: Option<&'a FindModel<'a>>,
    device: &'a Device,
    decode: &'a Decode<'a>,
    progress: &'a dyn for<'e> Progress<Event<'e>>,
    cancel: &'a AtomicBool,
}

impl<'a> Trainer<'a> {
    /// A run of the recipe at `recipe`. Training state, caches and the model go to the folder `out`. `device` is a plain
    /// device, without gradients; `decode` reads the photos.
    pub fn new(recipe: &'a Path, out: &'a Path, device: &'a Device, decode: &'a Decode<'a>) -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self {
            recipe,
            out,
            resume: false,
            restart: false,
            find: None,
            device,
            decode,
            progress: &Silent,
            cancel: &NEVER,
        }
    }

    /// Whether to go on from the training state that an earlier run has saved in `out`. Then there must be one, or at least
    /// the cached activations of a run that was stopped before it had a state to save.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Tells `progress` what happens.
    #[must_use]
    pub fn progress(mut self, progress: &'a dyn for<'e> Progress<Event<'e>>) -> Self {
        self.progress = progress;
        self
    }

    /// Stops at the next safe point once `cancel` is set.
    #[must_use]
    pub fn cancel(mut self, cancel: &'a AtomicBool) -> Self {
        self.cancel = cancel;
        self
    }

    /// Whether to give up the run that is in `out` already, if there is one, and begin anew.
    #[must_use]
    pub fn restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// Finds published models by the name that a recipe starts from. Without this, a recipe starts from the built-in
    /// model or from files.
    #[must_use]
    pub fn models(mut self, find: &'a FindModel<'a>) -> Self {
        self.find = Some(find);
        self
    }

    /// The tensors of the model that the recipe starts from, and the rates at which they learn. Neither the data nor the
    /// folder `out` is looked at, and an expression may match nothing.
    ///
    /// # Errors
    /// [`TrainError`] if the recipe or the model cannot be read.
    pub fn tensors(&self) -> Result<Tensors, TrainError> {
        let recipe = Recipe::read(self.recipe)?;
        let model = self.start(&recipe)?.model;
        let rates = recipe.stages.iter().map(Rates::of).collect::<Result<Vec<_>, _>>()?;
        let tensors = shapes(&model).into_iter().map(|(name, shape)| {
            let rates = rates.iter().map(|rates| rates.of_tensor(&name)).collect();
            TensorRates { name, shape, rates }
        });
        Ok(Tensors { tensors: tensors.collect(), stages: recipe.stages.into_iter().map(|stage| stage.name).collect() })
    }

    fn start(&self, recipe: &Recipe) -> Result<Start, TrainError> {
        let folder = self.recipe.parent().unwrap_or(Path::new(""));
        Start::read(recipe, folder, self.find, self.device)
    }

    /// Trains all stages and writes the model.
    ///
    /// # Errors
    /// [`TrainError`]; the state after the last whole epoch is saved and can be resumed. [`TrainError::Stopped`] if the
    /// run was cancelled, [`TrainError::Existing`] if `out` has a run that is neither to be resumed nor given up.
    pub fn run(&self) -> Result<TrainedModel, TrainError> {
        let written = Recipe::read_as_written(self.recipe)?;
        let recipe = written.clone().resolved(self.recipe);
        let caches = self.out.join("cache");
        // What was interrupted while photos were cached has saved no state, and goes on with the cache.
        let resume = self.resume && (state::exists(self.out) || !caches.is_dir());
        if !self.resume && !self.restart && state::exists(self.out) {
            let progress = state::progress(self.out, &recipe.stages);
            return Err(TrainError::Existing { path: self.out.to_owned(), progress });
        }
        if resume && !state::exists(self.out) {
            return Err(TrainError::NothingToResume { path: self.out.to_owned() });
        }
        private::create_dir(&caches).map_err(TrainError::writing(&caches))?;
        let _lock = lock(self.out)?;
        let mut data = TrainData::read(&recipe.photos)?;
        let dev = DevData::read(&recipe.dev)?;
        self.device.seed(recipe.seed);
        let Start { config, config_text, tokenizer: tokenizer_file, tokenizer_origin, mut model, given, identity } =
            self.start(&recipe)?;
        let exported = export::config(&config, &recipe.export, self.recipe)?;
        let tokenizer = Tokenizer::new(&config.tokenizer, &tokenizer_file, &tokenizer_origin)?;
        if let Some(stage) =
            recipe.stages.iter().find(|stage| stage.losses.sigmoid > 0.0 && config.logit_bias.is_none())
        {
            return Err(TrainError::Stage {
                stage: stage.name.clone(),
                reason: "its sigmoid loss needs a `logit_bias`, which the model's configuration does not have".into(),
            });
        }
        let run =
            Run::new(&written, &as_earlier(&recipe, self.recipe), &config_text, &tokenizer_file, identity.as_deref());
        let position = if resume { Some(state::position(self.out, &run, recipe.stages.len())?) } else { None };
        let teacher = match (&recipe.classifier, &model.image) {
            (Some(spec), ImageTower::InvertedResidual(tower)) => {
                Some(Teacher::read(spec, tower, self.device, |text| data.intern(text))?)
            }
            _ => None,
        };
        let control = Control { progress: self.progress, cancel: self.cancel };
        control.tell(Event::Data { photos: data.photos.len(), texts: data.texts.len(), dev_photos: dev.images.len() });
        if position.is_none() {
            // From here on this is the run in the folder, whenever it is stopped.
            state::remove(self.out)?;
        }
        let ids = data.texts.iter().chain(&dev.captions).map(|text| {
            control.check()?;
            Ok(tokenizer.encode(text)?.ids)
        });
        let ids = ids.collect::<Result<Vec<Vec<u32>>, TrainError>>()?;
        // An id without a row in the text tower would be read out of bounds.
        let (rows, last) = (config.text.vocab_size(), ids.iter().flatten().max().copied().unwrap_or(0));
        if last as usize >= rows {
            let reason = format!("it gives the token {last}, but the text tower has only {rows}");
            return Err(ModelError::Tokenizer { origin: tokenizer_origin, reason }.into());
        }
        let mut session = Session {
            run,
            recipe,
            out: self.out.to_owned(),
            device: self.device.clone(),
            teacher,
            control,
            identity,
            ids,
            preprocess: Preprocessor::new(&config.preprocess),
            config,
            data,
            dev,
            frozen: Frozen::default(),
            decode: self.decode,
        };
        let cuts = session.cuts(&model)?;
        session.fill_caches(&model, &cuts, &caches)?;
        if !given.iter().any(|name| name == "image.head.mean") {
            model = session.standardised(model);
        }
        let first = position.as_ref().map_or(0, |position| position.stage);
        for (index, cuts) in cuts.iter().enumerate().skip(first) {
            let resume = position.clone().filter(|position| position.stage == index);
            model = stage::train(&session, index, model, cuts, resume)?;
        }
        let last = cuts.last().cloned().unwrap_or(Cuts { image: ImageCut::Pixels, text: TextCut::Ids });
        let trained = session.recall(&model, &last)?;
        let path = self.out.join(state::MODEL);
        let weights = session.recipe.export.weights;
        let stored_model = export::write(&exported, &tokenizer_file, &model, weights, &path)?;
        // What was frozen is rounded too, so nothing cached is of use here.
        session.preprocess = Preprocessor::new(&exported.preprocess);
        session.config = exported;
        let stored = session.recall_from_files(&stored_model)?;
        let bytes = std::fs::metadata(&path).map_err(TrainError::reading(&path))?.len();
        control.tell(Event::Written { path: &path, bytes, trained: &trained, stored: &stored });
        Ok(TrainedModel { path, bytes, trained, stored })
    }
}

/// The recipe with all its paths resolved, as earlier versions knew it.
fn as_earlier(recipe: &Recipe, path: &Path) -> Recipe {
    let mut recipe = recipe.clone();
    if let (None, Some(start)) = (&recipe.config, &mut recipe.start) {
        *start = path.parent().unwrap_or(Path::new("")).join(&*start);
    }
    recipe
}

/// Keeps other processes from training into the same folder.
fn lock(out: &Path) -> Result<FileLock, TrainError> {
    FileLock::acquire(&out.join("lock"), &out.join("lock.holder")).map_err(|error| match error {
        LockError::Held | LockError::HeldBy(_) => TrainError::Busy { path: out.to_owned() },
        LockError::Io(path, source) => TrainError::Io { action: "write", path, source },
    })
}
