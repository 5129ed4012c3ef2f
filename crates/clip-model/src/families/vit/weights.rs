//! What other people's checkpoints say of CLIP's vision transformer.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::VitConfig;
use crate::activation::Activation;
use crate::families::interface::StoredImageTower;
use crate::formats::transformers::{self, HiddenAct};
use crate::formats::{Format, open_clip};
use crate::weights::Location;

impl StoredImageTower for VitConfig {
    fn locate(&self, format: Format, name: &str) -> Location {
        match format {
            Format::Transformers => transformers::locate("vision_model", "visual_projection", name),
            Format::OpenClip { .. } => open_clip::locate_image(name),
            Format::MlMobileClip => Location::one(format!("image.{name}")),
        }
    }

    fn from_transformers(model_type: &str, root: &Value) -> Option<Result<Self, String>> {
        (model_type == "clip").then(|| transformers::section::<VisionSection>(root, "vision_config")?.config())
    }

    fn from_open_clip(vision: &mut Map<String, Value>, activation: Activation) -> Option<Result<Self, String>> {
        // A list of layers belongs to a residual network.
        let is_it = open_clip::timm_name(vision).is_none() && !vision.get("layers").is_some_and(Value::is_array);
        is_it.then(|| read_open_clip(vision, activation))
    }
}

fn read_open_clip(vision: &mut Map<String, Value>, activation: Activation) -> Result<VitConfig, String> {
    let width = open_clip::required(vision, "width")?;
    let head_width = open_clip::optional(vision, "head_width")?.unwrap_or(64);
    let vit = VitConfig {
        image_size: open_clip::optional_square(vision, "image_size")?.unwrap_or(224),
        patch_size: open_clip::optional_square(vision, "patch_size")?.unwrap_or(16),
        width,
        layers: open_clip::required(vision, "layers")?,
        heads: width / head_width.max(1),
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

/// `CLIPVisionConfig`; other fields do not change what is computed.
#[derive(Deserialize)]
#[serde(default)]
struct VisionSection {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: HiddenAct,
    layer_norm_eps: f64,
}

impl Default for VisionSection {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: HiddenAct::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

impl VisionSection {
    fn config(self) -> Result<VitConfig, String> {
        transformers::three_channels(self.num_channels)?;
        Ok(VitConfig {
            image_size: self.image_size,
            patch_size: self.patch_size,
            width: self.hidden_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            mlp_width: self.intermediate_size,
            activation: self.hidden_act.into(),
            layer_norm_eps: self.layer_norm_eps,
        })
    }
}
