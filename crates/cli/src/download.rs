//! Shows a download.

use std::path::Path;

use clip_hub::{PullEvent, PullProgress};

use crate::escape::escaped;
use crate::progress::Meter;

/// The progress of a download.
pub(crate) struct Download {
    meter: Meter,
}

impl Download {
    pub fn new() -> Self {
        Self { meter: Meter::bytes() }
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.meter.clear();
    }
}

impl PullProgress for Download {
    fn event(&self, event: PullEvent<'_>) {
        let shown = |file: &str| escaped(Path::new(file));
        match event {
            // The rate is that of the network, not of what was there.
            PullEvent::Planned { bytes, cached, .. } => self.meter.start_at("downloading", cached, bytes),
            PullEvent::Checking { file } => self.meter.name(&format!("checking {file}")),
            PullEvent::Fetching { file, .. } => self.meter.name(file),
            PullEvent::Bytes { done } => self.meter.set(done),
            PullEvent::Retrying { file, cause } => {
                self.meter.notice(format_args!("{}: {cause}; retrying", shown(file)));
            }
            PullEvent::Waiting { file } => {
                self.meter.notice(format_args!("waiting for another program to finish downloading {}", shown(file)));
            }
            _ => {}
        }
    }
}
