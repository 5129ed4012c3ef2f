//! Progress on stderr: a bar if that is a terminal, otherwise an occasional line for the log.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clip_search::{Event, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::escape::escaped_text;
use crate::output::{count, grouped, notice, size};

/// How often a log hears of a run.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// A counter with a rate, drawn as a bar on a terminal and as occasional lines elsewhere. All that takes long is shown by
/// one: runs of the indexer and of training, downloads, embeddings.
pub(crate) struct Meter {
    bar: ProgressBar,
    log: Option<Mutex<Log>>,
    unit: Unit,
    /// What was there when the counting began, and says nothing about the rate.
    before: Arc<AtomicU64>,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// Things of a name: "photo".
    Things(&'static str),
    Bytes,
}

impl Unit {
    fn count(self, n: u64) -> String {
        match self {
            Self::Things(noun) => count(n, noun),
            Self::Bytes => size(n),
        }
    }

    /// A count where the unit is said of another beside it.
    fn number(self, count: u64) -> String {
        match self {
            Self::Things(_) => grouped(count),
            Self::Bytes => size(count),
        }
    }

    fn rate(self, rate: f64) -> String {
        match self {
            Self::Things(_) => format!("{rate:.1}/s"),
            Self::Bytes => format!("{}/s", size(rate as u64)),
        }
    }
}

struct Log {
    started: Instant,
    told: Instant,
}

impl Meter {
    /// Counts things of a name: "photo".
    pub fn new(noun: &'static str) -> Self {
        Self::of(Unit::Things(noun))
    }

    /// Counts bytes.
    pub fn bytes() -> Self {
        Self::of(Unit::Bytes)
    }

    fn of(unit: Unit) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let now = Instant::now();
        let before = Arc::new(AtomicU64::new(0));
        let found = style("{spinner} {msg} {done}", unit, &before);
        Self {
            bar: ProgressBar::with_draw_target(None, target).with_style(found),
            log: (!terminal).then(|| Mutex::new(Log { started: now, told: now })),
            unit,
            before,
        }
    }

    /// This many were found, of a total that is not known yet.
    pub fn found(&self, what: &'static str, count: u64) {
        self.bar.set_message(what);
        self.bar.set_position(count);
    }

    /// From here on this many are to be done; the rate counts from here.
    pub fn start(&self, what: &str, total: u64) {
        self.start_at(what, 0, total);
    }

    /// As [`start`](Self::start), where some are done already.
    pub fn start_at(&self, what: &str, done: u64, total: u64) {
        self.before.store(done, Ordering::Relaxed);
        self.bar.set_style(style("{msg} {bar:30} {of_total}, {rate}, {left} left", self.unit, &self.before));
        self.name(what);
        self.bar.set_length(total);
        self.bar.reset();
        self.bar.set_position(done);
        if let Some(log) = &self.log {
            let now = Instant::now();
            *lock(log) = Log { started: now, told: now };
        }
    }

    /// One more is done.
    pub fn advance(&self) {
        self.bar.inc(1);
        self.tell();
    }

    /// What is being done just now.
    pub fn name(&self, what: &str) {
        self.bar.set_message(escaped_text(what));
    }

    /// Writes a line above the bar.
    pub fn notice(&self, message: impl std::fmt::Display) {
        self.bar.suspend(|| notice(message));
    }

    /// Whether [`start`](Self::start) has been called.
    fn is_started(&self) -> bool {
        self.bar.length().is_some()
    }

    /// Tells of an operation that reports the steps done and in all.
    pub fn steps<'a>(&'a self, what: &'a str) -> impl FnMut(usize, usize) + 'a {
        let mut of = None;
        move |done, total| {
            if of != Some(total) {
                of = Some(total);
                self.start(what, total as u64);
            }
            self.set(done as u64);
        }
    }

    /// This many are done.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
        self.tell();
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&self) {
        let (Some(log), Some(total)) = (&self.log, self.bar.length()) else { return };
        let mut log = lock(log);
        let now = Instant::now();
        if now.duration_since(log.told) < LOG_INTERVAL {
            return;
        }
        log.told = now;
        let (done, elapsed) = (self.bar.position(), now.duration_since(log.started));
        let before = self.before.load(Ordering::Relaxed);
        notice(format_args!(
            "{}: {} of {}, {}, {} left",
            self.bar.message(),
            self.unit.number(done),
            self.unit.count(total),
            self.unit.rate(rate(done.saturating_sub(before), elapsed)),
            left(before, done, total, elapsed)
        ));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded times are valid whatever a panicking thread did.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn style(template: &str, unit: Unit, before: &Arc<AtomicU64>) -> ProgressStyle {
    let (before, since) = (Arc::clone(before), Arc::clone(before));
    // The templates are ours; should one be wrong, a plain bar is better than none.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("done", move |state: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&unit.count(state.pos()));
        })
        .with_key("of_total", move |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{}/{}", unit.number(state.pos()), unit.count(state.len().unwrap_or(0)));
        })
        // Our own, from the start on: photos come in bursts, a batch at a time, which confuses the bar's own estimate.
        .with_key("rate", move |state: &ProgressState, out: &mut dyn Write| {
            let done = state.pos().saturating_sub(before.load(Ordering::Relaxed));
            let _ = out.write_str(&unit.rate(rate(done, state.elapsed())));
        })
        .with_key("left", move |state: &ProgressState, out: &mut dyn Write| {
            let before = since.load(Ordering::Relaxed);
            let _ = out.write_str(&left(before, state.pos(), state.len().unwrap_or(0), state.elapsed()));
        })
}

fn rate(done: u64, elapsed: Duration) -> f64 {
    done as f64 / elapsed.as_secs_f64().max(1e-3)
}

/// How long the rest will take, if what was there before took no time; "?" as long as nothing is known.
fn left(before: u64, done: u64, total: u64, elapsed: Duration) -> String {
    let since = done.saturating_sub(before);
    if since == 0 {
        return "?".to_owned();
    }
    duration(Duration::from_secs_f64((total.saturating_sub(done) as f64 / rate(since, elapsed)).ceil()))
}

/// A duration for people: "3 s", "4 min 10 s", "2 h 5 min".
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round().min(1e9) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) if duration.subsec_nanos() == 0 => format!("{s} s"),
        (0, 0, _) if duration < Duration::from_secs(10) => format!("{:.1} s", duration.as_secs_f64()),
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// Shows a run of the indexer.
pub(crate) struct IndexProgress {
    meter: Meter,
    graph: AtomicBool,
}

impl IndexProgress {
    pub fn new() -> Self {
        Self { meter: Meter::new("photo"), graph: AtomicBool::new(false) }
    }

    pub fn clear(&self) {
        self.meter.clear();
    }
}

impl Progress for IndexProgress {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Walking { found } => self.meter.found("looking for photos:", found),
            Event::Planned { to_read, .. } => self.meter.start("indexing", to_read),
            Event::Photo { .. } => self.meter.advance(),
            Event::Graph { done, total } => {
                if !self.graph.swap(true, Ordering::Relaxed) {
                    self.meter.start("building the search graph", total);
                }
                self.meter.set(done);
            }
            // Skipped files are listed at the end, where nothing scrolls them away; here they only count.
            Event::Skipped(_) if self.meter.is_started() => self.meter.advance(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_for_people() {
        let text = |seconds: f64| duration(Duration::from_secs_f64(seconds));
        assert_eq!(text(1.25), "1.2 s");
        assert_eq!(text(59.6), "1 min 0 s");
        assert_eq!(text(42.0), "42 s");
        assert_eq!(text(250.0), "4 min 10 s");
        assert_eq!(text(7500.0), "2 h 5 min");
    }

    #[test]
    fn what_is_left_follows_from_what_is_done() {
        assert_eq!(left(0, 0, 10, Duration::from_secs(5)), "?");
        assert_eq!(left(0, 32, 160, Duration::from_secs(2)), "8 s");
        assert_eq!(left(0, 160, 160, Duration::from_secs(2)), "0 s");
    }

    #[test]
    fn what_was_there_before_says_nothing_about_the_rate() {
        assert_eq!(left(100, 100, 200, Duration::from_secs(2)), "?");
        assert_eq!(left(100, 120, 200, Duration::from_secs(2)), "8 s");
        // A server may begin a file again.
        assert_eq!(left(100, 50, 200, Duration::from_secs(2)), "?");
    }

    #[test]
    fn bytes_are_shown_as_sizes() {
        assert_eq!(Unit::Bytes.count(1536), "1.5 KiB");
        assert_eq!(Unit::Bytes.number(1536), "1.5 KiB");
        assert_eq!(Unit::Bytes.rate(2048.7), "2.0 KiB/s");
        assert_eq!(
            (Unit::Things("photo").number(1536), Unit::Things("photo").rate(2.25)),
            ("1,536".into(), "2.2/s".into())
        );
    }
}
