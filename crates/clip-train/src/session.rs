//! What the stages of a run share: the recipe, its data, and the cached activations of what no stage trains.

use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use clip_classify::retrieval::Retrieval;
use clip_model::ClipConfig;
use clip_model::clip::Clip;
use clip_model::families::ImageTower;
use clip_model::families::TextTower;
use clip_model::preprocess::Preprocessor;
use image::RgbImage;
use rand::rngs::StdRng;
use rayon::prelude::*;

use crate::cut::{Cuts, ImageCut, TextCut};
use crate::dataset::{DevData, Sample, TrainData};
use crate::error::TrainError;
use crate::evaluate;
use crate::frozen::{FrozenImages, FrozenTexts};
use crate::inputs::{ImageInput, TextInput, padded};
use crate::optimizer;
use crate::progress::Control;
use crate::recipe::Recipe;
use crate::run::Run;
use crate::teacher::Teacher;
use crate::views::View;

/// Reads an image file to upright RGB pixels; the caller chooses the decoder. The error says why a file cannot be read.
pub type Decode<'a> = dyn Fn(&Path) -> Result<RgbImage, String> + Sync + 'a;

/// See the [module](self) documentation.
pub(crate) struct Session<'a> {
    pub recipe: Recipe,
    pub out: PathBuf,
    /// What the run depends on, for its saved states.
    pub run: Run,
    pub device: Device,
    pub teacher: Option<Teacher>,
    pub control: Control<'a>,
    /// Of the starting weights.
    pub identity: Option<Vec<u8>>,
    pub config: ClipConfig,
    pub data: TrainData,
    pub dev: DevData,
    /// Token ids of the training texts, then of the dev captions.
    pub ids: Vec<Vec<u32>>,
    pub frozen: Frozen,
    pub preprocess: Preprocessor,
    pub decode: &'a Decode<'a>,
}

/// Cached activations, where a tower has a frozen start.
#[derive(Default)]
pub(crate) struct Frozen {
    images: Option<FrozenImages>,
    dev_images: Option<FrozenImages>,
    texts: Option<FrozenTexts>,
}

impl Session<'_> {
    /// For each stage, how far what it and those before it trained leaves the towers frozen.
    pub fn cuts(&self, model: &Clip) -> Result<Vec<Cuts>, TrainError> {
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

    /// Computes the activations that no stage changes; what is in `folder` already is not computed again.
    pub fn fill_caches(&mut self, model: &Clip, cuts: &[Cuts], folder: &Path) -> Result<(), TrainError> {
        let Some(last) = cuts.last() else { return Ok(()) };
        let size = self.config.image.image_size();
        let key = self.cache_key(last);
        if let (ImageTower::InvertedResidual(tower), ImageCut::Backbones(cuts)) = (&model.image, &last.image) {
            let views = self.recipe.views.count;
            let total = self.data.photos.len() * views;
            let pixels = |rows: Range<usize>| self.pixels(rows.map(|row| (row / views, row % views)));
            self.frozen.images = Some(FrozenImages::compute(
                tower,
                size,
                cuts,
                ("photos", total),
                &pixels,
                (folder, "train", &key),
                &self.device,
                self.control,
            )?);
            let pixels = |rows: Range<usize>| self.dev_pixels(rows);
            self.frozen.dev_images = Some(FrozenImages::compute(
                tower,
                size,
                cuts,
                ("dev photos", self.dev.images.len()),
                &pixels,
                (folder, "dev", &key),
                &self.device,
                self.control,
            )?);
        }
        if let (TextTower::Bert(tower), false) = (&model.text, last.text == TextCut::Ids) {
            self.frozen.texts = Some(FrozenTexts::compute(
                tower,
                last.text,
                &self.ids,
                self.config.tokenizer.pad_id,
                &self.device,
                self.control,
            )?);
        }
        Ok(())
    }

    /// Names the cached activations: a recipe may change in much without them.
    fn cache_key(&self, cuts: &Cuts) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.identity.as_deref().unwrap_or_default());
        let views = serde_json::to_string(&self.recipe.views).unwrap_or_default();
        let preprocess = serde_json::to_string(&self.config.preprocess).unwrap_or_default();
        hasher.update(format!("{:?}{views}{preprocess}{}", cuts.image, self.recipe.seed).as_bytes());
        for path in self.data.photos.iter().map(|photo| &photo.path).chain(&self.dev.images) {
            hasher.update(path.as_os_str().as_encoded_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// The head's standardisation from the training photos as they are.
    pub fn standardised(&self, mut model: Clip) -> Clip {
        if let (Some(images), ImageTower::InvertedResidual(tower)) = (&self.frozen.images, &mut model.image) {
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
        if let (Some(images), ImageCut::Backbones(cuts)) = (&self.frozen.images, cut) {
            return Ok(images.batch(rows, cuts, device));
        }
        let views = batch.iter().map(|sample| (sample.photo as usize, sample.view as usize));
        let values = self.pixels(views)?;
        Ok(ImageInput::Pixels(self.pixel_tensor(values, device)))
    }

    /// A batch of texts, training texts first, dev captions after them, for the trained part of the tower.
    pub fn text_input(&self, texts: &[usize], cut: TextCut, device: &Device) -> TextInput {
        match &self.frozen.texts {
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
        match (&self.teacher, &self.frozen.images) {
            (Some(teacher), Some(images)) => teacher.soft_labels(images, rows, &self.device),
            _ => Tensor::zeros([rows.len(), 1], &self.device),
        }
    }

    /// Dev recall of a model whose frozen parts are as cached. Is not stopped: an epoch that is trained is worth the time
    /// to measure and save it.
    pub fn recall(&self, model: &Clip, cuts: &Cuts) -> Result<Retrieval, TrainError> {
        let first = self.data.texts.len();
        let image = |rows: &[usize], device: &Device| match (&self.frozen.dev_images, &cuts.image) {
            (Some(images), ImageCut::Backbones(cuts)) => Ok(images.batch(rows, cuts, device)),
            _ => self.dev_input(rows, device),
        };
        let text = |captions: &[usize], device: &Device| {
            let texts: Vec<usize> = captions.iter().map(|&caption| first + caption).collect();
            self.text_input(&texts, cuts.text, device)
        };
        self.measure(model, &image, &text, &|| Ok(()))
    }

    /// Dev recall of a model from the photos and texts themselves.
    pub fn recall_from_files(&self, model: &Clip) -> Result<Retrieval, TrainError> {
        let first = self.data.texts.len();
        let text = |captions: &[usize], device: &Device| {
            let texts: Vec<&[u32]> = captions.iter().map(|&caption| self.ids[first + caption].as_slice()).collect();
            let (ids, mask) = padded(&texts, self.config.tokenizer.pad_id, device);
            TextInput::Ids(ids, mask)
        };
        let image = |rows: &[usize], device: &Device| self.dev_input(rows, device);
        self.measure(model, &image, &text, &|| self.control.check())
    }

    fn measure(
        &self,
        model: &Clip,
        image: &evaluate::Images<'_>,
        text: &evaluate::Captions<'_>,
        check: &dyn Fn() -> Result<(), TrainError>,
    ) -> Result<Retrieval, TrainError> {
        let first = self.data.texts.len();
        let tokens = |caption: usize| self.ids[first + caption].len();
        let model = model.valid();
        evaluate::recall(&model, &self.dev.image_of, self.dev.images.len(), image, text, &tokens, check, &self.device)
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

    fn dev_pixels(&self, rows: Range<usize>) -> Result<Vec<f32>, TrainError> {
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
