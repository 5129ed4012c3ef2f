//! From arguments to what the commands work with: every default and every platform rule is settled here, once.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clip_hub::Hub;
use clip_search::{
    DeviceChoice, IndexError, IndexReader, Library, LibraryBuilder, LoadOptions, Model, ModelSource, Models, Precision,
    TextCache, Towers,
};

use crate::args::{self, DeviceArg, DeviceArgs, ModelArgs, PrecisionArg};
use crate::escape::escaped;
use crate::hub_settings::hub_settings;

/// Where the index is: the folder that was asked for, by an option or a setting, else the default.
pub(crate) fn index_folder(asked: Option<PathBuf>) -> Result<PathBuf> {
    match asked {
        Some(folder) if folder.as_os_str().is_empty() => bail!("--index is empty; give a folder, or omit the option"),
        Some(folder) => std::path::absolute(&folder).with_context(|| format!("cannot resolve {}", escaped(&folder))),
        None => default_index_folder().context(
            "cannot determine the user's data folder (is HOME set?); give the index folder with --index DIR or \
             CLIP_SEARCH_INDEX",
        ),
    }
}

/// The index of a user who names none; `None` if the user's data folder is not known.
pub(crate) fn default_index_folder() -> Option<PathBuf> {
    Some(data_folder()?.join("index"))
}

/// The folder for what belongs to the user and to no single index.
pub(crate) fn data_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "clip-search").map(|folders| folders.data_local_dir().to_owned())
}

/// The folder for what can be made again.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "clip-search").map(|folders| folders.cache_dir().to_owned())
}

/// The embeddings of recent queries: in the platform's cache folder, or in memory where there is none or the user does
/// without.
pub(crate) fn query_cache(wanted: bool) -> TextCache {
    match cache_folder() {
        Some(folder) if wanted => TextCache::open(folder.join("query-embeddings")),
        _ => TextCache::in_memory(),
    }
}

/// Where published checkpoints are kept and come from: the settings that all programs around the Hugging Face hub share.
pub(crate) fn hub(offline: bool) -> Result<Hub> {
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    Ok(Hub::new(hub_settings(&|name| std::env::var_os(name), home.as_deref(), offline)?))
}

/// Where models are found by name. Commands that need a model never fetch it by themselves: what takes minutes and
/// gigabytes is for the user to start.
pub(crate) fn models() -> Models {
    hub(true).map_or_else(|_| Models::local(), Models::with_hub)
}

/// The library of an index, with the model that was asked for, else the one that the index was made with, else that of the
/// settings.
pub(crate) fn library(index: &Path, args: &ModelArgs) -> Result<LibraryBuilder> {
    let models = models();
    let mut library = Library::builder(index).device(device_choice(&args.device));
    let has_settings = args.usual_model.is_some() || args.usual_precision.is_some();
    let is_new = has_settings && matches!(IndexReader::open(index), Err(IndexError::NotFound { .. }));
    if let Some(model) = args.model.as_ref().or(args.usual_model.as_ref().filter(|_| is_new)) {
        library = library.model(models.find(model)?);
    }
    if let Some(precision) = args.precision.or(args.usual_precision.filter(|_| is_new)) {
        library = library.precision(precision_of(precision));
    }
    Ok(library.models(models))
}

/// A model that was asked for, not loaded yet, for commands that need no index.
#[derive(Debug, Clone)]
pub(crate) struct ModelSettings {
    source: ModelSource,
    device: DeviceChoice,
    /// `None` leaves it to the model.
    precision: Option<Precision>,
}

impl ModelSettings {
    /// Where the model is.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// Fails if the name is neither a built-in model nor something on the disk.
    pub fn resolve(args: &ModelArgs) -> Result<Self> {
        let source = match args.model.as_ref().or(args.usual_model.as_ref()) {
            Some(model) => models().find(model)?,
            None => ModelSource::Default,
        };
        Ok(Self {
            source,
            device: device_choice(&args.device),
            precision: args.precision.or(args.usual_precision).map(precision_of),
        })
    }

    /// Loads the towers that a command needs; for words alone half of the weights stay on the disk.
    pub fn load(&self, towers: Towers) -> Result<Model> {
        let options = LoadOptions { device: self.device, towers, precision: self.precision };
        Ok(Model::load(&self.source, &options)?)
    }
}

fn precision_of(precision: PrecisionArg) -> Precision {
    match precision {
        PrecisionArg::F32 => Precision::F32,
        PrecisionArg::F16 => Precision::F16,
        PrecisionArg::Int8 => Precision::Int8,
    }
}

pub(crate) fn device_choice(args: &DeviceArgs) -> DeviceChoice {
    match args.device.unwrap_or(DeviceArg::Auto) {
        DeviceArg::Auto => DeviceChoice::Auto,
        DeviceArg::Cpu => DeviceChoice::Cpu,
        DeviceArg::Gpu => DeviceChoice::Gpu,
    }
}

/// Looks at the variables by which rayon, which shares work among threads, decides how many to start. It takes any number, and
/// what is no number counts as unset.
///
/// # Errors
/// More threads than `--threads` may ask for.
pub(crate) fn check_thread_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<()> {
    for name in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
        let text = variable(name).and_then(|value| value.into_string().ok()).unwrap_or_default();
        if text.parse::<usize>().is_ok_and(|threads| threads > 0)
            && let Err(expected) = args::threads(&text)
        {
            bail!("the variable {name} is wrong: {expected}, found `{text}`");
        }
    }
    Ok(())
}

/// Starts the threads that the encoder shares its work among; once, before any work.
pub(crate) fn start_threads(threads: NonZeroUsize) -> Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global().context("cannot start the threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_folder_is_absolute_and_never_empty() {
        assert!(index_folder(Some(PathBuf::from("here"))).unwrap().is_absolute());
        assert!(index_folder(Some(PathBuf::new())).is_err());
    }
}
