//! Warnings that the libraries log, shown to the user. They are escaped where they are written.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::output::{Verbosity, notice, warning};

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Only our own: what a dependency has to say is addressed to programmers.
        metadata.level() <= log::max_level() && metadata.target().starts_with("clip_")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            Level::Error | Level::Warn => {
                let text = record.args().to_string();
                if !is_repeated(&text, Instant::now()) {
                    warning(text);
                }
            }
            _ => notice(record.args()),
        }
    }

    fn flush(&self) {}
}

/// How long a warning is not repeated. One command may open an index several times and meet the same damage each time; a
/// program that runs for days may meet it anew.
const PAUSE: Duration = Duration::from_secs(60);

/// The last warning, and when it was told.
static LAST: Mutex<Option<(String, Instant)>> = Mutex::new(None);

/// Whether this is the warning that was told just now. If not, it will have been.
fn is_repeated(text: &str, now: Instant) -> bool {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_repeated = last.as_ref().is_some_and(|(told, at)| told == text && now.duration_since(*at) < PAUSE);
    if !is_repeated {
        *last = Some((text.to_owned(), now));
    }
    is_repeated
}

/// From here on warnings reach stderr.
pub(crate) fn install() {
    // It can only fail where a logger is installed already, and none is.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Shows what else the libraries log, if the user asked for more.
pub(crate) fn set_verbosity(verbosity: Verbosity) {
    if verbosity == Verbosity::Verbose {
        log::set_max_level(LevelFilter::Debug);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_not_repeated_at_once() {
        let start = Instant::now();
        let told: Vec<bool> = [("a", 0), ("a", 1), ("b", 2), ("a", 3), ("a", 62), ("a", 64)]
            .into_iter()
            .map(|(text, seconds)| !is_repeated(text, start + Duration::from_secs(seconds)))
            .collect();
        assert_eq!(told, [true, false, true, true, false, true]);
    }
}
