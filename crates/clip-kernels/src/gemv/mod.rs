//! Matrix by vector, or by a few: products of a few rows with a matrix as checkpoints store it, `[outputs, depth]`, in the
//! number format of the file.
//!
//! Packing weights for [`gemm`](crate::gemm) pays off when they are used many times. A text is encoded once, and then the
//! best layout is the one that is already mapped: each row of weights is read once, converted in registers, and
//! multiplied with a handful of tokens.

mod dot_products;
mod element;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::dot_products::DotProducts;
#[cfg(not(target_arch = "x86_64"))]
use self::element::Element as LoadVector;
use self::element::{Bf16, Element, F16};
use self::portable::Portable;
#[cfg(target_arch = "x86_64")]
use self::x86::LoadVector;
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::isa::Instructions;
use crate::prefetch::{CACHE_LINE, Prefetch};
use crate::shape::volume;

/// Number format of stored weights. All are little-endian and need no alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 32-bit floats.
    F32,
    /// IEEE half precision; infinities and NaN become large numbers.
    F16,
    /// The upper half of a 32-bit float.
    Bf16,
    /// Signed bytes with a scale for each row.
    Int8,
}

impl Format {
    /// Bytes per weight.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }
}

/// A stored matrix `[outputs, depth]`.
#[derive(Debug, Clone, Copy)]
pub struct StoredRows<'a> {
    format: Format,
    bytes: &'a [u8],
    /// Scales of the rows, little-endian `f32`; empty for formats without scales.
    scales: &'a [u8],
    depth: usize,
}

impl<'a> StoredRows<'a> {
    /// A matrix of this depth. `scales` are the rows' scales, little-endian `f32`, for [`Format::Int8`], and empty for others.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn new(format: Format, bytes: &'a [u8], scales: &'a [u8], depth: usize) -> Self {
        let row = volume([depth, format.bytes()]);
        let rows = Self { format, bytes, scales, depth };
        assert_eq!(bytes.len(), volume([rows.outputs(), row]), "the matrix is [outputs, depth]");
        let expected = if format == Format::Int8 { volume([rows.outputs(), 4]) } else { 0 };
        assert_eq!(scales.len(), expected, "int8 weights have a scale for each row, others have none");
        rows
    }

    /// Rows.
    pub fn outputs(&self) -> usize {
        self.bytes.len() / (self.depth * self.format.bytes()).max(1)
    }

    /// Columns.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Adds row `index` to `out`: how a token's embedding is looked up.
    ///
    /// # Panics
    /// If there is no such row or `out` is of another length.
    pub fn add_row(&self, index: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.depth, "a row has the matrix's depth");
        let size = self.format.bytes();
        let row = &self.bytes[index * self.depth * size..][..self.depth * size];
        match self.format {
            Format::F32 => add::<f32>(row, 1.0, out),
            Format::F16 => add::<F16>(row, 1.0, out),
            Format::Bf16 => add::<Bf16>(row, 1.0, out),
            Format::Int8 => add::<i8>(row, self.scale(index), out),
        }
    }

    fn scale(&self, row: usize) -> f32 {
        if self.scales.is_empty() { 1.0 } else { f32::read(&self.scales[4 * row..]) }
    }

    /// `out[:, at..] = left * matrix^T + bias`: `left` is `[rows, depth]`, `out` `[rows, stride]`, of whose columns the
    /// matrix's outputs fill those from `at` on; `bias` is empty or has a value for each output.
    /// [`epilogue::apply`](crate::epilogue::apply) does the rest.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn multiply(&self, isa: Isa, left: &[f32], bias: &[f32], out: &mut [f32], stride: usize, at: usize) {
        let rows = left.len() / self.depth.max(1);
        let outputs = self.outputs();
        assert_eq!(left.len(), rows * self.depth, "left is [rows, depth]");
        assert_eq!(out.len(), volume([rows, stride]), "out is [rows, stride]");
        assert!(outputs <= stride && at <= stride - outputs, "the outputs fit a row of out");
        assert!(bias.is_empty() || bias.len() == outputs, "a bias has a value for each output");
        let product = Product { weights: *self, left, bias, stride, at };
        match self.format {
            Format::F32 => multiply::<f32>(isa, product, out),
            Format::F16 => multiply::<F16>(isa, product, out),
            Format::Bf16 => multiply::<Bf16>(isa, product, out),
            Format::Int8 => multiply::<i8>(isa, product, out),
        }
    }
}

/// A product, and where its results go in `out`.
#[derive(Clone, Copy)]
struct Product<'a> {
    weights: StoredRows<'a>,
    left: &'a [f32],
    bias: &'a [f32],
    stride: usize,
    at: usize,
}

fn add<S: Element>(row: &[u8], scale: f32, out: &mut [f32]) {
    for (out, stored) in out.iter_mut().zip(row.chunks_exact(S::BYTES)) {
        *out += scale * S::read(stored);
    }
}

/// Multiplies in blocks of outputs and tokens whose sums fit in the registers of each instruction set.
fn multiply<S: LoadVector>(isa: Isa, product: Product<'_>, out: &mut [f32]) {
    match isa.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(proof) => in_blocks::<S, _, 4>(proof, product, out),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(proof) => in_blocks::<S, _, 2>(proof, product, out),
        _ => in_blocks::<S, _, 2>(Portable, product, out),
    }
}

/// Largest number of tokens in a block.
const TOKENS: usize = 6;

/// Computes some outputs at a time. Their weights come from memory for the first block of tokens and from a cache for the
/// others, while the next outputs' weights are fetched: the processor does not foresee a stream of short rows that are read
/// several at a time, and without the fetching memory is idle half of the time.
fn in_blocks<S: Element, D: DotProducts<S, OUTPUTS>, const OUTPUTS: usize>(
    proof: D,
    product: Product<'_>,
    out: &mut [f32],
) {
    let Product { weights, left, bias, .. } = product;
    let depth = weights.depth;
    let rows = left.len() / depth.max(1);
    let outputs = weights.outputs();
    // Blocks of about the same size, since a block of one token takes longer than a sixth of a block of six.
    let blocks = rows.div_ceil(TOKENS);
    let lines = (OUTPUTS * D::LANES * S::BYTES).div_ceil(CACHE_LINE);
    let lines_of_block = lines.div_ceil(blocks.max(1));
    for first in (0..outputs).step_by(OUTPUTS) {
        // The last group may read a row several times; that is cheaper than code for every number of outputs.
        let count = OUTPUTS.min(outputs - first);
        let output = |i: usize| first + i.min(count - 1);
        let group = Group {
            weights: std::array::from_fn(|i| &weights.bytes[output(i) * depth * S::BYTES..][..depth * S::BYTES]),
            scales: std::array::from_fn(|i| weights.scale(output(i))),
            bias: std::array::from_fn(|i| bias.get(output(i)).copied().unwrap_or_default()),
            first,
            count,
        };
        let mut lines_left = lines;
        let mut from = group.weights[0].as_ptr().wrapping_add(OUTPUTS * depth * S::BYTES);
        for block in 0..blocks {
            let prefetch = Prefetch { from, lines: lines_of_block.min(lines_left) };
            lines_left -= prefetch.lines;
            from = from.wrapping_add(prefetch.lines * (depth / D::LANES) * CACHE_LINE);
            let tokens = block * rows / blocks..(block + 1) * rows / blocks;
            match tokens.len() {
                1 => group.multiply::<S, D, 1>(proof, product, tokens.start, prefetch, out),
                2 => group.multiply::<S, D, 2>(proof, product, tokens.start, prefetch, out),
                3 => group.multiply::<S, D, 3>(proof, product, tokens.start, prefetch, out),
                4 => group.multiply::<S, D, 4>(proof, product, tokens.start, prefetch, out),
                5 => group.multiply::<S, D, 5>(proof, product, tokens.start, prefetch, out),
                _ => group.multiply::<S, D, TOKENS>(proof, product, tokens.start, prefetch, out),
            }
        }
    }
}

/// The weights of some outputs.
struct Group<'a, const OUTPUTS: usize> {
    weights: [&'a [u8]; OUTPUTS],
    scales: [f32; OUTPUTS],
    bias: [f32; OUTPUTS],
    first: usize,
    /// How many of the outputs are distinct.
    count: usize,
}

impl<const OUTPUTS: usize> Group<'_, OUTPUTS> {
    /// The results for the tokens from `row` on.
    #[inline(always)]
    fn multiply<S: Element, D: DotProducts<S, OUTPUTS>, const TOKENS: usize>(
        &self,
        proof: D,
        product: Product<'_>,
        row: usize,
        prefetch: Prefetch,
        out: &mut [f32],
    ) {
        let Product { weights, left, stride, at, .. } = product;
        let tokens: [&[f32]; TOKENS] = std::array::from_fn(|t| &left[(row + t) * weights.depth..][..weights.depth]);
        let (mut sums, whole) = proof.dot_products::<TOKENS>(self.weights, tokens, prefetch);
        if whole < weights.depth {
            for (sums, token) in sums.iter_mut().zip(tokens) {
                for (sum, weights) in sums.iter_mut().zip(self.weights) {
                    let rest = token[whole..].iter().zip(weights[whole * S::BYTES..].chunks_exact(S::BYTES));
                    *sum = rest.fold(*sum, |sum, (value, weight)| sum + value * S::read(weight));
                }
            }
        }
        for (t, sums) in sums.iter().enumerate() {
            let results: [f32; OUTPUTS] = std::array::from_fn(|i| self.scales[i] * sums[i] + self.bias[i]);
            let out = &mut out[(row + t) * stride + at + self.first..];
            match out.first_chunk_mut() {
                Some(out) if self.count == OUTPUTS => *out = results,
                _ => out[..self.count].copy_from_slice(&results[..self.count]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Random weights as stored and as numbers, with the rows' factors.
    fn stored(format: Format, outputs: usize, depth: usize, rng: &mut StdRng) -> (Vec<u8>, Vec<u8>, Vec<f32>) {
        let (mut bytes, mut scales, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..outputs {
            let scale: f32 = rng.random_range(0.01..0.03);
            if format == Format::Int8 {
                scales.extend(scale.to_le_bytes());
            }
            for _ in 0..depth {
                let value: f32 = rng.random_range(-2.0..2.0);
                values.push(match format {
                    Format::F32 => {
                        bytes.extend(value.to_le_bytes());
                        value
                    }
                    Format::Bf16 => {
                        let bits = (value.to_bits() >> 16) as u16;
                        bytes.extend(bits.to_le_bytes());
                        f32::from_bits(u32::from(bits) << 16)
                    }
                    // Sign, exponents around one and below what is normal, and a fraction.
                    Format::F16 => {
                        let (exponent, fraction) = (rng.random_range(0..17u16), rng.random_range(0..1024u16));
                        let sign = rng.random_range(0..2u16);
                        bytes.extend((sign << 15 | exponent << 10 | fraction).to_le_bytes());
                        let size = match exponent {
                            0 => f64::from(fraction) / 1024.0 * 2f64.powi(-14),
                            _ => (1.0 + f64::from(fraction) / 1024.0) * 2f64.powi(i32::from(exponent) - 15),
                        };
                        (if sign == 1 { -size } else { size }) as f32
                    }
                    Format::Int8 => {
                        let value = rng.random_range(-128..=127i8);
                        bytes.push(value.cast_unsigned());
                        f32::from(value) * scale
                    }
                });
            }
        }
        (bytes, scales, values)
    }

    const FORMATS: [Format; 4] = [Format::F32, Format::F16, Format::Bf16, Format::Int8];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn equals_the_naive_product(
            rows in 1usize..20, depth in 1usize..70, outputs in 1usize..12, at in 0usize..3, with_bias: bool, seed: u64,
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            for format in FORMATS {
                let (bytes, scales, values) = stored(format, outputs, depth, &mut rng);
                let weights = StoredRows::new(format, &bytes, &scales, depth);
                prop_assert_eq!(weights.outputs(), outputs);
                let mut noise = |count| (0..count).map(|_| rng.random_range(-2.0..2.0f32)).collect::<Vec<_>>();
                let (left, bias) = (noise(rows * depth), noise(if with_bias { outputs } else { 0 }));
                let stride = at + outputs + 1;
                for isa in Isa::available() {
                    let mut out = vec![7.0; rows * stride];
                    weights.multiply(isa, &left, &bias, &mut out, stride, at);
                    for (row, out) in left.chunks_exact(depth).zip(out.chunks_exact(stride)) {
                        for (output, weights) in values.chunks_exact(depth).enumerate() {
                            let dot: f64 = row.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                            let expected = dot + bias.get(output).map_or(0.0, |bias| f64::from(*bias));
                            let found = f64::from(out[at + output]);
                            prop_assert!((found - expected).abs() < 2e-4, "{isa:?} {format:?}: {found}, {expected}");
                        }
                        prop_assert!(out[..at].iter().chain(&out[at + outputs..]).all(|v| *v == 7.0), "untouched");
                    }
                }
            }
        }

        #[test]
        fn rows_are_read_as_they_are_stored(depth in 1usize..40, outputs in 1usize..6, seed: u64) {
            let mut rng = StdRng::seed_from_u64(seed);
            for format in FORMATS {
                let (bytes, scales, values) = stored(format, outputs, depth, &mut rng);
                let weights = StoredRows::new(format, &bytes, &scales, depth);
                for (index, expected) in values.chunks_exact(depth).enumerate() {
                    let mut out = vec![1.0; depth];
                    weights.add_row(index, &mut out);
                    for (found, expected) in out.iter().zip(expected) {
                        prop_assert!((found - 1.0 - expected).abs() < 1e-6, "{format:?}: {found}, {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn depths_that_overflow_are_refused() {
        for (format, bytes) in [(Format::F32, 16), (Format::F16, 8), (Format::Bf16, 8)] {
            // Four bytes or two more than what wraps around to nothing.
            let depth = usize::MAX / format.bytes() + 2;
            let result = std::panic::catch_unwind(|| StoredRows::new(format, &vec![0; bytes], &[], depth).outputs());
            assert!(result.is_err(), "{format:?}: {result:?} outputs");
        }
    }

    #[test]
    #[should_panic(expected = "the outputs fit a row of out")]
    fn columns_that_overflow_are_refused() {
        let weights = [0; 8];
        let weights = StoredRows::new(Format::F32, &weights, &[], 1);
        weights.multiply(Isa::best(), &[1.0], &[], &mut [0.0; 4], 4, usize::MAX);
    }
}
