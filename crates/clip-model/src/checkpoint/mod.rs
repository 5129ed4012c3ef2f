//! A checkpoint on disk or in the program, whatever its layout: configuration, tokenizer, towers.

mod files;
#[cfg(test)]
mod golden_siglip;
mod image_processor;
mod layout;
mod ml_mobileclip;
pub mod native;
pub(crate) mod open_clip;
mod siglip;
mod tokenizer_settings;
mod transformers;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use clip_files::deceptive::is_deceptive;
use clip_files::system_error;
use clip_kernels::Isa;

use crate::ModelError;
use crate::clip::Clip;
use crate::config::{ClipConfig, MAX_NAME_BYTES};
use crate::cpu::text::CpuText;
use crate::families::{ImageTower, TextTower};
use crate::formats::Format;
use crate::formats::mobileclip::Names;
use crate::json::{self, Fields};
use crate::tokenizer::{CLIP_VOCABULARY, Tokenizer};
use crate::weights::derived::{DerivedSource, DerivedTensors, WithDerived};
use crate::weights::module::{Lazy, apply, apply_lazily, read_located};
use crate::weights::places::Places;
use crate::weights::safetensors::SafetensorsFile;
use crate::weights::stored_matrix::StoredMatrix;
use crate::weights::{StoredTensor, TensorLayout, TensorSource};
use layout::StoredLayout;
use native::NativeModel;

/// Largest tokenizer file that is read.
const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ModelSource {
    /// `pocket`, which is part of the program.
    #[default]
    Default,
    /// A native single-file model (see [`native`]).
    File(PathBuf),
    /// A folder in Hugging Face's or open_clip's layout.
    Folder(PathBuf),
}

/// An open checkpoint. Its weights are mapped and not read yet.
pub struct Checkpoint {
    config: ClipConfig,
    tensors: Arc<Tensors>,
    /// Whose names the tensors have; our own if nobody's.
    format: Option<Format>,
    /// Tensors that are computed from several stored ones.
    derived: Arc<DerivedTensors>,
    /// The tokenizer's file where the weights do not hold it.
    tokenizer: Option<TokenizerFile>,
    /// The configuration's name is that of a folder, which is no part of the checkpoint.
    named_by_folder: bool,
}

impl Checkpoint {
    /// Opens a checkpoint and checks its configuration.
    ///
    /// # Errors
    /// Whatever is wrong with its files, by name.
    pub fn open(source: &ModelSource) -> Result<Self, ModelError> {
        match source {
            ModelSource::Default => Self::of_native_file(crate::pocket::open()?),
            ModelSource::File(path) => Self::of_native_file(SafetensorsFile::open(path)?),
            ModelSource::Folder(folder) => Self::folder(folder),
        }
    }

    pub(crate) fn of_native_file(file: SafetensorsFile) -> Result<Self, ModelError> {
        let config = native::config(&file)?;
        Ok(Self::new(config, Tensors::One(file), None, None))
    }

    /// Opens the weights of a folder that [`open`](Self::open) understands, with a configuration that is given, not read:
    /// for sizes that the library which wrote the folder has no name for.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_as(folder: &Path, config: ClipConfig) -> Result<Self, ModelError> {
        config.check(&folder.display().to_string())?;
        let open_clip_weights = folder.join("open_clip_model.safetensors");
        if files::is_there(&open_clip_weights)? {
            let file = SafetensorsFile::open(&open_clip_weights)?;
            let tokenizer = find_tokenizer(folder, &config)?;
            return Ok(Self::of_open_clip(config, file, tokenizer));
        }
        let tensors = Tensors::of_folder(folder)?;
        let apple =
            tensors.names().iter().any(|name| name.starts_with("image_encoder.") || name.starts_with("text_encoder."));
        let format = if apple { Format::MlMobileClip } else { Format::Transformers };
        let tokenizer = find_tokenizer(folder, &config)?;
        Ok(Self::new(config, tensors, Some(format), Some(tokenizer)))
    }

    fn new(config: ClipConfig, tensors: Tensors, format: Option<Format>, tokenizer: Option<TokenizerFile>) -> Self {
        let derived = format.map(|format| {
            let mut names = Names::new(format, &tensors);
            config.image.derive(&mut names);
            config.text.derive(&mut names);
            names.derived
        });
        Self {
            config,
            tensors: Arc::new(tensors),
            format,
            derived: Arc::new(derived.unwrap_or_default()),
            tokenizer,
            named_by_folder: false,
        }
    }

    fn folder(folder: &Path) -> Result<Self, ModelError> {
        let unknown = |reason: String| ModelError::UnknownLayout { folder: folder.to_path_buf(), reason };
        match std::fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(unknown("it is no folder".into())),
            Err(error) if system_error::says_missing(&error) => return Err(unknown("no such folder".into())),
            Err(source) => return Err(ModelError::Io { action: "read", path: folder.to_path_buf(), source }),
        }
        let (name, named_by_folder) = match repository_name(folder) {
            Some(name) => (name, false),
            None => (folder_name(folder), true),
        };
        let named = |checkpoint| Self { named_by_folder, ..checkpoint };
        let open_clip_weights = folder.join("open_clip_model.safetensors");
        // Repositories often hold both layouts of the same weights; open_clip's says more about preprocessing.
        let open_clip_config = files::is_there(&folder.join("open_clip_config.json"))?;
        if open_clip_config && files::is_there(&open_clip_weights)? {
            return Self::open_clip(folder, &open_clip_weights, &name).map(named);
        }
        if files::is_there(&folder.join("config.json"))? {
            return Self::transformers(folder, Tensors::of_folder(folder)?, &name).map(named);
        }
        Err(unknown(if open_clip_config {
            pickled(folder, "open_clip_model.safetensors")
        } else {
            "it has no configuration".into()
        }))
    }

    fn open_clip(folder: &Path, weights: &Path, name: &str) -> Result<Self, ModelError> {
        let path = folder.join("open_clip_config.json");
        let json = files::read_text(&path)?;
        let file = SafetensorsFile::open(weights)?;
        let origin = path.display().to_string();
        let config = open_clip::config(&json, name, file.contains("logit_bias"))
            .map_err(|reason| ModelError::Config { origin: origin.clone(), reason })?;
        let (config, tokenizer) = with_tokenizer(folder, config)?;
        let config = filled_up(folder, &json, config, &tokenizer.1)?;
        config.check(&origin)?;
        Ok(Self::of_open_clip(config, file, tokenizer))
    }

    fn of_open_clip(config: ClipConfig, file: SafetensorsFile, tokenizer: TokenizerFile) -> Self {
        let format = Format::OpenClip { nested_text: file.contains("text.token_embedding.weight") };
        Self::new(config, Tensors::One(file), Some(format), Some(tokenizer))
    }

    fn transformers(folder: &Path, tensors: Tensors, name: &str) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let json = files::read_text(&path)?;
        let origin = path.display().to_string();
        // Apple's own configurations go by the same name.
        let apple = ml_mobileclip::is_ml_mobileclip(&json);
        let config = if apple { ml_mobileclip::config(&json, name) } else { transformers::config(&json, name) };
        let mut config = config.map_err(|reason| ModelError::Config { origin: origin.clone(), reason })?;
        if !apple && let Some((origin, processor)) = image_processor::find(folder)? {
            config.preprocess = image_processor::read(&processor, config.preprocess)
                .map_err(|reason| ModelError::Config { origin, reason })?;
        }
        let format = if apple { Format::MlMobileClip } else { Format::Transformers };
        let (config, tokenizer) = with_tokenizer(folder, config)?;
        config.check(&origin)?;
        Ok(Self::new(config, tensors, Some(format), Some(tokenizer)))
    }

    /// What the checkpoint is.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// The configuration as far as the checkpoint itself holds it: without the name, where that is the folder's.
    pub(crate) fn own_config(&self) -> Cow<'_, ClipConfig> {
        if self.named_by_folder {
            Cow::Owned(ClipConfig { name: String::new(), ..self.config.clone() })
        } else {
            Cow::Borrowed(&self.config)
        }
    }

    /// The weights, by the checkpoint's own names.
    pub fn tensors(&self) -> &dyn TensorSource {
        &*self.tensors
    }

    pub(crate) fn files(&self) -> Vec<&SafetensorsFile> {
        match &*self.tensors {
            Tensors::One(file) => vec![file],
            Tensors::Sharded { files, .. } => files.iter().collect(),
        }
    }

    /// The tokenizer's file and where it is from.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if the checkpoint has none.
    pub fn tokenizer_bytes(&self) -> Result<(String, &[u8]), ModelError> {
        match (&self.tokenizer, &*self.tensors) {
            (Some((origin, bytes)), _) => Ok((origin.clone(), bytes)),
            (None, Tensors::One(file)) => Ok((file.origin(), native::tokenizer(file)?)),
            (None, tensors) => Err(ModelError::Tokenizer { origin: tensors.origin(), reason: "it has none".into() }),
        }
    }

    /// Builds the tokenizer, for the text tower's vocabulary.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] also if the two do not fit, or [`ModelError::MissingTensor`] if a native file lacks it.
    pub fn tokenizer(&self) -> Result<Tokenizer, ModelError> {
        let (origin, bytes) = self.tokenizer_bytes()?;
        let vocab_size = self.config.text.vocab_size();
        let tokenizer = Tokenizer::new(&self.config.tokenizer, bytes, &origin)?;
        // Our own files hold the vocabulary that they were trained with, which may be smaller than the tower's table.
        if self.format.is_some() {
            tokenizer.fills(vocab_size)?;
        }
        tokenizer.for_tower(vocab_size)
    }

    /// Reads the image tower and nothing else.
    ///
    /// # Errors
    /// As [`apply`].
    pub fn image_tower(&self, device: &Device) -> Result<ImageTower, ModelError> {
        self.load(ImageTower::init(&self.config.image, self.config.embed_dim, device), "image.")
    }

    /// The image tower, whose parameters are read when they are first used.
    ///
    /// # Errors
    /// As [`apply`], but for what [`Lazy::take`] says.
    pub(crate) fn image_tower_lazily(&self, device: &Device) -> Result<Lazy<ImageTower>, ModelError> {
        let tower = ImageTower::init(&self.config.image, self.config.embed_dim, device);
        apply_lazily(tower, Arc::new(self.derived_source()), self.layout("image.").as_ref())
    }

    /// Reads the text tower and nothing else.
    ///
    /// # Errors
    /// As [`apply`].
    pub fn text_tower(&self, device: &Device) -> Result<TextTower, ModelError> {
        self.load(TextTower::init(&self.config.text, self.config.embed_dim, device), "text.")
    }

    /// The text tower in a form that computes with the weights as they are stored; `None` if its family has none. The
    /// tensors are found and not read.
    ///
    /// # Errors
    /// Whatever is wrong with one of the tensors, by name.
    pub fn cpu_text_tower(&self, isa: Isa) -> Result<Option<Box<dyn CpuText>>, ModelError> {
        if !self.config.text.has_cpu_form() {
            return Ok(None);
        }
        // Nothing of it is computed: it names the tensors and their shapes.
        let tower = TextTower::init(&self.config.text, self.config.embed_dim, &Device::flex());
        self.config.text.find(&Places::of(&tower, &self.derived_source(), self.layout("text.").as_ref())?, isa)
    }

    /// Reads the whole model.
    ///
    /// # Errors
    /// As [`apply`].
    pub fn clip(&self, device: &Device) -> Result<Clip, ModelError> {
        self.load(Clip::init(&self.config, device), "")
    }

    /// Reads the logarithm of the factor on similarities.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] and [`ModelError::MisshapenTensor`].
    pub fn logit_scale(&self) -> Result<f32, ModelError> {
        self.scalar("logit_scale")
    }

    /// Reads what is added to scaled similarities, where the configuration says that there is such a bias.
    ///
    /// # Errors
    /// As [`logit_scale`](Self::logit_scale).
    pub fn logit_bias(&self) -> Result<Option<f32>, ModelError> {
        self.config.logit_bias.map(|_| self.scalar("logit_bias")).transpose()
    }

    fn scalar(&self, name: &str) -> Result<f32, ModelError> {
        let location = self.layout("").locate(name);
        let tensor = read_located(&*self.tensors, &location, &[1])?;
        Ok(tensor.data.first().copied().unwrap_or_default())
    }

    fn load<M: Module>(&self, module: M, prefix: &'static str) -> Result<M, ModelError> {
        apply(module, &self.derived_source(), self.layout(prefix).as_ref())
    }

    fn derived_source(&self) -> DerivedSource {
        DerivedSource { source: self.tensors.clone(), derived: self.derived.clone() }
    }

    fn layout(&self, prefix: &'static str) -> Box<dyn TensorLayout + '_> {
        match self.format {
            None => Box::new(NativeModel { prefix }),
            Some(format) => {
                let rest = StoredLayout { format, config: &self.config, prefix };
                Box::new(WithDerived { derived: &self.derived, prefix, rest: Box::new(rest) })
            }
        }
    }
}

/// One file or several that are one.
enum Tensors {
    One(SafetensorsFile),
    Sharded { origin: String, files: Vec<SafetensorsFile>, file_of: BTreeMap<String, usize> },
}

impl Tensors {
    /// The weights of a folder whose configuration is a `config.json`.
    fn of_folder(folder: &Path) -> Result<Self, ModelError> {
        if files::is_there(&folder.join("model.safetensors"))? {
            Ok(Self::One(SafetensorsFile::open(&folder.join("model.safetensors"))?))
        } else if files::is_there(&folder.join("model.safetensors.index.json"))? {
            Self::sharded(folder, "model.safetensors.index.json")
        } else {
            let reason = pickled(folder, "model.safetensors");
            Err(ModelError::UnknownLayout { folder: folder.to_path_buf(), reason })
        }
    }

    /// Reads an index: JSON with a `weight_map` from tensors to files in the same folder.
    fn sharded(folder: &Path, index: &str) -> Result<Self, ModelError> {
        let path = folder.join(index);
        let origin = path.display().to_string();
        let (names, file_of) = read_shards(&files::read_text(&path)?)
            .map_err(|reason| ModelError::Config { origin: origin.clone(), reason })?;
        let files =
            names.iter().map(|name| SafetensorsFile::open(&folder.join(name))).collect::<Result<Vec<_>, _>>()?;
        let listed: HashSet<&String> = file_of.keys().collect();
        for file in &files {
            let mut extra: Vec<String> = file.names().into_iter().filter(|name| !listed.contains(name)).collect();
            if !extra.is_empty() {
                extra.sort();
                return Err(ModelError::UnexpectedTensors { origin: file.origin(), names: extra });
            }
        }
        Ok(Self::Sharded { origin, files, file_of })
    }

    fn file(&self, name: &str) -> Option<&SafetensorsFile> {
        match self {
            Self::One(file) => Some(file),
            Self::Sharded { files, file_of, .. } => file_of.get(name).map(|&at| &files[at]),
        }
    }
}

/// Reads an index of shards: the files' names, and for each tensor which of them it is in.
fn read_shards(json: &str) -> Result<(Vec<String>, BTreeMap<String, usize>), String> {
    let index = json::object(json)?;
    let fields = Fields::new("", &index);
    let weight_map = Fields::new("weight_map", fields.required("weight_map", fields.object("weight_map")?)?);
    let mut names: Vec<String> = Vec::new();
    let (mut numbers, mut file_of) = (HashMap::new(), BTreeMap::new());
    for tensor in weight_map.keys() {
        let file = weight_map.required(tensor, weight_map.text(tensor)?)?.to_owned();
        // An index must not reach out of its folder.
        if Path::new(&file).file_name().is_none_or(|name| name != file.as_str()) {
            return Err(format!("`{}` is not the name of a file in the same folder", json::cut(&file)));
        }
        let number = *numbers.entry(file).or_insert_with_key(|file: &String| {
            names.push(file.clone());
            names.len() - 1
        });
        file_of.insert(tensor.to_owned(), number);
    }
    Ok((names, file_of))
}

/// Reads the same text as a configuration of each format.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_configs(json: &str, preprocessor: Option<&str>) -> [Result<ClipConfig, String>; 4] {
    [
        open_clip::config(json, "input", false),
        open_clip::config(json, "input", true),
        transformers::config(json, "input").and_then(|mut config| {
            if let Some(processor) = preprocessor {
                let processor = json::object(processor)?;
                let nested = image_processor::nested(&processor)?.unwrap_or(processor);
                config.preprocess = image_processor::read(&nested, config.preprocess)?;
            }
            Ok(config)
        }),
        ml_mobileclip::config(json, "input"),
    ]
}

/// Reads two texts as what the files beside a configuration say of the tokenizer, and the first as an index of shards.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_tokenizer_settings(json: &str, settings: &str) {
    use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};
    let config = TokenizerConfig { kind: TokenizerKind::Siglip, context_length: 64, pad_id: 0 };
    let named = json::object(settings).and_then(|settings| tokenizer_settings::read_pad_token(&settings));
    let named = named.unwrap_or_default();
    if let Ok(complete) = siglip::complete(&config, json.as_bytes(), named.as_deref()) {
        assert!(complete.kind.fills_context());
    }
    let _ = open_clip::pad_id(json, named.as_deref(), json.as_bytes(), 7);
    if let Ok((names, file_of)) = read_shards(json) {
        assert!(file_of.values().all(|at| *at < names.len()));
    }
}

impl TensorSource for Tensors {
    fn origin(&self) -> String {
        match self {
            Self::One(file) => file.origin(),
            Self::Sharded { origin, .. } => origin.clone(),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::One(file) => file.names(),
            Self::Sharded { file_of, .. } => file_of.keys().cloned().collect(),
        }
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.file(name)?.shape(name)
    }

    fn read(&self, name: &str) -> Result<StoredTensor, ModelError> {
        match self.file(name) {
            Some(file) => file.read(name),
            None => {
                Err(ModelError::MissingTensor { origin: self.origin(), name: name.to_owned(), expected: Vec::new() })
            }
        }
    }

    fn matrix(&self, name: &str) -> Result<StoredMatrix, ModelError> {
        match self.file(name) {
            Some(file) => file.matrix(name),
            None => Ok(StoredMatrix::owned(self.read(name)?)),
        }
    }
}

/// What a checkpoint in a Hugging Face cache (`models--ORG--NAME/snapshots/COMMIT`) is called: as the repository is, since
/// a commit is no name and changes with every word in a model card.
fn repository_name(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let snapshots = folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"))?;
    let cached = snapshots.parent()?.file_name()?.to_string_lossy().into_owned();
    let name = presentable(cached.strip_prefix("models--")?.rsplit("--").next()?);
    (!name.is_empty()).then_some(name)
}

/// What a checkpoint in any other folder is called: as the folder is.
fn folder_name(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let name = folder.file_name().map(|name| presentable(&name.to_string_lossy())).unwrap_or_default();
    if name.is_empty() { "model".to_owned() } else { name }
}

/// A name as a [`ClipConfig`] may have it.
fn presentable(name: &str) -> String {
    let mut kept = String::new();
    for c in name.chars().filter(|c| !is_deceptive(*c)) {
        if kept.len() + c.len_utf8() > MAX_NAME_BYTES {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Says that weights are missing, and whether there are pickled ones instead.
fn pickled(folder: &Path, expected: &str) -> String {
    let is_pickle = |path: &Path| path.extension().is_some_and(|e| e == "bin" || e == "pt" || e == "pth");
    let found = std::fs::read_dir(folder)
        .ok()
        .and_then(|mut entries| entries.find_map(|entry| entry.ok().map(|e| e.path()).filter(|path| is_pickle(path))));
    match found {
        Some(path) => format!(
            "it has no `{expected}`, only the pickled `{}`, which can run code and is never loaded; convert it to \
             safetensors",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        None => format!("it has a configuration but no `{expected}`"),
    }
}

/// A tokenizer's file and where it is from.
type TokenizerFile = (String, Cow<'static, [u8]>);

/// Finds the tokenizer's file, and lets it say what the configuration leaves open.
fn with_tokenizer(folder: &Path, config: ClipConfig) -> Result<(ClipConfig, TokenizerFile), ModelError> {
    let file = find_tokenizer(folder, &config)?;
    if !config.tokenizer.kind.fills_context() {
        return Ok((config, file));
    }
    let tokenizer = siglip::complete(&config.tokenizer, &file.1, tokenizer_settings::pad_token(folder)?.as_deref())
        .map_err(|reason| ModelError::Tokenizer { origin: file.0.clone(), reason })?;
    Ok((ClipConfig { tokenizer, ..config }, file))
}

/// The folder's own tokenizer, or OpenAI's where the vocabulary has its size.
fn find_tokenizer(folder: &Path, config: &ClipConfig) -> Result<TokenizerFile, ModelError> {
    let sentencepiece = config.tokenizer.kind.fills_context();
    let names: &[&str] = if sentencepiece {
        &["tokenizer.json"]
    } else {
        &["tokenizer.json", "merges.txt", "bpe_simple_vocab_16e6.txt.gz"]
    };
    for name in names {
        let path = folder.join(name);
        if files::is_there(&path)? {
            let bytes = files::read(&path, MAX_TOKENIZER_BYTES)?;
            return Ok((path.display().to_string(), Cow::Owned(bytes)));
        }
    }
    if sentencepiece {
        return Err(ModelError::Tokenizer {
            origin: folder.display().to_string(),
            reason: "there is no tokenizer.json, in which a SigLIP checkpoint keeps its vocabulary".into(),
        });
    }
    const OPENAI_VOCABULARY: usize = 49408;
    if config.text.vocab_size() == OPENAI_VOCABULARY {
        return Ok(("the built-in CLIP vocabulary".into(), Cow::Borrowed(CLIP_VOCABULARY)));
    }
    Err(ModelError::Tokenizer {
        origin: folder.display().to_string(),
        reason: format!(
            "there is no tokenizer.json or merges.txt, and the text tower's vocabulary of {} is not OpenAI's of \
             {OPENAI_VOCABULARY}",
            config.text.vocab_size()
        ),
    })
}

/// Lets the tokenizer that an `open_clip_config.json` names say what fills texts up, where the text tower sees that.
fn filled_up(folder: &Path, json: &str, mut config: ClipConfig, vocabulary: &[u8]) -> Result<ClipConfig, ModelError> {
    // The end token is the last one of CLIP's vocabularies.
    let end = u32::try_from(config.text.vocab_size().saturating_sub(1)).unwrap_or(u32::MAX);
    let Some(pad_id) = config.text.pad_id_mut() else { return Ok(config) };
    *pad_id = open_clip::pad_id(json, tokenizer_settings::pad_token(folder)?.as_deref(), vocabulary, end)
        .map_err(|reason| ModelError::Tokenizer { origin: folder.display().to_string(), reason })?;
    config.tokenizer.pad_id = *pad_id;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_checkpoints_and_caches_name_repositories() {
        let root = tempfile::tempdir().unwrap();
        let folder = |path: &str| {
            let folder = root.path().join(path);
            std::fs::create_dir_all(&folder).unwrap();
            repository_name(&folder).unwrap_or_else(|| folder_name(&folder))
        };
        assert_eq!(folder("tiny"), "tiny");
        assert_eq!(folder("tiny/snapshots/abc"), "abc");
        assert_eq!(folder("models--timm--ViT-B-16-SigLIP/snapshots/0123"), "ViT-B-16-SigLIP");
        assert_eq!(folder(&"ä".repeat(90)), "ä".repeat(50));
        if cfg!(unix) {
            assert_eq!(folder("a\u{1b}[31m\u{202e}b"), "a[31mb");
            assert_eq!(folder("\u{7}"), "model");
        }
    }
}
