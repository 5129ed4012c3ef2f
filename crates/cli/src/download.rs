//! Shows a download on stderr: a bar where a person watches, a line now and then where a log is kept.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clip_hub::{PullEvent, PullProgress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{escaped, notice, size};

/// How often a log hears of a download that goes on.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// The progress of a download.
pub(crate) struct Download {
    bar: ProgressBar,
    /// When the log heard of it last, if there is a log.
    told: Option<Mutex<Instant>>,
    total: AtomicU64,
}

impl Download {
    pub fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: ProgressBar::with_draw_target(None, target).with_style(style),
            told: (!terminal).then(|| Mutex::new(Instant::now())),
            total: AtomicU64::new(0),
        }
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn bytes(&self, done: u64) {
        self.bar.set_position(done);
        let Some(told) = &self.told else { return };
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= LOG_INTERVAL {
            *told = Instant::now();
            notice(format_args!("{} of {}", size(done), size(self.total.load(Ordering::Relaxed))));
        }
    }
}

impl PullProgress for Download {
    fn event(&self, event: PullEvent<'_>) {
        let shown = |file: &str| escaped(Path::new(file));
        match event {
            PullEvent::Planned { bytes, cached, .. } => {
                self.total.store(bytes, Ordering::Relaxed);
                self.bar.set_length(bytes);
                self.bar.set_position(cached);
                // The rate is that of the network, not of what was there.
                self.bar.reset_eta();
            }
            PullEvent::Checking { file } => self.bar.set_message(format!("checking {}", shown(file))),
            PullEvent::Fetching { file, .. } => self.bar.set_message(shown(file)),
            PullEvent::Bytes { done } => self.bytes(done),
            PullEvent::Retrying { file, cause } => {
                self.bar.suspend(|| notice(format_args!("{}: {cause}; trying again", shown(file))));
            }
            PullEvent::Waiting { file } => {
                self.bar.suspend(|| {
                    notice(format_args!("waiting for another program that is fetching {}", shown(file)));
                });
            }
            _ => {}
        }
    }
}
