//! What the towers of transformers' checkpoints have in common.
//!
//! Names and defaults follow `modeling_clip.py`, `configuration_clip.py`, `modeling_siglip.py` and
//! `configuration_siglip.py`.

use serde_json::{Map, Value};

use crate::activation::Activation;
use crate::json::Fields;
use crate::weights::Location;

/// Where a tower of CLIP keeps a tensor; `projection` is the name of its projection.
pub fn locate(tower: &str, projection: &str, name: &str) -> Location {
    if let Some(rest) = name.strip_prefix("transformer.blocks.") {
        return layer_location(tower, rest);
    }
    Location::one(match name {
        "projection.weight" => format!("{projection}.weight"),
        "class_embedding" | "patch_embedding.weight" | "token_embedding.weight" => {
            format!("{tower}.embeddings.{name}")
        }
        "position_embedding" => format!("{tower}.embeddings.position_embedding.weight"),
        _ => {
            // The spelling is transformers' own.
            let rest = name.replace("norm_pre.", "pre_layrnorm.").replace("norm_post.", "post_layernorm.");
            match rest.strip_prefix("norm.") {
                Some(kind) => format!("{tower}.final_layer_norm.{kind}"),
                None => format!("{tower}.{rest}"),
            }
        }
    })
}

/// Where a tower of SigLIP keeps a tensor.
pub fn locate_siglip(tower: &str, name: &str) -> Location {
    if let Some(rest) = name.strip_prefix("transformer.blocks.") {
        return layer_location(tower, rest);
    }
    if let Some(rest) = name.strip_prefix("pool.") {
        let rest = match rest.strip_prefix("attention.input.") {
            Some(kind) => format!("attention.in_proj_{kind}"),
            None => rest
                .replace("attention.output.", "attention.out_proj.")
                .replace("mlp.input.", "mlp.fc1.")
                .replace("mlp.output.", "mlp.fc2.")
                .replace("norm.", "layernorm."),
        };
        return Location::one(format!("{tower}.head.{rest}"));
    }
    Location::one(match name.split_once('.') {
        None => format!("{tower}.embeddings.position_embedding.weight"),
        Some(("norm_post", kind)) => format!("{tower}.post_layernorm.{kind}"),
        Some(("norm", kind)) => format!("{tower}.final_layer_norm.{kind}"),
        Some(("projection", kind)) => format!("{tower}.head.{kind}"),
        Some(_) => format!("{tower}.embeddings.{name}"),
    })
}

/// Where a tower keeps a tensor of a layer; `name` is what follows `transformer.blocks.`.
fn layer_location(tower: &str, name: &str) -> Location {
    let (layer, rest) = name.split_once('.').unwrap_or((name, ""));
    let layer = format!("{tower}.encoder.layers.{layer}");
    if let Some(kind) = rest.strip_prefix("attention.input.") {
        return Location::joined(["q", "k", "v"].map(|part| format!("{layer}.self_attn.{part}_proj.{kind}")));
    }
    let rest = rest
        .replace("attention_norm.", "layer_norm1.")
        .replace("mlp_norm.", "layer_norm2.")
        .replace("attention.output.", "self_attn.out_proj.")
        .replace("mlp.input.", "mlp.fc1.")
        .replace("mlp.output.", "mlp.fc2.");
    Location::one(format!("{layer}.{rest}"))
}

/// The activation that a section names.
pub fn activation(fields: &Fields<'_>, default: Activation) -> Result<Activation, String> {
    const KNOWN: [(&str, Activation); 4] = [
        ("quick_gelu", Activation::QuickGelu),
        ("gelu", Activation::Gelu),
        ("gelu_pytorch_tanh", Activation::GeluTanh),
        ("gelu_new", Activation::GeluTanh),
    ];
    let Some(value) = fields.value("hidden_act") else { return Ok(default) };
    let known = KNOWN.iter().find(|(name, _)| value.as_str() == Some(*name));
    known
        .map(|(_, activation)| *activation)
        .ok_or_else(|| fields.wrong("hidden_act", &format!("one of {}", KNOWN.map(|(name, _)| name).join(", "))))
}

/// A section, overlaid by the `<name>_dict` that configurations of 2022 carry and that transformers lets win.
pub fn section(root: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, String> {
    let root = Fields::new("", root);
    let mut merged = Map::new();
    for key in [name.to_owned(), format!("{name}_dict")] {
        let present = root.object(&key)?.into_iter().flatten().filter(|(_, value)| !value.is_null());
        merged.extend(present.map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(merged)
}

/// Says that images have another number of channels than three, if they do.
pub fn three_channels(fields: &Fields<'_>) -> Result<(), String> {
    match fields.whole("num_channels")? {
        None | Some(3) => Ok(()),
        Some(_) => Err(fields.wrong("num_channels", "3, the channels of photos")),
    }
}
