//! A model that is ready for use: towers, tokenizer and preprocessing on a device.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock};

use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData};
use clip_kernels::Isa;
use image::RgbImage;
use rayon::prelude::*;

use crate::ModelError;
use crate::batches::BatchSize;
use crate::checkpoint::{Checkpoint, ModelSource};
use crate::clip::{normalize, normalize_rows};
use crate::config::ClipConfig;
use crate::cpu::packing::Packing;
use crate::cpu::text::CpuText;
use crate::device::{self, DeviceChoice, SelectedDevice};
use crate::embeddings::{Embeddings, HiddenStates};
use crate::families::{CpuImageTower, ImageTower, TextTower};
use crate::fingerprint::Fingerprint;
use crate::pocket;
use crate::precision::Precision;
use crate::preprocess::{Pixels, Preprocessor};
use crate::shown::shown;
use crate::tokenizer::Tokenizer;

/// Photos that go through the image tower at once. Larger batches gain nothing on a CPU and cost memory.
const IMAGE_BATCH: usize = 32;
/// The same on a GPU, which takes more to be busy; fewer where its memory does not suffice.
const IMAGE_BATCH_GPU: usize = 128;
/// Batches of photos that a GPU is given at a time.
const GPU_BATCHES_AT_ONCE: usize = 2;
/// Texts that go through the text tower at once.
const TEXT_BATCH: usize = 64;
/// The same for weights that are used as they are stored: enough for each pass over them to be worth it.
const TEXT_BATCH_CPU: usize = 8;

/// What text towers compute in, whatever their weights are stored as.
const TEXT_PRECISION: Precision = Precision::F32;

/// Which towers are loaded. A query in words needs no image tower, indexing no text tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Towers {
    /// Both.
    #[default]
    Both,
    /// Only the one for texts.
    TextOnly,
    /// Only the one for images.
    ImageOnly,
}

/// How a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadOptions {
    /// Where it computes.
    pub device: DeviceChoice,
    /// What of it is needed.
    pub towers: Towers,
    /// What the image tower holds its weights as. A GPU knows no [`Precision::Int8`], and not all know
    /// [`Precision::F16`].
    ///
    /// `None` is what the model suits: [`Precision::Int8`] for the built-in one, unless a GPU is asked for, and
    /// [`Precision::F32`] for all others.
    pub precision: Option<Precision>,
}

impl LoadOptions {
    /// Both towers, on the best device.
    pub fn new() -> Self {
        Self::default()
    }

    /// Computes on this device.
    #[must_use]
    pub fn device(mut self, device: DeviceChoice) -> Self {
        self.device = device;
        self
    }

    /// Holds the image tower's weights as these numbers.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = Some(precision);
        self
    }

    /// Loads these towers.
    #[must_use]
    pub fn towers(mut self, towers: Towers) -> Self {
        self.towers = towers;
        self
    }
}

/// A loaded model: photos and texts to unit vectors whose dot product says how well they match.
///
/// May be shared between threads; calls to the towers run one batch after the other on the device.
pub struct Model {
    config: ClipConfig,
    source: ModelSource,
    towers: Towers,
    precision: Precision,
    fingerprint: Fingerprint,
    logit_scale: f32,
    logit_bias: Option<f32>,
    tokenizer: Tokenizer,
    preprocessor: Preprocessor,
    loaded: RwLock<Loaded>,
    /// Photos that a GPU takes at once.
    gpu_batch: BatchSize,
    notice: Option<String>,
}

/// An image tower as it is computed.
// A model has one of these, so the size of the larger kind does not matter.
#[allow(clippy::large_enum_variant)]
enum ImageEncoder {
    /// Laid out for the CPU kernels; burn's own form is gone, so that the weights are in memory once.
    Cpu(CpuImageTower),
    /// By burn, in these floats.
    Burn(ImageTower, FloatDType),
}

impl ImageEncoder {
    /// For a device that was [selected](device::select) for this precision.
    fn new(tower: ImageTower, precision: Precision, device: &SelectedDevice) -> Self {
        if device.is_gpu {
            let floats = device::floats(precision);
            return Self::Burn(tower.cast(floats), floats);
        }
        let tower = CpuImageTower::of(tower, Packing::best(precision));
        clip_memory::give_back();
        Self::Cpu(tower)
    }

    /// Photos' pixels, each `[3, size, size]`, to unit vectors, one behind the other.
    fn encode(&self, photos: &[&[f32]], size: usize, device: &SelectedDevice) -> Result<Vec<f32>, ModelError> {
        match self {
            Self::Cpu(tower) => {
                let mut values = tower.forward(photos, size);
                let dimension = values.len() / photos.len().max(1);
                normalize_rows(&mut values, dimension.max(1));
                Ok(values)
            }
            Self::Burn(tower, floats) => {
                // Converted here, so that no more is sent than is wanted.
                let floats = DType::from(*floats);
                let data = TensorData::new(photos.concat(), [photos.len(), 3, size, size]).convert_dtype(floats);
                let out = tower.forward(Tensor::from_data(data, (&device.device, floats)));
                to_host(normalize(out.cast(FloatDType::F32)), device.label())
            }
        }
    }
}

/// A text tower as it is computed.
// A model has one of these, so the size of the larger kind does not matter.
#[allow(clippy::large_enum_variant)]
enum TextEncoder {
    /// On the CPU, from the weights as they are stored.
    Cpu(Box<dyn CpuText>),
    /// By burn.
    Burn(TextTower),
}

/// What a failing GPU takes along.
struct Loaded {
    image: Option<ImageEncoder>,
    text: Option<TextEncoder>,
    device: SelectedDevice,
}

impl Loaded {
    fn read(
        checkpoint: &Checkpoint,
        towers: Towers,
        precision: Precision,
        device: SelectedDevice,
    ) -> Result<Self, ModelError> {
        let image = match towers {
            Towers::Both | Towers::ImageOnly => {
                let tower = checkpoint.image_tower_lazily(&device.device)?;
                Some(tower.take(|tower| ImageEncoder::new(tower, precision, &device))?)
            }
            Towers::TextOnly => None,
        };
        let text = match towers {
            Towers::Both | Towers::TextOnly => Some(match Self::cpu_text(checkpoint, &device)? {
                Some(tower) => TextEncoder::Cpu(tower),
                None => TextEncoder::Burn(checkpoint.text_tower(&device.device)?),
            }),
            Towers::ImageOnly => None,
        };
        Ok(Self { image, text, device })
    }

    fn cpu_text(checkpoint: &Checkpoint, device: &SelectedDevice) -> Result<Option<Box<dyn CpuText>>, ModelError> {
        if device.is_gpu { Ok(None) } else { checkpoint.cpu_text_tower(Isa::best()) }
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("fingerprint", &self.fingerprint)
            .field("towers", &self.towers)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Loads a model.
    ///
    /// # Errors
    /// Whatever is wrong with its files, by name; [`ModelError::Device`] if a GPU was asked for and there is none.
    pub fn load(source: &ModelSource, options: &LoadOptions) -> Result<Self, ModelError> {
        let checkpoint = Checkpoint::open(source)?;
        let precision = options.precision.unwrap_or(match (source, options.device) {
            (ModelSource::Default, DeviceChoice::Auto | DeviceChoice::Cpu) => pocket::PRECISION,
            _ => Precision::F32,
        });
        // Looking for a GPU takes longer than encoding a query in words on the CPU.
        let words_only = options.towers == Towers::TextOnly && checkpoint.config().text.has_cpu_form();
        let device = match options.device {
            DeviceChoice::Auto if words_only => SelectedDevice::cpu(),
            choice => device::select(choice, precision)?,
        };
        let notice = device.notice.clone();
        if let Some(notice) = &notice {
            log::warn!("{notice}");
        }
        Ok(Self {
            config: checkpoint.config().clone(),
            source: source.clone(),
            towers: options.towers,
            precision,
            fingerprint: Fingerprint::of(&checkpoint, precision)?,
            logit_scale: checkpoint.logit_scale()?.exp(),
            logit_bias: checkpoint.logit_bias()?,
            tokenizer: checkpoint.tokenizer()?,
            preprocessor: Preprocessor::new(&checkpoint.config().preprocess),
            gpu_batch: BatchSize::new(IMAGE_BATCH_GPU),
            loaded: RwLock::new(Loaded::read(&checkpoint, options.towers, precision, device)?),
            notice,
        })
    }

    /// The name of a model that is not loaded.
    ///
    /// # Errors
    /// Whatever is wrong with its files, by name.
    pub fn name_of(source: &ModelSource) -> Result<String, ModelError> {
        Ok(Checkpoint::open(source)?.config().name.clone())
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What an index remembers of the model.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Takes a fingerprint, as an index stored it, for the model's own, if it is one that earlier versions gave the same
    /// checkpoint in a folder of another name. Says whether it is the model's now.
    ///
    /// # Errors
    /// Whatever is wrong with the checkpoint's files, by name.
    pub fn recognise(&mut self, stored: &str) -> Result<bool, ModelError> {
        if self.fingerprint.as_str() == stored {
            return Ok(true);
        }
        let is_earlier = Fingerprint::is_earlier(stored, &Checkpoint::open(&self.source)?, self.precision)?;
        if is_earlier {
            self.fingerprint = Fingerprint::stored(stored);
        }
        Ok(is_earlier)
    }

    /// Width of the embeddings.
    pub fn dimension(&self) -> usize {
        self.config.embed_dim
    }

    /// What the model is.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// The factor on dot products whose softmax is a probability; a model's exponentiated `logit_scale`.
    pub fn logit_scale(&self) -> f32 {
        self.logit_scale
    }

    /// What a model with a sigmoid loss adds to scaled dot products, whose sigmoid is then a probability; `None` for
    /// models whose probabilities are a softmax.
    pub fn logit_bias(&self) -> Option<f32> {
        self.logit_bias
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Where the model computes: `CPU` or `GPU`. A GPU that fails is replaced.
    pub fn device(&self) -> &'static str {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).device.label()
    }

    /// How many photos one call of [`embed_pixels`](Self::embed_pixels) needs to make good use of the device.
    pub fn batch_size(&self) -> usize {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        if loaded.device.is_gpu { IMAGE_BATCH_GPU } else { IMAGE_BATCH }
    }

    /// How many calls of [`embed_pixels`](Self::embed_pixels) are worth making at a time, each from its own thread: two on a GPU,
    /// which then computes one batch while the next one's pixels and the last one's embeddings travel, and one on a CPU,
    /// where a call has all cores.
    pub fn batches_at_once(&self) -> usize {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        if loaded.device.is_gpu { GPU_BATCHES_AT_ONCE } else { 1 }
    }

    /// What the image tower holds its weights as.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Something the user should know about the device, such as a GPU that could not be used. Also logged.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Resizes and normalises a photo as the image tower wants it. Takes no part in the device's work, so that many
    /// threads may prepare photos while a batch is encoded.
    pub fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.preprocessor.apply(image)
    }

    /// Prepared photos to unit vectors, in their order.
    ///
    /// # Errors
    /// [`ModelError::TowerNotLoaded`], [`ModelError::Input`] for pixels of another size,
    /// [`ModelError::Execution`] and [`ModelError::NotFinite`].
    pub fn embed_pixels(&self, pixels: &[Pixels]) -> Result<Embeddings, ModelError> {
        let size = self.preprocessor.size();
        for (index, photo) in pixels.iter().enumerate() {
            if photo.size != size || photo.data.len() != 3 * size * size {
                return Err(ModelError::Input(format!(
                    "photo {index} has {} values for {} x {} pixels, {} takes 3 x {size} x {size}",
                    photo.data.len(),
                    photo.size,
                    photo.size,
                    self.config.name
                )));
            }
        }
        let values = self.run(|loaded| {
            let tower = loaded.image.as_ref().ok_or_else(|| self.not_loaded("image"))?;
            let encode = |photos: &[Pixels]| {
                let photos: Vec<&[f32]> = photos.iter().map(|photo| photo.data.as_slice()).collect();
                tower.encode(&photos, size, &loaded.device)
            };
            if loaded.device.is_gpu {
                return self.gpu_batch.run(pixels, encode);
            }
            let mut values = Vec::with_capacity(pixels.len() * self.dimension());
            for photos in pixels.chunks(IMAGE_BATCH) {
                values.extend(encode(photos)?);
            }
            Ok(values)
        })?;
        self.checked(values, self.precision)
    }

    /// Photos to unit vectors, in their order.
    ///
    /// # Errors
    /// As [`embed_pixels`](Self::embed_pixels).
    pub fn embed_images(&self, images: &[RgbImage]) -> Result<Embeddings, ModelError> {
        let mut values = Vec::with_capacity(images.len() * self.dimension());
        // Preprocessed in parts: pixels as floats take four times the memory of small photos.
        for images in images.chunks(IMAGE_BATCH_GPU) {
            let pixels: Vec<Pixels> = images.par_iter().map(|image| self.preprocess(image)).collect();
            values.extend(self.embed_pixels(&pixels)?.into_vec());
        }
        Ok(Embeddings::new(values, self.dimension()))
    }

    /// Texts to unit vectors, in their order. Texts longer than the model's context are cut.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] for a text that has no ids, [`ModelError::TowerNotLoaded`], [`ModelError::Execution`] and
    /// [`ModelError::NotFinite`].
    pub fn embed_texts<T: AsRef<str>>(&self, texts: &[T]) -> Result<Embeddings, ModelError> {
        let dimension = self.dimension();
        let ids = texts.iter().map(|text| self.ids(text.as_ref())).collect::<Result<Vec<Vec<u32>>, _>>()?;
        // Texts of like length go together: a batch is padded to its longest.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&index| ids[index].len());
        let values = self.run(|loaded| {
            let tower = loaded.text.as_ref().ok_or_else(|| self.not_loaded("text"))?;
            let parts: Vec<Vec<f32>> = match tower {
                TextEncoder::Cpu(tower) => {
                    let encode = |batch: &[usize]| {
                        let rows: Vec<&[u32]> = batch.iter().map(|&index| ids[index].as_slice()).collect();
                        let mut out = tower.forward(&rows);
                        normalize_rows(&mut out, dimension);
                        out
                    };
                    match order.len() {
                        // One query must not start a pool of threads.
                        0..=TEXT_BATCH_CPU => vec![encode(&order)],
                        _ => order.par_chunks(TEXT_BATCH_CPU).map(encode).collect(),
                    }
                }
                TextEncoder::Burn(tower) => order
                    .chunks(TEXT_BATCH)
                    .map(|batch| {
                        let rows: Vec<&[u32]> = batch.iter().map(|&index| ids[index].as_slice()).collect();
                        let (tokens, mask) = self.padded(&rows, &loaded.device.device);
                        to_host(normalize(tower.forward(tokens, mask)), loaded.device.label())
                    })
                    .collect::<Result<_, _>>()?,
            };
            let mut values = vec![0.0; ids.len() * dimension];
            let rows = parts.iter().flat_map(|part| part.chunks_exact(dimension));
            for (row, &index) in rows.zip(&order) {
                values[index * dimension..][..dimension].copy_from_slice(row);
            }
            Ok(values)
        })?;
        self.checked(values, TEXT_PRECISION)
    }

    /// The last states of a text's tokens, start and end token included: after the final norm, before pooling and
    /// projection.
    ///
    /// # Errors
    /// As [`embed_texts`](Self::embed_texts).
    pub fn text_hidden_states(&self, text: &str) -> Result<HiddenStates, ModelError> {
        let ids = self.ids(text)?;
        let values = self.run(|loaded| {
            let tower = loaded.text.as_ref().ok_or_else(|| self.not_loaded("text"))?;
            match tower {
                TextEncoder::Cpu(tower) => Ok(tower.hidden_states(&ids)),
                TextEncoder::Burn(tower) => {
                    let (tokens, mask) = self.padded(&[&ids], &loaded.device.device);
                    to_host(tower.hidden_states(tokens, mask), loaded.device.label())
                }
            }
        })?;
        if !values.iter().all(|v| v.is_finite()) {
            return Err(self.not_finite(TEXT_PRECISION, 0));
        }
        Ok(HiddenStates::new(values, self.config.text.width()))
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut tokens = self.tokenizer.encode(text)?;
        // The others must be given all.
        if self.config.text.ends_texts() {
            tokens.ids.truncate(tokens.length);
        }
        Ok(tokens.ids)
    }

    /// Ids and mask, `[batch, longest]`.
    fn padded(&self, rows: &[&[u32]], device: &Device) -> (Tensor<2, Int>, Tensor<2>) {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0).max(1);
        // Ids that the tower has no row for would be read out of bounds.
        let last = self.config.text.vocab_size().saturating_sub(1);
        let mut ids = Vec::with_capacity(rows.len() * width);
        let mut mask = Vec::with_capacity(rows.len() * width);
        for row in rows {
            let rest = width - row.len();
            ids.extend(row.iter().map(|&id| i64::from(id).min(last as i64)));
            ids.extend(std::iter::repeat_n(i64::from(self.config.tokenizer.pad_id), rest));
            mask.extend(std::iter::repeat_n(1.0f32, row.len()));
            mask.extend(std::iter::repeat_n(0.0f32, rest));
        }
        let shape = [rows.len(), width];
        (
            Tensor::from_data(TensorData::new(ids, shape), device),
            Tensor::from_data(TensorData::new(mask, shape), device),
        )
    }

    /// Runs `work` on the device. If a GPU fails, for photos on even one at a time, the model moves to the CPU for good and
    /// the work is done there.
    fn run(&self, work: impl Fn(&Loaded) -> Result<Vec<f32>, ModelError>) -> Result<Vec<f32>, ModelError> {
        let failure = {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            if !loaded.device.is_gpu {
                return work(&loaded);
            }
            // Drivers fail at any point, and burn then panics.
            match catch_unwind(AssertUnwindSafe(|| work(&loaded))) {
                Ok(Err(ModelError::Execution { reason, .. })) => reason,
                Ok(result) => return result,
                Err(_) => "its driver stopped".to_owned(),
            }
        };
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been here first.
        if loaded.device.is_gpu {
            log::warn!("the GPU failed ({}); using the CPU", shown(&failure));
            let checkpoint = Checkpoint::open(&self.source)?;
            *loaded = Loaded::read(&checkpoint, self.towers, self.precision, SelectedDevice::cpu())?;
        }
        work(&loaded)
    }

    fn not_loaded(&self, tower: &'static str) -> ModelError {
        ModelError::TowerNotLoaded { tower, model: self.config.name.clone() }
    }

    /// Refuses what is no unit vector: NaN would poison an index.
    fn checked(&self, values: Vec<f32>, precision: Precision) -> Result<Embeddings, ModelError> {
        let embeddings = Embeddings::new(values, self.dimension());
        let is_unit = |row: &[f32]| (row.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-2;
        if let Some(index) = embeddings.rows().position(|row| !is_unit(row)) {
            return Err(self.not_finite(precision, index));
        }
        Ok(embeddings)
    }

    fn not_finite(&self, precision: Precision, index: usize) -> ModelError {
        ModelError::NotFinite { model: self.config.name.clone(), device: self.device(), precision, index }
    }
}

fn to_host<const D: usize>(tensor: Tensor<D>, device: &'static str) -> Result<Vec<f32>, ModelError> {
    let failed = |reason| ModelError::Execution { device, reason };
    tensor
        .try_into_data()
        .map_err(|e| failed(e.to_string()))?
        .convert::<f32>()
        .try_into_vec::<f32>()
        .map_err(|e| failed(format!("{e:?}")))
}
