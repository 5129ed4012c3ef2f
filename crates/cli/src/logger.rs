//! Warnings that the libraries log, shown to the user. They are escaped where they are written.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::output::warning;

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Only our own: what a dependency has to say is addressed to programmers.
        metadata.level() <= Level::Warn && metadata.target().starts_with("clip_")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            warning(record.args());
        }
    }

    fn flush(&self) {}
}

/// From here on warnings reach stderr.
pub(crate) fn install() {
    // It can only fail where a logger is installed already, and none is.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
