//! Warnings that the libraries log, shown to the user. They are escaped where they are written.

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
            Level::Error | Level::Warn => warning(record.args()),
            _ => notice(record.args()),
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

/// Shows what else the libraries log, if the user asked for more.
pub(crate) fn set_verbosity(verbosity: Verbosity) {
    if verbosity == Verbosity::Verbose {
        log::set_max_level(LevelFilter::Debug);
    }
}
