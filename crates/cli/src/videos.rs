//! How videos are read: by the ffmpeg on the path.

use std::sync::OnceLock;

use clip_search::{Ffmpeg, VideoOptions};

use crate::escape::escaped_text;
use crate::output::warning;

/// What was found when it was first looked for.
static FOUND: OnceLock<Option<VideoOptions>> = OnceLock::new();

/// What reads videos; `None` if there is no ffmpeg. One that does not work is warned of once.
pub(crate) fn videos() -> Option<VideoOptions> {
    let find = || {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let program = Ffmpeg::find(std::env::split_paths(&folders))?;
        match Ffmpeg::open(&program) {
            Ok(ffmpeg) => Some(VideoOptions::new(ffmpeg)),
            Err(error) => {
                warning(format_args!("videos are passed over: {}", escaped_text(&error.to_string())));
                None
            }
        }
    };
    FOUND.get_or_init(find).clone()
}

/// Whether an ffmpeg was looked for, and none was found that works.
pub(crate) fn are_out_of_reach() -> bool {
    FOUND.get().is_some_and(Option::is_none)
}
