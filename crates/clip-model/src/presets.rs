//! Configurations of well-known checkpoints, which are data.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The preset of this name.
pub fn find(name: &str) -> Option<(&'static str, &'static str)> {
    PRESETS.iter().find(|(known, _)| *known == name).copied()
}

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The image tower of a preset, for families whose checkpoints name a tower and not its sizes.
pub fn image_tower<T: DeserializeOwned>(name: &str) -> Option<T> {
    let mut preset: Value = serde_json::from_str(find(name)?.1).ok()?;
    let mut tower = preset.get_mut("image")?.take();
    tower.as_object_mut()?.remove("kind");
    serde_json::from_value(tower).ok()
}

/// Names and JSON.
const PRESETS: &[(&str, &str)] = &[
    ("ViT-B-32", include_str!("../presets/ViT-B-32.json")),
    ("ViT-B-32-quickgelu", include_str!("../presets/ViT-B-32-quickgelu.json")),
    ("ViT-B-32-256", include_str!("../presets/ViT-B-32-256.json")),
    ("ViT-B-16", include_str!("../presets/ViT-B-16.json")),
    ("ViT-B-16-quickgelu", include_str!("../presets/ViT-B-16-quickgelu.json")),
    ("ViT-L-14", include_str!("../presets/ViT-L-14.json")),
    ("ViT-L-14-quickgelu", include_str!("../presets/ViT-L-14-quickgelu.json")),
    ("ViT-L-14-336", include_str!("../presets/ViT-L-14-336.json")),
    ("ViT-L-14-336-quickgelu", include_str!("../presets/ViT-L-14-336-quickgelu.json")),
    ("ViT-H-14", include_str!("../presets/ViT-H-14.json")),
    ("ViT-H-14-quickgelu", include_str!("../presets/ViT-H-14-quickgelu.json")),
    ("RN50", include_str!("../presets/RN50.json")),
    ("RN50-quickgelu", include_str!("../presets/RN50-quickgelu.json")),
    ("RN101", include_str!("../presets/RN101.json")),
    ("RN101-quickgelu", include_str!("../presets/RN101-quickgelu.json")),
    ("RN50x4", include_str!("../presets/RN50x4.json")),
    ("RN50x4-quickgelu", include_str!("../presets/RN50x4-quickgelu.json")),
    ("ViT-B-16-SigLIP", include_str!("../presets/ViT-B-16-SigLIP.json")),
    ("ViT-B-16-SigLIP-256", include_str!("../presets/ViT-B-16-SigLIP-256.json")),
    ("ViT-L-16-SigLIP-256", include_str!("../presets/ViT-L-16-SigLIP-256.json")),
    ("ViT-SO400M-14-SigLIP-384", include_str!("../presets/ViT-SO400M-14-SigLIP-384.json")),
    ("ViT-B-16-SigLIP2", include_str!("../presets/ViT-B-16-SigLIP2.json")),
    ("ViT-B-32-SigLIP2-256", include_str!("../presets/ViT-B-32-SigLIP2-256.json")),
    ("MobileCLIP-S0", include_str!("../presets/MobileCLIP-S0.json")),
    ("MobileCLIP-S1", include_str!("../presets/MobileCLIP-S1.json")),
    ("MobileCLIP-S2", include_str!("../presets/MobileCLIP-S2.json")),
    ("MobileCLIP-B", include_str!("../presets/MobileCLIP-B.json")),
    ("MobileCLIP2-S0", include_str!("../presets/MobileCLIP2-S0.json")),
    ("MobileCLIP2-S2", include_str!("../presets/MobileCLIP2-S2.json")),
    ("MobileCLIP2-B", include_str!("../presets/MobileCLIP2-B.json")),
    ("TinyCLIP-ViT-8M-16-Text-3M", include_str!("../presets/TinyCLIP-ViT-8M-16-Text-3M.json")),
    ("TinyCLIP-ViT-39M-16-Text-19M", include_str!("../presets/TinyCLIP-ViT-39M-16-Text-19M.json")),
    ("TinyCLIP-ViT-40M-32-Text-19M", include_str!("../presets/TinyCLIP-ViT-40M-32-Text-19M.json")),
    ("TinyCLIP-ViT-61M-32-Text-29M", include_str!("../presets/TinyCLIP-ViT-61M-32-Text-29M.json")),
];
