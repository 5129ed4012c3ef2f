//! `pocket`, the model that is part of the program.

use crate::weights::safetensors::SafetensorsFile;
use crate::{ModelError, Precision};

/// Trained with the recipe in `recipes/pocket`; `docs/models.md` is its model card.
static POCKET: &[u8] = include_bytes!("../assets/pocket.safetensors");

/// What its image tower computes in on a CPU unless another precision is asked for: twice as fast where the processor
/// multiplies bytes, with the same recall (`docs/benchmarks.md`).
pub(crate) const PRECISION: Precision = Precision::Int8;

/// Opens the built-in model, in place.
///
/// # Errors
/// As [`SafetensorsFile::from_static`]; none with the file that was built in, which a test loads.
pub(crate) fn open() -> Result<SafetensorsFile, ModelError> {
    SafetensorsFile::from_static(POCKET, "the built-in model")
}
