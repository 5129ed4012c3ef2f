//! The small bidirectional text encoder on weights as they are stored.

use clip_kernels::attention::Attention;
use clip_kernels::norm::LayerNorm;
use clip_kernels::{Activation, Isa, Linear};

use super::config::BertConfig;
use crate::ModelError;
use crate::cpu::stored::{StoredLinear, TokenTables, layer_norm};
use crate::cpu::text::CpuText;
use crate::cpu::transformer::normed;
use crate::weights::places::Places;

/// A [`Bert`](super::Bert).
#[derive(Debug)]
pub struct CpuBert {
    tables: TokenTables,
    norm: LayerNorm,
    layers: Vec<CpuLayer>,
    pooled_norm: LayerNorm,
    head: CpuHead,
    isa: Isa,
}

/// Finds the tower's weights.
pub(crate) fn find(config: &BertConfig, places: &Places<'_>, isa: Isa) -> Result<Box<dyn CpuText>, ModelError> {
    Ok(Box::new(CpuBert::find(config, places, isa)?))
}

/// A post-norm layer.
#[derive(Debug)]
struct CpuLayer {
    joint: StoredLinear,
    attended: StoredLinear,
    attention_norm: LayerNorm,
    hidden: StoredLinear,
    output: StoredLinear,
    output_norm: LayerNorm,
    heads: usize,
}

/// A [`ProjectionHead`](crate::projection::ProjectionHead).
#[derive(Debug)]
struct CpuHead {
    mean: Vec<f32>,
    scale: Vec<f32>,
    linear: StoredLinear,
    hidden: StoredLinear,
    output: StoredLinear,
}

impl CpuBert {
    fn find(config: &BertConfig, places: &Places<'_>, isa: Isa) -> Result<Self, ModelError> {
        let norm = |name: &str| layer_norm(places, name, config.layer_norm_eps, isa);
        let layer = |index: usize| -> Result<CpuLayer, ModelError> {
            let name = |part: &str| format!("layers.{index}.{part}");
            let linear = |part: &str| StoredLinear::find(places, &name(part), isa);
            let [query, key, value] = ["query", "key", "value"].map(name);
            Ok(CpuLayer {
                joint: StoredLinear::join(places, &[&query, &key, &value], isa)?,
                attended: linear("attended")?,
                attention_norm: norm(&name("attention_norm"))?,
                hidden: linear("hidden")?,
                output: linear("output")?,
                output_norm: norm(&name("output_norm"))?,
                heads: config.heads,
            })
        };
        Ok(Self {
            tables: TokenTables::find(places, "word.weight", "position.weight")?,
            norm: norm("norm")?,
            layers: (0..config.layers).map(layer).collect::<Result<_, _>>()?,
            pooled_norm: norm("pooled_norm")?,
            head: CpuHead {
                mean: places.values("head.mean")?,
                scale: places.values("head.scale")?,
                linear: StoredLinear::find(places, "head.linear", isa)?,
                hidden: StoredLinear::find(places, "head.hidden", isa)?,
                output: StoredLinear::find(places, "head.output", isa)?,
            },
            isa,
        })
    }

    /// The last states of all texts' tokens, one behind the other, `[tokens, width]`.
    fn states(&self, texts: &[&[u32]]) -> Vec<f32> {
        let mut summed = self.tables.embed(texts, self.norm.width());
        let mut states = normed(&self.norm, &summed);
        for layer in &self.layers {
            layer.run(texts, &mut states, &mut summed, self.isa);
        }
        states
    }
}

impl CpuText for CpuBert {
    fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let width = self.norm.width();
        let states = self.states(texts);
        let mut pooled = vec![0.0; texts.len() * width];
        let mut tokens = states.chunks_exact(width);
        for (ids, mean) in texts.iter().zip(pooled.chunks_exact_mut(width)) {
            for state in tokens.by_ref().take(ids.len()) {
                for (mean, value) in mean.iter_mut().zip(state) {
                    *mean += value / ids.len() as f32;
                }
            }
        }
        self.head.forward(normed(&self.pooled_norm, &pooled))
    }

    fn hidden_states(&self, ids: &[u32]) -> Vec<f32> {
        self.states(&[ids])
    }
}

impl CpuLayer {
    /// `states` are `[tokens, width]`; `summed` is scratch of the same size.
    fn run(&self, texts: &[&[u32]], states: &mut [f32], summed: &mut [f32], isa: Isa) {
        let width = self.attention_norm.width();
        let rows = states.len() / width;
        let mut joint = vec![0.0; rows * 3 * width];
        self.joint.apply_on(1, states, Activation::None, None, &mut joint);
        let mut attended = vec![0.0; states.len()];
        let mut start = 0;
        for ids in texts {
            let end = start + ids.len();
            let attention = Attention::of_joint(&joint[start * 3 * width..end * 3 * width], width, self.heads, isa);
            attention.apply_on(1, &mut attended[start * width..end * width]);
            start = end;
        }
        self.attended.apply_on(1, &attended, Activation::None, Some(states), summed);
        self.attention_norm.apply(summed, states);
        let mut hidden = vec![0.0; rows * self.hidden.columns()];
        self.hidden.apply_on(1, states, Activation::Gelu, None, &mut hidden);
        self.output.apply_on(1, &hidden, Activation::None, Some(states), summed);
        self.output_norm.apply(summed, states);
    }
}

impl CpuHead {
    /// Features `[texts, width]` to embeddings.
    fn forward(&self, mut features: Vec<f32>) -> Vec<f32> {
        for row in features.chunks_exact_mut(self.mean.len()) {
            for ((value, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *value = (*value - mean) * scale;
            }
        }
        let rows = features.len() / self.mean.len();
        let mut hidden = vec![0.0; rows * self.hidden.columns()];
        self.hidden.apply_on(1, &features, Activation::Gelu, None, &mut hidden);
        let mut linear = vec![0.0; rows * self.linear.columns()];
        self.linear.apply_on(1, &features, Activation::None, None, &mut linear);
        let mut out = vec![0.0; linear.len()];
        self.output.apply_on(1, &hidden, Activation::None, Some(&linear), &mut out);
        out
    }
}
