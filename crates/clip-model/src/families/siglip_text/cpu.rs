//! The tower on the CPU kernels, from its weights as they are stored.

use clip_kernels::Isa;

use super::config::SiglipTextConfig;
use crate::ModelError;
use crate::cpu::text::CpuText;
use crate::cpu::transformer_text::CpuTransformerText;
use crate::weights::places::Places;

/// Finds the tower's weights.
pub(crate) fn find(config: &SiglipTextConfig, places: &Places<'_>, isa: Isa) -> Result<Box<dyn CpuText>, ModelError> {
    let tower = CpuTransformerText::find(places, &config.transformer(), config.vocab_size, None, isa)?;
    Ok(Box::new(tower))
}
