//! A whole run: data, caches, stages, export.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use clip_classify::retrieval::Retrieval;
use clip_model::ModelError;
use clip_model::families::ImageTower;
use clip_model::preprocess::Preprocessor;
use clip_model::tokenizer::Tokenizer;

use crate::cut::{Cuts, ImageCut, TextCut};
use crate::dataset::{DevData, TrainData};
use crate::error::TrainError;
use crate::progress::{Control, Event, Progress, Silent};
use crate::recipe::{Export, Recipe};
use crate::session::{Decode, Frozen, Session};
use crate::start::Start;
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

/// Carries out a recipe.
pub struct Trainer<'a> {
    recipe: &'a Path,
    out: &'a Path,
    resume: bool,
    device: &'a Device,
    decode: &'a Decode<'a>,
    progress: &'a dyn Progress,
    cancel: &'a AtomicBool,
}

impl<'a> Trainer<'a> {
    /// A run of the recipe at `recipe`. Training state, caches and the model go to the folder `out`. `device` is a plain
    /// device, without gradients; `decode` reads the photos.
    pub fn new(recipe: &'a Path, out: &'a Path, device: &'a Device, decode: &'a Decode<'a>) -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { recipe, out, resume: false, device, decode, progress: &Silent, cancel: &NEVER }
    }

    /// Whether to go on from the training state that an earlier run has saved in `out`. Then there must be one.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Tells `progress` what happens.
    #[must_use]
    pub fn progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Stops at the next safe point once `cancel` is set.
    #[must_use]
    pub fn cancel(mut self, cancel: &'a AtomicBool) -> Self {
        self.cancel = cancel;
        self
    }

    /// Trains all stages and writes the model.
    ///
    /// # Errors
    /// [`TrainError`]; the state after the last whole epoch is saved and can be resumed. [`TrainError::Stopped`] if the
    /// run was cancelled.
    pub fn run(&self) -> Result<TrainedModel, TrainError> {
        let recipe = Recipe::read(self.recipe)?;
        let caches = self.out.join("cache");
        std::fs::create_dir_all(&caches).map_err(TrainError::writing(&caches))?;
        let mut data = TrainData::read(&recipe.photos)?;
        let dev = DevData::read(&recipe.dev)?;
        self.device.seed(recipe.seed);
        let Start { config, config_text, tokenizer: tokenizer_file, tokenizer_origin, mut model, given, identity } =
            Start::read(&recipe, self.device)?;
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
        let teacher = match (&recipe.classifier, &model.image) {
            (Some(spec), ImageTower::InvertedResidual(tower)) => {
                Some(Teacher::read(spec, tower, self.device, |text| data.intern(text))?)
            }
            _ => None,
        };
        let control = Control { progress: self.progress, cancel: self.cancel };
        control.tell(Event::Data { photos: data.photos.len(), texts: data.texts.len(), dev_photos: dev.images.len() });
        control.check()?;
        let ids = data.texts.iter().chain(&dev.captions).map(|text| Ok(tokenizer.encode(text)?.ids));
        let ids = ids.collect::<Result<Vec<Vec<u32>>, TrainError>>()?;
        // An id without a row in the text tower would be read out of bounds.
        let (rows, last) = (config.text.vocab_size(), ids.iter().flatten().max().copied().unwrap_or(0));
        if last as usize >= rows {
            let reason = format!("it gives the token {last}, but the text tower has only {rows}");
            return Err(ModelError::Tokenizer { origin: tokenizer_origin, reason }.into());
        }
        let mut session = Session {
            key: key(&recipe, &config_text, &tokenizer_file, identity.as_deref()),
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
        let position = if self.resume { Some(state::position(self.out, &session.key, cuts.len())?) } else { None };
        let first = position.as_ref().map_or(0, |position| position.stage);
        for (index, cuts) in cuts.iter().enumerate().skip(first) {
            let resume = position.clone().filter(|position| position.stage == index);
            model = stage::train(&session, index, model, cuts, resume)?;
        }
        let last = cuts.last().cloned().unwrap_or(Cuts { image: ImageCut::Pixels, text: TextCut::Ids });
        let trained = session.recall(&model, &last)?;
        let path = self.out.join("model.safetensors");
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

/// Hash of what a run depends on besides the photos' pixels. How the result is written is left out: a finished run may
/// be written again in another way.
fn key(recipe: &Recipe, config: &[u8], tokenizer: &[u8], start: Option<&[u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    let trained = Recipe { export: Export::default(), ..recipe.clone() };
    let json = serde_json::to_vec(&trained).unwrap_or_default();
    for part in [json.as_slice(), config, tokenizer] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(start.unwrap_or_default());
    hasher.finalize().to_hex()[..16].to_owned()
}
