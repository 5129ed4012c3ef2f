//! Where a text ends.

use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

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

impl EndOfText {
    /// The position of each text's end token in ids `[batch, tokens]`, `[batch, 1]`; 0 where it has none.
    pub(crate) fn positions(self, ids: Tensor<2, Int>) -> Tensor<2, Int> {
        let [batch, tokens] = ids.dims();
        let is_end = match self {
            Self::HighestId => {
                let highest = ids.clone().max_dim(1).expand([batch, tokens]);
                ids.clone().equal(highest)
            }
            Self::Id(id) => ids.clone().equal_elem(i64::from(id)),
        };
        // Padding may repeat the end token: earlier positions get larger values, so that the first one wins without
        // relying on how a backend's argmax breaks ties.
        let earliness = Tensor::arange(1..tokens as i64 + 1, &ids.device()).flip([0]).unsqueeze::<2>();
        (is_end.int() * earliness).argmax(1)
    }
}
