//! HEIC and AVIF pictures through the system's libheif.
//!
//! The library is looked for when it is first needed, so that a program builds and starts without it.
//! All `unsafe` code that this takes is in this crate: [`Library::load`] finds the library, [`Library::open`] reads a file, and
//! a [`Picture`] of it is decoded to RGB or RGBA.
//!
//! libheif turns and crops pictures as the file says, so nothing is to be turned after that.

mod ffi;
mod library;
mod picture;

pub use library::{Compression, Library, NotFound, Version};
pub use picture::{Fault, File, Limits, Picture, Pixels};
