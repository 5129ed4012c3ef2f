//! Linear maps and tables that are used as they are stored: nothing is read before it is needed.

use clip_kernels::epilogue;
use clip_kernels::norm::LayerNorm;
use clip_kernels::{Activation, Isa, Linear};

use crate::ModelError;
use crate::weights::places::Places;
use crate::weights::stored_matrix::StoredMatrix;

/// A linear map whose weights stay where the checkpoint keeps them.
#[derive(Debug)]
pub struct StoredLinear {
    /// Each some of the outputs, in their order.
    parts: Vec<StoredMatrix>,
    /// Empty, or a value for each output.
    bias: Vec<f32>,
    depth: usize,
    columns: usize,
    isa: Isa,
}

impl StoredLinear {
    /// The linear map that a module calls `name`, its bias included if it has one.
    pub fn find(places: &Places<'_>, name: &str, isa: Isa) -> Result<Self, ModelError> {
        Self::join(places, &[name], isa)
    }

    /// Several linear maps of the same input as one, their outputs side by side.
    pub fn join(places: &Places<'_>, names: &[&str], isa: Isa) -> Result<Self, ModelError> {
        let (mut parts, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            parts.extend(places.matrix(&format!("{name}.weight"))?);
            let name = format!("{name}.bias");
            if places.has(&name) {
                bias.extend(places.values(&name)?);
            }
        }
        let columns = parts.iter().map(|part| part.rows().outputs()).sum();
        let depth = parts.first().map_or(0, |part| part.rows().depth());
        Ok(Self { parts, bias, depth, columns, isa })
    }
}

impl Linear for StoredLinear {
    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    /// On the calling thread alone: texts are shared among threads as wholes.
    fn apply_on(&self, _threads: usize, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        let mut at = 0;
        for part in &self.parts {
            let rows = part.rows();
            let bias = self.bias.get(at..at + rows.outputs()).unwrap_or_default();
            rows.multiply(self.isa, left, bias, out, self.columns, at);
            at += rows.outputs();
        }
        epilogue::apply(self.isa, activation, add, out);
    }
}

/// A table of which a row is looked up for each token.
#[derive(Debug)]
struct StoredTable {
    parts: Vec<StoredMatrix>,
}

impl StoredTable {
    /// The table that a module calls `name`.
    fn find(places: &Places<'_>, name: &str) -> Result<Self, ModelError> {
        Ok(Self { parts: places.matrix(name)? })
    }

    /// Adds a row to `out`; beyond the last one, that.
    fn add_row(&self, mut index: usize, out: &mut [f32]) {
        let last = self.parts.len().saturating_sub(1);
        for (place, part) in self.parts.iter().enumerate() {
            let rows = part.rows();
            if index < rows.outputs() || place == last {
                return rows.add_row(index.min(rows.outputs().saturating_sub(1)), out);
            }
            index -= rows.outputs();
        }
    }
}

/// The tables that tokens begin as.
#[derive(Debug)]
pub struct TokenTables {
    tokens: StoredTable,
    positions: StoredTable,
}

impl TokenTables {
    /// The tables that a module calls `tokens` and `positions`.
    pub fn find(places: &Places<'_>, tokens: &str, positions: &str) -> Result<Self, ModelError> {
        Ok(Self { tokens: StoredTable::find(places, tokens)?, positions: StoredTable::find(places, positions)? })
    }

    /// A state of `width` values for each token of all texts: the rows of its id and of its place in its text, summed.
    pub fn embed(&self, texts: &[&[u32]], width: usize) -> Vec<f32> {
        let mut states = vec![0.0; texts.iter().map(|ids| ids.len()).sum::<usize>() * width];
        let places = texts.iter().flat_map(|ids| ids.iter().enumerate());
        for ((position, id), state) in places.zip(states.chunks_exact_mut(width)) {
            self.tokens.add_row(*id as usize, state);
            self.positions.add_row(position, state);
        }
        states
    }
}

/// The layer norm that a module calls `name`.
pub fn layer_norm(places: &Places<'_>, name: &str, epsilon: f64, isa: Isa) -> Result<LayerNorm, ModelError> {
    let gain = places.values(&format!("{name}.weight"))?;
    Ok(LayerNorm::new(&gain, &places.values(&format!("{name}.bias"))?, epsilon as f32, isa))
}
