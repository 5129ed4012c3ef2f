//! MobileCLIP's towers in other people's checkpoints: timm's image towers in open_clip's layout, and the layout of
//! Apple's own ml-mobileclip.
//!
//! Both know the same towers by other names. FastViT comes as it is trained or re-parameterised; which of the two is seen
//! for each block by itself, since either library leaves some parts as they are.

use serde_json::{Map, Value};

use super::open_clip::{drop_neutral, nothing_left, optional_square};
use crate::config::{
    Activation, CausalTextConfig, ClipConfig, EndOfText, ImageTowerConfig, Interpolation, PreprocessConfig, ResizeMode,
    TextTowerConfig, TokenizerConfig, TokenizerKind,
};
use crate::families::conv_stem_vit::ConvStemVitConfig;
use crate::families::fast_vit::{FastVitConfig, FastVitStageConfig, TokenMixer};
use crate::families::mobile_text::{MobileTextConfig, TextMixerConfig};
use crate::weights::fold::{Branch, FoldedLayer, Plan};
use crate::weights::{Layout, Location, TensorSource};

/// Whose names a checkpoint uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// timm's, behind `visual.trunk.`, as open_clip stores them.
    Timm,
    /// Apple's own.
    Apple,
}

/// Where a checkpoint keeps the tensors of the towers that are MobileCLIP's alone; nothing if it has none of them.
pub(crate) fn plan(config: &ClipConfig, dialect: Dialect, source: &dyn TensorSource) -> Option<Plan> {
    let mut names = Names { dialect, source, folded: false, plan: Plan::default() };
    // Says which form is missing where a block has neither.
    names.folded = source.names().iter().any(|name| name.contains(".reparam_conv."));
    let known = match &config.image {
        ImageTowerConfig::FastVit(tower) => {
            names.fast_vit(tower);
            true
        }
        ImageTowerConfig::ConvStemVit(tower) => {
            names.conv_stem_vit(tower);
            true
        }
        ImageTowerConfig::Vit(_)
        | ImageTowerConfig::InvertedResidual(_)
        | ImageTowerConfig::ModifiedResnet(_)
        | ImageTowerConfig::Siglip(_) => false,
    };
    // open_clip's own names for texts are known elsewhere.
    if dialect == Dialect::Apple {
        match &config.text {
            TextTowerConfig::Causal(text) => names.text(text.layers, false),
            TextTowerConfig::Mobile(text) => names.text(text.layers, text.mixer.is_some()),
            TextTowerConfig::Bert(_) | TextTowerConfig::Siglip(_) => return None,
        }
    }
    known.then_some(names.plan)
}

struct Names<'a> {
    dialect: Dialect,
    source: &'a dyn TensorSource,
    /// Whether any block is stored re-parameterised.
    folded: bool,
    plan: Plan,
}

impl Names<'_> {
    fn pick(&self, timm: &'static str, apple: &'static str) -> &'static str {
        match self.dialect {
            Dialect::Timm => timm,
            Dialect::Apple => apple,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.source.shape(name).is_some()
    }

    /// A block that is stored at `folded` if it is re-parameterised, and otherwise as `trained` says.
    fn either(&self, folded: &str, trained: FoldedLayer) -> FoldedLayer {
        let stored = FoldedLayer::stored(folded);
        let is_there =
            |layer: &FoldedLayer| layer.branches.iter().flat_map(|b| &b.kernel).any(|kernel| self.has(kernel));
        let take_stored = is_there(&stored) || (self.folded && !is_there(&trained));
        if take_stored { stored } else { trained }
    }

    /// A convolution without bias and the batch norm behind it.
    fn normed(path: &str) -> Branch {
        Branch { kernel: Some(format!("{path}.conv.weight")), norm: Some(format!("{path}.bn")), ..Branch::default() }
    }

    fn mobile_one_branches(&self, path: &str, kernel: bool, point: bool, skip: bool) -> Vec<Branch> {
        let mut branches = Vec::new();
        if kernel {
            branches.push(Self::normed(&format!("{path}.{}.0", self.pick("conv_kxk", "rbr_conv"))));
        }
        if point {
            branches.push(Self::normed(&format!("{path}.{}", self.pick("conv_scale", "rbr_scale"))));
        }
        if skip {
            let norm = Some(format!("{path}.{}", self.pick("identity", "rbr_skip")));
            branches.push(Branch { norm, ..Branch::default() });
        }
        branches
    }

    /// A `MobileOneBlock`: a kernel, a 1x1 kernel beside it (`point`) and the input itself (`skip`), each normed.
    fn mobile_one(&mut self, ours: &str, path: &str, point: bool, skip: bool) {
        let branches = self.mobile_one_branches(path, true, point, skip);
        let layer = FoldedLayer { branches, ..FoldedLayer::default() };
        let layer = self.either(&format!("{path}.reparam_conv"), layer);
        self.plan.layer(ours, layer);
    }

    /// A `RepMixerBlock`; `point` is whether its mixer has a 1x1 kernel besides.
    fn rep_mixer(&mut self, ours: &str, path: &str, point: bool) {
        let mixer = format!("{path}.token_mixer");
        let mut branches = self.mobile_one_branches(&format!("{mixer}.mixer"), true, point, true);
        let norm = self.mobile_one_branches(&format!("{mixer}.norm"), false, false, true);
        branches.extend(norm.into_iter().map(|branch| Branch { negative: true, ..branch }));
        let layer = FoldedLayer {
            branches,
            scale: Some(format!("{mixer}.layer_scale{}", self.gamma())),
            shortcut: true,
            input_norm: None,
        };
        let layer = self.either(&format!("{mixer}.reparam_conv"), layer);
        self.plan.layer(&format!("{ours}.mixer"), layer);
        self.conv_mlp(&format!("{ours}.mlp"), path, "layer_scale");
    }

    /// The MLP of a block, with the layer scale behind it.
    fn conv_mlp(&mut self, ours: &str, path: &str, scale: &str) {
        let stored = format!("{path}.{}", self.pick("mlp", "convffn"));
        let depthwise =
            FoldedLayer { branches: vec![Self::normed(&format!("{stored}.conv"))], ..FoldedLayer::default() };
        self.plan.layer(&format!("{ours}.depthwise"), depthwise);
        self.plan.pair(&format!("{ours}.input"), &format!("{stored}.fc1"));
        let scale = Some(format!("{path}.{scale}{}", self.gamma()));
        let output = FoldedLayer { scale, ..FoldedLayer::stored(&format!("{stored}.fc2")) };
        self.plan.layer(&format!("{ours}.output"), output);
    }

    fn gamma(&self) -> &'static str {
        self.pick(".gamma", "")
    }

    fn attention_block(&mut self, ours: &str, path: &str) {
        // The projection has no bias of its own.
        let kernel = Branch { kernel: Some(format!("{path}.token_mixer.qkv.weight")), ..Branch::default() };
        let input =
            FoldedLayer { branches: vec![kernel], input_norm: Some(format!("{path}.norm")), ..FoldedLayer::default() };
        self.plan.layer(&format!("{ours}.attention.input"), input);
        let scale = Some(format!("{path}.layer_scale_1{}", self.gamma()));
        let output = FoldedLayer { scale, ..FoldedLayer::stored(&format!("{path}.token_mixer.proj")) };
        self.plan.layer(&format!("{ours}.attention.output"), output);
        self.conv_mlp(&format!("{ours}.mlp"), path, "layer_scale_2");
    }

    fn squeeze_excite(&mut self, ours: &str, path: &str, [reduce, expand]: [&str; 2]) {
        self.plan.pair(&format!("{ours}.reduce"), &format!("{path}.se.{reduce}"));
        self.plan.pair(&format!("{ours}.expand"), &format!("{path}.se.{expand}"));
    }

    fn downsample(&mut self, ours: &str, path: &str, squeezes: bool) {
        let spatial = format!("{path}.proj.0");
        let large = self.pick("large_conv", "lkb_origin");
        let branches = [large, "small_conv"].map(|part| Self::normed(&format!("{spatial}.{part}"))).to_vec();
        let layer = FoldedLayer { branches, ..FoldedLayer::default() };
        let layer = self.either(&format!("{spatial}.{}", self.pick("reparam_conv", "lkb_reparam")), layer);
        self.plan.layer(&format!("{ours}.spatial"), layer);
        if squeezes {
            // Apple's code takes this gate from timm, and only the last one from itself.
            self.squeeze_excite(&format!("{ours}.gate"), &spatial, ["fc1", "fc2"]);
        }
        self.mobile_one(&format!("{ours}.pointwise"), &format!("{path}.proj.1"), false, true);
    }

    fn fast_vit(&mut self, tower: &FastVitConfig) {
        let root = self.pick("visual.trunk", "image_encoder.model");
        let stem = format!("{root}.{}", self.pick("stem", "patch_embed"));
        self.mobile_one("image.stem.0", &format!("{stem}.0"), true, false);
        self.mobile_one("image.stem.1", &format!("{stem}.1"), true, false);
        self.mobile_one("image.stem.2", &format!("{stem}.2"), false, true);
        // Apple numbers halvings, position encodings and stages through.
        let mut network = 0;
        for (index, stage) in tower.stages.iter().enumerate() {
            self.stage(root, index, stage, &mut network);
        }
        let last = format!("{root}.{}", self.pick("final_conv", "conv_exp"));
        self.mobile_one("image.features", &last, true, false);
        let parts = match self.dialect {
            Dialect::Timm => ["fc1", "fc2"],
            Dialect::Apple => ["reduce", "expand"],
        };
        self.squeeze_excite("image.features_gate", &last, parts);
        match self.dialect {
            Dialect::Timm => self.plan.pair("image.projection", &format!("{root}.head.fc")),
            Dialect::Apple => self.plan.transposed("image.projection.weight", &format!("{root}.head.proj")),
        }
    }

    fn stage(&mut self, root: &str, index: usize, stage: &FastVitStageConfig, network: &mut usize) {
        let ours = format!("image.stages.{index}");
        let mut place = |timm: &str| {
            let apple = format!("network.{network}");
            *network += 1;
            format!("{root}.{}", if self.dialect == Dialect::Timm { timm } else { &apple })
        };
        let downsample = (index > 0).then(|| place(&format!("stages.{index}.downsample")));
        let position = stage.position_encoding.then(|| place(&format!("stages.{index}.pos_emb")));
        let blocks = place(&format!("stages.{index}.blocks"));
        if let Some(path) = downsample {
            self.downsample(&format!("{ours}.downsample"), &path, stage.squeeze.is_some());
        }
        if let Some(path) = position {
            let trained = FoldedLayer {
                shortcut: true,
                ..FoldedLayer::stored(&format!("{path}.{}", self.pick("pos_enc", "pe")))
            };
            let layer = self.either(&format!("{path}.reparam_conv"), trained);
            self.plan.layer(&format!("{ours}.position_encoding"), layer);
        }
        for block in 0..stage.blocks {
            let (ours, path) = (format!("{ours}.blocks.{block}"), format!("{blocks}.{block}"));
            match stage.mixer {
                TokenMixer::RepMixer => self.rep_mixer(&ours, &path, true),
                TokenMixer::Attention => self.attention_block(&ours, &path),
            }
        }
    }

    fn conv_stem_vit(&mut self, tower: &ConvStemVitConfig) {
        let root = self.pick("visual.trunk", "image_encoder.model");
        let stem = format!("{root}.{}", self.pick("patch_embed.backbone", "patch_emb"));
        let (convolution, norm) = (self.pick("conv", "block.conv"), self.pick("bn", "block.norm"));
        for index in 0..2 {
            let branch = Branch {
                kernel: Some(format!("{stem}.{index}.{convolution}.weight")),
                norm: Some(format!("{stem}.{index}.{norm}")),
                ..Branch::default()
            };
            let layer = FoldedLayer { branches: vec![branch], ..FoldedLayer::default() };
            self.plan.layer(&format!("image.stem.{index}"), layer);
        }
        self.plan.pair("image.stem.2", &format!("{stem}.2.{convolution}"));
        self.plan.squeezed("image.class_embedding", &format!("{root}.cls_token"));
        let positions = self.pick("pos_embed", "pos_embed.pos_embed.pos_embed");
        self.plan.squeezed("image.position_embedding", &format!("{root}.{positions}"));
        for layer in 0..tower.layers {
            let ours = format!("image.transformer.blocks.{layer}");
            match self.dialect {
                Dialect::Timm => {
                    let path = format!("{root}.blocks.{layer}");
                    for (ours_part, part) in [
                        ("attention_norm", "norm1"),
                        ("attention.input", "attn.qkv"),
                        ("attention.output", "attn.proj"),
                        ("mlp_norm", "norm2"),
                        ("mlp.input", "mlp.fc1"),
                        ("mlp.output", "mlp.fc2"),
                    ] {
                        self.plan.pair(&format!("{ours}.{ours_part}"), &format!("{path}.{part}"));
                    }
                }
                Dialect::Apple => self.apple_layer(&ours, &format!("{root}.transformer.{layer}")),
            }
        }
        self.plan.pair("image.norm", &format!("{root}.{}", self.pick("norm", "post_transformer_norm")));
        match self.dialect {
            Dialect::Timm => self.plan.pair("image.projection", &format!("{root}.head")),
            Dialect::Apple => self.plan.transposed("image.projection.weight", &format!("{root}.classifier.proj")),
        }
    }

    /// A layer of either of Apple's transformers.
    fn apple_layer(&mut self, ours: &str, path: &str) {
        for (ours_part, part) in [
            ("attention_norm", "pre_norm_mha.0"),
            ("attention.input", "pre_norm_mha.1.qkv_proj"),
            ("attention.output", "pre_norm_mha.1.out_proj"),
            ("mlp_norm", "pre_norm_ffn.0"),
            ("mlp.input", "pre_norm_ffn.1"),
            ("mlp.output", "pre_norm_ffn.4"),
        ] {
            self.plan.pair(&format!("{ours}.{ours_part}"), &format!("{path}.{part}"));
        }
    }

    /// Apple's text tower.
    fn text(&mut self, layers: usize, mixers: bool) {
        let root = "text_encoder";
        self.plan.one("text.token_embedding.weight", &format!("{root}.embedding_layer.weight"));
        self.plan.squeezed("text.position_embedding", &format!("{root}.positional_embedding.pos_embed.pos_embed"));
        let first = usize::from(mixers);
        for layer in 0..layers {
            let path = format!("{root}.transformer.{}", layer + first);
            self.apple_layer(&format!("text.transformer.blocks.{layer}"), &path);
        }
        if mixers {
            self.rep_mixer("text.first_mixer", &format!("{root}.transformer.0"), false);
            self.rep_mixer("text.last_mixer", &format!("{root}.transformer.{}", layers + 1), false);
        }
        self.plan.pair("text.norm", &format!("{root}.final_layer_norm"));
        self.plan.transposed("text.projection.weight", &format!("{root}.projection_layer"));
    }
}

/// What is left of ml-mobileclip's layout when the towers' tensors are planned.
pub(crate) struct MlMobileClip {
    /// Ours: `image.` or `text.` for a lone tower, nothing for all.
    pub prefix: &'static str,
}

impl Layout for MlMobileClip {
    fn locate(&self, name: &str) -> Location {
        Location::one(format!("{}{name}", self.prefix))
    }

    fn ignores(&self, stored: &str) -> bool {
        // How many batches a norm's statistics are from: no weights.
        if stored.ends_with(".num_batches_tracked") {
            return true;
        }
        match self.prefix {
            "image." => !stored.starts_with("image_encoder."),
            "text." => stored.starts_with("image_encoder.") || stored == "logit_scale",
            _ => false,
        }
    }
}

/// The presets whose image towers the two libraries' names stand for.
const TOWERS: [(&str, &str, &str); 4] = [
    ("fastvit_mci0", "mci0", "MobileCLIP-S0"),
    ("fastvit_mci1", "mci1", "MobileCLIP-S1"),
    ("fastvit_mci2", "mci2", "MobileCLIP-S2"),
    ("vit_base_mci_224", "vit_b16", "MobileCLIP-B"),
];

/// Whether open_clip's `vision_cfg` names an image tower of timm's. SigLIP's are to be told apart before; which of the others
/// are supported, [`timm_tower`] knows.
pub(crate) fn is_described(vision: &Map<String, Value>) -> bool {
    vision.get("timm_model_name").is_some_and(|name| !name.is_null())
}

/// Reads open_clip's `vision_cfg`.
pub(crate) fn timm_tower(vision: &mut Map<String, Value>) -> Result<ImageTowerConfig, String> {
    let name = vision.remove("timm_model_name").unwrap_or_default();
    let image_size = optional_square(vision, "image_size")?.unwrap_or(224);
    let tower = tower(|(timm, _, _)| name == timm, &name, image_size, true)?;
    // The head of timm's own model is the projection, and that depends on the kind of pooling.
    let pool = if matches!(tower, ImageTowerConfig::FastVit(_)) { "avg" } else { "token" };
    match vision.remove("timm_pool") {
        Some(Value::String(found)) if found == pool => {}
        found => return Err(format!("`timm_pool` is {}; only \"{pool}\" is supported for {name}", shown(found))),
    }
    match vision.remove("timm_proj") {
        Some(Value::Null) => {}
        Some(Value::String(found)) if found.is_empty() => {}
        // open_clip's default is another layer.
        found => return Err(format!("`timm_proj` is {}; only null is supported for {name}", shown(found))),
    }
    drop_neutral(vision, &["timm_model_pretrained", "timm_drop", "timm_drop_path", "timm_proj_bias"]);
    nothing_left("vision_cfg", vision)?;
    Ok(tower)
}

fn shown(value: Option<Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), |value| value.to_string())
}

fn tower(
    is_it: impl Fn((&str, &str, &str)) -> bool,
    name: &Value,
    image_size: usize,
    timm: bool,
) -> Result<ImageTowerConfig, String> {
    let known = |at: &(&str, &str, &str)| if timm { at.0.to_owned() } else { at.1.to_owned() };
    let Some((_, _, preset)) = TOWERS.iter().find(|names| is_it(**names)) else {
        let known: Vec<String> = TOWERS.iter().map(known).collect();
        let siglip = if timm { ", and SigLIP's (`vit_*_siglip_*`)" } else { "" };
        return Err(format!("the image tower {name} is not supported; known are {}{siglip}", known.join(", ")));
    };
    let mut image = ClipConfig::preset(preset).map_err(|e| e.to_string())?.image;
    match &mut image {
        // All of its parts take any resolution.
        ImageTowerConfig::FastVit(tower) => {
            (tower.image_size, tower.projection_bias) = (image_size, timm);
        }
        ImageTowerConfig::ConvStemVit(tower) => {
            if tower.image_size != image_size {
                return Err(format!("`image_size` is {image_size}, {name} takes {}", tower.image_size));
            }
            // The two libraries disagree about it.
            tower.layer_norm_eps = if timm { 1e-6 } else { 1e-5 };
            tower.projection_bias = timm;
        }
        ImageTowerConfig::Vit(_)
        | ImageTowerConfig::InvertedResidual(_)
        | ImageTowerConfig::ModifiedResnet(_)
        | ImageTowerConfig::Siglip(_) => {}
    }
    Ok(image)
}

/// The id that open_clip fills texts up with, which a text tower without a mask sees: 0, or the padding token of a
/// tokenizer that `config` (an `open_clip_config.json`) names. `settings` are the tokenizer's further files, `vocabulary`
/// its `tokenizer.json` if it has one, and `end` is the id of the end token, which is the padding token by default.
pub(crate) fn pad_id(config: &str, settings: &[String], vocabulary: &[u8], end: u32) -> Result<u32, String> {
    let parsed = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap_or_default();
    let named = parsed(config.as_bytes());
    let named = &named["model_cfg"]["text_cfg"]["hf_tokenizer_name"];
    if named.as_str().is_none_or(str::is_empty) {
        return Ok(0);
    }
    let token = settings.iter().find_map(|json| {
        let pad = &parsed(json.as_bytes())["pad_token"];
        pad.as_str().or_else(|| pad["content"].as_str()).map(str::to_owned)
    });
    let Some(token) = token else { return Ok(end) };
    let vocabulary = parsed(vocabulary);
    let added = vocabulary["added_tokens"].as_array().into_iter().flatten();
    let id = added
        .filter(|added| added["content"] == token.as_str())
        .find_map(|added| added["id"].as_u64())
        .or_else(|| vocabulary["model"]["vocab"][token.as_str()].as_u64());
    id.and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| format!("its padding token `{token}` is not in its vocabulary"))
}

/// Whether a `config.json` is ml-mobileclip's.
pub(crate) fn is_ml_mobileclip(json: &str) -> bool {
    let root: Value = serde_json::from_str(json).unwrap_or_default();
    root.get("image_cfg").is_some() && root.get("text_cfg").is_some()
}

/// ml-mobileclip's configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AppleConfig {
    embed_dim: usize,
    image_cfg: AppleImage,
    text_cfg: AppleText,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AppleImage {
    image_size: usize,
    model_name: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AppleText {
    context_length: usize,
    vocab_size: usize,
    dim: usize,
    ffn_multiplier_per_layer: f64,
    n_heads_per_layer: usize,
    n_transformer_layers: usize,
    norm_layer: NormLayer,
    causal_masking: bool,
    model_name: AppleTextModel,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum NormLayer {
    LayerNorm,
    LayerNormFp32,
}

#[derive(serde::Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum AppleTextModel {
    Base,
    Mct,
}

/// Reads ml-mobileclip's `config.json`.
pub(crate) fn config(json: &str, name: &str) -> Result<ClipConfig, String> {
    let AppleConfig { embed_dim, image_cfg, text_cfg: text } = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let model_name = Value::from(image_cfg.model_name.as_str());
    let image = tower(|(_, apple, _)| image_cfg.model_name == apple, &model_name, image_cfg.image_size, false)?;
    // Both kinds are the same norm here, where everything is computed in single precision.
    let (NormLayer::LayerNorm | NormLayer::LayerNormFp32) = text.norm_layer;
    // As Python's int(ceil(dim * multiplier / 16) * 16); what is out of range is caught by the limits on the result.
    let mlp_width = ((text.dim as f64 * text.ffn_multiplier_per_layer / 16.0).ceil() * 16.0).clamp(0.0, 1e12) as usize;
    let mixer = (text.model_name == AppleTextModel::Mct)
        .then(|| TextMixerConfig { kernel: 11, mlp_width: text.dim.saturating_mul(4) });
    let text = match (text.causal_masking, mixer) {
        (true, Some(_)) => return Err("`text_cfg.causal_masking` with the text tower `mct` is not supported".into()),
        (true, None) => TextTowerConfig::Causal(CausalTextConfig {
            context_length: text.context_length,
            vocab_size: text.vocab_size,
            width: text.dim,
            layers: text.n_transformer_layers,
            heads: text.n_heads_per_layer,
            mlp_width,
            activation: Activation::Gelu,
            end_of_text: EndOfText::HighestId,
            layer_norm_eps: 1e-5,
        }),
        (false, mixer) => TextTowerConfig::Mobile(MobileTextConfig {
            context_length: text.context_length,
            vocab_size: text.vocab_size,
            width: text.dim,
            layers: text.n_transformer_layers,
            heads: text.n_heads_per_layer,
            mlp_width,
            activation: Activation::Gelu,
            layer_norm_eps: 1e-5,
            mixer,
            end_of_text: EndOfText::HighestId,
            pad_id: 0,
        }),
    };
    Ok(ClipConfig {
        name: name.to_owned(),
        embed_dim,
        preprocess: preprocess(image_cfg.image_size),
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
        let settings = |pad: &str| vec!["{}".to_owned(), format!("{{\"pad_token\": {pad}}}")];
        let vocabulary = br#"{"added_tokens": [{"id": 9, "content": "<|endoftext|>"}], "model": {"vocab": {"!": 3}}}"#;
        assert_eq!(pad_id(&plain, &settings("\"!\""), vocabulary, 7), Ok(0));
        assert_eq!(pad_id(&named, &[], b"merges", 7), Ok(7));
        assert_eq!(pad_id(&named, &settings("\"!\""), vocabulary, 7), Ok(3));
        assert_eq!(pad_id(&named, &settings("{\"content\": \"<|endoftext|>\"}"), vocabulary, 7), Ok(9));
        assert!(pad_id(&named, &settings("\"[PAD]\""), vocabulary, 7).unwrap_err().contains("[PAD]"));
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
