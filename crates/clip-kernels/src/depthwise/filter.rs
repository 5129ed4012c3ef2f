//! The weights, and what else every form of the kernel needs.

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
    /// Smallest and largest result.
    pub bounds: (f32, f32),
}

#[cfg(target_arch = "x86_64")]
/// Positions of an output row whose taps are all inside the input.
pub struct Inside<'a> {
    pub rows: &'a [Option<&'a [f32]>],
    pub left: usize,
    pub positions: Range<usize>,
}
