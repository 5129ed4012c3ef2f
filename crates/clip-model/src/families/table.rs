//! The table of families, and the enums over them that it makes.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use clip_kernels::Isa;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::interface::{ImageSizes, StoredImageTower, StoredTextTower, TextModule, TextSizes};
use super::{
    bert, causal_text, conv_stem_vit, fast_vit, inverted_residual, mobile_text, modified_resnet, siglip_text,
    siglip_vit, vit,
};
use crate::ModelError;
use crate::activation::Activation;
use crate::cpu::packing::Packing;
use crate::cpu::text::CpuText;
use crate::formats::Format;
use crate::formats::ml_mobileclip::TextSection;
use crate::formats::mobileclip::Names;
use crate::formats::open_clip::{TextOptions, timm_name};
use crate::json::quoted;
use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};
use crate::weights::Location;
use crate::weights::places::Places;

/// Makes the enums over all families of image towers: sizes, towers in burn, and towers for the CPU kernels.
macro_rules! image_towers {
    ($($(#[$doc:meta])+ $family:ident: $config:ty, $tower:ty, $cpu:ty;)+) => {
        /// The sizes of an image tower of any family.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum ImageTowerConfig {
            $($(#[$doc])+ $family($config),)+
        }

        /// An image tower of any family.
        // A model has one of these, so the size of the larger kind does not matter.
        #[allow(clippy::large_enum_variant)]
        #[derive(Module, Debug)]
        pub enum ImageTower {
            $($(#[$doc])+ $family($tower),)+
        }

        /// An image tower of any family with its weights laid out for the CPU kernels.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "a model has one")]
        pub enum CpuImageTower {
            $($(#[$doc])+ $family($cpu),)+
        }

        impl ImageTowerConfig {
            fn sizes(&self) -> &dyn ImageSizes {
                match self {
                    $(Self::$family(config) => config,)+
                }
            }

            /// Where a checkpoint of this format keeps the tower's tensor `name`.
            pub(crate) fn locate(&self, format: Format, name: &str) -> Location {
                match self {
                    $(Self::$family(config) => StoredImageTower::locate(config, format, name),)+
                }
            }

            /// Says of which stored tensors the tower's are computed, where none is stored as it is.
            pub(crate) fn derive(&self, names: &mut Names<'_>) {
                match self {
                    $(Self::$family(config) => StoredImageTower::derive(config, names),)+
                }
            }

            /// Reads a `config.json` of transformers.
            pub(crate) fn from_transformers(model_type: &str, root: &Map<String, Value>) -> Result<Self, String> {
                $(if let Some(config) = <$config>::from_transformers(model_type, root) {
                    return config.map(Self::$family);
                })+
                Err(format!("the image tower of `{model_type}` is not supported"))
            }

            /// Reads the `vision_cfg` of an `open_clip_config.json`.
            pub(crate) fn from_open_clip(
                vision: &mut Map<String, Value>,
                activation: Activation,
            ) -> Result<Self, String> {
                $(if let Some(config) = <$config>::from_open_clip(vision, activation) {
                    return config.map(Self::$family);
                })+
                let known = [$(<$config>::TIMM_NAMES,)+].concat().join(", ");
                let name = timm_name(vision).unwrap_or(&Value::Null);
                Err(format!("the image tower {} is not supported; expected one of {known}", quoted(name)))
            }

            /// The tower of this name in ml-mobileclip.
            pub(crate) fn from_ml_mobileclip(name: &str, image_size: usize) -> Result<Self, String> {
                $(if let Some(config) = <$config>::from_ml_mobileclip(name, image_size) {
                    return config.map(Self::$family);
                })+
                let known = [$(<$config>::ML_MOBILECLIP_NAMES,)+].concat().join(", ");
                Err(format!("the image tower {} is not supported; expected one of {known}", quoted(&Value::from(name))))
            }
        }

        impl ImageTower {
            /// A tower with random weights that ends in `embed_dim` values.
            pub fn init(config: &ImageTowerConfig, embed_dim: usize, device: &Device) -> Self {
                match config {
                    $(ImageTowerConfig::$family(config) => Self::$family(config.init(embed_dim, device)),)+
                }
            }

            /// Pixels `[batch, 3, size, size]` to embeddings `[batch, embed_dim]`, not normalised.
            pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
                match self {
                    $(Self::$family(tower) => tower.forward(pixels),)+
                }
            }
        }

        impl CpuImageTower {
            /// Takes a tower's weights: burn's copy of each layer is dropped as soon as it was read, so that a large
            /// model is in memory once, and one that is read layer by layer never in more than `packing` asks for.
            pub fn of(tower: ImageTower, packing: Packing) -> Self {
                match tower {
                    $(ImageTower::$family(tower) => Self::$family(<$cpu>::new(tower, packing)),)+
                }
            }

            /// Photos' pixels, each `[3, size, size]`, to embeddings, one behind the other, not normalised. The work is
            /// shared by the threads of rayon's pool.
            pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
                match self {
                    $(Self::$family(tower) => tower.forward(photos, size),)+
                }
            }
        }
    };
}

/// Makes the enums over all families of text towers: sizes and towers in burn.
macro_rules! text_towers {
    ($($(#[$doc:meta])+ $family:ident: $config:ty, $tower:ty;)+) => {
        /// The sizes of a text tower of any family.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum TextTowerConfig {
            $($(#[$doc])+ $family($config),)+
        }

        /// A text tower of any family.
        // A model has one of these, so the size of the larger kind does not matter.
        #[allow(clippy::large_enum_variant)]
        #[derive(Module, Debug)]
        pub enum TextTower {
            $($(#[$doc])+ $family($tower),)+
        }

        impl TextTowerConfig {
            fn sizes(&self) -> &dyn TextSizes {
                match self {
                    $(Self::$family(config) => config,)+
                }
            }

            /// The id that fills up texts, where the tower sees it.
            pub(crate) fn pad_id_mut(&mut self) -> Option<&mut u32> {
                match self {
                    $(Self::$family(config) => TextSizes::pad_id_mut(config),)+
                }
            }

            /// Where a checkpoint of this format keeps the tower's tensor `name`.
            pub(crate) fn locate(&self, format: Format, name: &str) -> Location {
                match self {
                    $(Self::$family(config) => StoredTextTower::locate(config, format, name),)+
                }
            }

            /// Says of which stored tensors the tower's are computed, where none is stored as it is.
            pub(crate) fn derive(&self, names: &mut Names<'_>) {
                match self {
                    $(Self::$family(config) => StoredTextTower::derive(config, names),)+
                }
            }

            /// Reads a `config.json` of transformers.
            pub(crate) fn from_transformers(model_type: &str, root: &Map<String, Value>) -> Result<Self, String> {
                $(if let Some(config) = <$config>::from_transformers(model_type, root) {
                    return config.map(Self::$family);
                })+
                Err(format!("the text tower of `{model_type}` is not supported"))
            }

            /// Reads the `text_cfg` of an `open_clip_config.json`, and what kind of tokenizer goes with it.
            pub(crate) fn from_open_clip(
                text: &mut Map<String, Value>,
                options: &TextOptions,
            ) -> Result<(Self, TokenizerKind), String> {
                $(if let Some(config) = <$config>::from_open_clip(text, options) {
                    return config.map(|(config, tokenizer)| (Self::$family(config), tokenizer));
                })+
                Err("no supported text tower has these options".into())
            }

            /// Reads the `text_cfg` of ml-mobileclip's `config.json`.
            pub(crate) fn from_ml_mobileclip(text: &TextSection) -> Result<Self, String> {
                $(if let Some(config) = <$config>::from_ml_mobileclip(text) {
                    return config.map(Self::$family);
                })+
                Err("no supported text tower has these options".into())
            }

            /// Whether the tower can be computed from its weights as they are stored.
            pub(crate) fn has_cpu_form(&self) -> bool {
                match self {
                    $(Self::$family(_) => <$config as StoredTextTower>::CPU.is_some(),)+
                }
            }

            /// Finds the tower's weights where they are mapped; `None` if the family has no such form.
            pub(crate) fn find(&self, places: &Places<'_>, isa: Isa) -> Result<Option<Box<dyn CpuText>>, ModelError> {
                match self {
                    $(Self::$family(config) => {
                        <$config as StoredTextTower>::CPU.map(|find| find(config, places, isa)).transpose()
                    })+
                }
            }
        }

        impl TextTower {
            /// A tower with random weights that ends in `embed_dim` values.
            pub fn init(config: &TextTowerConfig, embed_dim: usize, device: &Device) -> Self {
                match config {
                    $(TextTowerConfig::$family(config) => Self::$family(config.init(embed_dim, device)),)+
                }
            }

            /// Ids `[batch, tokens]` and mask `[batch, tokens]` (1 for a token, 0 for padding) to embeddings
            /// `[batch, embed_dim]`, not normalised.
            ///
            /// A causal tower finds the end of a text by itself and does not look at the mask. It never looks past that
            /// end either, so a batch may be cut to its longest text: the result is the same. MobileCLIP's, which has no
            /// mask, fills texts up by itself. SigLIP's has no mask either: its texts come
            /// [filled up](crate::config::TokenizerKind::fills_context) to the context.
            pub fn forward(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<2> {
                match self {
                    $(Self::$family(tower) => TextModule::embed(tower, ids, mask),)+
                }
            }

            /// Ids and mask `[batch, tokens]` to the tokens' last states `[batch, tokens, width]`: after the final norm
            /// where the tower has one, before pooling and projection. States of padding mean nothing.
            pub fn hidden_states(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<3> {
                match self {
                    $(Self::$family(tower) => TextModule::token_states(tower, ids, mask),)+
                }
            }
        }
    };
}

image_towers! {
    /// Vision transformer with a class token.
    Vit: vit::VitConfig, vit::Vit, vit::CpuVit;
    /// Convolutional tower of inverted residual blocks.
    InvertedResidual: inverted_residual::InvertedResidualConfig, inverted_residual::InvertedResidual,
        inverted_residual::CpuInvertedResidual;
    /// OpenAI's residual network with an attention pool.
    ModifiedResnet: modified_resnet::ModifiedResnetConfig, modified_resnet::ModifiedResnet,
        modified_resnet::CpuModifiedResnet;
    /// SigLIP's vision transformer, which pools by attention.
    Siglip: siglip_vit::SiglipVitConfig, siglip_vit::SiglipVit, siglip_vit::CpuSiglipVit;
    /// MobileCLIP's convolutional tower, whose last stage attends.
    FastVit: fast_vit::FastVitConfig, fast_vit::FastVit, fast_vit::CpuFastVit;
    /// MobileCLIP-B's vision transformer behind a convolutional stem.
    ConvStemVit: conv_stem_vit::ConvStemVitConfig, conv_stem_vit::ConvStemVit, conv_stem_vit::CpuConvStemVit;
}

text_towers! {
    /// CLIP's causal transformer.
    Causal: causal_text::CausalTextConfig, causal_text::CausalText;
    /// Bidirectional encoder with mean pooling.
    Bert: bert::BertConfig, bert::Bert;
    /// SigLIP's bidirectional transformer.
    Siglip: siglip_text::SiglipTextConfig, siglip_text::SiglipText;
    /// MobileCLIP's transformer without a mask.
    Mobile: mobile_text::MobileTextConfig, mobile_text::MobileText;
}

impl ImageTowerConfig {
    /// Side of the square input in pixels.
    pub fn image_size(&self) -> usize {
        self.sizes().image_size()
    }

    /// Width of the embeddings, where the tower itself determines it.
    pub fn output_width(&self) -> Option<usize> {
        self.sizes().output_width()
    }

    /// Says what is out of range, if anything is.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn validate(&self) -> Result<(), String> {
        self.sizes().validate()
    }

    /// Floating-point operations for one photo, a multiplication and an addition counted as two: those of all products,
    /// convolutions and attentions. Norms, activations and sums, a percent or so, are left out, as in published figures.
    pub fn flops(&self, embed_dim: usize) -> u64 {
        2 * self.sizes().multiply_adds(embed_dim as u64)
    }
}

impl TextTowerConfig {
    /// Most tokens a text may have.
    pub fn context_length(&self) -> usize {
        self.sizes().context_length()
    }

    /// Ids that the tower knows.
    pub fn vocab_size(&self) -> usize {
        self.sizes().vocab_size()
    }

    /// Width of a token's state.
    pub fn width(&self) -> usize {
        self.sizes().width()
    }

    /// Width of the embeddings, where the tower itself determines it.
    pub fn output_width(&self) -> Option<usize> {
        self.sizes().output_width()
    }

    /// Whether a text may be given without what follows its end token.
    pub(crate) fn ends_texts(&self) -> bool {
        self.sizes().ends_texts()
    }

    /// Says what is out of range or does not go with the tokenizer, if anything is so.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn validate(&self, tokenizer: &TokenizerConfig) -> Result<(), String> {
        self.sizes().validate()?;
        self.sizes().validate_tokenizer(tokenizer)
    }
}

impl ImageTower {
    /// The tower in other floats. [`forward`](Self::forward) then takes pixels in these, and computes in them all but
    /// the norms, whose sums half precision cannot hold.
    #[must_use]
    pub fn cast(self, floats: FloatDType) -> Self {
        self.map(&mut Cast(floats))
    }
}

struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weights| weights.cast(self.0))
    }
}
