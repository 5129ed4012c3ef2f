//! Pre-norm transformers: `x + attention(norm(x))`, then `x + mlp(norm(x))`, layer by layer.
//!
//! The rows of several sequences go through the products together; each sequence attends to itself. All layers share their
//! buffers.

use crate::attention::{Attention, Rows};
use crate::buffer::sized;
use crate::norm::LayerNorm;
use crate::{Activation, Isa, Linear};

/// A layer's weights.
#[derive(Debug)]
pub struct Layer {
    /// Norm before attention.
    pub attention_norm: LayerNorm,
    /// To joint queries, keys and values, `[width]` to `[3 * width]`.
    pub joint: Box<dyn Linear>,
    /// Output projection of the joined heads.
    pub output: Box<dyn Linear>,
    /// Number of attention heads.
    pub heads: usize,
    /// Whether tokens see only themselves and those before them.
    pub causal: bool,
    /// Norm before the MLP.
    pub mlp_norm: LayerNorm,
    /// To the MLP's hidden width.
    pub widen: Box<dyn Linear>,
    /// Applied to the hidden values.
    pub activation: Activation,
    /// Back to the width of a token.
    pub narrow: Box<dyn Linear>,
}

/// Layers, one after the other.
#[derive(Debug)]
pub struct Stack {
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// The instructions to use.
    pub isa: Isa,
}

/// Scratch space of the layers.
#[derive(Default)]
struct Buffers {
    normed: Vec<f32>,
    joint: Vec<f32>,
    attended: Vec<f32>,
    hidden: Vec<f32>,
    next: Vec<f32>,
}

impl Stack {
    /// Takes the states of all sequences, one after the other, `[tokens, width]`, to their states after the last layer.
    ///
    /// `lengths` are the sequences' numbers of tokens. With `wanted`, the position of a token in each sequence, only these
    /// tokens' states are computed to the end and returned, `[sequences, width]`: the last layer then costs a fraction.
    /// Up to this many threads of rayon's pool share the work.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward(
        &self,
        mut states: Vec<f32>,
        lengths: &[usize],
        wanted: Option<&[usize]>,
        threads: usize,
    ) -> Vec<f32> {
        let mut buffers = Buffers::default();
        let Some((last, first)) = self.layers.split_last() else {
            return match wanted {
                Some(wanted) => {
                    let width = states.len() / lengths.iter().sum::<usize>().max(1);
                    gather(&states, lengths, wanted, width)
                }
                None => states,
            };
        };
        for layer in first {
            layer.run(self.isa, &mut states, lengths, None, threads, &mut buffers);
        }
        last.run(self.isa, &mut states, lengths, wanted, threads, &mut buffers);
        states
    }
}

/// One row of each sequence.
fn gather(states: &[f32], lengths: &[usize], wanted: &[usize], width: usize) -> Vec<f32> {
    let mut rows = Vec::with_capacity(wanted.len() * width);
    let mut start = 0;
    for (length, wanted) in lengths.iter().zip(wanted) {
        assert!(wanted < length, "a wanted token is one of its sequence's");
        rows.extend_from_slice(&states[(start + wanted) * width..][..width]);
        start += length;
    }
    rows
}

impl Layer {
    fn run(
        &self,
        isa: Isa,
        states: &mut Vec<f32>,
        lengths: &[usize],
        wanted: Option<&[usize]>,
        threads: usize,
        buffers: &mut Buffers,
    ) {
        let width = self.attention_norm.width();
        let rows: usize = lengths.iter().sum();
        assert_eq!(states.len(), rows * width, "states are [tokens, width]");
        let normed = sized(&mut buffers.normed, rows * width);
        self.attention_norm.apply(states, normed);
        let joint = sized(&mut buffers.joint, rows * 3 * width);
        self.joint.apply_on(threads, normed, Activation::None, None, joint);

        if let Some(wanted) = wanted {
            assert_eq!(wanted.len(), lengths.len(), "one token of each sequence is wanted");
            *states = gather(states, lengths, wanted, width);
        }
        let rows = states.len() / width;
        let attended = sized(&mut buffers.attended, rows * width);
        let (mut rest, mut out_rest) = (&*joint, &mut *attended);
        for (index, &length) in lengths.iter().enumerate() {
            let (sequence, others) = rest.split_at(length * 3 * width);
            rest = others;
            let mut attention =
                Attention { causal: self.causal, ..Attention::of_joint(sequence, width, self.heads, isa) };
            if let Some(wanted) = wanted {
                let token = wanted[index];
                attention.queries = Rows { values: &sequence[token * 3 * width..], count: 1, ..attention.queries };
                if self.causal {
                    attention.causal = false;
                    attention.keys.count = token + 1;
                    attention.values.count = token + 1;
                }
            }
            let (out, others) = out_rest.split_at_mut(attention.queries.count * width);
            out_rest = others;
            attention.apply_on(threads, out);
        }

        let next = sized(&mut buffers.next, rows * width);
        self.output.apply_on(threads, attended, Activation::None, Some(states), next);
        let normed = &mut normed[..rows * width];
        self.mlp_norm.apply(next, normed);
        let hidden = sized(&mut buffers.hidden, rows * self.widen.columns());
        self.widen.apply_on(threads, normed, self.activation, None, hidden);
        self.narrow.apply_on(threads, hidden, Activation::None, Some(next), states);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::PackedLinear;
    use crate::testing::noise;

    fn layer(seed: u64, width: usize, causal: bool, isa: Isa) -> Layer {
        let linear = |seed: u64, depth: usize, columns: usize| -> Box<dyn Linear> {
            let scale = (depth as f32).sqrt().recip();
            let weights: Vec<f32> = noise(seed, depth * columns).iter().map(|w| w * scale).collect();
            Box::new(PackedLinear::new(&weights, &noise(seed ^ 77, columns), depth, isa))
        };
        let norm = |seed| LayerNorm::new(&noise(seed, width), &noise(seed ^ 99, width), 1e-5, isa);
        Layer {
            attention_norm: norm(seed),
            joint: linear(seed + 1, width, 3 * width),
            output: linear(seed + 2, width, width),
            heads: 3,
            causal,
            mlp_norm: norm(seed + 3),
            widen: linear(seed + 4, width, 4 * width),
            activation: Activation::GeluTanh,
            narrow: linear(seed + 5, 4 * width, width),
        }
    }

    fn stack(causal: bool, isa: Isa) -> Stack {
        Stack { layers: (0..3).map(|index| layer(10 * index, 48, causal, isa)).collect(), isa }
    }

    fn apart(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn sequences_do_not_see_one_another() {
        let lengths = [7, 1, 50];
        let states = noise(5, 58 * 48);
        for isa in Isa::available() {
            for causal in [false, true] {
                let stack = stack(causal, isa);
                let together = stack.forward(states.clone(), &lengths, None, 1);
                let mut start = 0;
                for length in lengths {
                    let range = start * 48..(start + length) * 48;
                    let alone = stack.forward(states[range.clone()].to_vec(), &[length], None, 1);
                    assert!(apart(&alone, &together[range]) < 1e-4);
                    start += length;
                }
                assert!(apart(&together, &states) > 1.0);
            }
        }
    }

    #[test]
    fn wanted_tokens_are_what_all_would_have_been() {
        let lengths = [7, 3, 20];
        let states = noise(6, 30 * 48);
        for causal in [false, true] {
            let stack = stack(causal, Isa::best());
            let all = stack.forward(states.clone(), &lengths, None, 1);
            let wanted = stack.forward(states.clone(), &lengths, Some(&[0, 2, 11]), 1);
            for (wanted, row) in wanted.chunks_exact(48).zip([0, 7 + 2, 10 + 11]) {
                assert!(apart(wanted, &all[row * 48..][..48]) < 1e-4);
            }
            assert!(apart(&wanted[..48], &wanted[48..96]) > 0.5);
            let none = Stack { layers: Vec::new(), isa: Isa::best() };
            assert_eq!(none.forward(states.clone(), &lengths, Some(&[1, 0, 0]), 1)[..48], states[48..96]);
        }
    }

    #[test]
    fn threads_and_instruction_sets_agree() {
        let states = noise(7, 60 * 48);
        let reference = stack(true, Isa::portable()).forward(states.clone(), &[60], None, 1);
        for isa in Isa::available() {
            for threads in [1, 3] {
                let found = stack(true, isa).forward(states.clone(), &[60], None, threads);
                assert!(apart(&found, &reference) < 1e-4, "{isa:?}, {threads} threads");
            }
        }
    }
}
