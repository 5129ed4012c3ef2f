//! MobileCLIP's towers in other people's checkpoints: timm's image towers in open_clip's layout, and the layout of Apple's
//! own ml-mobileclip.
//!
//! Both know the same towers by other names. CpuViT comes as it is trained or re-parameterised; which of the two is seen
//! for each block by itself, since either library leaves some parts as they are.

use serde_json::{Map, Value};

use super::Format;
use super::open_clip::{drop_neutral, nothing_left};
use crate::json::quoted;
use crate::weights::TensorSource;
use crate::weights::derived::{Branch, DerivedTensors, FoldedLayer};

/// Whose names a checkpoint uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// timm's, behind `visual.trunk.`, as open_clip stores them.
    Timm,
    /// Apple's own.
    Apple,
}

/// Says of which stored tensors the tensors of MobileCLIP's towers are computed.
pub struct Names<'a> {
    /// Whose names they are.
    pub dialect: Dialect,
    source: &'a dyn TensorSource,
    /// Whether any block is stored re-parameterised.
    folded: bool,
    /// What was found out.
    pub derived: DerivedTensors,
}

impl<'a> Names<'a> {
    /// For a checkpoint of this format.
    pub fn new(format: Format, source: &'a dyn TensorSource) -> Self {
        let dialect = if format == Format::MlMobileClip { Dialect::Apple } else { Dialect::Timm };
        // Says which form is missing where a block has neither.
        let folded = source.names().iter().any(|name| name.contains(".reparam_conv."));
        Self { dialect, source, folded, derived: DerivedTensors::default() }
    }

    /// The name that the dialect has for something.
    pub fn pick(&self, timm: &'static str, apple: &'static str) -> &'static str {
        match self.dialect {
            Dialect::Timm => timm,
            Dialect::Apple => apple,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.source.shape(name).is_some()
    }

    /// A block that is stored at `folded` if it is re-parameterised, and otherwise as `trained` says.
    pub fn either(&self, folded: &str, trained: FoldedLayer) -> FoldedLayer {
        let stored = FoldedLayer::stored(folded);
        let is_there =
            |layer: &FoldedLayer| layer.branches.iter().flat_map(|b| &b.kernel).any(|kernel| self.has(kernel));
        let take_stored = is_there(&stored) || (self.folded && !is_there(&trained));
        if take_stored { stored } else { trained }
    }

    /// A convolution without bias and the batch norm behind it.
    pub fn normed(path: &str) -> Branch {
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
    pub fn mobile_one(&mut self, ours: &str, path: &str, point: bool, skip: bool) {
        let branches = self.mobile_one_branches(path, true, point, skip);
        let layer = FoldedLayer { branches, ..FoldedLayer::default() };
        let layer = self.either(&format!("{path}.reparam_conv"), layer);
        self.derived.layer(ours, layer);
    }

    /// A `RepMixerBlock`; `point` says whether its mixer has a 1x1 kernel as well.
    pub fn rep_mixer(&mut self, ours: &str, path: &str, point: bool) {
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
        self.derived.layer(&format!("{ours}.mixer"), layer);
        self.conv_mlp(&format!("{ours}.mlp"), path, "layer_scale");
    }

    /// The MLP of a block, with the layer scale behind it.
    pub fn conv_mlp(&mut self, ours: &str, path: &str, scale: &str) {
        let stored = format!("{path}.{}", self.pick("mlp", "convffn"));
        let depthwise =
            FoldedLayer { branches: vec![Self::normed(&format!("{stored}.conv"))], ..FoldedLayer::default() };
        self.derived.layer(&format!("{ours}.depthwise"), depthwise);
        self.derived.pair(&format!("{ours}.input"), &format!("{stored}.fc1"));
        let scale = Some(format!("{path}.{scale}{}", self.gamma()));
        let output = FoldedLayer { scale, ..FoldedLayer::stored(&format!("{stored}.fc2")) };
        self.derived.layer(&format!("{ours}.output"), output);
    }

    /// What follows the name of a layer scale.
    pub fn gamma(&self) -> &'static str {
        self.pick(".gamma", "")
    }

    /// A layer of either of Apple's transformers.
    pub fn apple_layer(&mut self, ours: &str, path: &str) {
        for (ours_part, part) in [
            ("attention_norm", "pre_norm_mha.0"),
            ("attention.input", "pre_norm_mha.1.qkv_proj"),
            ("attention.output", "pre_norm_mha.1.out_proj"),
            ("mlp_norm", "pre_norm_ffn.0"),
            ("mlp.input", "pre_norm_ffn.1"),
            ("mlp.output", "pre_norm_ffn.4"),
        ] {
            self.derived.pair(&format!("{ours}.{ours_part}"), &format!("{path}.{part}"));
        }
    }

    /// ml-mobileclip's text tower, with `mixers` around its layers or without. open_clip's names for texts are its own.
    pub fn text(&mut self, layers: usize, mixers: bool) {
        if self.dialect != Dialect::Apple {
            return;
        }
        let root = "text_encoder";
        self.derived.one("text.token_embedding.weight", &format!("{root}.embedding_layer.weight"));
        self.derived.squeezed("text.position_embedding", &format!("{root}.positional_embedding.pos_embed.pos_embed"));
        let first = usize::from(mixers);
        for layer in 0..layers {
            let path = format!("{root}.transformer.{}", layer + first);
            self.apple_layer(&format!("text.transformer.blocks.{layer}"), &path);
        }
        if mixers {
            self.rep_mixer("text.first_mixer", &format!("{root}.transformer.0"), false);
            self.rep_mixer("text.last_mixer", &format!("{root}.transformer.{}", layers + 1), false);
        }
        self.derived.pair("text.norm", &format!("{root}.final_layer_norm"));
        self.derived.transposed("text.projection.weight", &format!("{root}.projection_layer"));
    }
}

/// Checks the options of a `vision_cfg` that names a model of timm's whose head is the projection and that pools as
/// `pool` says; `name` is the model's.
pub fn timm_head(vision: &mut Map<String, Value>, name: &str, pool: &str) -> Result<(), String> {
    let shown = |value: Option<Value>| value.map_or_else(|| "missing".to_owned(), |value| quoted(&value));
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
    drop_neutral(
        vision,
        &["timm_model_name", "timm_model_pretrained", "timm_drop", "timm_drop_path", "timm_proj_bias"],
    );
    nothing_left("vision_cfg", vision)
}
