//! Progress on stderr: a bar where a person watches, a line now and then where a log is kept.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clip_search::{Event, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::output::{count, grouped, notice};

/// How often a log hears of a run that goes on.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// A counter with a rate, drawn as a bar on a terminal and as occasional lines elsewhere.
pub(crate) struct Meter {
    bar: ProgressBar,
    log: Option<Mutex<Log>>,
    noun: &'static str,
}

struct Log {
    started: Instant,
    told: Instant,
}

impl Meter {
    /// Counts things of a name: "photo".
    pub fn new(noun: &'static str) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let now = Instant::now();
        let found = style(&format!("{{spinner}} {{msg}} {{human_pos}} {noun}s"));
        Self {
            bar: ProgressBar::with_draw_target(None, target).with_style(found),
            log: (!terminal).then(|| Mutex::new(Log { started: now, told: now })),
            noun,
        }
    }

    /// So many were found, of a total that is not known yet.
    pub fn found(&self, what: &'static str, count: u64) {
        self.bar.set_message(what);
        self.bar.set_position(count);
    }

    /// From here on so many are to be done; the rate counts from here.
    pub fn start(&self, what: &str, total: u64) {
        self.bar.set_style(style(&format!(
            "{{msg}} {{bar:30}} {{human_pos}}/{{human_len}} {}s, {{rate}}, {{left}} left",
            self.noun
        )));
        self.bar.set_message(what.to_owned());
        self.bar.set_length(total);
        self.bar.reset();
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

    /// So many are done.
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
        notice(format_args!(
            "{}: {} of {}, {:.1}/s, {} left",
            self.bar.message(),
            grouped(done),
            count(total, self.noun),
            rate(done, elapsed),
            left(done, total, elapsed)
        ));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded times are valid whatever a panicking thread did.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; should one be wrong, a plain bar is better than none.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        // Our own, from the start on: photos come in bursts, a batch at a time, which confuses the bar's own estimate.
        .with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{:.1}/s", rate(state.pos(), state.elapsed()));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&left(state.pos(), state.len().unwrap_or(0), state.elapsed()));
        })
}

fn rate(done: u64, elapsed: Duration) -> f64 {
    done as f64 / elapsed.as_secs_f64().max(1e-3)
}

/// How long the rest will take, "?" as long as nothing is known.
fn left(done: u64, total: u64, elapsed: Duration) -> String {
    if done == 0 {
        return "?".to_owned();
    }
    duration(Duration::from_secs_f64((total.saturating_sub(done) as f64 / rate(done, elapsed)).ceil()))
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
            Event::Skipped(_) if self.meter.bar.length().is_some() => self.meter.advance(),
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
        assert_eq!(left(0, 10, Duration::from_secs(5)), "?");
        assert_eq!(left(32, 160, Duration::from_secs(2)), "8 s");
        assert_eq!(left(160, 160, Duration::from_secs(2)), "0 s");
    }
}
