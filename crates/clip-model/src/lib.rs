//! CLIP models: pixels or words to unit vectors.
//!
//! A [`Model`] is what most callers want: it embeds photos and texts, and says by its [`Fingerprint`] which embeddings
//! belong together. Below it are the parts: a [`ClipConfig`] describes a checkpoint, [`weights`] reads one,
//! [`clip::Clip`] is the dual encoder as one module.
//!
//! ```no_run
//! use clip_model::{LoadOptions, Model, ModelSource};
//!
//! # fn main() -> Result<(), clip_model::ModelError> {
//! let model = Model::load(&ModelSource::Default, &LoadOptions::new())?;
//! let texts = model.embed_texts(&["a dog on a beach", "a birthday cake"])?;
//! assert_eq!(texts.row(0).len(), model.dimension());
//! # Ok(())
//! # }
//! ```

// The golden tests inside the crate share their helpers with those outside, which know it by its name.
#[cfg(test)]
extern crate self as clip_model;

mod activation;
mod batches;
pub mod checkpoint;
pub mod clip;
pub mod config;
pub mod conv_mixer;
mod cost;
pub mod cpu;
mod device;
mod embeddings;
mod encoder;
mod end_of_text;
mod error;
pub mod families;
mod fingerprint;
mod formats;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod limits;
mod model;
mod pocket;
mod precision;
pub mod preprocess;
mod presets;
pub mod projection;
mod shown;
pub mod tokenizer;
pub mod transformer;
pub mod weights;

pub use checkpoint::{Checkpoint, ModelSource};
pub use config::ClipConfig;
pub use cost::image_flops;
pub use device::{DeviceChoice, SelectedDevice, select as select_device};
pub use embeddings::{Embeddings, HiddenStates};
pub use error::{FileKind, ModelError, Remedy};
pub use fingerprint::Fingerprint;
pub use model::{LoadOptions, Model, Towers};
pub use precision::Precision;
pub use preprocess::Pixels;
