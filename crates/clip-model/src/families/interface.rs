//! What a family implements to stand in the table of families.
//!
//! Besides these traits, the table expects of a family `init(&self, embed_dim, device)` of its sizes, which makes the tower
//! with random weights; and of an image tower `forward(&self, pixels)`, and `new(tower, packing)` and
//! `forward(&self, photos, size)` of its form for the CPU kernels.

use burn::tensor::{Int, Tensor};
use clip_kernels::Isa;
use serde_json::{Map, Value};

use crate::ModelError;
use crate::activation::Activation;
use crate::cpu::text::CpuText;
use crate::formats::Format;
use crate::formats::ml_mobileclip::TextSection;
use crate::formats::mobileclip::Names;
use crate::formats::open_clip::TextOptions;
use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};
use crate::weights::Location;
use crate::weights::places::Places;

/// The sizes of an image tower.
pub trait ImageSizes {
    /// Side of the square input in pixels.
    fn image_size(&self) -> usize;

    /// Says what is out of range, if anything is.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn validate(&self) -> Result<(), String>;

    /// Width of the embeddings, where the tower itself determines it.
    fn output_width(&self) -> Option<usize> {
        None
    }

    /// Multiplications, each with an addition, for one photo: those of all products, convolutions and attentions.
    fn multiply_adds(&self, embed_dim: u64) -> u64;
}

/// The sizes of a text tower.
pub trait TextSizes {
    /// Most tokens a text may have.
    fn context_length(&self) -> usize;

    /// Ids that the tower knows.
    fn vocab_size(&self) -> usize;

    /// Width of a token's state.
    fn width(&self) -> usize;

    /// Says what is out of range, if anything is.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn validate(&self) -> Result<(), String>;

    /// Width of the embeddings, where the tower itself determines it.
    fn output_width(&self) -> Option<usize> {
        None
    }

    /// Says what the tower needs of its tokenizer and does not get, if that is so.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn validate_tokenizer(&self, _tokenizer: &TokenizerConfig) -> Result<(), String> {
        Ok(())
    }

    /// Whether a text may be given without what follows its end token, because the tower does not look at it or adds it
    /// itself.
    fn ends_texts(&self) -> bool {
        false
    }

    /// The id that fills up texts, where the tower sees it.
    fn pad_id_mut(&mut self) -> Option<&mut u32> {
        None
    }
}

/// What other people's checkpoints say of an image tower. A family that none of them knows implements nothing.
pub(crate) trait StoredImageTower: Sized {
    /// The names that timm's models of the family go by in an `open_clip_config.json`, for messages.
    const TIMM_NAMES: &'static [&'static str] = &[];
    /// The names that the family's models go by in ml-mobileclip's `config.json`, for messages.
    const ML_MOBILECLIP_NAMES: &'static [&'static str] = &[];

    /// Where a checkpoint keeps the tower's tensor `name`.
    fn locate(&self, _format: Format, name: &str) -> Location {
        Location::one(format!("image.{name}"))
    }

    /// Says of which stored tensors the tower's are computed, where none is stored as it is.
    fn derive(&self, _names: &mut Names<'_>) {}

    /// Reads a `config.json` of transformers whose `model_type` is this. `None` if it describes a tower of another family.
    fn from_transformers(_model_type: &str, _root: &Map<String, Value>) -> Option<Result<Self, String>> {
        None
    }

    /// Reads the `vision_cfg` of an `open_clip_config.json`. `None` if it describes a tower of another family.
    fn from_open_clip(_vision: &mut Map<String, Value>, _activation: Activation) -> Option<Result<Self, String>> {
        None
    }

    /// The tower of this name in ml-mobileclip. `None` if it is of another family.
    fn from_ml_mobileclip(_name: &str, _image_size: usize) -> Option<Result<Self, String>> {
        None
    }
}

/// Finds a tower's weights where they are mapped.
pub(crate) type FindText<T> = fn(&T, &Places<'_>, Isa) -> Result<Box<dyn CpuText>, ModelError>;

/// What other people's checkpoints say of a text tower. A family that none of them knows implements nothing.
pub(crate) trait StoredTextTower: Sized {
    /// Finds the form that computes with the weights as they are stored, where the family has one.
    const CPU: Option<FindText<Self>> = None;

    /// Where a checkpoint keeps the tower's tensor `name`.
    fn locate(&self, _format: Format, name: &str) -> Location {
        Location::one(format!("text.{name}"))
    }

    /// Says of which stored tensors the tower's are computed, where none is stored as it is.
    fn derive(&self, _names: &mut Names<'_>) {}

    /// Reads a `config.json` of transformers whose `model_type` is this. `None` if it describes a tower of another family.
    fn from_transformers(_model_type: &str, _root: &Map<String, Value>) -> Option<Result<Self, String>> {
        None
    }

    /// Reads the `text_cfg` of an `open_clip_config.json`. `None` if it describes a tower of another family.
    fn from_open_clip(
        _text: &mut Map<String, Value>,
        _options: &TextOptions,
    ) -> Option<Result<(Self, TokenizerKind), String>> {
        None
    }

    /// Reads the `text_cfg` of ml-mobileclip's `config.json`. `None` if it describes a tower of another family.
    fn from_ml_mobileclip(_text: &TextSection) -> Option<Result<Self, String>> {
        None
    }
}

/// A text tower in burn.
pub trait TextModule {
    /// Ids `[batch, tokens]` and mask `[batch, tokens]` (1 for a token, 0 for padding) to embeddings `[batch, embed_dim]`,
    /// not normalised.
    fn embed(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<2>;

    /// Ids and mask to the tokens' last states `[batch, tokens, width]`: after the final norm where the tower has one,
    /// before pooling and projection. States of padding mean nothing.
    fn token_states(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<3>;
}
