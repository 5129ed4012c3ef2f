//! What other people's checkpoints say of MobileCLIP-B's vision transformer.

use serde_json::{Map, Value};

use super::config::ConvStemVitConfig;
use crate::activation::Activation;
use crate::families::interface::StoredImageTower;
use crate::formats::mobileclip::{Dialect, Names, timm_head};
use crate::formats::open_clip::{optional_square, timm_name};
use crate::presets;
use crate::weights::derived::{Branch, FoldedLayer};

const TIMM: &str = "vit_base_mci_224";
const ML_MOBILECLIP: &str = "vit_b16";

impl StoredImageTower for ConvStemVitConfig {
    const TIMM_NAMES: &'static [&'static str] = &[TIMM];
    const ML_MOBILECLIP_NAMES: &'static [&'static str] = &[ML_MOBILECLIP];

    fn derive(&self, names: &mut Names<'_>) {
        derive(self, names);
    }

    fn from_open_clip(vision: &mut Map<String, Value>, _activation: Activation) -> Option<Result<Self, String>> {
        (timm_name(vision)? == TIMM).then(|| {
            let size = optional_square(vision, "image_size")?.unwrap_or(224);
            let tower = published(TIMM, size)?;
            timm_head(vision, TIMM, "token")?;
            // The two libraries disagree about both.
            Ok(Self { layer_norm_eps: 1e-6, projection_bias: true, ..tower })
        })
    }

    fn from_ml_mobileclip(name: &str, image_size: usize) -> Option<Result<Self, String>> {
        (name == ML_MOBILECLIP).then(|| {
            let tower = published(ML_MOBILECLIP, image_size)?;
            Ok(Self { layer_norm_eps: 1e-5, projection_bias: false, ..tower })
        })
    }
}

/// The tower that either library knows by `name`.
fn published(name: &str, image_size: usize) -> Result<ConvStemVitConfig, String> {
    let tower: ConvStemVitConfig =
        presets::image_tower("MobileCLIP-B").ok_or_else(|| format!("no known sizes for {name}"))?;
    if tower.image_size == image_size {
        Ok(tower)
    } else {
        Err(format!("`image_size` is {image_size}, {name} takes {}", tower.image_size))
    }
}

fn derive(tower: &ConvStemVitConfig, names: &mut Names<'_>) {
    let root = names.pick("visual.trunk", "image_encoder.model");
    let stem = format!("{root}.{}", names.pick("patch_embed.backbone", "patch_emb"));
    let (convolution, norm) = (names.pick("conv", "block.conv"), names.pick("bn", "block.norm"));
    for index in 0..2 {
        let branch = Branch {
            kernel: Some(format!("{stem}.{index}.{convolution}.weight")),
            norm: Some(format!("{stem}.{index}.{norm}")),
            ..Branch::default()
        };
        let layer = FoldedLayer { branches: vec![branch], ..FoldedLayer::default() };
        names.derived.layer(&format!("image.stem.{index}"), layer);
    }
    names.derived.pair("image.stem.2", &format!("{stem}.2.{convolution}"));
    names.derived.squeezed("image.class_embedding", &format!("{root}.cls_token"));
    let positions = names.pick("pos_embed", "pos_embed.pos_embed.pos_embed");
    names.derived.squeezed("image.position_embedding", &format!("{root}.{positions}"));
    for layer in 0..tower.layers {
        let ours = format!("image.transformer.blocks.{layer}");
        match names.dialect {
            Dialect::Timm => {
                let path = format!("{root}.blocks.{layer}");
                for (ours_part, part) in [
                    ("attention_norm", "norm1"),
                    ("attention.input", "attn.qkv"),
                    ("attention.output", "attn.proj"),
                    ("mlp_norm", "norm2"),
                    ("mlp.input", "mlp.fc1"),
                    ("mlp.output", "mlp.fc2"),
                ] {
                    names.derived.pair(&format!("{ours}.{ours_part}"), &format!("{path}.{part}"));
                }
            }
            Dialect::Apple => names.apple_layer(&ours, &format!("{root}.transformer.{layer}")),
        }
    }
    names.derived.pair("image.norm", &format!("{root}.{}", names.pick("norm", "post_transformer_norm")));
    match names.dialect {
        Dialect::Timm => names.derived.pair("image.projection", &format!("{root}.head")),
        Dialect::Apple => names.derived.transposed("image.projection.weight", &format!("{root}.classifier.proj")),
    }
}
