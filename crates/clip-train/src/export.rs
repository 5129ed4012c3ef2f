//! Writing the trained model as one self-describing file.

use std::path::Path;

use clip_model::checkpoint::native;
use clip_model::clip::Clip;
use clip_model::config::ImageTowerConfig;
use clip_model::{ClipConfig, Precision};

use crate::error::TrainError;
use crate::recipe::Export;

/// The finished model's configuration: that of training, but for the size of its photos.
///
/// # Errors
/// [`TrainError::Recipe`] for a size that the tower cannot take; `recipe` names the recipe in it.
pub fn config(trained: &ClipConfig, export: &Export, recipe: &Path) -> Result<ClipConfig, TrainError> {
    let mut config = trained.clone();
    let fail = |reason: String| TrainError::Recipe { path: recipe.to_owned(), reason };
    if let Some(size) = export.image_size.filter(|&size| size != trained.image.image_size()) {
        let ImageTowerConfig::InvertedResidual(tower) = &mut config.image else {
            return Err(fail(format!(
                "export.image_size is {size}, but the image tower takes photos of {0} x {0} only; leave it out",
                trained.image.image_size()
            )));
        };
        tower.image_size = size;
        config.preprocess.size = size;
        config.validate().map_err(|reason| fail(format!("export.image_size: {reason}")))?;
    }
    Ok(config)
}

/// Writes the model; gives it back with its weights as they are read from the file.
pub fn write(
    config: &ClipConfig,
    tokenizer: &[u8],
    model: &Clip,
    precision: Precision,
    path: &Path,
) -> Result<Clip, TrainError> {
    native::write(path, config, tokenizer, model, precision)?;
    let device = model.logit_scale.val().device();
    Ok(native::read_clip(path, &device)?)
}
