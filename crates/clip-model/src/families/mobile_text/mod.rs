//! MobileCLIP's text towers without a mask.

mod module;

pub use module::{MobileText, MobileTextConfig, TextMixerConfig};
