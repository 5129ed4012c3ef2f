//! MobileCLIP's text towers without a mask.

mod config;
mod module;
mod weights;

pub use config::{MobileTextConfig, TextMixerConfig};
pub use module::MobileText;
