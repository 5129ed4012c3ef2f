//! Progress on stderr: a bar if that is a terminal, otherwise an occasional line for the log.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clip_search::{Event, Progress, Steps};
use console::{Term, measure_text_width, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::escape::escaped_text;
use crate::output::{count, grouped, is_quiet, notice, size};

/// How often a log hears of a run.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// Work on so many things may take long enough for a log to hear of it at once, and when it hears how long.
const MANY: u64 = 500;
const FIRST_ESTIMATE: Duration = Duration::from_secs(3);

/// Columns of a terminal that does not say how many it has.
const USUAL_WIDTH: usize = 80;

/// The most and the fewest columns of the bar itself; where there is less room it is left out.
const BAR: (usize, usize) = (5, 30);

/// A counter with a rate, drawn as a bar on a terminal and as occasional lines elsewhere. All that takes long is shown by
/// one: runs of the indexer and of training, downloads, embeddings.
///
/// The line is drawn from one state, so it never shows half of a change, and it is made to fit the terminal: a line that
/// wraps cannot be taken back.
pub(crate) struct Meter {
    bar: ProgressBar,
    state: Arc<Mutex<State>>,
    /// When the log was last told; none on a terminal.
    told: Option<Mutex<Instant>>,
    unit: Unit,
}

/// What is shown.
#[derive(Debug, Clone)]
struct State {
    /// What is being done, escaped.
    message: String,
    done: u64,
    /// `None` while things are only found.
    total: Option<u64>,
    /// What was there when the counting began, and says nothing about the rate.
    before: u64,
    started: Instant,
}

impl State {
    fn line(&self, unit: Unit, width: usize) -> String {
        let Self { message, done, total, before, started } = self;
        let (done, before) = (*done, *before);
        let total = match total {
            None => return truncate_str(&format!("{message} {}", unit.count(done)), width, "…").into_owned(),
            // Before something is known to be done, a count would say nothing.
            Some(0) => return truncate_str(message, width, "…").into_owned(),
            Some(total) => *total,
        };
        let elapsed = started.elapsed();
        let of_total = [unit.count(total), unit.number(total)].map(|total| format!("{}/{total}", unit.number(done)));
        let rate = unit.rate(rate(done.saturating_sub(before), elapsed));
        let left = format!("{} left", left(before, done, total, elapsed));
        fitting(message, [&of_total[0], &of_total[1]], &rate, &left, done as f64 / total as f64, width)
    }
}

/// The line of a bar in at most `width` columns. What a narrow terminal has no room for is left out: first the bar, then
/// the rate, the noun (`of_total` is with and without), the end of the message, and the time that is left.
fn fitting(message: &str, of_total: [&str; 2], rate: &str, left: &str, share: f64, width: usize) -> String {
    let [of_total, short] = of_total;
    let name = truncate_str(message, width / 2, "…");
    let long = format!("{of_total}, {rate}, {left}");
    let room = width.saturating_sub(measure_text_width(message) + measure_text_width(&long) + 2);
    if room >= BAR.0 {
        let bar = room.min(BAR.1);
        let filled = ((bar as f64 * share.clamp(0.0, 1.0)) as usize).min(bar);
        return format!("{message} {}{} {long}", "█".repeat(filled), "░".repeat(bar - filled));
    }
    let candidates = [
        format!("{message} {long}"),
        format!("{message} {of_total}, {left}"),
        format!("{message} {short}, {left}"),
        format!("{name} {short}, {left}"),
        format!("{name} {short}"),
        short.to_owned(),
    ];
    let fits = |line: &String| measure_text_width(line) <= width;
    candidates.into_iter().find(fits).unwrap_or_else(|| truncate_str(short, width, "").into_owned())
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
        let drawn = terminal && !is_quiet();
        let target = if drawn { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let now = Instant::now();
        let state = State { message: String::new(), done: 0, total: None, before: 0, started: now };
        let state = Arc::new(Mutex::new(state));
        Self {
            bar: ProgressBar::with_draw_target(None, target).with_style(style(unit, &state)),
            state,
            told: (!terminal).then(|| Mutex::new(now)),
            unit,
        }
    }

    /// This many were found, of a total that is not known yet.
    pub fn found(&self, what: &'static str, count: u64) {
        let mut state = lock(&self.state);
        (state.message, state.done) = (what.to_owned(), count);
        drop(state);
        self.bar.set_position(count);
    }

    /// From here on this many are to be done; the rate counts from here.
    pub fn start(&self, what: &str, total: u64) {
        self.start_at(what, 0, total);
    }

    /// As [`start`](Self::start), where some are done already.
    pub fn start_at(&self, what: &str, done: u64, total: u64) {
        let now = Instant::now();
        let message = escaped_text(what);
        *lock(&self.state) = State { message, done, total: Some(total), before: done, started: now };
        if let Some(told) = &self.told {
            *lock(told) = now;
        }
        // It may have been cleared.
        self.bar.reset();
        self.bar.tick();
    }

    /// As [`start`](Self::start), for what may take hours: a log hears at once how much there is to do, and soon how long
    /// it takes. The bar of a terminal shows both by itself.
    fn announce(&self, what: &str, total: u64) {
        self.start(what, total);
        if let Some(told) = self.told.as_ref().filter(|_| total >= MANY) {
            notice(format_args!("{what} {}", self.unit.count(total)));
            if let Some(earlier) = Instant::now().checked_sub(LOG_INTERVAL - FIRST_ESTIMATE) {
                *lock(told) = earlier;
            }
        }
    }

    /// One more is done.
    pub fn advance(&self) {
        let mut state = lock(&self.state);
        state.done += 1;
        let done = state.done;
        drop(state);
        self.bar.set_position(done);
        self.tell();
    }

    /// What is being done just now.
    pub fn name(&self, what: &str) {
        lock(&self.state).message = escaped_text(what);
        self.bar.tick();
    }

    /// Writes a line above the bar.
    pub fn notice(&self, message: impl std::fmt::Display) {
        self.aside(|| notice(message));
    }

    /// Does something that writes to the terminal, while the bar is out of the way.
    pub fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Whether [`start`](Self::start) has been called.
    fn is_started(&self) -> bool {
        lock(&self.state).total.is_some()
    }

    /// Tells of an operation that reports the steps done and in all.
    pub fn steps<'a>(&'a self, what: &'a str) -> impl Progress<Steps> + 'a {
        let of = Mutex::new(None);
        move |Steps { done, total }| {
            if lock(&of).replace(total) != Some(total) {
                self.start(what, total);
            }
            self.set(done);
        }
    }

    /// This many are done of a stage, which starts when it is first told of.
    pub fn stage(&self, what: &str, done: u64, total: u64) {
        let is_new = lock(&self.state).message != what;
        if is_new {
            self.start(what, total);
        }
        self.set(done);
    }

    /// This many are done.
    pub fn set(&self, done: u64) {
        lock(&self.state).done = done;
        self.bar.set_position(done);
        self.tell();
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&self) {
        let Some(told) = &self.told else { return };
        let mut told = lock(told);
        let now = Instant::now();
        if now.duration_since(*told) < LOG_INTERVAL {
            return;
        }
        *told = now;
        let State { message, done, total, before, started } = lock(&self.state).clone();
        let (Some(total), elapsed) = (total, now.duration_since(started)) else { return };
        notice(format_args!(
            "{message}: {} of {}, {}, {} left",
            self.unit.number(done),
            self.unit.count(total),
            self.unit.rate(rate(done.saturating_sub(before), elapsed)),
            left(before, done, total, elapsed)
        ));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded values are valid whatever a panicking thread did.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws the state's line.
fn style(unit: Unit, state: &Arc<Mutex<State>>) -> ProgressStyle {
    let state = Arc::clone(state);
    // The template is ours; should it be wrong, a plain bar is better than none.
    ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar()).with_key(
        "line",
        move |_: &ProgressState, out: &mut dyn Write| {
            // Some terminals go to the next line when the last column is written.
            let width = Term::stderr().size_checked().map_or(USUAL_WIDTH, |(_, columns)| usize::from(columns));
            let _ = out.write_str(&lock(&state).line(unit, width.saturating_sub(1)));
        },
    )
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
}

impl IndexProgress {
    pub fn new() -> Self {
        Self { meter: Meter::new("photo") }
    }

    pub fn clear(&self) {
        self.meter.clear();
    }
}

impl Progress<Event<'_>> for IndexProgress {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Walking { found } => self.meter.found("looking for photos:", found),
            Event::Planned { to_read, .. } => self.meter.announce("indexing", to_read),
            Event::Photo { .. } => self.meter.advance(),
            Event::Details { done, total } => {
                self.meter.stage("reading details of photos again", done, total);
            }
            Event::Bank { done, total } => self.meter.stage("embedding texts for ranking", done, total),
            Event::Hubness { done, total } => self.meter.stage("measuring photos for ranking", done, total),
            Event::Graph { done, total } => self.meter.stage("building the search graph", done, total),
            Event::Text { done, total } => self.meter.stage("reading text in photos", done, total),
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

    /// Lines of the longest texts that the program has, at each width of a terminal.
    #[test]
    fn a_line_fits_the_terminal() {
        for (message, of_total, rate) in [
            ("indexing", "12,345/80,000", "12.3/s"),
            ("building the search graph", "999,999/1,000,000", "10,123.4/s"),
            ("open_clip_model.safetensors", "1.2 GiB/1.4 GiB", "12.3 MiB/s"),
            ("a-name-that-is-far-longer-than-any-terminal-is-wide-0123456789-0123456789.safetensors", "1/2", "1.0/s"),
            ("照片照片照片照片照片照片照片照片照片照片照片照片.safetensors", "1.2 GiB/1.4 GiB", "12.3 MiB/s"),
        ] {
            let with_noun = format!("{of_total} photos");
            for width in 1..200 {
                let line = fitting(message, [&with_noun, of_total], rate, "1 h 35 min left", 0.5, width);
                assert!(measure_text_width(&line) <= width, "{width}: {line}");
                assert!(!line.is_empty());
            }
        }
    }

    #[test]
    fn what_a_narrow_terminal_leaves_out() {
        let of_total = ["12,345/80,000 photos", "12,345/80,000"];
        let line = |width| fitting("indexing", of_total, "12.3/s", "1 h 35 min left", 0.5, width);
        assert_eq!(line(79), "indexing ████████████░░░░░░░░░░░░ 12,345/80,000 photos, 12.3/s, 1 h 35 min left");
        assert_eq!(line(59), "indexing 12,345/80,000 photos, 12.3/s, 1 h 35 min left");
        assert_eq!(line(50), "indexing 12,345/80,000 photos, 1 h 35 min left");
        assert_eq!(line(39), "indexing 12,345/80,000, 1 h 35 min left");
        assert_eq!(line(30), "indexing 12,345/80,000");
        assert_eq!(line(20), "12,345/80,000");
        assert_eq!(line(10), "12,345/80,");
    }

    #[test]
    fn a_total_is_shown_once_it_is_known() {
        let state = |done, total| {
            State { message: "indexing".into(), done, total, before: 0, started: Instant::now() }
                .line(Unit::Things("photo"), 79)
        };
        assert_eq!(state(44, None), "indexing 44 photos");
        assert_eq!(state(1, None), "indexing 1 photo");
        assert_eq!(state(0, Some(0)), "indexing");
        assert!(state(1, Some(2)).contains(" 1/2 photos, "));
        assert!(state(0, Some(1)).contains(" 0/1 photo, "));
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
