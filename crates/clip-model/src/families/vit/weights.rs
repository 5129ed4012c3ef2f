//! What other people's checkpoints say of CLIP's vision transformer.

use serde_json::{Map, Value};

use super::config::VitConfig;
use crate::activation::Activation;
use crate::families::interface::StoredImageTower;
use crate::formats::{Format, open_clip, transformers};
use crate::json::Fields;
use crate::weights::Location;

impl StoredImageTower for VitConfig {
    fn locate(&self, format: Format, name: &str) -> Location {
        match format {
            Format::Transformers => transformers::locate("vision_model", "visual_projection", name),
            Format::OpenClip { .. } => open_clip::locate_image(name),
            Format::MlMobileClip => Location::one(format!("image.{name}")),
        }
    }

    fn from_transformers(model_type: &str, root: &Map<String, Value>) -> Option<Result<Self, String>> {
        (model_type == "clip").then(|| read_transformers(root))
    }

    fn from_open_clip(vision: &mut Map<String, Value>, activation: Activation) -> Option<Result<Self, String>> {
        // A list of layers belongs to a residual network.
        let is_it = open_clip::timm_name(vision).is_none() && !vision.get("layers").is_some_and(Value::is_array);
        is_it.then(|| read_open_clip(vision, activation))
    }
}

fn read_open_clip(vision: &mut Map<String, Value>, activation: Activation) -> Result<VitConfig, String> {
    let width = open_clip::required(vision, "width")?;
    let vit = VitConfig {
        image_size: open_clip::optional_square(vision, "image_size")?.unwrap_or(224),
        patch_size: open_clip::optional_square(vision, "patch_size")?.unwrap_or(16),
        width,
        layers: open_clip::required(vision, "layers")?,
        heads: open_clip::heads(vision, width)?,
        mlp_width: open_clip::mlp_width(vision, width)?,
        activation: open_clip::approximated(vision, activation)?,
        layer_norm_eps: open_clip::epsilon(vision)?,
    };
    // Used in training, or only together with options that are refused below.
    open_clip::drop_neutral(vision, &["patch_dropout", "attn_pooler_queries", "attn_pooler_heads"]);
    open_clip::neutral(vision, "pool_type", "tok")?;
    open_clip::neutral(vision, "pos_embed_type", "learnable")?;
    open_clip::nothing_left("vision_cfg", vision)?;
    Ok(vit)
}

/// Reads `CLIPVisionConfig`; other fields do not change what is computed.
fn read_transformers(root: &Map<String, Value>) -> Result<VitConfig, String> {
    let section = transformers::section(root, "vision_config")?;
    let fields = Fields::new("vision_config", &section);
    transformers::three_channels(&fields)?;
    Ok(VitConfig {
        image_size: fields.whole("image_size")?.unwrap_or(224),
        patch_size: fields.whole("patch_size")?.unwrap_or(32),
        width: fields.whole("hidden_size")?.unwrap_or(768),
        layers: fields.whole("num_hidden_layers")?.unwrap_or(12),
        heads: fields.whole("num_attention_heads")?.unwrap_or(12),
        mlp_width: fields.whole("intermediate_size")?.unwrap_or(3072),
        activation: transformers::activation(&fields, Activation::QuickGelu)?,
        layer_norm_eps: fields.number("layer_norm_eps")?.unwrap_or(1e-5),
    })
}
