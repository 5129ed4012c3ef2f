//! What other people's checkpoints say of CpuViT.

use serde_json::{Map, Value};

use super::config::{FastVitConfig, FastVitStageConfig, TokenMixer};
use crate::activation::Activation;
use crate::families::interface::StoredImageTower;
use crate::formats::mobileclip::{Dialect, Names, timm_head};
use crate::formats::open_clip::{optional_square, timm_name};
use crate::presets;
use crate::weights::derived::{Branch, FoldedLayer};

impl StoredImageTower for FastVitConfig {
    const TIMM_NAMES: &'static [&'static str] = &["fastvit_mci0", "fastvit_mci1", "fastvit_mci2"];
    const ML_MOBILECLIP_NAMES: &'static [&'static str] = &["mci0", "mci1", "mci2"];

    fn derive(&self, names: &mut Names<'_>) {
        derive(self, names);
    }

    fn from_open_clip(vision: &mut Map<String, Value>, _activation: Activation) -> Option<Result<Self, String>> {
        let name = known(Self::TIMM_NAMES, timm_name(vision)?.as_str()?)?;
        Some(optional_square(vision, "image_size").and_then(|size| {
            let tower = published(name, size.unwrap_or(224), true)?;
            timm_head(vision, name, "avg")?;
            Ok(tower)
        }))
    }

    fn from_ml_mobileclip(name: &str, image_size: usize) -> Option<Result<Self, String>> {
        known(Self::ML_MOBILECLIP_NAMES, name).map(|name| published(name, image_size, false))
    }
}

fn known(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

/// The tower that either library knows by `name`. All of its parts take any resolution; a projection's bias is timm's.
fn published(name: &str, image_size: usize, projection_bias: bool) -> Result<FastVitConfig, String> {
    let preset = match name.trim_start_matches("fastvit_") {
        "mci0" => "MobileCLIP-S0",
        "mci1" => "MobileCLIP-S1",
        _ => "MobileCLIP-S2",
    };
    let tower: FastVitConfig = presets::image_tower(preset).ok_or_else(|| format!("no known sizes for {name}"))?;
    Ok(FastVitConfig { image_size, projection_bias, ..tower })
}

fn derive(tower: &FastVitConfig, names: &mut Names<'_>) {
    let root = names.pick("visual.trunk", "image_encoder.model");
    let stem = format!("{root}.{}", names.pick("stem", "patch_embed"));
    names.mobile_one("image.stem.0", &format!("{stem}.0"), true, false);
    names.mobile_one("image.stem.1", &format!("{stem}.1"), true, false);
    names.mobile_one("image.stem.2", &format!("{stem}.2"), false, true);
    // Apple numbers halvings, position encodings and stages through.
    let mut network = 0;
    for (index, stage) in tower.stages.iter().enumerate() {
        derive_stage(names, root, index, stage, &mut network);
    }
    let last = format!("{root}.{}", names.pick("final_conv", "conv_exp"));
    names.mobile_one("image.features", &last, true, false);
    let parts = match names.dialect {
        Dialect::Timm => ["fc1", "fc2"],
        Dialect::Apple => ["reduce", "expand"],
    };
    squeeze_excite(names, "image.features_gate", &last, parts);
    match names.dialect {
        Dialect::Timm => names.derived.pair("image.projection", &format!("{root}.head.fc")),
        Dialect::Apple => names.derived.transposed("image.projection.weight", &format!("{root}.head.proj")),
    }
}

fn derive_stage(names: &mut Names<'_>, root: &str, index: usize, stage: &FastVitStageConfig, network: &mut usize) {
    let ours = format!("image.stages.{index}");
    let mut place = |timm: &str| {
        let apple = format!("network.{network}");
        *network += 1;
        format!("{root}.{}", if names.dialect == Dialect::Timm { timm } else { &apple })
    };
    let halving = (index > 0).then(|| place(&format!("stages.{index}.downsample")));
    let position = stage.position_encoding.then(|| place(&format!("stages.{index}.pos_emb")));
    let blocks = place(&format!("stages.{index}.blocks"));
    if let Some(path) = halving {
        downsample(names, &format!("{ours}.downsample"), &path, stage.squeeze.is_some());
    }
    if let Some(path) = position {
        let trained =
            FoldedLayer { shortcut: true, ..FoldedLayer::stored(&format!("{path}.{}", names.pick("pos_enc", "pe"))) };
        let layer = names.either(&format!("{path}.reparam_conv"), trained);
        names.derived.layer(&format!("{ours}.position_encoding"), layer);
    }
    for block in 0..stage.blocks {
        let (ours, path) = (format!("{ours}.blocks.{block}"), format!("{blocks}.{block}"));
        match stage.mixer {
            TokenMixer::RepMixer => names.rep_mixer(&ours, &path, true),
            TokenMixer::Attention => attention_block(names, &ours, &path),
        }
    }
}

fn attention_block(names: &mut Names<'_>, ours: &str, path: &str) {
    // The projection has no bias of its own.
    let kernel = Branch { kernel: Some(format!("{path}.token_mixer.qkv.weight")), ..Branch::default() };
    let input =
        FoldedLayer { branches: vec![kernel], input_norm: Some(format!("{path}.norm")), ..FoldedLayer::default() };
    names.derived.layer(&format!("{ours}.attention.input"), input);
    let scale = Some(format!("{path}.layer_scale_1{}", names.gamma()));
    let output = FoldedLayer { scale, ..FoldedLayer::stored(&format!("{path}.token_mixer.proj")) };
    names.derived.layer(&format!("{ours}.attention.output"), output);
    names.conv_mlp(&format!("{ours}.mlp"), path, "layer_scale_2");
}

fn squeeze_excite(names: &mut Names<'_>, ours: &str, path: &str, [reduce, expand]: [&str; 2]) {
    names.derived.pair(&format!("{ours}.reduce"), &format!("{path}.se.{reduce}"));
    names.derived.pair(&format!("{ours}.expand"), &format!("{path}.se.{expand}"));
}

fn downsample(names: &mut Names<'_>, ours: &str, path: &str, squeezes: bool) {
    let spatial = format!("{path}.proj.0");
    let large = names.pick("large_conv", "lkb_origin");
    let branches = [large, "small_conv"].map(|part| Names::normed(&format!("{spatial}.{part}"))).to_vec();
    let layer = FoldedLayer { branches, ..FoldedLayer::default() };
    let layer = names.either(&format!("{spatial}.{}", names.pick("reparam_conv", "lkb_reparam")), layer);
    names.derived.layer(&format!("{ours}.spatial"), layer);
    if squeezes {
        // Apple's code takes this gate from timm, and only the last one from itself.
        squeeze_excite(names, &format!("{ours}.gate"), &spatial, ["fc1", "fc2"]);
    }
    names.mobile_one(&format!("{ours}.pointwise"), &format!("{path}.proj.1"), false, true);
}
