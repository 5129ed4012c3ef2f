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
//! - Transparent pixels are blended with white; 16-bit and floating-point samples, grey, palettes and CMYK
//!   become 8-bit RGB. Samples of TIFF files that have no range of their own, such as heights in floating-point
//!   numbers, are stretched from the least to the greatest value.
//! - Of an animation, the first frame is decoded that shows something (of JPEG XL and PNG, the first); of a TIFF file, the
//!   largest page, and the first of several of that size; of an icon, the largest picture; of Photoshop's documents, the
//!   flat picture behind the layers.
//! - Of a camera's raw file, the JPEG that the camera has put into it: the smallest that is enough, or else the largest.
//!   Raw data are not developed. The metadata give the size of the whole photo where the file tells it.
//! - HEIC and AVIF are decoded by the system's libheif, which is loaded when one is met: the main picture, or a thumbnail of it
//!   that is enough, turned as the boxes of the file say and not by EXIF orientation.
//! - Amounts of light (Radiance HDR, OpenEXR) are exposed for a screen: as they are if at most one pixel of a hundred is
//!   brighter than white and the picture is not dark, or else so that their mean is a middle grey.
//! - Colours become those of sRGB: by an ICC profile, PNG's chunks for colours, or Adobe RGB as cameras tell of it in EXIF
//!   data. High dynamic range is toned down. Profiles of inks are not applied, and broken ones cost nothing.
//!
//! # What is refused
//!
//! Anything but a regular file, empty files, files and pictures larger than [`Limits`] or that take
//! more memory (known from the header, before pixels are allocated), formats that are not
//! supported, and files that end before their picture does ([`ImageError::Truncated`]; see there for what is
//! tolerated), and HEIC and AVIF without libheif ([`ImageError::NeedsLibrary`]). A decoder's panic becomes [`ImageError::Panicked`]; the process's panic hook still runs, so a
//! program that wants to keep its standard error clean sets one.
//!
//! # What is not in the file
//!
//! [`Metadata::complete`] adds what files beside a photo say of it, and when it was taken by the name of its file, where nothing
//! else tells.
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
//! One for each format (`raw` needs `jpeg`, and `avif` needs `heif`), named by [`Format::feature`]; all are on by default. A format that is left
//! out is still recognised, and its files are refused with [`ImageError::NotBuiltIn`].
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
mod orientation;
mod panics;
mod places;
mod raster;
#[cfg(feature = "png")]
mod raw_profile;
mod sidecar;
mod text;
mod workers;

pub use capability::decoder_id;
pub use decode::{Decoder, Photo, decode, decode_bytes, decode_bytes_for, decode_bytes_reserving, decode_for};
pub use details::{DETAILS_VERSION, read_details};
pub use error::{ImageError, Remedy};
pub use file::read_file;
pub use format::Format;
pub use formats::looks_like_photo;
pub use hash::{ContentHash, hash_bytes};
pub use limits::Limits;
pub use metadata::{Gps, Metadata};
pub use sidecar::{names_for_sidecars, subject_of_sidecar};
pub use workers::{Workers, serve_decoding};
