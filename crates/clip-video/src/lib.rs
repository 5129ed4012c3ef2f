//! Videos -> the frames worth looking at, by an ffmpeg that is kept on a short lead.
//!
//! [`Ffmpeg`] is the program, which belongs to the system: this crate contains no decoder of video. [`Ffmpeg::frames`] goes through a
//! video and returns its frames by [`Sampling`]: one for each scene, more where pictures keep changing, none that looks like
//! the one before. Frames are upright, as small as was asked for, and know their time.
//!
//! ```text
//! ffmpeg -i video ──> candidates (one a step) ──> bounded channel ──> Choice ──> frames
//!                     └ process of its own group ┘                    └ calling thread ┘
//! ```
//!
//! # What videos cost
//!
//! A short video is decoded whole; of a long one, only key frames are, which are whole pictures every few seconds. So a film costs
//! a small part of what playing it does. Memory is that of the frames that are kept, of which there are at most
//! [`Sampling::most_frames`], and of ffmpeg itself, which is limited.
//!
//! # Hostile videos
//!
//! ffmpeg is told to open nothing but this file, as one of some formats that hold their pictures themselves: a play list under a
//! video's name makes it open no other file and no connection. It cannot write files, has a limit of memory, and is ended with
//! its whole process group when it tells nothing for a while, takes too long, or tells more than it was asked for. It
//! cannot outlive whoever reads its pictures by much: its pipe breaks, and its processor time is limited.
//!
//! Nothing is read from the environment, and nothing is looked for: [`Ffmpeg::find`] takes the folders to look in. The program is not
//! started before a video is to be read.

mod choice;
mod container;
mod description;
mod error;
mod ffmpeg;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod light;
mod pictures;
mod sampling;
mod thumbnail;
mod words;

pub use container::may_be_video;
pub use description::Description;
pub use error::{Remedy, VideoError};
pub use ffmpeg::{Ffmpeg, Video};
pub use frame::Frame;
pub use light::Light;
pub use sampling::{Limits, Sampling};
