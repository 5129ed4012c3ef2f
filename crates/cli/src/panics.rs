//! Panics that are caught are silent; one that nobody catches is told before the process ends.
//!
//! The libraries catch the panics of decoders, GPU drivers and readers of files, and return errors with the messages of
//! those panics. The default hook would print each of them all the same. It cannot know better: a panic happens on one
//! thread (of a pool, for instance) and is caught on another, so no mark on a thread or a region tells whether it will be.
//! Hence the hook here only keeps what there is to say, and it is said when a panic arrives at the end of
//! [`main`](crate::main). With `RUST_BACKTRACE` set, the default hook stays and tells all of them.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use crate::output::notice;

/// The last panics, oldest first: one that was caught may be the reason for one that was not.
static LAST: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How many of them are kept. A folder may have thousands of files that a decoder panics on.
const KEPT: usize = 4;

/// Keeps panics quiet from here on, unless the user wants backtraces.
pub(crate) fn install() {
    if Backtrace::capture().status() != BacktraceStatus::Captured {
        std::panic::set_hook(Box::new(keep));
    }
}

/// Does the whole work of the program. If it panics, says so and continues to panic, which ends the process.
pub(crate) fn told<T>(work: impl FnOnce() -> T) -> T {
    // Nothing is looked at afterwards that a panic could have left half done.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        for panic in LAST.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            notice(format_args!("error: clip-search crashed: {panic}; please report this"));
        }
        // Does not call the hook again.
        resume_unwind(panic)
    })
}

fn keep(info: &PanicHookInfo<'_>) {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.len() == KEPT {
        last.remove(0);
    }
    let message = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map(|place| format!(" ({place})")).unwrap_or_default();
    last.push(format!("{message}{place}"));
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;

    /// Runs an ignored test of this module in a process of its own: the hook is one for all threads.
    fn child(name: &str) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("panics::tests::{name}"), "--ignored", "--nocapture", "--test-threads=1"]);
        for variable in ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
            command.env_remove(variable);
        }
        command.output().unwrap()
    }

    /// On this thread, on one of rayon's and on a scoped one, which is caught here.
    fn caught() {
        install();
        assert!(catch_unwind(|| panic!("a decoder's")).is_err());
        assert!(catch_unwind(|| rayon::join(|| (), || panic!("a worker's"))).is_err());
        std::thread::scope(|scope| assert!(scope.spawn(|| panic!("a thread's")).join().is_err()));
    }

    #[test]
    #[ignore = "run by `caught_panics_are_silent`"]
    fn child_that_catches() {
        told(caught);
    }

    #[test]
    #[ignore = "run by `others_are_told`"]
    fn child_that_crashes() {
        told(|| {
            caught();
            panic!("nobody's\u{1b}");
        });
    }

    #[test]
    fn caught_panics_are_silent() {
        let output = child("child_that_catches");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    #[test]
    fn others_are_told() {
        let output = child("child_that_crashes");
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("error: clip-search crashed: nobody's\\u{1b} (") && text.contains("panics.rs"), "{text}");
        assert_eq!(text.lines().count(), 4, "with what was caught before: {text}");
    }
}
