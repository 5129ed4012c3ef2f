//! What the trained part of a tower is fed: pixels and ids, or cached activations of the frozen part.

use burn::tensor::{Device, Int, Tensor, TensorData};
use clip_model::clip::normalize;
use clip_model::families::ImageTower;
use clip_model::families::TextTower;
use clip_model::families::bert::TokenStates;

/// A batch of photos.
// A batch has one of these, so the size of the larger kind does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone)]
pub enum ImageInput {
    /// `[batch, 3, size, size]`.
    Pixels(Tensor<4>),
    /// For each backbone of an inverted residual tower.
    Backbones(Vec<BackboneInput>),
}

/// A batch of photos, as far as the frozen part of one backbone brought them.
#[derive(Debug, Clone)]
pub enum BackboneInput {
    /// `[batch, channels, h, w]` before this block.
    Trunk(Tensor<4>, usize),
    /// `[batch, features]` after the pool.
    Pooled(Tensor<2>),
}

/// A batch of texts.
#[derive(Debug, Clone)]
pub enum TextInput {
    /// Ids `[batch, tokens]` and mask `[batch, tokens]`.
    Ids(Tensor<2, Int>, Tensor<2>),
    /// States before this layer.
    Layer(TokenStates, usize),
    /// Means over the tokens `[batch, width]`.
    Pooled(Tensor<2>),
}

impl ImageInput {
    /// Unit vectors `[batch, embed_dim]`.
    pub fn embed(self, tower: &ImageTower) -> Tensor<2> {
        self.embed_with_features(tower).0
    }

    /// Unit vectors `[batch, embed_dim]` and, of a tower of backbones, the pooled features that its head made them from,
    /// `[batch, features of all]`, as the backbones give them now.
    pub fn embed_with_features(self, tower: &ImageTower) -> (Tensor<2>, Option<Tensor<2>>) {
        let (features, tower) = match (self, tower) {
            (Self::Pixels(pixels), ImageTower::InvertedResidual(tower)) => (tower.features(pixels), tower),
            (Self::Pixels(pixels), tower) => return (normalize(tower.forward(pixels)), None),
            (Self::Backbones(inputs), ImageTower::InvertedResidual(tower)) => {
                let features = inputs
                    .into_iter()
                    .zip(&tower.backbones)
                    .map(|(input, backbone)| match input {
                        BackboneInput::Trunk(activations, block) => backbone.tail(activations, block),
                        BackboneInput::Pooled(features) => features,
                    })
                    .collect();
                (Tensor::cat(features, 1), tower)
            }
            // Only inverted residual towers have a cut behind the pixels.
            (Self::Backbones(_), _) => unreachable!("cached activations belong to an inverted residual tower"),
        };
        (normalize(tower.head.forward(features.clone())), Some(features))
    }
}

impl TextInput {
    /// Unit vectors `[batch, embed_dim]`.
    pub fn embed(self, tower: &TextTower) -> Tensor<2> {
        normalize(match (self, tower) {
            (Self::Ids(ids, mask), tower) => tower.forward(ids, mask),
            (Self::Layer(states, layer), TextTower::Bert(tower)) => {
                tower.pool(tower.run_layers(states, layer..tower.layers.len()))
            }
            (Self::Pooled(pooled), TextTower::Bert(tower)) => tower.project(pooled),
            // Only bidirectional encoders have a cut behind the ids.
            (_, _) => unreachable!("cached states belong to a bidirectional encoder"),
        })
    }
}

/// Pads texts to the longest of the batch: ids and mask, `[batch, tokens]`.
pub fn padded(texts: &[&[u32]], pad_id: u32, device: &Device) -> (Tensor<2, Int>, Tensor<2>) {
    let tokens = texts.iter().map(|ids| ids.len()).max().unwrap_or(0).max(1);
    let mut ids = Vec::with_capacity(texts.len() * tokens);
    let mut mask = Vec::with_capacity(texts.len() * tokens);
    for text in texts {
        let rest = tokens - text.len();
        ids.extend(text.iter().map(|&id| i64::from(id)));
        ids.extend(std::iter::repeat_n(i64::from(pad_id), rest));
        mask.extend(std::iter::repeat_n(1.0f32, text.len()));
        mask.extend(std::iter::repeat_n(0.0f32, rest));
    }
    let shape = [texts.len(), tokens];
    (Tensor::from_data(TensorData::new(ids, shape), device), Tensor::from_data(TensorData::new(mask, shape), device))
}

#[cfg(test)]
mod tests {
    use clip_model::families::inverted_residual::InvertedResidualConfig;
    use serde_json::json;

    use super::*;
    use crate::frozen::to_vec;

    /// Losses on the features need them in every stage, however much of the backbones is trained by then.
    #[test]
    fn features_are_those_of_the_backbones_as_they_are_wherever_the_trained_part_begins() {
        let device = Device::flex();
        let stages = json!([{ "repeats": 2, "kernel": 3, "stride": 2, "expansion": 2, "channels": 4 }]);
        let config: InvertedResidualConfig = serde_json::from_value(json!({
            "image_size": 8, "backbones": [{ "stem": 4, "features": 3, "stages": stages }],
            "head": { "hidden": 4, "output": 4, "dropout": 0.0 }
        }))
        .unwrap();
        let tower = config.init(0, &device);
        let pixels = Tensor::<4>::ones([2, 3, 8, 8], &device) * 0.5;
        let expected = to_vec(tower.features(pixels.clone()));
        let trunk = |block| BackboneInput::Trunk(tower.backbones[0].trunk(pixels.clone(), block), block);
        let inputs = [
            ImageInput::Pixels(pixels.clone()),
            ImageInput::Backbones(vec![trunk(1)]),
            ImageInput::Backbones(vec![trunk(2)]),
            ImageInput::Backbones(vec![BackboneInput::Pooled(tower.features(pixels.clone()))]),
        ];
        let wrapped = ImageTower::InvertedResidual(tower);
        for input in inputs {
            let (vectors, features) = input.embed_with_features(&wrapped);
            assert_eq!(vectors.dims(), [2, 4]);
            assert_eq!(features.map(to_vec), Some(expected.clone()));
        }
    }
}
