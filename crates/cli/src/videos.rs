//! How videos are read: by the ffmpeg on the path.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_search::{Ffmpeg, Report, VideoError, VideoOptions};

use crate::escape::escaped_text;
use crate::output::warning;
use crate::remedy;

/// What was found when it was first looked for.
static FOUND: OnceLock<Option<VideoOptions>> = OnceLock::new();

/// What reads videos; `None` if there is no ffmpeg. It is not started before there is a video.
pub(crate) fn videos() -> Option<VideoOptions> {
    let find = || {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let program = Ffmpeg::find(std::env::split_paths(&folders))?;
        Some(VideoOptions::new(Ffmpeg::at(program)))
    };
    FOUND.get_or_init(find).clone()
}

/// Whether an ffmpeg was looked for, and none was found that works.
pub(crate) fn are_out_of_reach(report: &Report) -> bool {
    FOUND.get().is_some_and(Option::is_none) || report.video_fault.is_some()
}

/// Says, once, that ffmpeg does not work.
pub(crate) fn tell_fault(fault: &VideoError) {
    static HAS_TOLD: AtomicBool = AtomicBool::new(false);
    if !HAS_TOLD.swap(true, Ordering::Relaxed) {
        let advice = fault.remedy().and_then(remedy::video).map(|advice| format!("; {advice}")).unwrap_or_default();
        warning(format_args!("videos are passed over: {}{advice}", escaped_text(&fault.to_string())));
    }
}
