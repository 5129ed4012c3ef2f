//! What open_clip's checkpoints say of OpenAI's residual networks. transformers does not know them.

use serde_json::{Map, Value};

use super::config::ModifiedResnetConfig;
use crate::activation::Activation;
use crate::families::interface::StoredImageTower;
use crate::formats::Format;
use crate::formats::open_clip::{heads, nothing_left, optional_square, required, timm_name};
use crate::json::quoted;
use crate::weights::Location;

impl StoredImageTower for ModifiedResnetConfig {
    fn locate(&self, format: Format, name: &str) -> Location {
        let located = matches!(format, Format::OpenClip { .. }).then(|| locate(name)).flatten();
        located.unwrap_or_else(|| Location::one(format!("image.{name}")))
    }

    /// The number of layers is a list.
    fn from_open_clip(vision: &mut Map<String, Value>, _activation: Activation) -> Option<Result<Self, String>> {
        let is_it = timm_name(vision).is_none() && vision.get("layers").is_some_and(Value::is_array);
        is_it.then(|| config(vision))
    }
}

/// Where `visual.` keeps a tensor of a [`ModifiedResnet`](super::ModifiedResnet), or
/// nothing if `name` is not one of its tensors.
fn locate(name: &str) -> Option<Location> {
    let (part, rest) = name.split_once('.')?;
    Some(match part {
        "stem" => {
            let (layer, rest) = rest.split_once('.')?;
            Location::one(format!("visual.{}", numbered(layer.parse().ok()?, rest)?))
        }
        "stages" => {
            let mut fields = rest.splitn(4, '.');
            let stage: usize = fields.next()?.parse().ok()?;
            let (_, block, rest) = (fields.next()?, fields.next()?, fields.next()?);
            let block = format!("visual.layer{}.{block}", stage + 1);
            let (layer, rest) = rest.split_once('.')?;
            let place = match layer {
                "reduce" => numbered(0, rest)?,
                "spatial" => numbered(1, rest)?,
                "expand" => numbered(2, rest)?,
                _ => rest.replace("convolution.", "downsample.0.").replace("norm.", "downsample.1."),
            };
            Location::one(format!("{block}.{place}"))
        }
        "pool" => match rest.strip_prefix("attention.input.") {
            Some(kind) => Location::joined(["q", "k", "v"].map(|part| format!("visual.attnpool.{part}_proj.{kind}"))),
            None => Location::one(format!(
                "visual.attnpool.{}",
                rest.replace("position_embedding", "positional_embedding").replace("attention.output.", "c_proj.")
            )),
        },
        _ => return None,
    })
}

/// `convolution.weight` of layer 0 is `conv1.weight`, its `norm.bias` is `bn1.bias`.
fn numbered(layer: usize, rest: &str) -> Option<String> {
    let (kind, rest) = rest.split_once('.')?;
    let kind = if kind == "convolution" { "conv" } else { "bn" };
    Some(format!("{kind}{}.{rest}", layer + 1))
}

/// Reads `vision_cfg`.
fn config(vision: &mut Map<String, Value>) -> Result<ModifiedResnetConfig, String> {
    let layers = vision.remove("layers").unwrap_or_default();
    let blocks: [usize; 4] = serde_json::from_value(layers.clone()).map_err(|_| {
        format!("`layers` is {}, expected the number of blocks in each of four stages", quoted(&layers))
    })?;
    let width = required(vision, "width")?;
    let config = ModifiedResnetConfig {
        image_size: optional_square(vision, "image_size")?.unwrap_or(224),
        width,
        blocks,
        heads: heads(vision, width.saturating_mul(32))?,
    };
    nothing_left("vision_cfg", vision)?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_open_clips() {
        let located = |name: &str| locate(name).unwrap().parts;
        assert_eq!(located("stem.2.convolution.weight"), ["visual.conv3.weight"]);
        assert_eq!(located("stem.0.norm.running_var"), ["visual.bn1.running_var"]);
        assert_eq!(located("stages.2.blocks.11.expand.norm.bias"), ["visual.layer3.11.bn3.bias"]);
        assert_eq!(located("stages.0.blocks.0.shortcut.convolution.weight"), ["visual.layer1.0.downsample.0.weight"]);
        assert_eq!(
            located("stages.3.blocks.0.shortcut.norm.running_mean"),
            ["visual.layer4.0.downsample.1.running_mean"]
        );
        assert_eq!(located("pool.position_embedding"), ["visual.attnpool.positional_embedding"]);
        assert_eq!(located("pool.attention.output.bias"), ["visual.attnpool.c_proj.bias"]);
        assert_eq!(located("pool.attention.input.weight").len(), 3);
        assert_eq!(locate("transformer.blocks.0.mlp.input.weight"), None);
    }
}
