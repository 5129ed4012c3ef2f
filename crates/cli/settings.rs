//! From arguments to what the commands work with: every default and every platform rule is settled here, once.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clip_search::{DeviceChoice, LoadOptions, Model, ModelSource, Towers};

use crate::args::{DeviceArg, DeviceArgs, ModelArgs};

/// Where the index lies: what was asked for, else a folder of the platform's data folder.
pub(crate) fn index_folder(asked: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(folder) = asked {
        if folder.as_os_str().is_empty() {
            bail!("the index folder is empty text; name a folder with --index DIR or unset CLIP_SEARCH_INDEX");
        }
        return std::path::absolute(&folder).with_context(|| format!("cannot resolve {}", folder.display()));
    }
    let folders = directories::ProjectDirs::from("", "", "clip-search").context(
        "no data folder is known for this user (is HOME set?); say where the index lies with --index DIR or \
         CLIP_SEARCH_INDEX",
    )?;
    Ok(folders.data_local_dir().join("index"))
}

/// A model that was asked for, not loaded yet.
#[derive(Debug, Clone)]
pub(crate) struct ModelSettings {
    source: ModelSource,
    device: DeviceChoice,
}

impl ModelSettings {
    /// Fails if the name is neither a built-in model nor something on the disk.
    pub fn resolve(args: &ModelArgs) -> Result<Self> {
        Ok(Self { source: model_source(&args.model)?, device: device_choice(&args.device) })
    }

    /// Loads the towers that a command needs; for words alone half of the weights stay on the disk.
    pub fn load(&self, towers: Towers) -> Result<Model> {
        let options = LoadOptions::new().device(self.device).towers(towers);
        Ok(Model::load(&self.source, &options)?)
    }
}

/// The name of the built-in model; a folder of that name is reached as `./pocket`.
const POCKET: &str = "pocket";

fn model_source(model: &Path) -> Result<ModelSource> {
    if model.as_os_str() == POCKET {
        return Ok(ModelSource::Default);
    }
    match std::fs::metadata(model) {
        Ok(metadata) if metadata.is_dir() => Ok(ModelSource::Folder(model.to_owned())),
        Ok(_) => Ok(ModelSource::File(model.to_owned())),
        Err(error) => bail!(
            "unknown model {}: expected `{POCKET}`, a checkpoint folder or a model file (.safetensors), found nothing \
             that can be opened under that name ({error}); correct --model or leave it out",
            crate::output::escaped(model)
        ),
    }
}

pub(crate) fn device_choice(args: &DeviceArgs) -> DeviceChoice {
    match args.device {
        DeviceArg::Auto => DeviceChoice::Auto,
        DeviceArg::Cpu => DeviceChoice::Cpu,
        DeviceArg::Gpu => DeviceChoice::Gpu,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_by_name_folder_and_file() {
        assert!(matches!(model_source(Path::new("pocket")).unwrap(), ModelSource::Default));
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(model_source(folder.path()).unwrap(), ModelSource::Folder(path) if path == folder.path()));
        let file = folder.path().join("m.safetensors");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(model_source(&file).unwrap(), ModelSource::File(path) if path == file));
        let error = model_source(Path::new("no-such-model")).unwrap_err().to_string();
        assert!(error.contains("no-such-model") && error.contains("correct --model"), "{error}");
    }

    #[test]
    fn index_folder_is_absolute_and_never_empty() {
        assert!(index_folder(Some(PathBuf::from("here"))).unwrap().is_absolute());
        assert!(index_folder(Some(PathBuf::new())).is_err());
    }
}
