//! Training losses on unit vectors.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor};

/// A logit low enough to vanish in a softmax, high enough to stay finite in 16 bits.
const EXCLUDED: f32 = -3e4;

/// Symmetric InfoNCE (Radford et al. 2021, figure 3): the mean of the cross entropies of images against texts and
/// of texts against images, row `i` of both being a pair.
///
/// `image`, `text`: `[batch, dim]`, unit length. `scale`: `[1]`, the inverse temperature itself, not its logarithm.
/// `ignore`: `[batch, batch]`, true where an image and a text that are no pair must not count as a negative either,
/// because they share a label or a caption; false on the diagonal. Returns `[1]`, in nats.
pub fn info_nce(image: Tensor<2>, text: Tensor<2>, scale: Tensor<1>, ignore: Option<Tensor<2, Bool>>) -> Tensor<1> {
    let mut logits = image.matmul(text.transpose()) * scale.unsqueeze();
    if let Some(ignore) = ignore {
        logits = logits.mask_fill(ignore, EXCLUDED);
    }
    let per_image = diagonal(log_softmax(logits.clone(), 1));
    let per_text = diagonal(log_softmax(logits, 0));
    (per_image.mean() + per_text.mean()) * -0.5
}

/// Pairwise sigmoid loss (Zhai et al. 2023, SigLIP): every image and text of the batch is a question of its own,
/// answered yes on the diagonal. Sums over pairs, divides by the batch.
///
/// Shapes as for [`info_nce`]; `bias`: `[1]`, added to the scaled similarities.
pub fn pairwise_sigmoid(
    image: Tensor<2>,
    text: Tensor<2>,
    scale: Tensor<1>,
    bias: Tensor<1>,
    ignore: Option<Tensor<2, Bool>>,
) -> Tensor<1> {
    let [batch, _] = image.dims();
    let logits = image.matmul(text.transpose()) * scale.unsqueeze() + bias.unsqueeze();
    let sign = Tensor::<2>::eye(batch, &logits.device()) * 2.0 - 1.0;
    let mut losses = burn::tensor::activation::softplus(-(logits * sign), 1.0);
    if let Some(ignore) = ignore {
        losses = losses.mask_fill(ignore, 0.0);
    }
    losses.sum() / batch as f64
}

/// Cross entropy between `targets` `[batch, classes]` (rows sum to one) and the softmax of `logits`. Returns `[1]`.
pub fn soft_cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (log_softmax(logits, 1) * targets).sum_dim(1).mean() * -1.0
}

/// `[n, n]` to its diagonal `[n]`.
fn diagonal(x: Tensor<2>) -> Tensor<1> {
    let [n, _] = x.dims();
    (x.clone() * Tensor::eye(n, &x.device())).sum_dim(1).reshape([n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn close(found: Tensor<1>, expected: f32) {
        let found: f32 = found.into_scalar();
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }

    /// Two pairs at right angles, scale 2: each row is softmax([2, 0]), so the loss is ln(1 + e^-2).
    #[test]
    fn info_nce_of_two_orthogonal_pairs() {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &device);
        let scale = Tensor::<1>::from_data([2.0], &device);
        close(info_nce(x.clone(), x, scale, None), (1.0 + (-2.0f32).exp()).ln());
    }

    /// Texts swapped: the same with the sign of the logits turned.
    #[test]
    fn info_nce_of_two_swapped_pairs() {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &device);
        let y = Tensor::<2>::from_data([[0.0, 1.0], [1.0, 0.0]], &device);
        let scale = Tensor::<1>::from_data([2.0], &device);
        close(info_nce(x, y, scale, None), (1.0 + 2.0f32.exp()).ln());
    }

    /// A batch of one photo twice under the same label has no negatives at all: the loss is zero.
    #[test]
    fn ignored_pairs_are_no_negatives() {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[0.6, 0.8], [0.6, 0.8]], &device);
        let scale = Tensor::<1>::from_data([10.0], &device);
        let ignore = Tensor::<2, Bool>::from_data([[false, true], [true, false]], &device);
        close(info_nce(x.clone(), x.clone(), scale.clone(), Some(ignore)), 0.0);
        close(info_nce(x.clone(), x, scale, None), 2.0f32.ln());
    }

    /// One pair and one non-pair each way, scale 1, bias -1, worked by hand.
    #[test]
    fn sigmoid_of_two_orthogonal_pairs() {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &device);
        let one = Tensor::<1>::from_data([1.0], &device);
        // On the diagonal the logit is 1 - 1 = 0: ln 2 each. Off it, 0 - 1 = -1: ln(1 + e^-1) each. Over a batch of 2.
        let expected = (2.0 * 2.0f32.ln() + 2.0 * (1.0 + (-1.0f32).exp()).ln()) / 2.0;
        close(pairwise_sigmoid(x.clone(), x, one.clone(), -one, None), expected);
    }

    #[test]
    fn soft_labels_of_equal_logits_cost_their_logarithm() {
        let device = Device::flex();
        let logits = Tensor::<2>::zeros([3, 4], &device);
        let targets = Tensor::<2>::full([3, 4], 0.25, &device);
        close(soft_cross_entropy(logits, targets), 4.0f32.ln());
    }
}
