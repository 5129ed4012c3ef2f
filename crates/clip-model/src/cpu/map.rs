//! Activations of one photo between the layers of a convolutional tower.

use clip_kernels::{Activation, Linear};

/// Activations of one photo, `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values at each position.
    pub channels: usize,
    /// All of them, channels innermost.
    pub data: Vec<f32>,
}

impl Map {
    /// Each channel's mean over all positions.
    pub fn mean(&self) -> Vec<f32> {
        let mut mean = vec![0.0; self.channels];
        for position in self.data.chunks_exact(self.channels) {
            for (mean, value) in mean.iter_mut().zip(position) {
                *mean += value;
            }
        }
        let positions = (self.height * self.width) as f32;
        mean.iter_mut().for_each(|mean| *mean /= positions);
        mean
    }

    /// A product for each position; `add` is of the result's shape.
    pub fn product(&self, linear: &dyn Linear, activation: Activation, add: Option<&[f32]>) -> Self {
        let mut data = vec![0.0; self.height * self.width * linear.columns()];
        linear.apply_on(1, &self.data, activation, add, &mut data);
        Self { height: self.height, width: self.width, channels: linear.columns(), data }
    }

    /// Each channel this many times, side by side.
    pub fn repeated(&self, times: usize) -> Self {
        let data = self.data.iter().flat_map(|value| std::iter::repeat_n(*value, times)).collect();
        Self { channels: times * self.channels, data, ..*self }
    }
}
