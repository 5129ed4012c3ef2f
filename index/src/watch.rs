//! Long operations: how far they have come, and whether they shall stop.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_progress::{Progress, Steps};

/// Steps between two looks at the caller.
const STRIDE: usize = 256;

/// Counts the steps of an operation. Loops within other loops share one.
pub(crate) struct Watch<'a> {
    progress: &'a dyn Progress<Steps>,
    cancel: &'a AtomicBool,
    done: Cell<usize>,
    reported: Cell<usize>,
    total: usize,
    stopped: Cell<bool>,
}

impl<'a> Watch<'a> {
    /// `progress` gets the steps done and in all. After `cancel` was set, [`Watch::step`] fails soon.
    pub(crate) fn new(total: usize, progress: &'a dyn Progress<Steps>, cancel: &'a AtomicBool) -> Watch<'a> {
        let watch =
            Watch { progress, cancel, done: Cell::new(0), reported: Cell::new(0), total, stopped: Cell::new(false) };
        watch.report();
        watch
    }

    /// Counts one step; an error if the operation shall stop.
    pub(crate) fn step(&self) -> io::Result<()> {
        self.steps(1)
    }

    /// Counts several steps; an error if the operation shall stop.
    pub(crate) fn steps(&self, count: usize) -> io::Result<()> {
        self.done.set(self.done.get().saturating_add(count));
        if self.done.get() - self.reported.get() >= STRIDE || self.done.get() >= self.total {
            self.report();
            self.check()?;
        }
        Ok(())
    }

    /// An error if the operation shall stop.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            self.stopped.set(true);
            return Err(io::Error::other("it was cancelled"));
        }
        Ok(())
    }

    /// Tells an error that is due to cancellation from another.
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// The result of an operation under this watch: `None` if it was cancelled.
    pub(crate) fn outcome<T, E>(&self, result: Result<T, E>) -> Result<Option<T>, E> {
        match result {
            Err(_) if self.has_stopped() => Ok(None),
            result => result.map(Some),
        }
    }

    fn report(&self) {
        self.reported.set(self.done.get());
        let (done, total) = (self.done.get().min(self.total) as u64, self.total as u64);
        self.progress.event(Steps { done, total });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use clip_progress::Silent;

    use super::*;

    #[test]
    fn tells_how_far_it_is_and_stops() {
        let cancel = AtomicBool::new(false);
        let seen = Mutex::new(Vec::new());
        let progress = |Steps { done, total }| {
            seen.lock().unwrap().push((done, total));
            cancel.store(done >= 512, Ordering::Relaxed);
        };
        let watch = Watch::new(1000, &progress, &cancel);
        let steps = (0..1000).take_while(|_| watch.step().is_ok()).count();
        assert_eq!(steps, 511);
        assert_eq!(watch.outcome(Err::<(), _>("an error")), Ok(None));
        assert_eq!(*seen.lock().unwrap(), [(0, 1000), (256, 1000), (512, 1000)]);
    }

    #[test]
    fn other_errors_stay() {
        let cancel = AtomicBool::new(false);
        let watch = Watch::new(1, &Silent, &cancel);
        assert_eq!(watch.outcome(Err::<(), _>("an error")), Err("an error"));
        assert_eq!(watch.outcome(Ok::<_, ()>(3)), Ok(Some(3)));
    }
}
