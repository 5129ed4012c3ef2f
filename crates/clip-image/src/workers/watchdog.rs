//! Kills workers that take too long.

use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A child process that is killed when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Guarded(Arc<Process>);

struct Process(Mutex<Child>);

impl Guarded {
    pub(super) fn new(child: Child) -> Self {
        Self(Arc::new(Process(Mutex::new(child))))
    }

    /// How it ended, if it has or is about to.
    pub(super) fn death(&self) -> Option<Death> {
        let mut child = lock(&self.0.0);
        // A process that has closed its streams is about to end.
        for _ in 0..100 {
            if let Ok(Some(status)) = child.try_wait() {
                let how = format!("the process that decoded it ended ({status})");
                return Some(if was_killed(status) { Death::Killed } else { Death::Crashed(how) });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    fn kill(&self) {
        // It may have ended by itself.
        let _ = lock(&self.0.0).kill();
    }
}

/// How a process ended.
pub(super) enum Death {
    /// By somebody else, such as the system when it runs out of memory.
    Killed,
    /// By itself: how, in words.
    Crashed(String),
}

#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    status.signal() == Some(SIGKILL)
}

#[cfg(not(unix))]
fn was_killed(_: ExitStatus) -> bool {
    false
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Watches the running time of processes, in a thread that exists only while there is one to watch.
#[derive(Clone, Default)]
pub(super) struct Watchdog(Arc<Watch>);

#[derive(Default)]
struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    watched: Vec<(u64, Instant, Guarded, Arc<AtomicBool>)>,
    next: u64,
    is_running: bool,
}

/// A process that is watched.
pub(super) struct Watched {
    watchdog: Watchdog,
    number: u64,
    is_late: Arc<AtomicBool>,
}

impl Watchdog {
    /// Kills the process when this much time has passed.
    pub(super) fn watch(&self, process: &Guarded, longest: Duration) -> Watched {
        let is_late = Arc::new(AtomicBool::new(false));
        let mut state = lock(&self.0.state);
        let number = state.next;
        state.next += 1;
        // A deadline that overflows never comes.
        if let Some(end) = Instant::now().checked_add(longest) {
            state.watched.push((number, end, process.clone(), Arc::clone(&is_late)));
        }
        if state.is_running {
            self.0.changed.notify_one();
        } else {
            let watchdog = self.clone();
            // Without a thread, nothing is killed, and everything else still works.
            state.is_running = std::thread::Builder::new().spawn(move || watchdog.run()).is_ok();
        }
        Watched { watchdog: self.clone(), number, is_late }
    }

    fn run(&self) {
        /// How long the thread waits for something to watch.
        const IDLE: Duration = Duration::from_secs(5);

        let mut state = lock(&self.0.state);
        loop {
            let now = Instant::now();
            state.watched.retain(|(_, end, process, is_late)| {
                if *end > now {
                    return true;
                }
                is_late.store(true, Ordering::Release);
                process.kill();
                false
            });
            let next = state.watched.iter().map(|(_, end, ..)| *end).min();
            let wait = next.map_or(IDLE, |end| end.saturating_duration_since(now));
            let (after, waited) = self.0.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
            state = after;
            if next.is_none() && waited.timed_out() && state.watched.is_empty() {
                state.is_running = false;
                return;
            }
        }
    }
}

impl Watched {
    /// Returns whether it took too long.
    pub(super) fn end(self) -> bool {
        self.is_late.load(Ordering::Acquire)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let number = self.number;
        lock(&self.watchdog.0.state).watched.retain(|(watched, ..)| *watched != number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code under these locks can leave them half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
