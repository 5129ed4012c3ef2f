//! Ctrl-C: the first asks the command to come to a good end, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::output::notice;

/// Starts to listen for Ctrl-C (and the other polite signals); the flag is set by the first.
///
/// Only for commands that look at the flag: all others are best ended by the system's default.
pub(crate) fn listen() -> Result<Arc<AtomicBool>> {
    listen_for("interrupted: saving finished work (press Ctrl-C again to stop immediately)")
}

/// The same, for a command that says something else at the first Ctrl-C.
pub(crate) fn listen_for(words: &'static str) -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    listen_with(words, move || seen.store(true, Ordering::SeqCst))?;
    Ok(flag)
}

/// The same, for a command that is stopped in another way: the first Ctrl-C says so in these words and calls `stop`.
pub(crate) fn listen_with(words: &'static str, stop: impl Fn() + Send + 'static) -> Result<()> {
    let is_seen = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if is_seen.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        // Said first: what is stopped may end the process before the words are out.
        notice(words);
        stop();
    })
    .context("cannot prepare for Ctrl-C, by which the command could be stopped without losing work")
}
