//! Sizes of MobileCLIP's text towers.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::end_of_text::EndOfText;
use crate::families::interface::TextSizes;
use crate::limits::{self, within};
use crate::tokenizer::config::TokenizerConfig;

/// Sizes of a [`MobileText`](super::MobileText).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileTextConfig {
    /// Tokens of every text, start, end and padding included.
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
    /// Activation of a layer's MLP.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
    /// The convolutional blocks around the transformer, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixer: Option<TextMixerConfig>,
    /// Which token's state is the text's feature.
    #[serde(default)]
    pub end_of_text: EndOfText,
    /// The id that fills up texts.
    #[serde(default)]
    pub pad_id: u32,
}

/// Sizes of the convolutional blocks of a [`MobileText`](super::MobileText).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextMixerConfig {
    /// Tokens under a depthwise kernel; odd.
    pub kernel: usize,
    /// Hidden channels of a block's MLP.
    pub mlp_width: usize,
}

impl TextSizes for MobileTextConfig {
    fn context_length(&self) -> usize {
        self.context_length
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn width(&self) -> usize {
        self.width
    }

    fn validate(&self) -> Result<(), String> {
        within("the context length", self.context_length, limits::CONTEXT)?;
        within("the vocabulary", self.vocab_size, limits::VOCABULARY)?;
        if let EndOfText::Id(id) = self.end_of_text
            && !(1..self.vocab_size).contains(&(id as usize))
        {
            return Err(format!("the end-of-text id is {id}, expected 1 to {}", self.vocab_size - 1));
        }
        limits::transformer("text", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)?;
        if let Some(mixer) = &self.mixer {
            within("the text tower's kernel", mixer.kernel, limits::CONTEXT)?;
            within("the text mixers' MLP width", mixer.mlp_width, limits::MLP_WIDTH)?;
            if mixer.kernel.is_multiple_of(2) {
                return Err(format!("the text tower's kernel is {}, expected an odd number", mixer.kernel));
            }
        }
        let table = self.vocab_size as u64 * self.width as u64;
        if table > limits::PARAMETERS {
            return Err(format!("the token table has {table} values"));
        }
        Ok(())
    }

    fn validate_tokenizer(&self, tokenizer: &TokenizerConfig) -> Result<(), String> {
        // The tower sees padding, and both it and whoever makes a batch of texts add some.
        if self.pad_id != tokenizer.pad_id {
            return Err(format!(
                "the text tower pads with id {}, the tokenizer with {}",
                self.pad_id, tokenizer.pad_id
            ));
        }
        Ok(())
    }

    /// The tower fills texts up itself.
    fn ends_texts(&self) -> bool {
        true
    }

    fn pad_id_mut(&mut self) -> Option<&mut u32> {
        Some(&mut self.pad_id)
    }
}
