//! Matrices where and as a checkpoint stores them.

use std::ops::Range;
use std::sync::Arc;

use clip_kernels::gemv::{Format, StoredRows};

use super::file_bytes::Bytes;
use super::stored_tensor::StoredTensor;

/// A matrix in its file, which stays mapped as long as this lives.
#[derive(Clone)]
pub struct StoredMatrix {
    bytes: Arc<Bytes>,
    format: Format,
    values: Range<usize>,
    /// Factors of the rows; empty for formats without.
    scales: Range<usize>,
    depth: usize,
}

impl StoredMatrix {
    /// The matrix of `depth` columns whose values and rows' factors lie in these parts of a file.
    pub(crate) fn new(
        bytes: Arc<Bytes>,
        format: Format,
        values: Range<usize>,
        scales: Range<usize>,
        depth: usize,
    ) -> Self {
        Self { bytes, format, values, scales, depth }
    }

    /// A matrix in memory of its own, for what files store in another way. All dimensions but the last count as rows.
    pub(crate) fn owned(tensor: StoredTensor) -> Self {
        let bytes: Vec<u8> = tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect();
        let values = 0..bytes.len();
        let depth = tensor.shape.last().copied().unwrap_or(1);
        Self::new(Arc::new(Bytes::Owned(bytes)), Format::F32, values, 0..0, depth)
    }

    /// For the kernels.
    pub fn rows(&self) -> StoredRows<'_> {
        let bytes = self.bytes.as_slice();
        StoredRows::new(self.format, &bytes[self.values.clone()], &bytes[self.scales.clone()], self.depth)
    }
}

impl std::fmt::Debug for StoredMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredMatrix")
            .field("format", &self.format)
            .field("outputs", &self.rows().outputs())
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}
