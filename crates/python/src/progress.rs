//! How far an update is, told to a Python function.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clip_search::{Event, Progress};
use pyo3::prelude::*;

/// A Python function is not called more often than this, but for the first and the last time of each stage.
const PAUSE: Duration = Duration::from_millis(100);

/// Tells a function of Python, and ends the run if that raises an exception or Ctrl-C was pressed.
pub(crate) struct Listener<'a> {
    function: Option<Py<PyAny>>,
    cancel: &'a AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    told: Mutex<Option<Instant>>,
    raised: Mutex<Option<PyErr>>,
}

impl<'a> Listener<'a> {
    pub fn new(function: Option<Py<PyAny>>, cancel: &'a AtomicBool) -> Listener<'a> {
        Listener {
            function,
            cancel,
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            told: Mutex::new(None),
            raised: Mutex::new(None),
        }
    }

    /// What ended the run, if it was Python.
    pub fn into_raised(self) -> Option<PyErr> {
        self.raised.into_inner().ok().flatten()
    }

    fn tell(&self, stage: &'static str, done: u64, total: Option<u64>) {
        let is_edge = done == 0 || total == Some(done);
        {
            let Ok(mut told) = self.told.lock() else { return };
            if !is_edge && told.is_some_and(|told| told.elapsed() < PAUSE) {
                return;
            }
            *told = Some(Instant::now());
        }
        let result = Python::attach(|py| -> PyResult<()> {
            py.check_signals()?;
            if let Some(function) = &self.function {
                function.call1(py, (stage, done, total))?;
            }
            Ok(())
        });
        if let Err(error) = result {
            self.cancel.store(true, Ordering::Relaxed);
            if let Ok(mut raised) = self.raised.lock() {
                raised.get_or_insert(error);
            }
        }
    }
}

impl Progress<Event<'_>> for Listener<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Walking { found } => self.tell("walk", found, None),
            Event::Planned { to_read, .. } => {
                self.total.store(to_read, Ordering::Relaxed);
                self.tell("photos", 0, Some(to_read));
            }
            Event::Photo { .. } | Event::Skipped(_) => {
                let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
                let total = self.total.load(Ordering::Relaxed);
                // Files that are skipped during the walk are no part of the work.
                if done <= total {
                    self.tell("photos", done, Some(total));
                } else if total == 0 {
                    self.done.store(0, Ordering::Relaxed);
                }
            }
            Event::Details { done, total } => self.tell("details", done, Some(total)),
            Event::Bank { done, total } => self.tell("texts", done, Some(total)),
            Event::Hubness { done, total } => self.tell("hubness", done, Some(total)),
            Event::Graph { done, total } => self.tell("graph", done, Some(total)),
            Event::Text { done, total } => self.tell("text", done, Some(total)),
            _ => {}
        }
    }
}
