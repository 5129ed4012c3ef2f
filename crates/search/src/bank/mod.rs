//! The bank of texts of a model, which corrects scores: see [`clip_query::bank`].

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{Bank, ModelId};
use clip_model::{Model, ModelSource};
use clip_progress::{Progress, Steps};
use clip_query::bank;

use crate::error::LibraryError;

/// `recipes/bank/make.py` made it: a scale and signed bytes for each caption, and then for each phrase.
const POCKET: &[u8] = include_bytes!("pocket.rows");

/// Texts that are embedded between two looks at whether to go on.
const AT_ONCE: usize = 256;

/// The bank of a model, if that costs next to nothing: it is the built-in model, or its bank is kept beside the index.
pub(crate) fn at_hand(index: &Path, source: &ModelSource, id: &ModelId) -> Option<Arc<Bank>> {
    if *source == ModelSource::Default {
        return of_built_in(&id.fingerprint, id.dimension).map(Arc::new);
    }
    Bank::stored(index, &bank::name(&id.fingerprint), id.dimension).map(Arc::new)
}

/// The bank of a model with its text tower. All texts are embedded, which takes a minute with a large model, unless it is the
/// built-in one. `progress` gets the texts embedded and in all. `None` if `cancel` was set.
///
/// # Errors
/// [`LibraryError::Model`] if the model fails.
pub fn measure_bank(
    source: &ModelSource,
    model: &Model,
    progress: &dyn Progress<Steps>,
    cancel: &AtomicBool,
) -> Result<Option<Bank>, LibraryError> {
    let (fingerprint, dimension) = (model.fingerprint().to_string(), model.dimension());
    if *source == ModelSource::Default
        && let Some(bank) = of_built_in(&fingerprint, dimension)
    {
        return Ok(Some(bank));
    }
    let texts: Vec<&str> = bank::captions().chain(bank::phrases()).collect();
    let total = texts.len() as u64;
    let mut rows = Vec::with_capacity(texts.len() * dimension);
    for part in texts.chunks(AT_ONCE) {
        if cancel.load(Ordering::Relaxed) {
            return Ok(None);
        }
        progress.event(Steps { done: (rows.len() / dimension) as u64, total });
        rows.extend_from_slice(model.embed_texts(part)?.as_slice());
    }
    progress.event(Steps { done: total, total });
    of_rows(&fingerprint, &rows, dimension).map(Some)
}

fn of_rows(fingerprint: &str, rows: &[f32], dimension: usize) -> Result<Bank, LibraryError> {
    let (captions, phrases) = rows.split_at((bank::captions().len() * dimension).min(rows.len()));
    Ok(Bank::new(bank::name(fingerprint), captions, phrases, dimension, bank::NEIGHBOURS)?)
}

fn of_built_in(fingerprint: &str, dimension: usize) -> Option<Bank> {
    let mut rows = Vec::with_capacity(POCKET.len());
    for row in POCKET.chunks_exact(size_of::<f32>() + dimension) {
        let (scale, codes) = row.split_first_chunk()?;
        let scale = f32::from_le_bytes(*scale);
        let numbers = codes.iter().map(|&code| f32::from(code.cast_signed()) * scale);
        let length = numbers.clone().map(|x| x * x).sum::<f32>().sqrt();
        rows.extend(numbers.map(|x| x / length));
    }
    of_rows(fingerprint, &rows, dimension).ok()
}

#[cfg(test)]
mod tests {
    use clip_model::{LoadOptions, Towers};

    use super::*;

    /// What is in the program is what the model gives, for every twentieth text.
    #[test]
    fn the_bank_of_the_built_in_model_is_its_own() {
        let model =
            Model::load(&ModelSource::Default, &LoadOptions { towers: Towers::TextOnly, ..LoadOptions::default() })
                .unwrap();
        let (fingerprint, dimension) = (model.fingerprint().to_string(), model.dimension());
        let texts: Vec<&str> = bank::captions().chain(bank::phrases()).collect();
        assert_eq!(POCKET.len(), texts.len() * (4 + dimension));
        let bank = of_built_in(&fingerprint, dimension).unwrap();
        assert_eq!(bank.name(), bank::name(&fingerprint));
        for (at, text) in texts.iter().enumerate().step_by(20) {
            let embedded = model.embed_texts(&[text]).unwrap();
            let row = &POCKET[at * (4 + dimension)..][..4 + dimension];
            let scale = f32::from_le_bytes(*row.first_chunk().unwrap());
            let codes = row[4..].iter().map(|&code| f32::from(code.cast_signed()) * scale);
            let dot: f32 = embedded.as_slice().iter().zip(codes).map(|(a, b)| a * b).sum();
            assert!(dot > 0.995, "{text}: {dot}");
        }
    }
}
