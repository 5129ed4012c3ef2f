//! What a checkpoint is, as data: both towers, tokenizer, preprocessing.
//!
//! A [`ClipConfig`] describes a checkpoint completely; nothing about a model is decided by its name.
//! Presets of well-known architectures are JSON files in `presets/`.

use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::families::bert::BertConfig;
use crate::families::conv_stem_vit::ConvStemVitConfig;
use crate::families::fast_vit::FastVitConfig;
use crate::families::inverted_residual::InvertedResidualConfig;
use crate::families::mobile_text::MobileTextConfig;
use crate::families::modified_resnet::ModifiedResnetConfig;
use crate::families::siglip_text::SiglipTextConfig;
use crate::families::siglip_vit::SiglipVitConfig;

/// Limits on configurations: several times the largest published CLIP model, and small enough that
/// one that passes cannot exhaust memory by its sizes alone before the weights were looked at.
pub(crate) mod limits {
    pub const WIDTH: usize = 8192;
    pub const LAYERS: usize = 128;
    pub const HEADS: usize = 128;
    pub const MLP_WIDTH: usize = 65_536;
    pub const EMBED_DIM: usize = 8192;
    pub const IMAGE_SIZE: usize = 2048;
    pub const CONTEXT: usize = 4096;
    pub const VOCABULARY: usize = 2_000_000;
    /// In a patch grid: attention takes memory by its square.
    pub const TOKENS: usize = 16_384;
    /// In one tower, by a count that knows only matrices.
    pub const PARAMETERS: u64 = 8_000_000_000;
}

/// A checkpoint, completely described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipConfig {
    /// The name under which the model is shown.
    pub name: String,
    /// Width of the embeddings that both towers end in.
    pub embed_dim: usize,
    /// The image tower.
    pub image: ImageTowerConfig,
    /// The text tower.
    pub text: TextTowerConfig,
    /// How text becomes token ids.
    pub tokenizer: TokenizerConfig,
    /// How photos become pixels.
    pub preprocess: PreprocessConfig,
    /// Where training starts the logarithm of the temperature's reciprocal. A checkpoint carries its
    /// own value.
    #[serde(default = "default_logit_scale")]
    pub logit_scale: f64,
    /// Where training starts the bias of a model with a sigmoid loss; without one the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<f64>,
}

/// ln(1 / 0.07), as in the CLIP paper (section 2.5).
fn default_logit_scale() -> f64 {
    (1.0f64 / 0.07).ln()
}

/// The kinds of image towers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ImageTowerConfig {
    /// Vision transformer with a class token.
    Vit(VitConfig),
    /// Convolutional tower of inverted residual blocks.
    InvertedResidual(InvertedResidualConfig),
    /// OpenAI's residual network with an attention pool.
    ModifiedResnet(ModifiedResnetConfig),
    /// SigLIP's vision transformer, which pools by attention.
    Siglip(SiglipVitConfig),
    /// MobileCLIP's convolutional tower, whose last stage attends.
    FastVit(FastVitConfig),
    /// MobileCLIP-B's vision transformer behind a convolutional stem.
    ConvStemVit(ConvStemVitConfig),
}

/// The kinds of text towers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TextTowerConfig {
    /// CLIP's causal transformer.
    Causal(CausalTextConfig),
    /// Bidirectional encoder with mean pooling.
    Bert(BertConfig),
    /// SigLIP's bidirectional transformer.
    Siglip(SiglipTextConfig),
    /// MobileCLIP's transformer without a mask.
    Mobile(MobileTextConfig),
}

/// Activation of a transformer's MLP. A matter of the checkpoint: OpenAI's weights need
/// [`QuickGelu`](Self::QuickGelu), most of open_clip's own [`Gelu`](Self::Gelu), and the wrong one
/// gives plausible but worse embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
    /// The exact `x * Phi(x)`.
    Gelu,
    /// `x * Phi(x)` with its approximation by a hyperbolic tangent, as JAX has it and transformers' SigLIP.
    GeluTanh,
}

/// Sizes of a [`Vit`](crate::families::vit::Vit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Side of the square input in pixels; a multiple of `patch_size`.
    pub image_size: usize,
    /// Side of a square patch in pixels.
    pub patch_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of transformer layers.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Hidden width of a layer's MLP.
    pub mlp_width: usize,
    /// Activation of the MLP.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    #[serde(default = "default_layer_norm_eps")]
    pub layer_norm_eps: f64,
}

/// Sizes of a [`CausalText`](crate::families::causal_text::CausalText).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CausalTextConfig {
    /// Most tokens a text may have, start and end included.
    pub context_length: usize,
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of transformer layers.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Hidden width of a layer's MLP.
    pub mlp_width: usize,
    /// Activation of the MLP.
    pub activation: Activation,
    /// Which token's state is the text's feature.
    #[serde(default)]
    pub end_of_text: EndOfText,
    /// Epsilon of every layer norm.
    #[serde(default = "default_layer_norm_eps")]
    pub layer_norm_eps: f64,
}

fn default_layer_norm_eps() -> f64 {
    1e-5
}

/// How a causal text tower finds the end-of-text token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndOfText {
    /// The first occurrence of the highest id in the text, as OpenAI's code does: there the end token
    /// is the last one of the vocabulary.
    #[default]
    HighestId,
    /// The first occurrence of this id.
    Id(u32),
}

/// How text becomes token ids. The vocabulary itself travels with the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerConfig {
    /// The algorithm and the text clean-up that belongs to it.
    pub kind: TokenizerKind,
    /// Most tokens a text may have, the special ones included; longer texts lose their end but keep
    /// the end token.
    pub context_length: usize,
    /// The id that fills up shorter texts.
    #[serde(default)]
    pub pad_id: u32,
}

/// The tokenizers that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenizerKind {
    /// OpenAI CLIP's lower-casing byte-pair encoding with its HTML and whitespace clean-up.
    ClipBpe,
    /// BERT's lower-casing WordPiece; its vocabulary has one token a line.
    WordPiece,
    /// Any Hugging Face `tokenizer.json`, used as it says.
    HuggingFace,
    /// SigLIP's SentencePiece vocabulary (a `tokenizer.json`) as transformers uses it: lower case, no ASCII
    /// punctuation. Texts are filled up to the context.
    Siglip,
    /// SigLIP 2's vocabulary, Gemma's (a `tokenizer.json`), as transformers uses it: lower case. Texts are filled up
    /// to the context.
    Siglip2,
    /// The vocabulary of either as open_clip uses it: text repaired, HTML references resolved, underscores made
    /// spaces, no ASCII punctuation, lower case. Texts are filled up to the context.
    OpenClipSiglip,
}

impl TokenizerKind {
    /// Whether padding is part of a text: SigLIP's text towers see it, and take a text's feature at its last place.
    pub fn fills_context(self) -> bool {
        matches!(self, Self::Siglip | Self::Siglip2 | Self::OpenClipSiglip)
    }
}

/// How photos become the towers' input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessConfig {
    /// Side of the square result in pixels.
    pub size: usize,
    /// What happens to photos that are not square.
    pub resize: ResizeMode,
    /// The resampling filter.
    pub interpolation: Interpolation,
    /// Subtracted from each channel of pixels in 0..=1, in the order red, green, blue.
    pub mean: [f32; 3],
    /// Divides each channel after that.
    pub std: [f32; 3],
}

/// What happens to photos that are not square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeMode {
    /// The shorter edge becomes `size`, then the centre is cut out.
    ShortestEdge,
    /// Both edges become `size`; the aspect ratio is lost and nothing else.
    Squash,
}

/// Resampling filters; all widen when they shrink an image (antialiasing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Pillow's `BICUBIC` (a = -0.5).
    Bicubic,
    /// Pillow's `BILINEAR` (a triangle).
    Bilinear,
}

impl PreprocessConfig {
    /// SigLIP's preprocessing at the given size: squashed, pixels from -1 to 1.
    pub fn siglip(size: usize) -> Self {
        Self { size, resize: ResizeMode::Squash, interpolation: Interpolation::Bicubic, mean: [0.5; 3], std: [0.5; 3] }
    }

    /// OpenAI CLIP's preprocessing at the given size.
    pub fn openai(size: usize) -> Self {
        Self {
            size,
            resize: ResizeMode::ShortestEdge,
            interpolation: Interpolation::Bicubic,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }

    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        within("the preprocessing's size", self.size, limits::IMAGE_SIZE)?;
        if !self.mean.iter().all(|m| m.is_finite()) {
            return Err(format!("the pixels' mean is {:?}, expected numbers", self.mean));
        }
        if !self.std.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(format!("the pixels' std is {:?}, expected positive numbers", self.std));
        }
        Ok(())
    }
}

impl ImageTowerConfig {
    /// Side of the square input in pixels.
    pub fn image_size(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.image_size,
            Self::InvertedResidual(tower) => tower.image_size,
            Self::ModifiedResnet(tower) => tower.image_size,
            Self::Siglip(tower) => tower.image_size,
            Self::FastVit(tower) => tower.image_size,
            Self::ConvStemVit(tower) => tower.image_size,
        }
    }
}

impl TextTowerConfig {
    /// Most tokens a text may have.
    pub fn context_length(&self) -> usize {
        match self {
            Self::Causal(text) => text.context_length,
            Self::Bert(text) => text.context_length,
            Self::Siglip(text) => text.context_length,
            Self::Mobile(text) => text.context_length,
        }
    }

    /// Ids that the tower knows.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Causal(text) => text.vocab_size,
            Self::Bert(text) => text.vocab_size,
            Self::Siglip(text) => text.vocab_size,
            Self::Mobile(text) => text.vocab_size,
        }
    }

    /// Width of a token's state.
    pub fn width(&self) -> usize {
        match self {
            Self::Causal(text) => text.width,
            Self::Bert(text) => text.width,
            Self::Siglip(text) => text.width,
            Self::Mobile(text) => text.width,
        }
    }
}

impl VitConfig {
    /// Number of patches in the square grid.
    pub fn patches(&self) -> usize {
        (self.image_size / self.patch_size).pow(2)
    }

    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        within("the image size", self.image_size, limits::IMAGE_SIZE)?;
        within("the patch size", self.patch_size, self.image_size)?;
        if !self.image_size.is_multiple_of(self.patch_size) {
            return Err(format!(
                "the image size {} is no multiple of the patch size {}",
                self.image_size, self.patch_size
            ));
        }
        within("the number of patches", self.patches(), limits::TOKENS)?;
        transformer("image", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)
    }
}

impl CausalTextConfig {
    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        within("the context length", self.context_length, limits::CONTEXT)?;
        within("the vocabulary", self.vocab_size, limits::VOCABULARY)?;
        if let EndOfText::Id(id) = self.end_of_text
            && !(1..self.vocab_size).contains(&(id as usize))
        {
            return Err(format!("the end-of-text id is {id}, expected 1 to {}", self.vocab_size - 1));
        }
        transformer("text", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)?;
        let table = self.vocab_size as u64 * self.width as u64;
        if table > limits::PARAMETERS {
            return Err(format!("the token table has {table} values"));
        }
        Ok(())
    }
}

pub(crate) fn within(what: &str, value: usize, max: usize) -> Result<(), String> {
    if value == 0 || value > max {
        return Err(format!("{what} is {value}, expected 1 to {max}"));
    }
    Ok(())
}

pub(crate) fn transformer(
    tower: &str,
    width: usize,
    layers: usize,
    heads: usize,
    mlp_width: usize,
    layer_norm_eps: f64,
) -> Result<(), String> {
    within(&format!("the {tower} tower's width"), width, limits::WIDTH)?;
    within(&format!("the {tower} tower's number of layers"), layers, limits::LAYERS)?;
    within(&format!("the {tower} tower's number of heads"), heads, limits::HEADS)?;
    within(&format!("the {tower} tower's MLP width"), mlp_width, limits::MLP_WIDTH)?;
    if !width.is_multiple_of(heads) {
        return Err(format!("the {tower} tower's {heads} heads do not divide its width {width}"));
    }
    if !(layer_norm_eps > 0.0 && layer_norm_eps < 1.0) {
        return Err(format!("the {tower} tower's layer norm epsilon is {layer_norm_eps}, expected 0 to 1"));
    }
    let (width, mlp_width) = (width as u64, mlp_width as u64);
    let parameters = layers as u64 * (4 * width * width + 2 * width * mlp_width);
    if parameters > limits::PARAMETERS {
        return Err(format!(
            "the {tower} tower would have {parameters} parameters, at most {} are accepted",
            limits::PARAMETERS
        ));
    }
    Ok(())
}

impl ClipConfig {
    /// Parses and checks a configuration in JSON; `origin` names it in messages.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn from_json(json: &str, origin: &str) -> Result<Self, ModelError> {
        let config: Self = serde_json::from_str(json)
            .map_err(|e| ModelError::Config { origin: origin.to_owned(), reason: e.to_string() })?;
        config.check(origin)?;
        Ok(config)
    }

    /// The configuration as JSON in one line.
    pub fn to_json(&self) -> String {
        // Serialising can only fail for maps with keys that are not text; there are none.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// [`validate`](Self::validate) as a [`ModelError::Config`] that names `origin`.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn check(&self, origin: &str) -> Result<(), ModelError> {
        self.validate().map_err(|reason| ModelError::Config { origin: origin.to_owned(), reason })
    }

    /// Says what contradicts itself or is beyond the limits, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() || self.name.len() > 100 || self.name.contains(char::is_control) {
            return Err("the name must have 1 to 100 bytes and no control characters".into());
        }
        within("embed_dim", self.embed_dim, limits::EMBED_DIM)?;
        let head = match &self.image {
            ImageTowerConfig::Vit(vit) => {
                vit.validate()?;
                None
            }
            ImageTowerConfig::InvertedResidual(tower) => {
                tower.validate()?;
                Some(("image", tower.head.output))
            }
            ImageTowerConfig::ModifiedResnet(tower) => {
                tower.validate()?;
                None
            }
            ImageTowerConfig::Siglip(tower) => {
                tower.validate()?;
                Some(("image", tower.width))
            }
            ImageTowerConfig::FastVit(tower) => {
                tower.validate()?;
                None
            }
            ImageTowerConfig::ConvStemVit(tower) => {
                tower.validate()?;
                None
            }
        };
        let text_head = match &self.text {
            TextTowerConfig::Causal(text) => {
                text.validate()?;
                None
            }
            TextTowerConfig::Bert(text) => {
                text.validate()?;
                Some(("text", text.head.output))
            }
            TextTowerConfig::Siglip(text) => {
                text.validate()?;
                (!text.projection).then_some(("text", text.width))
            }
            TextTowerConfig::Mobile(text) => {
                text.validate()?;
                // The tower sees padding, and both it and whoever makes a batch of texts add some.
                if text.pad_id != self.tokenizer.pad_id {
                    return Err(format!(
                        "the text tower fills texts up with id {}, the tokenizer with {}",
                        text.pad_id, self.tokenizer.pad_id
                    ));
                }
                None
            }
        };
        for (tower, output) in head.into_iter().chain(text_head) {
            if output != self.embed_dim {
                return Err(format!("the {tower} tower gives {output} values, embed_dim is {}", self.embed_dim));
            }
        }
        self.preprocess.validate()?;
        if self.preprocess.size != self.image.image_size() {
            return Err(format!(
                "preprocessing gives {0} x {0} pixels, the image tower takes {1} x {1}",
                self.preprocess.size,
                self.image.image_size()
            ));
        }
        within("the tokenizer's context length", self.tokenizer.context_length, self.text.context_length())?;
        if matches!(self.text, TextTowerConfig::Siglip(_)) && !self.tokenizer.kind.fills_context() {
            return Err(format!(
                "the text tower takes texts that fill its context, the tokenizer's kind is {:?}, expected Siglip, \
                 Siglip2 or OpenClipSiglip",
                self.tokenizer.kind
            ));
        }
        if self.tokenizer.pad_id as usize >= self.text.vocab_size() {
            return Err(format!(
                "the padding id is {}, the text tower knows {} ids",
                self.tokenizer.pad_id,
                self.text.vocab_size()
            ));
        }
        if !self.logit_scale.is_finite() || !self.logit_bias.is_none_or(f64::is_finite) {
            return Err("logit_scale and logit_bias must be finite".into());
        }
        Ok(())
    }

    /// A named preset.
    ///
    /// # Errors
    /// [`ModelError::Config`] that lists the known names.
    pub fn preset(name: &str) -> Result<Self, ModelError> {
        let Some((name, json)) = PRESETS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = Self::preset_names().collect();
            return Err(ModelError::Config {
                origin: format!("preset `{name}`"),
                reason: format!("there is no such preset; known are {}", known.join(", ")),
            });
        };
        Self::from_json(json, &format!("preset `{name}`"))
    }

    /// The names of all presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> serde_json::Value {
        serde_json::from_str(include_str!("../presets/ViT-B-32.json")).unwrap()
    }

    fn rejected(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut json = base();
        change(&mut json);
        match ClipConfig::from_json(&json.to_string(), "test.json") {
            Err(ModelError::Config { origin, reason }) => {
                assert_eq!(origin, "test.json");
                reason
            }
            other => panic!("accepted {other:?}"),
        }
    }

    #[test]
    fn presets_are_valid_and_named_after_their_files() {
        for name in ClipConfig::preset_names() {
            let config = ClipConfig::preset(name).unwrap();
            assert_eq!(config.name, name);
            assert_eq!(ClipConfig::from_json(&config.to_json(), "copy").unwrap(), config);
        }
        let error = ClipConfig::preset("ViT-Z").unwrap_err().to_string();
        assert!(error.contains("ViT-B-32-quickgelu"), "{error}");
    }

    #[test]
    fn the_activation_is_part_of_the_preset() {
        let activation = |name| match ClipConfig::preset(name).unwrap().image {
            ImageTowerConfig::Vit(vit) => vit.activation,
            other => panic!("{other:?}"),
        };
        assert_eq!(activation("ViT-B-32"), Activation::Gelu);
        assert_eq!(activation("ViT-B-32-quickgelu"), Activation::QuickGelu);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let reason = rejected(|c| c["image"]["layers"] = 1_000_000_000u64.into());
        assert!(reason.contains("layers is 1000000000"), "{reason}");
        let reason = rejected(|c| c["text"]["vocab_size"] = u64::MAX.into());
        assert!(reason.contains("vocabulary"), "{reason}");
        let reason = rejected(|c| {
            c["image"]["width"] = 8192.into();
            c["image"]["heads"] = 64.into();
            c["image"]["mlp_width"] = 65536.into();
            c["image"]["layers"] = 128.into();
        });
        assert!(reason.contains("parameters"), "{reason}");
    }

    #[test]
    fn contradictions_are_refused() {
        for (word, change) in [
            ("heads", (|c| c["image"]["heads"] = 7.into()) as fn(&mut serde_json::Value)),
            ("multiple", |c| c["image"]["patch_size"] = 33.into()),
            ("preprocessing gives", |c| c["preprocess"]["size"] = 256.into()),
            ("context length", |c| c["tokenizer"]["context_length"] = 78.into()),
            ("std", |c| c["preprocess"]["std"] = vec![0.0, 1.0, 1.0].into()),
            ("unknown field", |c| c["depth"] = 3.into()),
            ("relu", |c| c["image"]["activation"] = "relu".into()),
            ("missing field", |c| {
                c["text"].as_object_mut().unwrap().remove("width");
            }),
            ("epsilon", |c| c["text"]["layer_norm_eps"] = (-1.0).into()),
        ] {
            let reason = rejected(change);
            assert!(reason.contains(word), "`{reason}` should say `{word}`");
        }
    }
}
