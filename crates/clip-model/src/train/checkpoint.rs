//! Checkpoints: the state of a run at the end of an epoch, complete enough to go on to the same losses.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param, ParamId, list_param_ids};
use burn::optim::ModuleOptimizer;
use burn::tensor::{Bytes, Tensor};
use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::clip::Clip;
use crate::weights::Native;
use crate::weights::module::{apply, collect};
use crate::weights::safetensors::{self, Contents, SafetensorsFile};

/// Where in the recipe a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Hash of all that the run depends on.
    pub key: String,
    /// Index of the stage.
    pub stage: usize,
    /// Epochs of it that are done.
    pub epoch: usize,
    /// Steps the average has taken up.
    pub averaged_steps: u64,
    /// Best dev recall of the stage and the epoch it was reached in, if one was.
    pub best: Option<(f64, usize)>,
    /// Ids of the parameters in visiting order: the optimizer's state is kept by them.
    pub ids: Vec<u64>,
}

/// The weights that a checkpoint holds: as they are, averaged, and the stage's best.
#[derive(Debug)]
pub struct Weights {
    /// As the optimizer left them.
    pub current: Clip,
    /// Averaged.
    pub average: Clip,
    /// The stage's best average.
    pub best: Clip,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> TrainError + '_ {
    move |source| TrainError::Io { path: path.to_owned(), source }
}

fn folder(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// Writes a checkpoint beside the old one and puts it in its place.
pub fn save(out: &Path, position: &Position, weights: &Weights, optimizer: &ModuleOptimizer) -> Result<(), TrainError> {
    let new = out.join("checkpoint-new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(io(&new))?;
    }
    fs::create_dir_all(&new).map_err(io(&new))?;
    for (name, model) in [("current", &weights.current), ("average", &weights.average), ("best", &weights.best)] {
        write_tensors(&new.join(name).with_extension("safetensors"), model)?;
    }
    let bytes = optimizer.into_bytes().map_err(|error| TrainError::Checkpoint {
        path: new.clone(),
        reason: format!("the optimizer's state cannot be written: {error:?}"),
    })?;
    let optimizer_path = new.join("optimizer");
    fs::write(&optimizer_path, &bytes[..]).map_err(io(&optimizer_path))?;
    let state = new.join("position.json");
    let json = serde_json::to_vec_pretty(position).unwrap_or_default();
    fs::write(&state, json).map_err(io(&state))?;
    let place = folder(out);
    if place.exists() {
        fs::remove_dir_all(&place).map_err(io(&place))?;
    }
    fs::rename(&new, &place).map_err(io(&place))
}

/// Reads the last checkpoint's position, if there is one.
pub fn position(out: &Path, key: &str) -> Result<Position, TrainError> {
    // A run that was killed between the two steps of `save` leaves a complete new folder.
    let (place, new) = (folder(out), out.join("checkpoint-new"));
    if !place.exists() && new.join("position.json").exists() {
        fs::rename(&new, &place).map_err(io(&new))?;
    }
    let fail = |reason: String| TrainError::Checkpoint { path: place.clone(), reason };
    let text = fs::read_to_string(place.join("position.json")).map_err(|error| fail(error.to_string()))?;
    let position: Position = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    if position.key != key {
        return Err(fail("it was made from another recipe, configuration or starting weights".into()));
    }
    Ok(position)
}

/// Reads the checkpoint's weights into copies of `plain`, with the parameter ids they had.
pub fn load(out: &Path, position: &Position, plain: &Clip) -> Result<Weights, TrainError> {
    let place = folder(out);
    if list_param_ids(plain).len() != position.ids.len() {
        return Err(TrainError::Checkpoint {
            path: place,
            reason: "it has another number of tensors than the model".into(),
        });
    }
    let read = |name: &str| -> Result<Clip, TrainError> {
        let file = SafetensorsFile::open(&place.join(name).with_extension("safetensors"))?;
        let model = apply(plain.clone(), &file, &Native { prefix: "" })?;
        Ok(model.map(&mut WithIds { ids: position.ids.iter() }))
    };
    Ok(Weights { current: read("current")?, average: read("average")?, best: read("best")? })
}

/// Puts the checkpoint's optimizer state into `optimizer`, which was made for the loaded weights.
pub fn load_optimizer(out: &Path, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer, TrainError> {
    let path = folder(out).join("optimizer");
    let bytes = fs::read(&path).map_err(io(&path))?;
    optimizer.from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|error| TrainError::Checkpoint {
        path,
        reason: format!("the optimizer's state cannot be read: {error:?}"),
    })
}

/// The parameters' ids in visiting order.
pub fn ids<M: Module>(module: &M) -> Vec<u64> {
    list_param_ids(module).iter().map(|id| id.val()).collect()
}

struct WithIds<'a> {
    ids: std::slice::Iter<'a, u64>,
}

impl ModuleMapper for WithIds<'_> {
    fn map_float<const D: usize>(&mut self, mut param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if let Some(&id) = self.ids.next() {
            param.id = ParamId::from(id);
        }
        param
    }
}

fn write_tensors(path: &Path, model: &Clip) -> Result<(), TrainError> {
    let tensors = collect(&model.valid())?;
    safetensors::write(path, &Contents { tensors: &tensors, ..Contents::default() })?;
    Ok(())
}
