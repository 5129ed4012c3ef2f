//! AdamW (Loshchilov & Hutter 2019) with a learning rate and weight decay for each group of tensors.

use burn::module::{Module, ModuleMapper, Param, ParamGroup, ParamId};
use burn::optim::{AdamW, AdamWConfig, LearningRate, ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use clip_model::weights::module::shapes;
use regex::Regex;

use crate::error::TrainError;
use crate::recipe::Stage;

/// A trained tensor.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Its name.
    pub name: String,
    /// Its peak learning rate.
    pub rate: f64,
    /// Whether weight decay applies: to matrices, not to biases, norms and scales.
    pub decays: bool,
}

/// The tensors that a stage trains, by the module's names. Running statistics are never among them, whatever the
/// expressions match: they are measured, and no gradient improves them.
///
/// # Errors
/// [`TrainError::NoTensors`] if an expression of the stage matches nothing.
pub fn trained<M: Module>(module: &M, stage: &Stage) -> Result<Vec<Trained>, TrainError> {
    let rates = Rates::of(stage)?;
    let shapes = shapes(module);
    for (group, (pattern, _)) in stage.train.iter().zip(&rates.patterns) {
        if !shapes.iter().any(|(name, _)| pattern.is_match(name)) {
            return Err(TrainError::NoTensors { stage: stage.name.clone(), expression: group.tensors.clone() });
        }
    }
    let trained = shapes.into_iter().filter_map(|(name, shape)| {
        let rate = rates.of_tensor(&name)?;
        Some(Trained { name, rate, decays: shape.len() > 1 })
    });
    Ok(trained.collect())
}

/// The rates at which tensors learn in a stage.
pub struct Rates {
    patterns: Vec<(Regex, f64)>,
}

impl Rates {
    /// Those of a stage.
    ///
    /// # Errors
    /// [`TrainError::Stage`] if an expression is none.
    pub fn of(stage: &Stage) -> Result<Self, TrainError> {
        let patterns = stage.train.iter().map(|group| group.pattern().map(|pattern| (pattern, group.rate)));
        let patterns = patterns.collect::<Result<Vec<_>, _>>();
        Ok(Self { patterns: patterns.map_err(|reason| TrainError::Stage { stage: stage.name.clone(), reason })? })
    }

    /// The rate of the tensor of this name; `None` if it is frozen.
    pub fn of_tensor(&self, name: &str) -> Option<f64> {
        if name.ends_with(".running_mean") || name.ends_with(".running_var") {
            return None;
        }
        self.patterns.iter().rev().find(|(pattern, _)| pattern.is_match(name)).map(|(_, rate)| *rate)
    }
}

/// Lets the given tensors learn, freezes all others, and makes the optimizer that knows their rates.
///
/// The optimizer is stepped with a factor on those rates in place of a learning rate.
pub fn prepare<M: Module>(module: M, trained: &[Trained], weight_decay: f64) -> (M, ModuleOptimizer) {
    let names: Vec<String> = shapes(&module).into_iter().map(|(name, _)| name).collect();
    let mut switch = Switch { names: names.iter(), trained, ids: vec![Vec::new(); trained.len()] };
    let module = module.map(&mut switch);
    let ids = switch.ids;
    // The first group has to match everything; frozen tensors have no gradient and never reach it.
    let mut optimizer = ModuleOptimizer::from(Rated::new(0.0, 0.0));
    let mut groups: Vec<(f64, bool, Vec<ParamId>)> = Vec::new();
    for (tensor, ids) in trained.iter().zip(ids) {
        match groups.iter_mut().find(|group| group.0 == tensor.rate && group.1 == tensor.decays) {
            Some(group) => group.2.extend(ids),
            None => groups.push((tensor.rate, tensor.decays, ids)),
        }
    }
    for (rate, decays, ids) in groups {
        let decay = if decays { weight_decay } else { 0.0 };
        optimizer = optimizer.with_group(ParamGroup::from_ids(ids), Rated::new(rate, decay), None);
    }
    (module, optimizer)
}

struct Switch<'a> {
    names: std::slice::Iter<'a, String>,
    trained: &'a [Trained],
    ids: Vec<Vec<ParamId>>,
}

impl ModuleMapper for Switch<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Modules are visited and mapped in the same order, so the names come in step.
        let name = self.names.next();
        let at = self.trained.iter().position(|tensor| Some(&tensor.name) == name);
        if let Some(at) = at {
            self.ids[at].push(param.id);
        }
        param.set_require_grad(at.is_some())
    }
}

/// AdamW at a multiple of the common rate.
#[derive(Clone)]
struct Rated {
    adamw: AdamW,
    rate: f64,
}

impl Rated {
    fn new(rate: f64, weight_decay: f64) -> Self {
        // CLIP's own betas and epsilon: a shorter memory of squared gradients rides out loss spikes.
        let adamw =
            AdamWConfig::new().with_beta_2(0.98).with_epsilon(1e-6).with_weight_decay(weight_decay as f32).build();
        Self { adamw, rate }
    }
}

/// AdamW's state, which is read from a file into the CPU's memory.
///
/// burn reads it onto its default device, the first GPU wherever GPUs are compiled in: training on the CPU would start a
/// graphics driver when it is resumed, and crash on a machine that has none. The optimizer moves the state to the
/// parameters' device at the next step.
#[derive(Clone)]
struct RatedState<const D: usize>(<AdamW as Optimizer>::State<D>);

impl<const D: usize> RecordState for RatedState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        self.0.state_flatten(prefix, out);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, _default: &Device) -> Option<Self> {
        RecordState::state_unflatten(prefix, source, &Device::flex()).map(Self)
    }
}

impl Optimizer for Rated {
    type State<const D: usize> = RatedState<D>;

    fn step<const D: usize>(
        &self,
        factor: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (tensor, state) = self.adamw.step(factor * self.rate, tensor, grad, state.map(|state| state.0));
        (tensor, state.map(RatedState))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        RatedState(AdamW::to_device(state.0, device))
    }
}

/// The factor on the rates at `epoch` (a fraction counts): linear warm-up, then half a cosine down to nothing.
pub fn schedule(epoch: f64, warm_up: f64, epochs: f64) -> f64 {
    if epoch < warm_up {
        return (epoch / warm_up).max(1e-3);
    }
    let progress = ((epoch - warm_up) / (epochs - warm_up).max(1e-9)).min(1.0);
    0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_peaks_and_ends_at_nothing() {
        assert!(schedule(0.0, 1.0, 10.0) < 0.01);
        assert!((schedule(0.5, 1.0, 10.0) - 0.5).abs() < 1e-9);
        assert!((schedule(1.0, 1.0, 10.0) - 1.0).abs() < 1e-9);
        assert!((schedule(5.5, 1.0, 10.0) - 0.5).abs() < 1e-9);
        assert!(schedule(10.0, 1.0, 10.0) < 1e-9);
        assert!((schedule(0.0, 0.0, 4.0) - 1.0).abs() < 1e-9);
    }
}
