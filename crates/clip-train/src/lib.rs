//! Training: from captioned and labelled photos to a model file.
//!
//! A [`Recipe`](recipe::Recipe) says what is learned from what; a [`Trainer`] carries it out in stages. Each stage trains
//! some tensors and freezes the rest; what the frozen start of a tower computes is cached. Every random
//! choice follows from the recipe's seed, the stage and the epoch, so a run that is resumed from its saved state goes
//! on as it would have.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use clip_model::{DeviceChoice, Precision, select_device};
//! use clip_train::{Event, Trainer};
//!
//! # fn main() -> Result<(), clip_train::TrainError> {
//! let device = select_device(DeviceChoice::Auto, Precision::F32)?.device;
//! let decode = |path: &Path| image::open(path).map(|photo| photo.to_rgb8()).map_err(|error| error.to_string());
//! let progress = |event: Event<'_>| {
//!     if let Event::Epoch { epoch, loss, .. } = event {
//!         println!("epoch {epoch}: loss {loss}");
//!     }
//! };
//! let model = Trainer::new(Path::new("recipe.toml"), Path::new("out"), &device, &decode).progress(&progress).run()?;
//! println!("{} finds {:.1} % at once", model.path.display(), model.stored.text_to_image.r1);
//! # Ok(())
//! # }
//! ```

mod average;
mod cache;
mod cut;
mod dataset;
mod error;
mod evaluate;
mod export;
mod frozen;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod inputs;
pub mod loss;
mod names;
mod optimizer;
mod phrases;
mod progress;
pub mod recipe;
mod run;
mod session;
mod stage;
mod start;
mod state;
mod teacher;
mod trainer;
mod views;

pub use clip_progress::{Progress, Silent};
pub use dataset::fault_of_csv;
pub use error::{Remedy, TrainError};
pub use progress::Event;
pub use session::Decode;
pub use start::FindModel;
pub use trainer::{TensorRates, Tensors, TrainedModel, Trainer};
