//! What a terminal shows beyond plain text: colours, links and pictures.
//!
//! [`Look`] says what the terminal can do, as far as the environment tells; [`probe`] asks it the one question that the
//! environment leaves open. [`Part`] is text with a style, and [`pictures`] turns a small picture into what draws it.

mod look;
mod part;
pub(crate) mod pictures;
#[cfg(unix)]
mod probe;
mod thumbnail;

pub(crate) use look::Look;
pub(crate) use part::{Part, Style, bar};
pub(crate) use thumbnail::{Thumbnails, thumbnail};
