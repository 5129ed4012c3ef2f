//! Which of some labels a photo shows: by their names alone ([`ZeroShot`]), or by examples too ([`FewShot`]).
//!
//! Both take unit vectors and give probabilities; only [`ZeroShot::from_prompts`] runs a model, which may be any
//! [`Encoder`](clip_encoder::Encoder). [`retrieval`] measures how well texts find their photos.
//!
//! ```
//! use clip_classify::{Labels, Link, Templates, ZeroShot};
//! use clip_encoder::{BoxedError, Encoder};
//! use clip_progress::Silent;
//!
//! /// The probability of each label. `scale` and `bias` are those that the model was trained with.
//! fn judge(model: &impl Encoder, scale: f32, bias: Option<f32>, photo: &image::RgbImage) -> Result<Vec<f32>, BoxedError> {
//!     let labels = Labels::from_list("cat, dog, coffee")?;
//!     let link = Link::new(scale, bias);
//!     let classifier = ZeroShot::from_prompts(model, link, labels.names(), &Templates::short(), &Silent)?;
//!     let photo = model.embed_images(std::slice::from_ref(photo))?;
//!     Ok(classifier.probabilities(&photo)?)
//! }
//! ```

mod discriminant;
mod error;
mod few_shot;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod labels;
mod linear;
mod link;
pub mod retrieval;
mod stacking;
mod templates;
mod zero_shot;

pub use error::{ClassifyError, Remedy};
pub use few_shot::FewShot;
pub use labels::Labels;
pub use link::Link;
pub use templates::Templates;
pub use zero_shot::ZeroShot;
