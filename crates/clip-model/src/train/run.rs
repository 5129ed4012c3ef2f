//! A whole run: data, caches, stages, export.

use std::path::{Path, PathBuf};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::StdRng;
use rayon::prelude::*;

use super::cut::{ImageCut, TextCut};
use super::dataset::{DevData, Sample, TrainData};
use super::evaluate;
use super::frozen::FrozenImages;
use super::frozen::FrozenTexts;
use super::inputs::{ImageInput, TextInput, padded};
use super::recipe::{Export, Recipe};
use super::stage::{self, Cuts};
use super::start::Start;
use super::teacher::Teacher;
use super::views::View;
use super::{Decode, TrainError, TrainEvent, TrainObserver, checkpoint, export, optimizer};
use crate::ClipConfig;
use crate::clip::Clip;
use crate::families::ImageTower;
use crate::families::TextTower;
use crate::preprocess::Preprocessor;
use crate::retrieval::Retrieval;
use crate::tokenizer::Tokenizer;

/// What a run made.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The model file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Dev recall with the weights as trained.
    pub trained: Retrieval,
    /// Dev recall with the weights as stored.
    pub stored: Retrieval,
}

/// All that the stages share.
pub(super) struct Run<'a> {
    pub recipe: Recipe,
    pub out: PathBuf,
    pub key: String,
    pub device: Device,
    pub teacher: Option<Teacher>,
    /// Of the starting weights.
    identity: Option<Vec<u8>>,
    config: ClipConfig,
    data: TrainData,
    dev: DevData,
    /// Token ids of the training texts, then of the dev captions.
    ids: Vec<Vec<u32>>,
    images: Option<FrozenImages>,
    dev_images: Option<FrozenImages>,
    texts: Option<FrozenTexts>,
    preprocess: Preprocessor,
    decode: &'a Decode<'a>,
}

/// Carries out the recipe at `recipe_path`; checkpoints, caches and the model go to the folder `out`.
///
/// With `resume` the run goes on from the last checkpoint in `out`, if there is one. `device` is a plain device,
/// without gradients.
///
/// # Errors
/// [`TrainError`]; what was reached is kept in the last checkpoint.
pub fn run(
    recipe_path: &Path,
    out: &Path,
    resume: bool,
    device: &Device,
    decode: &Decode<'_>,
    observer: &mut dyn TrainObserver,
) -> Result<Outcome, TrainError> {
    let recipe = Recipe::read(recipe_path)?;
    let caches = out.join("cache");
    std::fs::create_dir_all(&caches).map_err(|source| TrainError::Io { path: caches.clone(), source })?;
    let mut data = TrainData::read(&recipe.photos)?;
    let dev = DevData::read(&recipe.dev)?;
    device.seed(recipe.seed);
    let Start { config, config_text, tokenizer: tokenizer_file, tokenizer_origin, mut model, given, identity } =
        Start::read(&recipe, device)?;
    let exported = export::config(&config, &recipe.export, recipe_path)?;
    let tokenizer = Tokenizer::new(&config.tokenizer, &tokenizer_file, &tokenizer_origin)?;
    if let Some(stage) = recipe.stages.iter().find(|stage| stage.losses.sigmoid > 0.0 && config.logit_bias.is_none()) {
        return Err(TrainError::Stage {
            stage: stage.name.clone(),
            reason: "its sigmoid loss needs a `logit_bias`, which the model's configuration does not have".into(),
        });
    }
    let teacher = match (&recipe.classifier, &model.image) {
        (Some(spec), ImageTower::InvertedResidual(tower)) => {
            Some(Teacher::read(spec, tower.backbones.len(), device, |text| data.intern(text))?)
        }
        _ => None,
    };
    let going_on = observer.event(TrainEvent::Data {
        photos: data.photos.len(),
        texts: data.texts.len(),
        dev_photos: dev.images.len(),
    });
    if !going_on {
        return Err(super::stopped());
    }
    let ids: Vec<Vec<u32>> = data.texts.iter().chain(&dev.captions).map(|text| tokenizer.encode(text).ids).collect();
    let key = key(&recipe, &config_text, &tokenizer_file, identity.as_deref());
    let preprocess = Preprocessor::new(&config.preprocess);
    let mut run = Run {
        recipe,
        out: out.to_owned(),
        key,
        identity,
        device: device.clone(),
        teacher,
        config,
        data,
        dev,
        ids,
        images: None,
        dev_images: None,
        texts: None,
        preprocess,
        decode,
    };
    let cuts = run.cuts(&model)?;
    run.fill_caches(&model, &cuts, &caches, observer)?;
    if !given.iter().any(|name| name == "image.head.mean") {
        model = run.standardised(model);
    }
    let position = if resume { Some(checkpoint::position(out, &run.key)?) } else { None };
    let first = position.as_ref().map_or(0, |position| position.stage);
    for (index, cuts) in cuts.iter().enumerate().skip(first) {
        let resume = position.clone().filter(|position| position.stage == index);
        model = stage::train(&run, index, model, cuts, resume, observer)?;
    }
    let last = cuts.last().cloned().unwrap_or(Cuts { image: ImageCut::Pixels, text: TextCut::Ids });
    let trained = run.recall(&model, &last)?;
    let path = out.join("model.safetensors");
    let stored_model = export::write(&exported, &tokenizer_file, &model, run.recipe.export.weights, &path)?;
    // What was frozen is rounded too, so nothing cached is of use here.
    run.preprocess = Preprocessor::new(&exported.preprocess);
    run.config = exported;
    let stored = run.recall_from_files(&stored_model)?;
    let bytes = std::fs::metadata(&path).map_err(|source| TrainError::Io { path: path.clone(), source })?.len();
    observer.event(TrainEvent::Written { path: &path, bytes, trained: &trained, stored: &stored });
    Ok(Outcome { path, bytes, trained, stored })
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

impl Run<'_> {
    /// For each stage, how far what it and those before it trained leaves the towers frozen.
    fn cuts(&self, model: &Clip) -> Result<Vec<Cuts>, TrainError> {
        let mut cuts: Vec<Cuts> = Vec::new();
        for stage in &self.recipe.stages {
            let trained = optimizer::trained(model, stage)?;
            let names = || trained.iter().map(|tensor| tensor.name.as_str());
            let mut image = ImageCut::of(&self.config.image, names());
            let mut text = TextCut::of(&self.config.text, names());
            if let Some(before) = cuts.last() {
                image = image.earlier(&before.image);
                text = text.earlier(before.text);
            }
            cuts.push(Cuts { image, text });
        }
        Ok(cuts)
    }

    fn fill_caches(
        &mut self,
        model: &Clip,
        cuts: &[Cuts],
        folder: &Path,
        observer: &mut dyn TrainObserver,
    ) -> Result<(), TrainError> {
        let Some(last) = cuts.last() else { return Ok(()) };
        let size = self.config.image.image_size();
        let key = self.cache_key(last)?;
        if let (ImageTower::InvertedResidual(tower), ImageCut::Backbones(cuts)) = (&model.image, &last.image) {
            let views = self.recipe.views.count;
            let total = self.data.photos.len() * views;
            let pixels = |rows: std::ops::Range<usize>| self.pixels(rows.map(|row| (row / views, row % views)));
            self.images = Some(FrozenImages::compute(
                tower,
                size,
                cuts,
                total,
                &pixels,
                (folder, "train", &key),
                &self.device,
                &mut |done, total| observer.event(TrainEvent::Caching { what: "photos", done, total }),
            )?);
            let pixels = |rows: std::ops::Range<usize>| self.dev_pixels(rows);
            self.dev_images = Some(FrozenImages::compute(
                tower,
                size,
                cuts,
                self.dev.images.len(),
                &pixels,
                (folder, "dev", &key),
                &self.device,
                &mut |done, total| observer.event(TrainEvent::Caching { what: "dev photos", done, total }),
            )?);
        }
        if let (TextTower::Bert(tower), false) = (&model.text, last.text == TextCut::Ids) {
            self.texts = Some(FrozenTexts::compute(
                tower,
                last.text,
                &self.ids,
                self.config.tokenizer.pad_id,
                &self.device,
                &mut |done, total| observer.event(TrainEvent::Caching { what: "texts", done, total }),
            )?);
        }
        Ok(())
    }

    /// Names the cached activations: a recipe may change in much without them.
    fn cache_key(&self, cuts: &Cuts) -> Result<String, TrainError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.identity.as_deref().unwrap_or_default());
        let views = serde_json::to_string(&self.recipe.views).unwrap_or_default();
        let preprocess = serde_json::to_string(&self.config.preprocess).unwrap_or_default();
        hasher.update(format!("{:?}{views}{preprocess}{}", cuts.image, self.recipe.seed).as_bytes());
        for path in self.data.photos.iter().map(|photo| &photo.path).chain(&self.dev.images) {
            hasher.update(path.as_os_str().as_encoded_bytes());
            hasher.update(&[0]);
        }
        Ok(hasher.finalize().to_hex()[..16].to_owned())
    }

    /// The head's standardisation from the training photos as they are.
    fn standardised(&self, mut model: Clip) -> Clip {
        if let (Some(images), ImageTower::InvertedResidual(tower)) = (&self.images, &mut model.image) {
            let views = self.recipe.views.count;
            let (mean, deviation) = images.moments((0..self.data.photos.len()).map(|photo| photo * views));
            let width = mean.len();
            let scale: Vec<f32> = deviation.iter().map(|deviation| 1.0 / deviation.max(1e-3)).collect();
            let param =
                |values, id| Param::initialized(id, Tensor::from_data(TensorData::new(values, [width]), &self.device));
            tower.head.mean = param(mean, tower.head.mean.id);
            tower.head.scale = param(scale, tower.head.scale.id);
        }
        model
    }

    /// An epoch's samples.
    pub fn epoch(&self, rng: &mut StdRng, captions: usize) -> Vec<Sample> {
        let (views, seed) = (&self.recipe.views, self.recipe.seed);
        self.data.epoch(rng, captions, views.count, |photo, view| View::draw(views, seed, photo, view).mirrored)
    }

    /// Rows of the image cache that a batch needs.
    pub fn image_rows(&self, batch: &[Sample]) -> Vec<usize> {
        let views = self.recipe.views.count;
        batch.iter().map(|sample| sample.photo as usize * views + sample.view as usize).collect()
    }

    /// A batch of photos for the trained part of the tower.
    pub fn image_input(
        &self,
        batch: &[Sample],
        rows: &[usize],
        cut: &ImageCut,
        device: &Device,
    ) -> Result<ImageInput, TrainError> {
        if let (Some(images), ImageCut::Backbones(cuts)) = (&self.images, cut) {
            return Ok(images.batch(rows, cuts, device));
        }
        let views = batch.iter().map(|sample| (sample.photo as usize, sample.view as usize));
        let values = self.pixels(views)?;
        Ok(ImageInput::Pixels(self.pixel_tensor(values, device)))
    }

    /// A batch of texts, training texts first, dev captions after them, for the trained part of the tower.
    pub fn text_input(&self, texts: &[usize], cut: TextCut, device: &Device) -> TextInput {
        match &self.texts {
            Some(cache) => cache.batch(texts, cut == TextCut::Pooled, device),
            None => {
                let texts: Vec<&[u32]> = texts.iter().map(|&text| self.ids[text].as_slice()).collect();
                let (ids, mask) = padded(&texts, self.config.tokenizer.pad_id, device);
                TextInput::Ids(ids, mask)
            }
        }
    }

    /// Tokens of a text.
    pub fn tokens(&self, text: usize) -> usize {
        self.ids[text].len()
    }

    /// The group of a sample's photo.
    pub fn group(&self, sample: &Sample) -> u32 {
        self.data.photos[sample.photo as usize].group
    }

    /// What the classifier sees in cached photos, `[rows, classes]`; no rows without a classifier or a cache.
    pub fn soft_labels(&self, rows: &[usize]) -> Tensor<2> {
        match (&self.teacher, &self.images) {
            (Some(teacher), Some(images)) => teacher.soft_labels(images, rows, &self.device),
            _ => Tensor::zeros([rows.len(), 1], &self.device),
        }
    }

    /// Dev recall of a model whose frozen parts are as cached.
    pub fn recall(&self, model: &Clip, cuts: &Cuts) -> Result<Retrieval, TrainError> {
        let first = self.data.texts.len();
        let image = |rows: &[usize], device: &Device| match (&self.dev_images, &cuts.image) {
            (Some(images), ImageCut::Backbones(cuts)) => Ok(images.batch(rows, cuts, device)),
            _ => self.dev_input(rows, device),
        };
        let text = |captions: &[usize], device: &Device| {
            let texts: Vec<usize> = captions.iter().map(|&caption| first + caption).collect();
            self.text_input(&texts, cuts.text, device)
        };
        self.measure(model, &image, &text)
    }

    /// Dev recall of a model from the photos and texts themselves.
    fn recall_from_files(&self, model: &Clip) -> Result<Retrieval, TrainError> {
        let first = self.data.texts.len();
        let text = |captions: &[usize], device: &Device| {
            let texts: Vec<&[u32]> = captions.iter().map(|&caption| self.ids[first + caption].as_slice()).collect();
            let (ids, mask) = padded(&texts, self.config.tokenizer.pad_id, device);
            TextInput::Ids(ids, mask)
        };
        self.measure(model, &|rows: &[usize], device: &Device| self.dev_input(rows, device), &text)
    }

    fn measure(
        &self,
        model: &Clip,
        image: &evaluate::Images<'_>,
        text: &evaluate::Captions<'_>,
    ) -> Result<Retrieval, TrainError> {
        let first = self.data.texts.len();
        let tokens = |caption: usize| self.ids[first + caption].len();
        let model = model.valid();
        evaluate::recall(&model, &self.dev.image_of, self.dev.images.len(), image, text, &tokens, &self.device)
    }

    fn dev_input(&self, rows: &[usize], device: &Device) -> Result<ImageInput, TrainError> {
        let values: Result<Vec<Vec<f32>>, TrainError> =
            rows.par_iter().map(|&row| self.view_pixels(&self.dev.images[row], &View::WHOLE)).collect();
        Ok(ImageInput::Pixels(self.pixel_tensor(values?.concat(), device)))
    }

    fn pixel_tensor(&self, values: Vec<f32>, device: &Device) -> Tensor<4> {
        let size = self.config.image.image_size();
        let count = values.len() / (3 * size * size);
        Tensor::from_data(TensorData::new(values, [count, 3, size, size]), device)
    }

    /// Pixels of views, each a photo's index and a view's number, CHW one after another.
    fn pixels(&self, views: impl Iterator<Item = (usize, usize)>) -> Result<Vec<f32>, TrainError> {
        let views: Vec<(usize, usize)> = views.collect();
        let values: Result<Vec<Vec<f32>>, TrainError> = views
            .into_par_iter()
            .map(|(photo, view)| {
                let drawn = View::draw(&self.recipe.views, self.recipe.seed, photo as u32, view as u32);
                self.view_pixels(&self.data.photos[photo].path, &drawn)
            })
            .collect();
        Ok(values?.concat())
    }

    fn dev_pixels(&self, rows: std::ops::Range<usize>) -> Result<Vec<f32>, TrainError> {
        let values: Result<Vec<Vec<f32>>, TrainError> =
            rows.into_par_iter().map(|row| self.view_pixels(&self.dev.images[row], &View::WHOLE)).collect();
        Ok(values?.concat())
    }

    fn view_pixels(&self, path: &Path, view: &View) -> Result<Vec<f32>, TrainError> {
        let photo = (self.decode)(path).map_err(|reason| TrainError::Photo { path: path.to_owned(), reason })?;
        if photo.width() == 0 || photo.height() == 0 {
            return Err(TrainError::Photo { path: path.to_owned(), reason: "it has no pixels".into() });
        }
        Ok(self.preprocess.apply(&view.apply(&photo)).data)
    }
}
