//! Exponential moving average of the trained weights. It generalises better than the last weights and evens out the
//! noise of the last steps.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// Averaged copies of the tensors that are trained.
#[derive(Debug, Default)]
pub struct Average {
    values: HashMap<ParamId, Tensor<1>>,
    steps: u64,
}

impl Average {
    /// Updates the averages with the module's trained weights. `steps` is the time constant; early on it is shorter, so
    /// that the initial weights are forgotten.
    pub fn update<M: Module>(&mut self, module: &M, steps: f64) {
        self.steps += 1;
        let keep = (1.0 - 1.0 / steps.max(1.0)).min((self.steps as f64) / (self.steps as f64 + 9.0));
        module.visit(&mut Update { average: self, keep });
    }

    /// The average that `averaged` holds for the weights that `trained` trains, after `steps` updates.
    pub fn restore<M: Module>(averaged: &M, trained: &M, steps: u64) -> Self {
        // The ids of the trained weights first, with the wrong values; then the right ones.
        let mut average = Self::default();
        average.update(trained, 1.0);
        let mut restore = Restore { values: &mut average.values };
        averaged.visit(&mut restore);
        average.steps = steps;
        average
    }

    /// Updates so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The module with the averages in place of its trained weights; unchanged before the first update.
    pub fn apply<M: Module>(&self, module: M) -> M {
        module.map(&mut Apply { average: self })
    }
}

struct Update<'a> {
    average: &'a mut Average,
    keep: f64,
}

impl ModuleVisitor for Update<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        let tensor = param.val().inner();
        let count = tensor.shape().num_elements();
        let value = tensor.reshape([count]);
        let value = match self.average.values.remove(&param.id) {
            Some(average) => average * self.keep + value * (1.0 - self.keep),
            None => value,
        };
        self.average.values.insert(param.id, value);
    }
}

struct Restore<'a> {
    values: &'a mut HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Restore<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(value) = self.values.get_mut(&param.id) {
            let tensor = param.val();
            let count = tensor.shape().num_elements();
            *value = tensor.reshape([count]);
        }
    }
}

struct Apply<'a> {
    average: &'a Average,
}

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.average.values.get(&param.id) {
            Some(value) => {
                let id = param.id;
                let shape = param.val().shape();
                Param::initialized(id, value.clone().reshape(shape))
            }
            None => param,
        }
    }
}
