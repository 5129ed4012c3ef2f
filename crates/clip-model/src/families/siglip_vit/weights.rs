//! What other people's checkpoints say of SigLIP's vision transformer. In open_clip's it is a model of the library timm,
//! which names its tensors in its own way and is configured by a name alone.

use serde_json::{Map, Value};

use super::config::SiglipVitConfig;
use crate::activation::Activation;
use crate::families::interface::StoredImageTower;
use crate::formats::Format;
use crate::formats::open_clip::{drop_neutral, neutral, nothing_left, optional_square, timm_name};
use crate::formats::transformers;
use crate::json::{Fields, quoted};
use crate::weights::Location;

impl StoredImageTower for SiglipVitConfig {
    const TIMM_NAMES: &'static [&'static str] = &["vit_*_siglip_*"];

    fn locate(&self, format: Format, name: &str) -> Location {
        match format {
            Format::Transformers => transformers::locate_siglip("vision_model", name),
            Format::OpenClip { .. } => locate(name),
            Format::MlMobileClip => Location::one(format!("image.{name}")),
        }
    }

    fn from_transformers(model_type: &str, root: &Map<String, Value>) -> Option<Result<Self, String>> {
        (model_type == "siglip").then(|| read_transformers(root))
    }

    /// timm's towers pay no heed to `quick_gelu`.
    fn from_open_clip(vision: &mut Map<String, Value>, _activation: Activation) -> Option<Result<Self, String>> {
        is_described(vision).then(|| config(vision))
    }
}

/// What timm's name of a model stands for.
struct Sizes {
    name: &'static str,
    image_size: usize,
    patch_size: usize,
    width: usize,
    layers: usize,
    heads: usize,
    mlp_ratio: f64,
    activation: Activation,
}

const fn base(name: &'static str, image_size: usize, patch_size: usize, activation: Activation) -> Sizes {
    Sizes { name, image_size, patch_size, width: 768, layers: 12, heads: 12, mlp_ratio: 4.0, activation }
}

const fn large(name: &'static str, image_size: usize, activation: Activation) -> Sizes {
    Sizes { name, image_size, patch_size: 16, width: 1024, layers: 24, heads: 16, mlp_ratio: 4.0, activation }
}

const fn so400m(name: &'static str, image_size: usize, patch_size: usize, activation: Activation) -> Sizes {
    Sizes { name, image_size, patch_size, width: 1152, layers: 27, heads: 16, mlp_ratio: 3.7362, activation }
}

const fn giant(name: &'static str, image_size: usize) -> Sizes {
    let activation = Activation::GeluTanh;
    Sizes { name, image_size, patch_size: 16, width: 1536, layers: 40, heads: 16, mlp_ratio: 4.0, activation }
}

use Activation::{Gelu, GeluTanh};

/// From timm's `vision_transformer.py`. The activation differs between models of one kind: SigLIP 2's checkpoints use the
/// name of SigLIP's, and with it its activation, where timm had one already.
const MODELS: &[Sizes] = &[
    base("vit_base_patch32_siglip_256", 256, 32, GeluTanh),
    base("vit_base_patch16_siglip_224", 224, 16, Gelu),
    base("vit_base_patch16_siglip_256", 256, 16, Gelu),
    base("vit_base_patch16_siglip_384", 384, 16, Gelu),
    base("vit_base_patch16_siglip_512", 512, 16, Gelu),
    large("vit_large_patch16_siglip_256", 256, Gelu),
    large("vit_large_patch16_siglip_384", 384, Gelu),
    large("vit_large_patch16_siglip_512", 512, GeluTanh),
    so400m("vit_so400m_patch14_siglip_224", 224, 14, Gelu),
    so400m("vit_so400m_patch14_siglip_378", 378, 14, Gelu),
    so400m("vit_so400m_patch14_siglip_384", 384, 14, Gelu),
    so400m("vit_so400m_patch16_siglip_256", 256, 16, GeluTanh),
    so400m("vit_so400m_patch16_siglip_384", 384, 16, GeluTanh),
    so400m("vit_so400m_patch16_siglip_512", 512, 16, GeluTanh),
    giant("vit_giantopt_patch16_siglip_256", 256),
    giant("vit_giantopt_patch16_siglip_384", 384),
    // The golden test's, see `tests/golden/siglip.py`.
    #[cfg(test)]
    Sizes {
        name: "vit_golden_patch8_siglip_32",
        image_size: 32,
        patch_size: 8,
        width: 24,
        layers: 2,
        heads: 2,
        mlp_ratio: 3.0,
        activation: Gelu,
    },
];

/// timm's default, which none of these models changes.
const EPSILON: f64 = 1e-6;

/// Whether `vision_cfg` names one of timm's SigLIP towers.
fn is_described(vision: &Map<String, Value>) -> bool {
    timm_name(vision).and_then(Value::as_str).is_some_and(|name| name.contains("_siglip_"))
}

/// Reads `vision_cfg`.
fn config(vision: &mut Map<String, Value>) -> Result<SiglipVitConfig, String> {
    let name = vision.remove("timm_model_name").unwrap_or_default();
    let Some(sizes) = MODELS.iter().find(|sizes| name == sizes.name) else {
        let known: Vec<&str> = MODELS.iter().map(|sizes| sizes.name).collect();
        return Err(format!("`timm_model_name` is {}; expected one of {}", quoted(&name), known.join(", ")));
    };
    if let Some(size) = optional_square(vision, "image_size")?
        && size != sizes.image_size
    {
        return Err(format!("`image_size` is {size}, {} takes {}", sizes.name, sizes.image_size));
    }
    neutral(vision, "timm_pool", "map")?;
    neutral(vision, "timm_proj", "none")?;
    // Of training only.
    drop_neutral(vision, &["timm_model_pretrained", "timm_drop", "timm_drop_path", "patch_dropout"]);
    nothing_left("vision_cfg", vision)?;
    Ok(SiglipVitConfig {
        image_size: sizes.image_size,
        patch_size: sizes.patch_size,
        width: sizes.width,
        layers: sizes.layers,
        heads: sizes.heads,
        mlp_width: (sizes.width as f64 * sizes.mlp_ratio) as usize,
        activation: sizes.activation,
        layer_norm_eps: EPSILON,
    })
}

/// Reads `SiglipVisionConfig`; other fields do not change what is computed.
fn read_transformers(root: &Map<String, Value>) -> Result<SiglipVitConfig, String> {
    let section = transformers::section(root, "vision_config")?;
    let fields = Fields::new("vision_config", &section);
    transformers::three_channels(&fields)?;
    if fields.flag("vision_use_head")? == Some(false) {
        return Err(format!(
            "{} is false: without its pool the image tower gives no embedding",
            fields.name("vision_use_head")
        ));
    }
    Ok(SiglipVitConfig {
        image_size: fields.whole("image_size")?.unwrap_or(224),
        patch_size: fields.whole("patch_size")?.unwrap_or(16),
        width: fields.whole("hidden_size")?.unwrap_or(768),
        layers: fields.whole("num_hidden_layers")?.unwrap_or(12),
        heads: fields.whole("num_attention_heads")?.unwrap_or(12),
        mlp_width: fields.whole("intermediate_size")?.unwrap_or(3072),
        activation: transformers::activation(&fields, Activation::GeluTanh)?,
        layer_norm_eps: fields.number("layer_norm_eps")?.unwrap_or(1e-6),
    })
}

/// Where `visual.trunk.` keeps a tensor of a [`SiglipVit`](super::SiglipVit).
fn locate(name: &str) -> Location {
    let trunk = "visual.trunk";
    if let Some(rest) = name.strip_prefix("transformer.blocks.") {
        let rest = rest
            .replace("attention_norm.", "norm1.")
            .replace("mlp_norm.", "norm2.")
            .replace("attention.input.", "attn.qkv.")
            .replace("attention.output.", "attn.proj.");
        return Location::one(format!("{trunk}.blocks.{}", mlp(&rest)));
    }
    if let Some(rest) = name.strip_prefix("pool.") {
        let pool = format!("{trunk}.attn_pool");
        if let Some(kind) = rest.strip_prefix("attention.input.") {
            return Location::shared([(format!("{pool}.q.{kind}"), 1), (format!("{pool}.kv.{kind}"), 2)]);
        }
        let rest = rest.replace("attention.output.", "proj.").replace("probe", "latent");
        return Location::one(format!("{pool}.{}", mlp(&rest)));
    }
    if name == "position_embedding" {
        return Location::batched(format!("{trunk}.pos_embed"));
    }
    let rest = name.replace("patch_embedding.", "patch_embed.proj.").replace("norm_post.", "norm.");
    Location::one(format!("{trunk}.{rest}"))
}

fn mlp(name: &str) -> String {
    name.replace("mlp.input.", "mlp.fc1.").replace("mlp.output.", "mlp.fc2.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::interface::ImageSizes;

    #[test]
    fn every_model_is_possible_and_named_after_its_sizes() {
        for sizes in MODELS {
            let mut vision = Map::new();
            vision.insert("timm_model_name".into(), sizes.name.into());
            vision.insert("image_size".into(), sizes.image_size.into());
            assert!(is_described(&vision));
            let config = config(&mut vision).unwrap();
            config.validate().unwrap();
            assert!(sizes.name.ends_with(&format!("_siglip_{}", config.image_size)), "{}", sizes.name);
            assert!(sizes.name.contains(&format!("_patch{}_", config.patch_size)), "{}", sizes.name);
        }
        let so400m = MODELS.iter().find(|sizes| sizes.name == "vit_so400m_patch14_siglip_384").unwrap();
        assert_eq!((so400m.width as f64 * so400m.mlp_ratio) as usize, 4304);
    }

    #[test]
    fn other_models_and_options_are_refused() {
        let refused = |json: serde_json::Value, word: &str| {
            let reason = config(&mut json.as_object().unwrap().clone()).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        };
        let name = "vit_base_patch16_siglip_224";
        refused(serde_json::json!({ "timm_model_name": "vit_base_patch16_siglip_225" }), "siglip_225");
        refused(serde_json::json!({ "timm_model_name": name, "image_size": 256 }), "takes 224");
        refused(serde_json::json!({ "timm_model_name": name, "timm_pool": "avg" }), "timm_pool");
        refused(serde_json::json!({ "timm_model_name": name, "timm_proj": "linear" }), "timm_proj");
        refused(serde_json::json!({ "timm_model_name": name, "width": 768 }), "width");
    }
}
