//! JPEG.

mod decoder;

pub(crate) use decoder::{decode, exif_block};
