//! TinyCLIP's published checkpoints (wkcn/TinyCLIP-ViT-*) are transformers' CLIP models: their configurations must come to
//! the presets of the family.

mod support;

use clip_model::{Checkpoint, ClipConfig, ModelSource};

#[test]
fn configurations_in_the_published_layout_are_the_presets() {
    for (name, width, patch, layers, text_width, text_layers) in [
        ("TinyCLIP-ViT-8M-16-Text-3M", 256, 16, 10, 256, 3),
        ("TinyCLIP-ViT-39M-16-Text-19M", 512, 16, 12, 512, 6),
        ("TinyCLIP-ViT-40M-32-Text-19M", 512, 32, 12, 512, 6),
        ("TinyCLIP-ViT-61M-32-Text-29M", 640, 32, 12, 512, 9),
    ] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let sizes = |width: usize, layers: usize| {
            serde_json::json!({
                "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers,
                "num_attention_heads": width / 64, "hidden_act": "gelu", "projection_dim": 512
            })
        };
        let (mut vision, mut text) = (sizes(width, layers), sizes(text_width, text_layers));
        (vision["patch_size"], vision["image_size"]) = (patch.into(), 224.into());
        (text["eos_token_id"], text["vocab_size"]) = (2.into(), 49408.into());
        let json = serde_json::json!({
            "model_type": "clip", "projection_dim": 512, "logit_scale_init_value": (1.0f64 / 0.07).ln(),
            "vision_config": vision, "text_config": text
        });
        std::fs::write(folder.join("config.json"), json.to_string()).unwrap();
        support::write(&folder.join("model.safetensors"), &vec![("logit_scale".into(), vec![1], vec![1.0])]);
        let checkpoint = Checkpoint::open(&ModelSource::Folder(folder)).unwrap();
        assert_eq!(checkpoint.config(), &ClipConfig::preset(name).unwrap(), "{name}");
    }
}
