//! Text towers that are computed from their weights as they are stored: a query costs one pass over them.

/// A text tower on a checkpoint's mapped weights, computed on the calling thread. None are converted or copied when it is
/// made, but for the few that a layout stores in another order.
pub trait CpuText: std::fmt::Debug + Send + Sync {
    /// Ids of texts, at least one each, to embeddings, one behind the other, not normalised.
    fn forward(&self, texts: &[&[u32]]) -> Vec<f32>;

    /// A text's ids to its tokens' states: after the final norm, before pooling and projection, `[tokens, width]`.
    fn hidden_states(&self, ids: &[u32]) -> Vec<f32>;
}
