//! The weights, and what every way of computing needs to know besides.

#[cfg(target_arch = "x86_64")]
use std::ops::Range;

/// A square kernel for each channel, and a bias.
#[derive(Debug, Clone)]
pub struct Filter {
    /// `[kernel * kernel, channels]`: the taps of all channels side by side.
    pub taps: Vec<f32>,
    pub bias: Vec<f32>,
    pub kernel: usize,
    pub stride: usize,
    /// Least and most of the results.
    pub bounds: (f32, f32),
}

#[cfg(target_arch = "x86_64")]
/// Positions of an output row whose taps all lie inside.
pub struct Inside<'a> {
    pub rows: &'a [Option<&'a [f32]>],
    pub left: usize,
    pub positions: Range<usize>,
}
