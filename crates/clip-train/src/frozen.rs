//! Activations of the frozen parts of both towers, computed once.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use clip_model::Precision;
use clip_model::cpu::packing::Packing;
use clip_model::families::bert::{Bert, TokenStates, mean_of_tokens};
use clip_model::families::inverted_residual::CpuBackbone;
use clip_model::families::inverted_residual::InvertedResidual;
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::cache::{Rows, RowsWriter};
use crate::cut::{BackboneCut, TextCut};
use crate::error::TrainError;
use crate::inputs::{BackboneInput, ImageInput, TextInput, padded};
use crate::progress::{Control, Event};

/// Photos per device call; small enough that wide early layers stay in the cache.
const IMAGE_CHUNK: usize = 8;
const TEXT_CHUNK: usize = 64;

/// Activations of photos, or of views of photos, one row each.
#[derive(Debug)]
pub struct FrozenImages {
    pooled: Rows,
    features: Vec<usize>,
    trunk: Option<Rows>,
    trunks: Vec<Trunk>,
}

/// Where the activations of one backbone lie in a row.
#[derive(Debug, Clone)]
struct Trunk {
    backbone: usize,
    block: usize,
    offset: usize,
    shape: [usize; 3],
}

impl FrozenImages {
    /// Runs the frozen part on `total` inputs.
    ///
    /// `pixels` gives a range of inputs as CHW floats, one after another. The rows are kept in `folder` under `name`
    /// and `key`; those already there are not computed again. `what` names the inputs in [`Event::Caching`].
    #[expect(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
    pub fn compute(
        tower: &InvertedResidual,
        size: usize,
        cuts: &[BackboneCut],
        (what, total): (&'static str, usize),
        pixels: &(dyn Fn(std::ops::Range<usize>) -> Result<Vec<f32>, TrainError> + Sync),
        (folder, name, key): (&Path, &str, &str),
        device: &Device,
        control: Control<'_>,
    ) -> Result<Self, TrainError> {
        let features: Vec<usize> = tower.backbones.iter().map(|backbone| backbone.features.weight.dims()[0]).collect();
        let trunks = trunk_layout(tower, size, cuts, device);
        let trunk_width = trunks.last().map_or(0, |last| last.offset + last.shape.iter().product::<usize>());
        let mut pooled = RowsWriter::open(folder, &format!("{name}-pooled"), key, features.iter().sum(), total)?;
        let mut trunk = match trunk_width {
            0 => None,
            width => Some(RowsWriter::open(folder, &format!("{name}-trunk"), key, width, total)?),
        };
        let done = trunk.as_ref().map_or(usize::MAX, RowsWriter::done).min(pooled.done());
        pooled.truncate(done)?;
        if let Some(trunk) = &mut trunk {
            trunk.truncate(done)?;
        }
        let ranges: Vec<_> =
            (done..total).step_by(IMAGE_CHUNK).map(|from| from..(from + IMAGE_CHUNK).min(total)).collect();
        // On the CPU the kernels of the inference path are several times as fast as burn's layers.
        let packing = Packing::best(Precision::F32);
        let fast: Option<Vec<CpuBackbone>> = (*device == Device::flex())
            .then(|| tower.backbones.iter().map(|backbone| CpuBackbone::new(backbone.clone(), packing)).collect());
        let tell = |done| -> Result<(), TrainError> {
            control.tell(Event::Caching { what, done, total });
            control.check()
        };
        std::thread::scope(|scope| -> Result<(), TrainError> {
            // Decoding runs ahead of the device by a few chunks. The receiver is this closure's: however it ends, the
            // receiver goes before the scope waits for the thread, which would otherwise wait for room for ever.
            let (sender, receiver) = std::sync::mpsc::sync_channel(4);
            let feed = &ranges;
            scope.spawn(move || {
                for range in feed {
                    if sender.send(pixels(range.clone())).is_err() {
                        break;
                    }
                }
            });
            for range in &ranges {
                let Ok(values) = receiver.recv() else { break };
                let count = range.len();
                let mut rows = vec![Vec::new(); count];
                let mut means = Vec::new();
                if let Some(fast) = &fast {
                    let photos: Vec<(Vec<f32>, Vec<f32>)> =
                        values?.par_chunks_exact(3 * size * size).map(|x| fast_rows(fast, x, size, &trunks)).collect();
                    for (row, mean) in photos {
                        pooled.push(&mean)?;
                        if let Some(trunk) = &mut trunk {
                            trunk.push(&row)?;
                        }
                    }
                    tell(range.end)?;
                    continue;
                }
                let x = Tensor::<4>::from_data(TensorData::new(values?, [count, 3, size, size]), device);
                for (index, backbone) in tower.backbones.iter().enumerate() {
                    let at = trunks.iter().find(|trunk| trunk.backbone == index);
                    let block = at.map_or(backbone.blocks.len(), |trunk| trunk.block);
                    let activations = backbone.trunk(x.clone(), block);
                    if at.is_some() {
                        let values = to_vec(activations.clone());
                        let each = values.len() / count;
                        for (row, values) in rows.iter_mut().zip(values.chunks_exact(each)) {
                            row.extend_from_slice(values);
                        }
                    }
                    means.push(backbone.tail(activations, block));
                }
                pooled.push(&to_vec(Tensor::cat(means, 1)))?;
                if let Some(trunk) = &mut trunk {
                    for row in rows {
                        trunk.push(&row)?;
                    }
                }
                tell(range.end)?;
            }
            Ok(())
        })?;
        Ok(Self { pooled: pooled.finish()?, features, trunk: trunk.map(RowsWriter::finish).transpose()?, trunks })
    }

    /// The inputs of the trained part for `rows`, from the pool where `cuts` says that a backbone is frozen.
    pub fn batch(&self, rows: &[usize], cuts: &[BackboneCut], device: &Device) -> ImageInput {
        let inputs = cuts.iter().enumerate().map(|(index, cut)| match (cut, &self.trunk) {
            (BackboneCut::Block(_), Some(cache)) => {
                let Some(trunk) = self.trunks.iter().find(|trunk| trunk.backbone == index) else {
                    return BackboneInput::Pooled(self.pooled_of(rows, index, device));
                };
                let each: usize = trunk.shape.iter().product();
                let mut values = Vec::with_capacity(rows.len() * each);
                for &row in rows {
                    cache.read(row, trunk.offset, trunk.offset + each, &mut values);
                }
                let [channels, height, width] = trunk.shape;
                let data = TensorData::new(values, [rows.len(), channels, height, width]);
                BackboneInput::Trunk(Tensor::from_data(data, device), trunk.block)
            }
            _ => BackboneInput::Pooled(self.pooled_of(rows, index, device)),
        });
        ImageInput::Backbones(inputs.collect())
    }

    /// The pooled features of one backbone as they were before training, `[rows, features]`.
    pub fn pooled_of(&self, rows: &[usize], backbone: usize, device: &Device) -> Tensor<2> {
        let from: usize = self.features[..backbone].iter().sum();
        let to = from + self.features[backbone];
        let mut values = Vec::with_capacity(rows.len() * (to - from));
        for &row in rows {
            self.pooled.read(row, from, to, &mut values);
        }
        Tensor::from_data(TensorData::new(values, [rows.len(), to - from]), device)
    }

    /// Mean and standard deviation of each pooled feature over `rows`.
    pub fn moments(&self, rows: impl Iterator<Item = usize>) -> (Vec<f32>, Vec<f32>) {
        let width = self.pooled.width();
        let (mut sum, mut squares, mut count) = (vec![0.0f64; width], vec![0.0f64; width], 0.0);
        let mut values = Vec::new();
        for row in rows {
            values.clear();
            self.pooled.read(row, 0, width, &mut values);
            for ((sum, square), &value) in sum.iter_mut().zip(&mut squares).zip(&values) {
                *sum += f64::from(value);
                *square += f64::from(value).powi(2);
            }
            count += 1.0;
        }
        let mean: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
        let deviation = squares.iter().zip(&mean).map(|(square, mean)| (square / count - mean * mean).max(0.0).sqrt());
        (mean.iter().map(|&mean| mean as f32).collect(), deviation.map(|value| value as f32).collect())
    }
}

/// One photo's row of trunk activations, channels outermost as burn has them, and its pooled features.
fn fast_rows(backbones: &[CpuBackbone], pixels: &[f32], size: usize, trunks: &[Trunk]) -> (Vec<f32>, Vec<f32>) {
    let (mut row, mut means) = (Vec::new(), Vec::new());
    for (index, backbone) in backbones.iter().enumerate() {
        let at = trunks.iter().find(|trunk| trunk.backbone == index);
        let block = at.map_or(backbone.blocks(), |trunk| trunk.block);
        let map = backbone.trunk(pixels, size, block);
        if at.is_some() {
            row.extend((0..map.channels).flat_map(|channel| map.data[channel..].iter().step_by(map.channels)));
        }
        means.extend(backbone.tail(map, block));
    }
    (row, means)
}

fn trunk_layout(tower: &InvertedResidual, size: usize, cuts: &[BackboneCut], device: &Device) -> Vec<Trunk> {
    let mut offset = 0;
    let mut trunks = Vec::new();
    for (index, (backbone, cut)) in tower.backbones.iter().zip(cuts).enumerate() {
        if let BackboneCut::Block(block) = *cut {
            let [_, channels, height, width] = backbone.trunk(Tensor::zeros([1, 3, size, size], device), block).dims();
            let shape = [channels, height, width];
            trunks.push(Trunk { backbone: index, block, offset, shape });
            offset += shape.iter().product::<usize>();
        }
    }
    trunks
}

/// States of texts before the first trained layer, and their means after the last layer as it was.
#[derive(Debug)]
pub struct FrozenTexts {
    width: usize,
    layer: Option<usize>,
    states: Vec<f16>,
    /// First token of each text, and the end of the last.
    starts: Vec<usize>,
    pooled: Vec<f32>,
}

impl FrozenTexts {
    /// Runs the frozen layers on token ids.
    pub fn compute(
        tower: &Bert,
        cut: TextCut,
        texts: &[Vec<u32>],
        pad_id: u32,
        device: &Device,
        control: Control<'_>,
    ) -> Result<Self, TrainError> {
        let layer = match cut {
            TextCut::Layer(layer) => Some(layer),
            TextCut::Ids | TextCut::Pooled => None,
        };
        let [_, width] = tower.word.weight.dims();
        let mut starts = Vec::with_capacity(texts.len() + 1);
        let mut tokens = 0;
        for text in texts {
            starts.push(tokens);
            tokens += text.len();
        }
        starts.push(tokens);
        let mut states = vec![f16::ZERO; if layer.is_some() { tokens * width } else { 0 }];
        let mut pooled = vec![0.0; texts.len() * width];
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&text| texts[text].len());
        for (index, chunk) in order.chunks(TEXT_CHUNK).enumerate() {
            let batch: Vec<&[u32]> = chunk.iter().map(|&text| texts[text].as_slice()).collect();
            let (ids, mask) = padded(&batch, pad_id, device);
            let mut x = tower.embed(ids, mask);
            if let Some(layer) = layer {
                x = tower.run_layers(x, 0..layer);
                let [_, longest, _] = x.states.dims();
                let values = to_vec(x.states.clone());
                for (row, &text) in values.chunks_exact(longest * width).zip(chunk) {
                    let count = texts[text].len() * width;
                    states[starts[text] * width..][..count].convert_from_f32_slice(&row[..count]);
                }
            }
            let x = tower.run_layers(x, layer.unwrap_or(0)..tower.layers.len());
            for (row, &text) in to_vec(mean_of_tokens(x)).chunks_exact(width).zip(chunk) {
                pooled[text * width..][..width].copy_from_slice(row);
            }
            control.tell(Event::Caching { what: "texts", done: index * TEXT_CHUNK + chunk.len(), total: texts.len() });
            control.check()?;
        }
        Ok(Self { width, layer, states, starts, pooled })
    }

    /// Tokens of a text.
    pub fn tokens(&self, text: usize) -> usize {
        self.starts[text + 1] - self.starts[text]
    }

    /// The inputs of the trained part for `texts`; the means where `frozen` says that no layer was trained.
    pub fn batch(&self, texts: &[usize], frozen: bool, device: &Device) -> TextInput {
        let Some(layer) = self.layer.filter(|_| !frozen) else {
            let values: Vec<f32> =
                texts.iter().flat_map(|&text| &self.pooled[text * self.width..][..self.width]).copied().collect();
            return TextInput::Pooled(Tensor::from_data(TensorData::new(values, [texts.len(), self.width]), device));
        };
        let longest = texts.iter().map(|&text| self.tokens(text)).max().unwrap_or(0).max(1);
        let mut values = vec![0.0f32; texts.len() * longest * self.width];
        let mut mask = vec![0.0f32; texts.len() * longest];
        for (index, &text) in texts.iter().enumerate() {
            let tokens = self.tokens(text);
            let count = tokens * self.width;
            self.states[self.starts[text] * self.width..][..count]
                .convert_to_f32_slice(&mut values[index * longest * self.width..][..count]);
            mask[index * longest..][..tokens].fill(1.0);
        }
        let states = Tensor::from_data(TensorData::new(values, [texts.len(), longest, self.width]), device);
        let mask = Tensor::from_data(TensorData::new(mask, [texts.len(), longest]), device);
        TextInput::Layer(TokenStates { states, mask }, layer)
    }
}

/// A tensor's values in row-major order.
pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap_or_default()
}
