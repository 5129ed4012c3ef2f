//! The projection head of `pocket`'s towers: frozen-backbone features to an embedding.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Sizes of a [`ProjectionHead`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectionHeadConfig {
    /// Hidden width of the MLP branch.
    pub hidden: usize,
    /// Width of the embedding.
    pub output: usize,
    /// Dropout on the standardised input and on the MLP's hidden layer; active in training only.
    #[serde(default)]
    pub dropout: f64,
}

impl ProjectionHeadConfig {
    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        for (what, value) in [("hidden", self.hidden), ("output", self.output)] {
            if value == 0 || value > 16384 {
                return Err(format!("the head's {what} width is {value}, expected 1 to 16384"));
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("the head's dropout is {}, expected 0 to less than 1", self.dropout));
        }
        Ok(())
    }

    /// A head for features of width `input`, with random weights and no standardisation.
    pub fn init(&self, input: usize, device: &Device) -> ProjectionHead {
        ProjectionHead {
            mean: Param::from_tensor(Tensor::zeros([input], device)),
            scale: Param::from_tensor(Tensor::ones([input], device)),
            linear: LinearConfig::new(input, self.output).init(device),
            hidden: LinearConfig::new(input, self.hidden).init(device),
            output: LinearConfig::new(self.hidden, self.output).init(device),
            dropout: DropoutConfig::new(self.dropout).init(),
        }
    }
}

/// Standardises its input and adds a linear map and a one-hidden-layer MLP (GELU).
///
/// The linear path alone is a good projection of strong features; the MLP learns what it lacks.
#[derive(Module, Debug)]
pub struct ProjectionHead {
    /// Mean of each feature over the training photos; subtracted.
    pub mean: Param<Tensor<1>>,
    /// Reciprocal of each feature's standard deviation; multiplied.
    pub scale: Param<Tensor<1>>,
    /// The linear path.
    pub linear: Linear,
    /// Input layer of the MLP.
    pub hidden: Linear,
    /// Output layer of the MLP.
    pub output: Linear,
    /// Dropout on the input and on the hidden layer.
    pub dropout: Dropout,
}

impl ProjectionHead {
    /// Features `[batch, input]` to embeddings `[batch, output]`, not normalised.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        // Dropping input features too keeps the linear path from leaning on any few of them.
        let x = self.dropout.forward((features - self.mean.val().unsqueeze()) * self.scale.val().unsqueeze());
        let hidden = self.dropout.forward(gelu(self.hidden.forward(x.clone())));
        self.linear.forward(x) + self.output.forward(hidden)
    }
}
