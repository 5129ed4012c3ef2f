//! Which of some labels a photo shows: by their names alone ([`ZeroShot`]), or by examples too ([`FewShot`]).
//!
//! Both take unit vectors and give probabilities; only [`ZeroShot::from_prompts`] runs a model.
//!
//! ```no_run
//! use clip_model::classify::{Labels, Templates, ZeroShot};
//! use clip_model::{LoadOptions, Model, ModelSource};
//!
//! # fn main() -> Result<(), clip_model::ModelError> {
//! # let photo = image::RgbImage::new(8, 8);
//! let model = Model::load(&ModelSource::Default, &LoadOptions::new())?;
//! let labels = Labels::from_list("cat, dog, coffee")?;
//! let classifier = ZeroShot::from_prompts(&model, labels.names(), &Templates::short(), |_| ())?;
//! let probabilities = classifier.probabilities(model.embed_images(&[photo])?.row(0))?;
//! assert_eq!(probabilities.len(), 3);
//! # Ok(())
//! # }
//! ```

mod discriminant;
mod few_shot;
mod labels;
mod linear;
mod link;
mod stacking;
mod templates;
mod zero_shot;

pub use few_shot::FewShot;
pub use labels::Labels;
pub use link::Link;
pub use templates::Templates;
pub use zero_shot::{ZeroShot, ensemble};
