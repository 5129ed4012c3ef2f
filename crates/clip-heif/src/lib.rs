//! HEIC and AVIF pictures through the system's libheif.
//!
//! The library is loaded when it is first needed, so that a program builds and starts without it. All `unsafe` code for it
//! is in this crate: [`Library::load`] finds the library, [`Library::open`] reads a file, and a [`Picture`] of it is
//! decoded to RGB or RGBA.
//!
//! libheif applies the rotation and cropping in the file, so callers must not apply them again.

mod ffi;
mod library;
mod picture;

pub use library::{Compression, Library, NotFound, Version};
pub use picture::{Fault, File, Limits, Picture, Pixels};
