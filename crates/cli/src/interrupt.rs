//! Ctrl-C: the first asks the command to come to a good end, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::output::notice;

/// Starts to listen for Ctrl-C (and the other polite signals); the flag is set by the first.
///
/// Only for commands that look at the flag: all others are best ended by the system's default.
pub(crate) fn listen() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        notice("interrupted: saving finished work (press Ctrl-C again to stop immediately)");
    })
    .context("cannot install the Ctrl-C handler")?;
    Ok(flag)
}
