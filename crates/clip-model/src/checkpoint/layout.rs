//! Where a whole checkpoint of another program keeps its tensors.

use crate::config::ClipConfig;
use crate::formats::Format;
use crate::weights::{Location, TensorLayout};

/// The names of a format for a model, or for one of its towers.
pub(crate) struct StoredLayout<'a> {
    /// The format.
    pub format: Format,
    /// The model.
    pub config: &'a ClipConfig,
    /// Ours: `image.` or `text.` for a lone tower, nothing for all.
    pub prefix: &'static str,
}

impl TensorLayout for StoredLayout<'_> {
    fn locate(&self, name: &str) -> Location {
        let name = format!("{}{name}", self.prefix);
        match name.split_once('.') {
            Some(("image", rest)) => self.config.image.locate(self.format, rest),
            Some(("text", rest)) => self.config.text.locate(self.format, rest),
            _ => Location::one(name),
        }
    }

    fn ignores(&self, stored: &str) -> bool {
        if is_buffer(self.format, stored) {
            return true;
        }
        let (image, scalar) = (self.is_image(stored), self.is_scalar(stored));
        match (self.prefix, self.format) {
            // All that is no image tower's.
            ("image.", Format::OpenClip { .. } | Format::MlMobileClip) => !image,
            ("image.", Format::Transformers) => scalar || begins(stored, &["text_model.", "text_projection."]),
            ("text.", _) => scalar || image,
            _ => false,
        }
    }
}

impl StoredLayout<'_> {
    fn is_image(&self, stored: &str) -> bool {
        match self.format {
            Format::Transformers => begins(stored, &["vision_model.", "visual_projection."]),
            Format::OpenClip { .. } => stored.starts_with("visual."),
            Format::MlMobileClip => stored.starts_with("image_encoder."),
        }
    }

    fn is_scalar(&self, stored: &str) -> bool {
        let bias = match self.format {
            Format::Transformers => self.config.logit_bias.is_some(),
            Format::OpenClip { .. } => true,
            Format::MlMobileClip => false,
        };
        stored == "logit_scale" || bias && stored == "logit_bias"
    }
}

fn begins(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a stored tensor is no weight.
fn is_buffer(format: Format, stored: &str) -> bool {
    // How many batches a norm saw.
    let batches = stored.ends_with(".num_batches_tracked");
    match format {
        // Older versions saved it.
        Format::Transformers => stored.ends_with(".embeddings.position_ids"),
        // Older versions saved the mask.
        Format::OpenClip { .. } => batches || stored.ends_with("attn_mask"),
        Format::MlMobileClip => batches,
    }
}
