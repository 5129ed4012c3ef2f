//! From arguments to what the commands work with: every default and every platform rule is settled here, once.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clip_hub::{Catalogue, Checkpoint, Entry, Hub, Repository};
use clip_search::{DeviceChoice, Fingerprint, LoadOptions, Model, ModelId, ModelSource, Precision, Towers};

use crate::args::{DeviceArg, DeviceArgs, ModelArgs, PrecisionArg};
use crate::hub_settings::hub_settings;
use crate::output::escaped;

/// Where the index lies: what was asked for, else a folder of the platform's data folder.
pub(crate) fn index_folder(asked: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(folder) = asked {
        if folder.as_os_str().is_empty() {
            bail!("the index folder is empty text; name a folder with --index DIR or unset CLIP_SEARCH_INDEX");
        }
        return std::path::absolute(&folder).with_context(|| format!("cannot resolve {}", folder.display()));
    }
    let folder = data_folder().context(
        "no data folder is known for this user (is HOME set?); say where the index lies with --index DIR or \
         CLIP_SEARCH_INDEX",
    )?;
    Ok(folder.join("index"))
}

/// The folder for what belongs to the user and to no single index.
pub(crate) fn data_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "clip-search").map(|folders| folders.data_local_dir().to_owned())
}

/// Where the embeddings of recent queries are kept; `None` if the platform has no place for it.
pub(crate) fn query_cache() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "clip-search").map(|folders| folders.cache_dir().join("query-embeddings"))
}

/// Where published checkpoints are kept and come from: the settings that all programs around the Hugging Face hub share.
pub(crate) fn hub(offline: bool) -> Result<Hub> {
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    Ok(Hub::new(hub_settings(&|name| std::env::var_os(name), home.as_deref(), offline)?))
}

/// A published model that was asked for by name.
#[derive(Debug)]
pub(crate) enum Published {
    /// Part of the program.
    BuiltIn(Entry),
    /// On the hub, and in the catalogue if there is an entry.
    OnHub(Checkpoint, Option<Entry>),
}

/// Finds a published model by its name in the catalogue or its repository.
pub(crate) fn published(name: &str) -> Result<Published> {
    let catalogue = Catalogue::built_in()?;
    if let Some(entry) = catalogue.find(name).or_else(|| catalogue.find_repository(name)) {
        return Ok(match Checkpoint::of_entry(entry)? {
            Some(checkpoint) => Published::OnHub(checkpoint, Some(entry.clone())),
            None => Published::BuiltIn(entry.clone()),
        });
    }
    if name.contains('/') {
        return Ok(Published::OnHub(Checkpoint::of_repository(Repository::parse(name)?), None));
    }
    bail!(
        "unknown model {}: expected a name from `clip-search model list` or a repository on the hub (ORG/NAME){}",
        escaped(Path::new(name)),
        did_you_mean(&catalogue, name)
    )
}

fn did_you_mean(catalogue: &Catalogue, name: &str) -> String {
    catalogue.nearest(name).map(|entry| format!("; did you mean `{}`?", entry.name)).unwrap_or_default()
}

/// A model that was asked for, not loaded yet.
#[derive(Debug, Clone)]
pub(crate) struct ModelSettings {
    source: ModelSource,
    device: DeviceChoice,
    /// `None` leaves it to the model.
    precision: Option<Precision>,
}

impl ModelSettings {
    /// Fails if the name is neither a built-in model nor something on the disk.
    pub fn resolve(args: &ModelArgs) -> Result<Self> {
        let source = match &args.model {
            Some(model) => model_source(model, &hub(true))?,
            None => ModelSource::Default,
        };
        Ok(Self { source, device: device_choice(&args.device), precision: precision(args) })
    }

    /// The same, but where no model is named it is the one that the index was made with, as far as the index tells; and
    /// that model keeps the precision that it has there.
    pub fn resolve_for_index(args: &ModelArgs, indexed: &ModelId) -> Result<Self> {
        let mut settings = match &args.model {
            Some(_) => Self::resolve(args)?,
            None => Self { source: indexed_source(&indexed.name, &hub(true))?, ..Self::resolve(args)? },
        };
        if precision(args).is_none() && Model::name_of(&settings.source)? == indexed.name {
            settings.precision = Some(Fingerprint::precision_of(&indexed.fingerprint));
        }
        Ok(settings)
    }

    /// Whether it is the model that is part of the program.
    pub fn is_built_in(&self) -> bool {
        self.source == ModelSource::Default
    }

    /// Whether what the model says to a text may be taken from elsewhere: it is by its name and precision the one that
    /// the index was made with, and nobody insisted on a device.
    pub fn may_be_cached(&self, indexed: &ModelId) -> bool {
        self.device != DeviceChoice::Gpu
            && self.precision == Some(Fingerprint::precision_of(&indexed.fingerprint))
            && Model::name_of(&self.source).is_ok_and(|name| name == indexed.name)
    }

    /// Loads the towers that a command needs; for words alone half of the weights stay on the disk.
    pub fn load(&self, towers: Towers) -> Result<Model> {
        let options = LoadOptions { device: self.device, towers, precision: self.precision };
        Ok(Model::load(&self.source, &options)?)
    }
}

/// The name of the built-in model; a folder of that name is reached as `./pocket`.
const POCKET: &str = "pocket";

/// Finds a model on this disk. Names of the catalogue come first, then what lies there, then repositories.
fn model_source(model: &Path, hub: &Result<Hub>) -> Result<ModelSource> {
    if model.as_os_str() == POCKET {
        return Ok(ModelSource::Default);
    }
    let catalogue = Catalogue::built_in()?;
    let name = model.to_str().unwrap_or_default();
    if catalogue.find(name).is_some() {
        return cached(name, hub);
    }
    match std::fs::metadata(model) {
        Ok(metadata) if metadata.is_dir() => Ok(ModelSource::Folder(model.to_owned())),
        Ok(_) => Ok(ModelSource::File(model.to_owned())),
        Err(_) if Repository::parse(name).is_ok() => {
            cached(name, hub).with_context(|| format!("there is no folder {name}, and it cannot be used from the hub"))
        }
        Err(error) => bail!(
            "unknown model {}: expected `{POCKET}`, a name from `clip-search model list`, a repository on the hub \
             (ORG/NAME), a checkpoint folder or a model file (.safetensors), found nothing that can be opened under \
             that name ({error}); correct --model or leave it out{}",
            escaped(model),
            did_you_mean(&catalogue, name)
        ),
    }
}

/// The folder of a published model that was fetched before. Commands that need a model never fetch it by themselves:
/// what takes minutes and gigabytes is for the user to begin.
fn cached(name: &str, hub: &Result<Hub>) -> Result<ModelSource> {
    match published(name)? {
        Published::BuiltIn(_) => Ok(ModelSource::Default),
        Published::OnHub(checkpoint, _) => {
            let hub = hub.as_ref().map_err(|error| anyhow!("{error:#}"))?;
            Ok(ModelSource::Folder(hub.locate(&checkpoint)?.folder))
        }
    }
}

/// The model of an index, which remembers the name of its repository without the organisation: that of the catalogue, or
/// the only one of that name in the cache. Any other model is left to the comparison of fingerprints, whose error tells
/// what the index was made with.
fn indexed_source(name: &str, hub: &Result<Hub>) -> Result<ModelSource> {
    let catalogue = Catalogue::built_in()?;
    let is_its = |repository: &str| repository.rsplit('/').next() == Some(name);
    if let Some(entry) = catalogue.entries().iter().find(|entry| entry.repository.as_deref().is_some_and(is_its)) {
        return cached(&entry.name, hub).with_context(|| format!("the index was made with the model {}", entry.name));
    }
    let cache = hub.as_ref().map(|hub| hub.cache().repositories()).unwrap_or_default();
    let mut named = cache.iter().filter(|repository| repository.model() == name);
    match (named.next(), named.next()) {
        (Some(repository), None) => {
            cached(repository.as_str(), hub).with_context(|| format!("the index was made with the model {repository}"))
        }
        _ => Ok(ModelSource::Default),
    }
}

fn precision(args: &ModelArgs) -> Option<Precision> {
    args.precision.map(|precision| match precision {
        PrecisionArg::F32 => Precision::F32,
        PrecisionArg::F16 => Precision::F16,
        PrecisionArg::Int8 => Precision::Int8,
    })
}

pub(crate) fn device_choice(args: &DeviceArgs) -> DeviceChoice {
    match args.device {
        DeviceArg::Auto => DeviceChoice::Auto,
        DeviceArg::Cpu => DeviceChoice::Cpu,
        DeviceArg::Gpu => DeviceChoice::Gpu,
    }
}

/// Starts the threads that the encoder shares its work among; once, before any work.
pub(crate) fn start_threads(threads: NonZeroUsize) -> Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global().context("cannot start the threads")
}

#[cfg(test)]
mod tests {
    use clip_hub::HubSettings;

    use super::*;

    fn empty_hub(cache: &Path) -> Result<Hub> {
        Ok(Hub::new(HubSettings::new(cache)))
    }

    #[test]
    fn models_by_name_folder_and_file() {
        let folder = tempfile::tempdir().unwrap();
        let hub = empty_hub(&folder.path().join("cache"));
        let model_source = |model: &Path| model_source(model, &hub);
        assert!(matches!(model_source(Path::new("pocket")).unwrap(), ModelSource::Default));
        assert!(matches!(model_source(folder.path()).unwrap(), ModelSource::Folder(path) if path == folder.path()));
        let file = folder.path().join("m.safetensors");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(model_source(&file).unwrap(), ModelSource::File(path) if path == file));
        let error = |name: &str| format!("{:#}", model_source(Path::new(name)).unwrap_err());
        assert!(error("no-such-model").contains("correct --model"), "{}", error("no-such-model"));
        assert!(error("clip-vit-b32").contains("did you mean `clip-vit-b-32`?"), "{}", error("clip-vit-b32"));
        for name in ["clip-vit-b-32", "no-such/model"] {
            let pull = format!("clip-search model pull {name}");
            assert!(error(name).contains(&pull), "{}", error(name));
        }
    }

    #[test]
    fn a_cached_model_is_found_by_all_its_names() {
        let cache = tempfile::tempdir().unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let repository = cache.path().join("models--timm--vit_base_patch32_clip_224.openai");
        let snapshot = repository.join("snapshots").join(commit);
        for folder in [&snapshot, &repository.join("refs")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(repository.join("refs/main"), commit).unwrap();
        for file in ["open_clip_config.json", "open_clip_model.safetensors"] {
            std::fs::write(snapshot.join(file), "").unwrap();
        }
        let hub = empty_hub(cache.path());
        let expected = ModelSource::Folder(snapshot);
        for name in ["clip-vit-b-32", "CLIP-ViT-B-32", "timm/vit_base_patch32_clip_224.openai"] {
            assert_eq!(model_source(Path::new(name), &hub).unwrap(), expected, "{name}");
        }
        assert_eq!(indexed_source("vit_base_patch32_clip_224.openai", &hub).unwrap(), expected);
        assert_eq!(indexed_source("mine", &hub).unwrap(), ModelSource::Default);
        let error = format!("{:#}", indexed_source("ViT-B-16-SigLIP", &hub).unwrap_err());
        assert!(error.contains("siglip-b-16") && error.contains("model pull"), "{error}");
    }

    #[test]
    fn index_folder_is_absolute_and_never_empty() {
        assert!(index_folder(Some(PathBuf::from("here"))).unwrap().is_absolute());
        assert!(index_folder(Some(PathBuf::new())).is_err());
    }
}
