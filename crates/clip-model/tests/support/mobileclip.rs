//! MobileCLIP's fixtures: checkpoints of the published architectures in small.

use clip_model::ClipConfig;
use clip_model::config::{ImageTowerConfig, TextTowerConfig};
use clip_model::families::fast_vit::{FastVitConfig, FastVitStageConfig, TokenMixer};
use clip_model::families::mobile_text::TextMixerConfig;

use crate::support::{self, fixture};

/// Pixels a side.
pub const SIDE: usize = 64;

/// The presets in the fixtures' sizes.
pub fn config(folder: &str) -> ClipConfig {
    let preset = match folder.trim_end_matches("-folded") {
        "fast-vit" => "MobileCLIP-S1",
        "conv-stem" => "MobileCLIP-B",
        "repmixer-text" => "MobileCLIP-S0",
        other => panic!("{other}"),
    };
    let mut config = ClipConfig::preset(preset).unwrap();
    (config.embed_dim, config.preprocess.size, config.tokenizer.context_length) = (16, SIDE, 12);
    match &mut config.image {
        ImageTowerConfig::FastVit(tower) => *tower = fast_vit(tower),
        ImageTowerConfig::ConvStemVit(tower) => {
            (tower.image_size, tower.stem_width, tower.width) = (SIDE, 8, 32);
            (tower.layers, tower.heads, tower.mlp_width) = (2, 2, 128);
        }
        other => panic!("{other:?}"),
    }
    match &mut config.text {
        TextTowerConfig::Causal(text) => {
            (text.context_length, text.vocab_size, text.width) = (12, 574, 16);
            (text.layers, text.heads, text.mlp_width) = (2, 2, 64);
        }
        TextTowerConfig::Mobile(text) => {
            (text.context_length, text.vocab_size, text.width) = (12, 574, 16);
            (text.layers, text.heads, text.mlp_width) = (2, 2, 64);
            text.mixer = text.mixer.take().map(|mixer| TextMixerConfig { mlp_width: 64, ..mixer });
        }
        other => panic!("{other:?}"),
    }
    config
}

fn fast_vit(preset: &FastVitConfig) -> FastVitConfig {
    let stage = |blocks, channels, squeeze, mixer| FastVitStageConfig {
        blocks,
        channels,
        mlp_width: 2 * channels,
        mixer,
        squeeze,
        position_encoding: mixer == TokenMixer::Attention,
    };
    FastVitConfig {
        image_size: SIDE,
        stages: vec![
            stage(1, 8, None, TokenMixer::RepMixer),
            stage(2, 16, None, TokenMixer::RepMixer),
            stage(1, 32, Some(8), TokenMixer::RepMixer),
            stage(1, 64, Some(16), TokenMixer::Attention),
        ],
        features: 128,
        features_squeeze: 8,
        ..preset.clone()
    }
}

/// A copy of a fixture with what a tokenizer needs.
pub fn copy(folder: &str) -> tempfile::TempDir {
    let copy = support::copy(&format!("mobileclip/{folder}"));
    std::fs::copy(fixture("mobileclip/merges.txt"), copy.path().join("merges.txt")).unwrap();
    copy
}
