//! `pocket`, the model that is part of the program.

use crate::ModelError;
use crate::weights::safetensors::SafetensorsFile;

/// Made by `clip-search train` from the recipe in `recipes/pocket`; `docs/models.md` is its model card.
static POCKET: &[u8] = include_bytes!("../assets/pocket.safetensors");

/// Opens the built-in model, in place.
///
/// # Errors
/// As [`SafetensorsFile::from_static`]; none with the file that was built in, which a test loads.
pub(crate) fn open() -> Result<SafetensorsFile, ModelError> {
    SafetensorsFile::from_static(POCKET, "the built-in model")
}
