//! The tower on the CPU kernels, from its weights as they are stored.

use clip_kernels::Isa;

use super::config::CausalTextConfig;
use crate::ModelError;
use crate::cpu::text::CpuText;
use crate::cpu::transformer_text::CpuTransformerText;
use crate::weights::places::Places;

/// Finds the tower's weights.
pub(crate) fn find(config: &CausalTextConfig, places: &Places<'_>, isa: Isa) -> Result<Box<dyn CpuText>, ModelError> {
    let tower =
        CpuTransformerText::find(places, &config.transformer(), config.vocab_size, Some(config.end_of_text), isa)?;
    Ok(Box::new(tower))
}
