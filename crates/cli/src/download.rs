//! Shows a download.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_hub::PullEvent;
use clip_search::Progress;

use crate::escape::escaped;
use crate::progress::Meter;

/// The progress of a download.
pub(crate) struct Download {
    meter: Meter,
    /// Whether anything of the download is on this disk.
    kept: AtomicBool,
}

impl Download {
    pub fn new() -> Self {
        Self { meter: Meter::bytes(), kept: AtomicBool::new(false) }
    }

    /// Whether the next download has something to go on from.
    pub fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.meter.clear();
    }
}

impl Progress<PullEvent<'_>> for Download {
    fn event(&self, event: PullEvent<'_>) {
        let shown = |file: &str| escaped(Path::new(file));
        match event {
            // The rate is that of the network, not of what was there.
            PullEvent::Planned { bytes, cached, .. } => self.meter.start_at("downloading", cached, bytes),
            PullEvent::Checking { file } => self.meter.name(&format!("checking {file}")),
            PullEvent::Fetching { file, .. } => self.meter.name(file),
            PullEvent::Bytes { done } => {
                self.kept.fetch_or(done > 0, Ordering::Relaxed);
                self.meter.set(done);
            }
            PullEvent::Retrying { file, cause, pause } => match pause.as_secs() {
                0..=9 => self.meter.notice(format_args!("{}: {cause}; retrying", shown(file))),
                seconds => self.meter.notice(format_args!("{}: {cause}; retrying in {seconds} seconds", shown(file))),
            },
            PullEvent::Waiting { file } => {
                self.meter.notice(format_args!("waiting for another program to finish downloading {}", shown(file)));
            }
            _ => {}
        }
    }
}
