//! Turns a photo file into an upright RGB image and its metadata.
//!
//! [`decode`] opens a file and [`decode_bytes`] takes one that is already in memory; both return a
//! [`Photo`]: 8-bit RGB pixels, turned the way the camera was held, and the metadata from its EXIF
//! data. An indexer reads a file once with [`read_file`], identifies its content with
//! [`hash_bytes`] and passes the same bytes to [`decode_bytes_for`], which may decode a large JPEG
//! at a fraction of its size.
//!
//! # How photos are decoded
//!
//! - The format is recognised by the first bytes, never by the name.
//! - EXIF orientations 1 to 8 are applied. Broken EXIF data costs its fields, never the photo.
//! - Transparent pixels are blended with white; 16-bit and floating-point samples, grey, palettes and CMYK become 8-bit
//!   RGB. TIFF samples without a defined range, such as floating-point heights, are stretched from the lowest to the
//!   highest value.
//! - One picture is decoded: of an animation, the first frame that is not empty (of JPEG XL and PNG, the first frame); of a
//!   TIFF file, the largest page, and the first of several of that size; of an icon, the largest picture; of a Photoshop
//!   document, the flattened image.
//! - Of a camera raw file, an embedded JPEG is decoded: the smallest that is large enough, or else the largest. Raw data
//!   are not developed. The metadata have the size of the whole photo if the file gives it.
//! - JPEG 2000 is decoded at the smallest of its resolutions that is large enough.
//! - HEIC and AVIF are decoded by the system's libheif, which is loaded when it is first needed: the main picture, or a
//!   thumbnail of it that is large enough. The orientation is taken from the file's boxes, not from EXIF data.
//! - Linear light (Radiance HDR, OpenEXR) is exposed for a screen: unchanged if at most one pixel in a hundred is brighter
//!   than white and the picture is not dark, or else so that the mean is a middle grey.
//! - Colours are converted to sRGB by an ICC profile (of RGB, grey or CMYK), PNG's colour chunks, or Adobe RGB as declared in
//!   EXIF data. High dynamic range is toned down. Broken profiles are ignored.
//!
//! # What is refused
//!
//! Anything but a regular file, empty files, files and pictures larger than [`Limits`] or that take more memory (known from
//! the header, before pixels are allocated), formats that are not supported, files that end before their picture does
//! ([`ImageError::Truncated`]; see there for what is tolerated), and HEIC and AVIF without libheif
//! ([`ImageError::NeedsLibrary`]). A decoder's panic becomes [`ImageError::Panicked`]; the process's panic hook still runs,
//! so a program that wants to keep its standard error clean sets one.
//!
//! # Sidecar files and file names
//!
//! [`Metadata::complete`] adds metadata from sidecar files and, if nothing else has the time of the photo, from its file
//! name.
//!
//! # Memory
//!
//! Decoding a photo takes the bytes of its pixels as RGB, and what its decoder needs beside them:
//! nothing that grows with the picture for most JPEG and PNG files, up to twelve bytes a pixel for
//! others. Of colour profiles at most half a MiB is unpacked, of text nothing, and of EXIF data only
//! the fields of use are copied. [`decode_bytes_reserving`] tells its caller how much memory a photo
//! takes before it allocates it, so that threads that decode at the same time can share a budget.
//!
//! # Cargo features
//!
//! One for each format (`raw` needs `jpeg`, and `avif` needs `heif`), named by [`Format::feature`]; all are on by default.
//! A format that is left out is still recognised, and its files are refused with [`ImageError::NotBuiltIn`].
//!
//! ```
//! # fn main() -> Result<(), clip_image::ImageError> {
//! let white = b"P6 2 1 255\n\xff\xff\xff\xff\xff\xff";
//! let photo = clip_image::decode_bytes(white, &clip_image::Limits::default())?;
//! assert_eq!((photo.image.width(), photo.image.height()), (2, 1));
//! assert_eq!(photo.metadata.format, clip_image::Format::Pnm);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(not(feature = "default"), allow(dead_code, reason = "parts that formats share, when those are left out"))]

mod annotations;
mod boxes;
mod calendar;
mod capability;
mod colour;
mod complete;
mod decode;
mod details;
mod error;
mod exif_data;
mod file;
mod file_name;
mod format;
mod formats;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod limits;
mod metadata;
mod movie;
mod orientation;
mod panics;
mod picture_hash;
mod places;
mod raster;
#[cfg(feature = "png")]
mod raw_profile;
mod related;
mod sidecar;
mod text;
mod video;
mod workers;

pub use capability::decoder_id;
pub use decode::{Decoder, Photo, decode, decode_bytes, decode_bytes_for, decode_bytes_reserving, decode_for};
pub use details::{DETAILS_VERSION, read_details};
pub use error::{ImageError, Remedy};
pub use file::read_file;
pub use format::Format;
pub use formats::{format_of, looks_like_photo, looks_like_raw};
pub use hash::{ContentHash, hash_bytes, hash_reader};
pub use limits::Limits;
pub use metadata::{Exposure, Gps, Metadata};
pub use movie::{looks_like_live_video, looks_like_video};
pub use picture_hash::{PictureHash, Turn};
pub use related::Related;
pub use sidecar::{names_for_sidecars, subject_of_sidecar};
pub use video::{VideoDetails, is_moving_half, subjects_of_video_text};
pub use workers::{Workers, serve_decoding};
