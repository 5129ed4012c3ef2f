//! What the towers of open_clip's checkpoints have in common.
//!
//! Layout and defaults follow open_clip's `model.py` and `transformer.py`. Readers remove from a section what they
//! understand; options that change the computation and are left over are errors, never ignored.

use serde_json::{Map, Value};

use crate::activation::Activation;
use crate::json::{Fields, cut, quoted};
use crate::weights::Location;

/// Where an image tower of open_clip's own keeps a tensor.
pub fn locate_image(name: &str) -> Location {
    match name {
        "projection.weight" => Location::transposed("visual.proj"),
        _ => locate("visual.", name),
    }
}

/// Where a text tower keeps a tensor, in a checkpoint that has text towers under `text.` or at the top.
pub fn locate_text(nested: bool, name: &str) -> Location {
    let prefix = text_prefix(nested);
    match name {
        "projection.weight" => Location::transposed(format!("{prefix}text_projection")),
        _ => locate(prefix, name),
    }
}

/// What the names of a text tower's tensors begin with.
pub fn text_prefix(nested: bool) -> &'static str {
    if nested { "text." } else { "" }
}

fn locate(prefix: &str, name: &str) -> Location {
    if let Some(rest) = name.strip_prefix("transformer.blocks.") {
        let (layer, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let rest = match rest {
            "attention.input.weight" => "attn.in_proj_weight".to_owned(),
            "attention.input.bias" => "attn.in_proj_bias".to_owned(),
            _ => rest
                .replace("attention_norm.", "ln_1.")
                .replace("mlp_norm.", "ln_2.")
                .replace("attention.output.", "attn.out_proj.")
                .replace("mlp.input.", "mlp.c_fc.")
                .replace("mlp.output.", "mlp.c_proj."),
        };
        return Location::one(format!("{prefix}transformer.resblocks.{layer}.{rest}"));
    }
    let stored = match name {
        "patch_embedding.weight" => "conv1.weight",
        "position_embedding" => "positional_embedding",
        "norm_pre.weight" => "ln_pre.weight",
        "norm_pre.bias" => "ln_pre.bias",
        "norm_post.weight" => "ln_post.weight",
        "norm_post.bias" => "ln_post.bias",
        "norm.weight" => "ln_final.weight",
        "norm.bias" => "ln_final.bias",
        other => other,
    };
    Location::one(format!("{prefix}{stored}"))
}

/// The name in timm of the image tower that a `vision_cfg` describes, where it is one of timm's.
pub fn timm_name(vision: &Map<String, Value>) -> Option<&Value> {
    vision.get("timm_model_name").filter(|name| !name.is_null())
}

/// The options of `text_cfg` that all text towers have.
#[derive(Debug, Clone)]
pub struct TextOptions {
    /// Most tokens a text may have.
    pub context_length: usize,
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of transformer layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Hidden width of a layer's MLP.
    pub mlp_width: usize,
    /// Activation of the MLP.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
}

impl TextOptions {
    /// Takes the options out of `text_cfg`.
    pub fn take(text: &mut Map<String, Value>, activation: Activation) -> Result<Self, String> {
        let width = required(text, "width")?;
        Ok(Self {
            context_length: optional(text, "context_length")?.unwrap_or(77),
            vocab_size: optional(text, "vocab_size")?.unwrap_or(49408),
            width,
            layers: required(text, "layers")?,
            heads: required(text, "heads")?,
            mlp_width: mlp_width(text, width)?,
            activation: approximated(text, activation)?,
            layer_norm_eps: epsilon(text)?,
        })
    }
}

/// Whether each token of the text tower sees those behind it, too. What is no truth value counts as one that does.
pub fn is_unmasked(text: &Map<String, Value>) -> bool {
    !matches!(text.get("no_causal_mask"), None | Some(Value::Null | Value::Bool(false)))
}

/// Whether the text tower pools at the last place, which makes sense only where that place sees all others.
pub fn pools_last(text: &Map<String, Value>) -> bool {
    text.get("pool_type").and_then(Value::as_str) == Some("last")
}

/// The activation with the `act_kwargs` of PyTorch's GELU, which can say that it is approximated.
pub fn approximated(map: &mut Map<String, Value>, activation: Activation) -> Result<Activation, String> {
    let Some(kwargs) = map.remove("act_kwargs").filter(|kwargs| !kwargs.is_null()) else { return Ok(activation) };
    let approximate =
        kwargs.as_object().filter(|kwargs| kwargs.len() == 1).and_then(|kwargs| kwargs.get("approximate"));
    match (approximate.and_then(Value::as_str), activation) {
        (Some("tanh"), Activation::Gelu) => Ok(Activation::GeluTanh),
        (Some("none"), Activation::Gelu) => Ok(Activation::Gelu),
        _ => Err(format!(
            "`act_kwargs` is {}, expected {{\"approximate\": \"tanh\"}} without `quick_gelu`",
            quoted(&kwargs)
        )),
    }
}

/// A whole number that may be missing.
pub fn optional(map: &mut Map<String, Value>, key: &str) -> Result<Option<usize>, String> {
    let value = Fields::new("", map).whole(key)?;
    map.remove(key);
    Ok(value)
}

/// A whole number that must be there.
pub fn required(map: &mut Map<String, Value>, key: &str) -> Result<usize, String> {
    let value = optional(map, key)?;
    Fields::new("", map).required(key, value)
}

/// A number, or two equal ones for height and width.
pub fn optional_square(map: &mut Map<String, Value>, key: &str) -> Result<Option<usize>, String> {
    if let Some(Value::Array(sides)) = map.get(key) {
        match sides.as_slice() {
            [a, b] if a == b => {
                let side = a.clone();
                map.insert(key.to_owned(), side);
            }
            _ => return Err(Fields::new("", map).wrong(key, "a whole number, or two equal ones for a square")),
        }
    }
    optional(map, key)
}

/// A number that may be missing.
pub fn number(map: &mut Map<String, Value>, key: &str) -> Result<Option<f64>, String> {
    let value = Fields::new("", map).number(key)?;
    map.remove(key);
    Ok(value)
}

/// Whether an option is on.
pub fn flag(map: &mut Map<String, Value>, key: &str) -> Result<bool, String> {
    let value = Fields::new("", map).flag(key)?;
    map.remove(key);
    Ok(value.unwrap_or(false))
}

/// Attention heads of an image tower whose heads share `width`, by integer division as there.
pub fn heads(vision: &mut Map<String, Value>, width: usize) -> Result<usize, String> {
    let head_width = Fields::new("", vision).whole("head_width")?.unwrap_or(64);
    match width.checked_div(head_width) {
        None | Some(0) => Err(Fields::new("", vision).wrong("head_width", &format!("1 to {width}"))),
        Some(heads) => {
            vision.remove("head_width");
            Ok(heads)
        }
    }
}

/// Checks how the tokenizer is told to clean up texts: one of `known`, where `default` stands for nothing said. Its other
/// options must be off.
pub fn clean_up(text: &mut Map<String, Value>, known: &[&str], default: Option<&str>) -> Result<(), String> {
    let fields = Fields::new("", text);
    let mut kwargs = fields.object("tokenizer_kwargs")?.cloned().unwrap_or_default();
    let fields = Fields::new("tokenizer_kwargs", &kwargs);
    if fields.text("clean")?.or(default).is_none_or(|clean| !known.contains(&clean)) {
        let known: Vec<String> = known.iter().map(|clean| format!("\"{clean}\"")).collect();
        return Err(fields.wrong("clean", &known.join(" or ")));
    }
    kwargs.remove("clean");
    text.remove("tokenizer_kwargs");
    nothing_left("tokenizer_kwargs", &kwargs)
}

/// Hidden width of the MLP of a transformer of this width.
pub fn mlp_width(map: &mut Map<String, Value>, width: usize) -> Result<usize, String> {
    let ratio = number(map, "mlp_ratio")?.unwrap_or(4.0);
    // As Python's int(width * mlp_ratio); a ratio out of range is caught by the limits on the result.
    Ok((width as f64 * ratio).clamp(0.0, 1e12) as usize)
}

/// Epsilon of the layer norms.
pub fn epsilon(map: &mut Map<String, Value>) -> Result<f64, String> {
    let mut kwargs = Fields::new("", map).object("norm_kwargs")?.cloned().unwrap_or_default();
    let eps = Fields::new("norm_kwargs", &kwargs).number("eps")?.unwrap_or(1e-5);
    kwargs.remove("eps");
    map.remove("norm_kwargs");
    nothing_left("norm_kwargs", &kwargs)?;
    Ok(eps)
}

/// Removes an option that must have the one value that is supported.
pub fn neutral(map: &mut Map<String, Value>, key: &str, only: &str) -> Result<(), String> {
    match map.remove(key) {
        None => Ok(()),
        Some(Value::String(value)) if value == only => Ok(()),
        Some(value) => Err(format!("`{key}` is {}; only \"{only}\" is supported", quoted(&value))),
    }
}

/// Removes options that do not change what is computed.
pub fn drop_neutral(map: &mut Map<String, Value>, keys: &[&str]) {
    for key in keys {
        map.remove(*key);
    }
}

/// Options that are off are as good as absent; all others are not known here.
pub fn nothing_left(section: &str, map: &Map<String, Value>) -> Result<(), String> {
    let off = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
    match map.iter().find(|(_, value)| !off(value)) {
        None => Ok(()),
        Some((key, value)) => {
            let name = Fields::new(section, map).name(&cut(key));
            Err(format!("{name} = {} is not supported", quoted(value)))
        }
    }
}
