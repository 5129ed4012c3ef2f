//! The saved state of a run at the end of an epoch, complete enough to go on to the same losses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param, ParamId, list_param_ids};
use burn::optim::ModuleOptimizer;
use burn::tensor::{Bytes, Tensor};
use clip_files::{atomic, directory, private, regular, system_error};
use clip_model::ModelError;
use clip_model::clip::Clip;
use clip_model::weights::Native;
use clip_model::weights::module::{apply, collect};
use clip_model::weights::safetensors::{self, Contents, SafetensorsFile};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::recipe::Stage;
use crate::run::{Record, Run};

/// Where in the recipe a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Hash of everything that the run depends on.
    pub key: String,
    /// What the hash is of; earlier versions did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Record>,
    /// Index of the stage.
    pub stage: usize,
    /// Finished epochs of the stage.
    pub epoch: usize,
    /// Steps in the average.
    pub averaged_steps: u64,
    /// Best dev recall of the stage and the epoch in which it was reached, once there is one.
    pub best: Option<(f64, usize)>,
    /// Ids of the parameters in visiting order: the optimizer's state is kept by them.
    pub ids: Vec<u64>,
}

/// The weights of a training state: as they are, averaged, and the stage's best.
#[derive(Debug)]
pub struct Weights {
    /// As the optimizer left them.
    pub current: Clip,
    /// Averaged.
    pub average: Clip,
    /// The stage's best average.
    pub best: Clip,
}

/// The name of the finished model in a run's folder.
pub const MODEL: &str = "model.safetensors";

fn folder(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// Writes the state beside the old one and puts it in its place.
pub fn save(out: &Path, position: &Position, weights: &Weights, optimizer: &ModuleOptimizer) -> Result<(), TrainError> {
    let new = out.join("checkpoint-new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(TrainError::writing(&new))?;
    }
    private::create_dir(&new).map_err(TrainError::writing(&new))?;
    for (name, model) in [("current", &weights.current), ("average", &weights.average), ("best", &weights.best)] {
        write_tensors(&new.join(name).with_extension("safetensors"), model)?;
    }
    let bytes = optimizer.into_bytes().map_err(|error| TrainError::State {
        path: new.clone(),
        reason: format!("the optimizer's state cannot be written: {error:?}"),
    })?;
    let optimizer_path = new.join("optimizer");
    atomic::write_bytes(&optimizer_path, &bytes[..]).map_err(TrainError::writing(&optimizer_path))?;
    let state = new.join("position.json");
    let json = serde_json::to_vec_pretty(position).unwrap_or_default();
    atomic::write_bytes(&state, &json).map_err(TrainError::writing(&state))?;
    let place = folder(out);
    if place.exists() {
        fs::remove_dir_all(&place).map_err(TrainError::writing(&place))?;
    }
    fs::rename(&new, &place).map_err(TrainError::writing(&place))?;
    directory::sync_dir(out).map_err(TrainError::writing(out))
}

/// Whether a run has saved a state in `out`.
pub fn exists(out: &Path) -> bool {
    folder(out).exists() || out.join("checkpoint-new").join("position.json").exists()
}

/// Drops what runs have saved in `out`.
pub fn remove(out: &Path) -> Result<(), TrainError> {
    for place in [folder(out), out.join("checkpoint-new")] {
        if place.exists() {
            fs::remove_dir_all(&place).map_err(TrainError::writing(&place))?;
        }
    }
    Ok(())
}

/// How far the run in `out` got, in words.
pub fn progress(out: &Path, stages: &[Stage]) -> String {
    // An earlier run's model stays until the next is written.
    let written = |path: PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if let (Some(model), Some(state)) = (written(out.join(MODEL)), written(folder(out).join("position.json")))
        && model >= state
    {
        return "finished".to_owned();
    }
    match read(out) {
        Ok(position) => {
            let stage = stages.get(position.stage).map_or_else(
                || format!("stage {}", position.stage.saturating_add(1)),
                |stage| format!("stage {:?}", stage.name),
            );
            format!("{stage}, epoch {}", position.epoch)
        }
        Err(_) => "whose state cannot be read".to_owned(),
    }
}

/// A position of more bytes is none of ours: it has a few dozen for each tensor.
const MAX_POSITION_BYTES: u64 = 64 << 20;

fn read(out: &Path) -> Result<Position, TrainError> {
    // A run that was killed between the two steps of `save` leaves a complete new folder.
    let (place, new) = (folder(out), out.join("checkpoint-new"));
    if !place.exists() && new.join("position.json").exists() {
        fs::rename(&new, &place).map_err(TrainError::writing(&new))?;
    }
    let path = place.join("position.json");
    let text = regular::read_to_string(&path, MAX_POSITION_BYTES).map_err(|error| unread(&path, error))?;
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let found = if error.is_data() { "something else" } else { "what is not valid JSON" };
        let reason = format!("expected the position of a training run, found {found} (line {line}, column {column})");
        TrainError::Damaged { path, reason }
    })
}

/// What it means that a file of the state cannot be read: the file is at fault, or the system for the moment.
fn unread(path: &Path, error: io::Error) -> TrainError {
    let damage = matches!(
        error.kind(),
        io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::IsADirectory
    );
    if damage || system_error::says_missing(&error) {
        let reason = system_error::describe(&error);
        return TrainError::Damaged { path: path.to_owned(), reason };
    }
    TrainError::reading(path)(error)
}

/// Reads the position of the last saved state.
///
/// # Errors
/// [`TrainError::State`] if there is none, or it belongs to another `run`, or to a stage beyond the recipe's `stages`.
pub fn position(out: &Path, run: &Run, stages: usize) -> Result<Position, TrainError> {
    let position = read(out)?;
    let fail = |reason: String| TrainError::State { path: folder(out), reason };
    if !run.is(&position.key) {
        let changes = position.run.as_ref().map(|then| run.changes_since(then)).unwrap_or_default();
        return Err(fail(match changes.as_slice() {
            [] => "it belongs to a different recipe, configuration or initial weights".to_owned(),
            changes => format!("it belongs to a different recipe ({})", changes.join("; ")),
        }));
    }
    if position.stage >= stages {
        return Err(fail(format!("it is in stage {}, but the recipe has {stages}", position.stage.saturating_add(1))));
    }
    Ok(position)
}

/// Reads the state's weights into copies of `plain`, with the parameter ids they had.
pub fn load(out: &Path, position: &Position, plain: &Clip) -> Result<Weights, TrainError> {
    let place = folder(out);
    if list_param_ids(plain).len() != position.ids.len() {
        let path = place.join("position.json");
        return Err(TrainError::Damaged { path, reason: "its number of tensors does not match the model".into() });
    }
    let read = |name: &str| -> Result<Clip, TrainError> {
        let path = place.join(name).with_extension("safetensors");
        // What the model's error advises is for models that people download. One that the system cannot read is not damaged.
        regular::open(&path).map_err(|error| unread(&path, error))?;
        let damaged = |error: ModelError| TrainError::Damaged { path: path.clone(), reason: error.to_string() };
        let file = SafetensorsFile::open(&path).map_err(damaged)?;
        let model = apply(plain.clone(), &file, &Native { prefix: "" }).map_err(damaged)?;
        Ok(model.map(&mut WithIds { ids: position.ids.iter() }))
    };
    Ok(Weights { current: read("current")?, average: read("average")?, best: read("best")? })
}

/// Puts the saved optimizer state into `optimizer`, which was made for the loaded weights.
pub fn load_optimizer(out: &Path, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer, TrainError> {
    let path = folder(out).join("optimizer");
    // It is about as large as the weights, whatever these are.
    let bytes = regular::read(&path, u64::MAX).map_err(|error| unread(&path, error))?;
    optimizer.from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|_| TrainError::Damaged {
        path,
        reason: "expected the optimizer's state, found something else or that of another version".into(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    #[test]
    fn a_position_that_is_not_of_this_run_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = Recipe::parse(include_str!("../../../recipes/pocket/pocket.toml"), Path::new("a.toml")).unwrap();
        let run = Run::new(&recipe, &recipe, b"", b"", None);
        let write = |key: &str, stage: usize| {
            let position = Position {
                key: key.to_owned(),
                run: None,
                stage,
                epoch: 3,
                averaged_steps: 7,
                best: Some((0.5, 2)),
                ids: vec![1],
            };
            fs::create_dir_all(folder(dir.path())).unwrap();
            fs::write(folder(dir.path()).join("position.json"), serde_json::to_vec(&position).unwrap()).unwrap();
        };
        let refused = |reason: &str| {
            let error = position(dir.path(), &run, 2).unwrap_err();
            assert!(matches!(error, TrainError::State { .. }) && error.to_string().contains(reason), "{error}");
        };
        assert!(!exists(dir.path()));
        let damaged = |reason: &str| {
            let error = position(dir.path(), &run, 2).unwrap_err();
            assert!(matches!(&error, TrainError::Damaged { path, .. } if path.ends_with("position.json")), "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        };
        damaged("no such file");
        write(&run.key, 1);
        assert!(exists(dir.path()));
        assert_eq!(position(dir.path(), &run, 2).unwrap().stage, 1);
        assert_eq!(progress(dir.path(), &recipe.stages), "stage \"tails\", epoch 3");
        // All stages would be passed over, and the starting weights written as the result.
        write(&run.key, 2);
        refused("it is in stage 3, but the recipe has 2");
        write(&run.key, usize::MAX);
        refused("but the recipe has 2");
        write("b", 1);
        refused("a different recipe");
        fs::write(folder(dir.path()).join("position.json"), "{").unwrap();
        damaged("not valid JSON (line 1, column 1)");
        fs::write(folder(dir.path()).join("position.json"), "[]").unwrap();
        damaged("found something else (line 1, column");
        fs::write(folder(dir.path()).join("position.json"), b"\xff").unwrap();
        damaged("expected UTF-8 text");
        remove(dir.path()).unwrap();
        assert!(!exists(dir.path()));
    }
}
