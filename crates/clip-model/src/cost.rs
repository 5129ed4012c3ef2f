//! How much arithmetic a tower takes, from its configuration alone.

use crate::config::{ImageTowerConfig, VitConfig};
use crate::families::conv_stem_vit::ConvStemVitConfig;
use crate::families::fast_vit::{FastVitConfig, TokenMixer};
use crate::families::inverted_residual::{BackboneConfig, InvertedResidualConfig};
use crate::families::modified_resnet::ModifiedResnetConfig;
use crate::families::siglip_vit::SiglipVitConfig;

/// Floating-point operations for one photo, a multiplication and an addition counted as two: those of all products,
/// convolutions and attentions. Norms, activations and sums, a percent or so, are left out, as in published figures.
pub fn image_flops(tower: &ImageTowerConfig, embed_dim: usize) -> u64 {
    2 * match tower {
        ImageTowerConfig::Vit(vit) => class_vit(vit, embed_dim as u64),
        ImageTowerConfig::Siglip(vit) => siglip(vit),
        ImageTowerConfig::ConvStemVit(vit) => conv_stem_vit(vit, embed_dim as u64),
        ImageTowerConfig::InvertedResidual(tower) => inverted_residual(tower),
        ImageTowerConfig::ModifiedResnet(resnet) => modified_resnet(resnet, embed_dim as u64),
        ImageTowerConfig::FastVit(vit) => fast_vit(vit, embed_dim as u64),
    }
}

/// Multiply-adds of transformer layers.
fn layers(layers: usize, tokens: u64, width: u64, mlp: u64) -> u64 {
    layers as u64 * (tokens * (4 * width * width + 2 * width * mlp) + 2 * tokens * tokens * width)
}

fn class_vit(vit: &VitConfig, embed_dim: u64) -> u64 {
    let (patches, width) = (vit.patches() as u64, vit.width as u64);
    let embedding = patches * 3 * (vit.patch_size as u64).pow(2) * width;
    embedding + layers(vit.layers, patches + 1, width, vit.mlp_width as u64) + width * embed_dim
}

fn siglip(vit: &SiglipVitConfig) -> u64 {
    let (patches, width, mlp) = (vit.patches() as u64, vit.width as u64, vit.mlp_width as u64);
    let embedding = patches * 3 * (vit.patch_size as u64).pow(2) * width;
    // One learned query attends to all tokens, then an MLP.
    let pool = patches * 2 * width * width + 2 * width * width + 2 * patches * width + 2 * width * mlp;
    embedding + layers(vit.layers, patches, width, mlp) + pool
}

fn conv_stem_vit(vit: &ConvStemVitConfig, embed_dim: u64) -> u64 {
    let (patches, width, stem) = (vit.patches() as u64, vit.width as u64, vit.stem_width as u64);
    // Strides and kernels of 4, 2 and 2: 16 and 4 times as many positions before the last.
    let embedding = patches * (16 * 16 * 3 * stem + 4 * 4 * stem * stem + 4 * stem * width);
    embedding + layers(vit.layers, patches + 1, width, vit.mlp_width as u64) + width * embed_dim
}

fn inverted_residual(tower: &InvertedResidualConfig) -> u64 {
    let backbones: u64 = tower.backbones.iter().map(|backbone| self::backbone(backbone, tower.image_size)).sum();
    let (features, hidden, output) = (tower.feature_width() as u64, tower.head.hidden as u64, tower.head.output as u64);
    backbones + features * (hidden + output) + hidden * output
}

fn backbone(config: &BackboneConfig, image_size: usize) -> u64 {
    let square = |side: usize| (side as u64).pow(2);
    let mut side = image_size.div_ceil(2);
    let mut channels = config.stem as u64;
    let mut total = square(side) * 27 * channels;
    for stage in &config.stages {
        for block in 0..stage.repeats {
            let wide = channels * stage.expansion as u64;
            if stage.expansion > 1 {
                total += square(side) * channels * wide;
            }
            side = side.div_ceil(if block == 0 { stage.stride } else { 1 });
            total += square(side) * wide * (square(stage.kernel) + stage.channels as u64);
            channels = stage.channels as u64;
        }
    }
    total + square(side) * channels * config.features as u64
}

fn modified_resnet(resnet: &ModifiedResnetConfig, embed_dim: u64) -> u64 {
    let (width, size) = (resnet.width as u64, resnet.image_size as u64);
    let half = width / 2;
    let mut positions = (size / 2).pow(2);
    let mut total = positions * 9 * (3 * half + half * half + half * width);
    positions /= 4;
    let mut channels = width;
    for (stage, blocks) in resnet.blocks.into_iter().enumerate() {
        let inner = width << stage;
        for block in 0..blocks {
            // The average pool stands before the last convolution, and before the shortcut's.
            let after = if stage > 0 && block == 0 { positions / 4 } else { positions };
            total += positions * (channels * inner + 9 * inner * inner) + after * inner * 4 * inner;
            if block == 0 {
                total += after * channels * 4 * inner;
            }
            (channels, positions) = (4 * inner, after);
        }
    }
    // Keys and values of all positions and their mean, one query.
    let tokens = positions + 1;
    total + tokens * 2 * channels * channels + channels * channels + 2 * tokens * channels + channels * embed_dim
}

fn fast_vit(vit: &FastVitConfig, embed_dim: u64) -> u64 {
    const SMALL: u64 = 9;
    const LARGE: u64 = 49;
    let mut side = vit.image_size.div_ceil(2);
    let square = |side: usize| (side as u64).pow(2);
    let stem = vit.stages.first().map_or(0, |stage| stage.channels as u64);
    let mut total = square(side) * 3 * SMALL * stem;
    side = side.div_ceil(2);
    total += square(side) * stem * (SMALL + stem);
    for (index, stage) in vit.stages.iter().enumerate() {
        let (width, mlp) = (stage.channels as u64, stage.mlp_width as u64);
        if index > 0 {
            side = side.div_ceil(2);
            total += square(side) * width * (LARGE + width);
        }
        let tokens = square(side);
        let mixer = match stage.mixer {
            TokenMixer::RepMixer => SMALL * width,
            TokenMixer::Attention => 4 * width * width + 2 * tokens * width,
        };
        total += tokens * (stage.blocks as u64 * (mixer + LARGE * width + 2 * width * mlp));
        if stage.position_encoding {
            total += tokens * LARGE * width;
        }
    }
    let features = vit.features as u64;
    total + square(side) * SMALL * features + 2 * features * vit.features_squeeze as u64 + features * embed_dim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClipConfig;

    fn gflops(preset: &str) -> f64 {
        let config = ClipConfig::preset(preset).unwrap();
        image_flops(&config.image, config.embed_dim) as f64 / 1e9
    }

    /// open_clip's table of profiles (docs/model_profile.csv), and for FastViT PyTorch's count for timm's models.
    #[test]
    fn published_counts() {
        for (preset, published, tolerance) in [
            ("ViT-B-32", 8.82, 0.01),
            ("ViT-B-16", 35.13, 0.01),
            ("ViT-L-14", 162.03, 0.01),
            // open_clip's pool asks with all 50 positions and uses one, which is 0.63 more.
            ("RN50", 12.22 - 0.63, 0.01),
            ("MobileCLIP-S1", 9.317, 0.001),
            ("MobileCLIP-S2", 15.668, 0.001),
        ] {
            let found = gflops(preset);
            assert!((found / published - 1.0).abs() <= tolerance, "{preset}: {found}, published {published}");
        }
    }
}
