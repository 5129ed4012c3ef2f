//! Checkpoints of Apple's own ml-mobileclip: `config.json` with `model.safetensors`.

use serde_json::Value;

use crate::config::ClipConfig;
use crate::families::{ImageTowerConfig, TextTowerConfig};
use crate::formats::ml_mobileclip::Config;
use crate::preprocess::config::{Interpolation, PreprocessConfig, ResizeMode};
use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};

/// Whether a `config.json` is ml-mobileclip's.
pub(crate) fn is_ml_mobileclip(json: &str) -> bool {
    let root: Value = serde_json::from_str(json).unwrap_or_default();
    root.get("image_cfg").is_some() && root.get("text_cfg").is_some()
}

/// Reads ml-mobileclip's `config.json`.
pub(crate) fn config(json: &str, name: &str) -> Result<ClipConfig, String> {
    let Config { embed_dim, image_size, image_tower, text } = Config::read(json)?;
    let image = ImageTowerConfig::from_ml_mobileclip(&image_tower, image_size)?;
    let text = TextTowerConfig::from_ml_mobileclip(&text)?;
    Ok(ClipConfig {
        name: name.to_owned(),
        embed_dim,
        preprocess: preprocess(image_size),
        image,
        tokenizer: TokenizerConfig { kind: TokenizerKind::ClipBpe, context_length: text.context_length(), pad_id: 0 },
        text,
        logit_scale: (1.0f64 / 0.07).ln(),
        logit_bias: None,
    })
}

/// ml-mobileclip's preprocessing: pixels from 0 to 1.
fn preprocess(size: usize) -> PreprocessConfig {
    PreprocessConfig {
        size,
        resize: ResizeMode::ShortestEdge,
        interpolation: Interpolation::Bilinear,
        mean: [0.0; 3],
        std: [1.0; 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::open_clip;

    /// open_clip's configurations in their published form, with what its `pretrained.py` says of preprocessing.
    fn published(trunk: &str, pool: &str, size: usize, no_causal_mask: bool) -> String {
        format!(
            r#"{{"model_cfg": {{"embed_dim": 512, "vision_cfg": {{"timm_model_name": "{trunk}",
                "timm_model_pretrained": false, "timm_pool": "{pool}", "timm_proj": null, "timm_drop": 0.0,
                "timm_drop_path": 0.0, "image_size": {size}}}, "text_cfg": {{"context_length": 77, "vocab_size": 49408,
                "width": 512, "heads": 8, "layers": 12, "no_causal_mask": {no_causal_mask}}}, "custom_text": true}},
                "preprocess_cfg": {{"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "interpolation": "bilinear",
                "resize_mode": "shortest"}}}}"#
        )
    }

    #[test]
    fn published_configurations_are_the_presets() {
        for (name, trunk, pool, size, no_causal_mask) in [
            ("MobileCLIP-S1", "fastvit_mci1", "avg", 256, true),
            ("MobileCLIP-S2", "fastvit_mci2", "avg", 256, true),
            ("MobileCLIP-B", "vit_base_mci_224", "token", 224, false),
            ("MobileCLIP2-S0", "fastvit_mci0", "avg", 256, true),
            ("MobileCLIP2-S2", "fastvit_mci2", "avg", 256, true),
            ("MobileCLIP2-B", "vit_base_mci_224", "token", 224, false),
        ] {
            let config = open_clip::config(&published(trunk, pool, size, no_causal_mask), name, false).unwrap();
            config.validate().unwrap();
            assert_eq!(config, ClipConfig::preset(name).unwrap(), "{name}");
        }
        let s0 = r#"{"embed_dim": 512, "image_cfg": {"image_size": 256, "model_name": "mci0"}, "text_cfg": {
            "context_length": 77, "vocab_size": 49408, "dim": 512, "ffn_multiplier_per_layer": 4.0,
            "n_heads_per_layer": 8, "n_transformer_layers": 4, "norm_layer": "layer_norm_fp32",
            "causal_masking": false, "model_name": "mct"}}"#;
        assert!(is_ml_mobileclip(s0) && !is_ml_mobileclip("{}") && !is_ml_mobileclip("["));
        assert_eq!(config(s0, "MobileCLIP-S0").unwrap(), ClipConfig::preset("MobileCLIP-S0").unwrap());
        let b = s0.replace("mci0", "vit_b16").replace("256", "224").replace("mct", "base").replace("false", "true");
        let b = config(&b, "MobileCLIP-B").unwrap();
        assert!(matches!(&b.image, ImageTowerConfig::ConvStemVit(tower) if tower.layer_norm_eps == 1e-5));
        assert!(matches!(&b.text, TextTowerConfig::Causal(text) if text.layers == 4));
    }

    #[test]
    fn padding_is_that_of_the_tokenizer_that_is_named() {
        let plain = published("fastvit_mci0", "avg", 256, true);
        let named =
            plain.replace("\"heads\": 8", "\"heads\": 8, \"hf_tokenizer_name\": \"timm/MobileCLIP2-S0-OpenCLIP\"");
        let vocabulary = br#"{"added_tokens": [{"id": 9, "content": "<|endoftext|>"}], "model": {"vocab": {"!": 3}}}"#;
        assert_eq!(open_clip::pad_id(&plain, Some("!"), vocabulary, 7), Ok(0));
        assert_eq!(open_clip::pad_id(&named, None, b"merges", 7), Ok(7));
        assert_eq!(open_clip::pad_id(&named, Some("!"), vocabulary, 7), Ok(3));
        assert_eq!(open_clip::pad_id(&named, Some("<|endoftext|>"), vocabulary, 7), Ok(9));
        assert!(open_clip::pad_id(&named, Some("[PAD]"), vocabulary, 7).unwrap_err().contains("[PAD]"));
    }

    #[test]
    fn configurations_that_are_not_understood_are_refused() {
        let good = published("fastvit_mci0", "avg", 256, true);
        for (from, to, word) in [
            ("\"avg\"", "\"token\"", "timm_pool"),
            ("\"timm_proj\": null", "\"timm_proj\": \"linear\"", "timm_proj"),
            ("fastvit_mci0", "fastvit_t8", "fastvit_t8"),
            ("\"image_size\"", "\"patch_dropout\": 0.5, \"image_size\"", "patch_dropout"),
            ("\"no_causal_mask\": true", "\"no_causal_mask\": 1", "no_causal_mask"),
        ] {
            assert!(good.contains(from));
            let reason = open_clip::config(&good.replace(from, to), "bad", false).unwrap_err();
            assert!(reason.contains(word), "`{reason}` should say `{word}`");
        }
        let no_projection = good.replace("\"timm_proj\": null, ", "");
        assert!(open_clip::config(&no_projection, "bad", false).unwrap_err().contains("timm_proj"));
        let resized = open_clip::config(&published("vit_base_mci_224", "token", 256, false), "bad", false);
        assert!(resized.unwrap_err().contains("takes 224"));
    }
}
