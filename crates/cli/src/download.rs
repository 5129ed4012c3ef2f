//! Shows a download on stderr: a bar where a person watches, a line now and then where a log is kept.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clip_hub::{PullEvent, PullObserver};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{notice, size};

/// How often a log hears of a download that goes on.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// The progress of a download, and the end of it when the user interrupts.
pub(crate) struct Download {
    bar: ProgressBar,
    /// When the log heard of it last, if there is a log.
    told: Option<Instant>,
    total: u64,
    cancel: Arc<AtomicBool>,
}

impl Download {
    pub fn new(cancel: Arc<AtomicBool>) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: ProgressBar::with_draw_target(None, target).with_style(style),
            told: (!terminal).then(Instant::now),
            total: 0,
            cancel,
        }
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn bytes(&mut self, done: u64) {
        self.bar.set_position(done);
        if let Some(told) = &mut self.told
            && told.elapsed() >= LOG_INTERVAL
        {
            *told = Instant::now();
            notice(format_args!("{} of {}", size(done), size(self.total)));
        }
    }
}

impl PullObserver for Download {
    fn event(&mut self, event: PullEvent<'_>) -> bool {
        match event {
            PullEvent::Planned { bytes, cached, .. } => {
                self.total = bytes;
                self.bar.set_length(bytes);
                self.bar.set_position(cached);
                // The rate is that of the network, not of what was there.
                self.bar.reset_eta();
            }
            PullEvent::Checking { file } => self.bar.set_message(format!("checking {file}")),
            PullEvent::Fetching { file, .. } => self.bar.set_message(file.to_owned()),
            PullEvent::Bytes { done } => self.bytes(done),
            PullEvent::Retrying { file, reason } => {
                self.bar.suspend(|| notice(format_args!("{file}: {reason}; trying again")));
            }
            PullEvent::Waiting { file } => {
                self.bar.suspend(|| notice(format_args!("waiting for another program that fetches {file}")));
            }
            _ => {}
        }
        !self.cancel.load(Ordering::Relaxed)
    }
}
