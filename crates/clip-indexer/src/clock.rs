//! A stopwatch for the work of one thread.

use std::time::Duration;

/// Measures processor time of the calling thread where the system tells it, and time by the clock elsewhere.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    last: Duration,
}

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch { last: now() }
    }

    /// The time since the start or the last lap.
    pub fn lap(&mut self) -> Duration {
        let now = now();
        now.saturating_sub(std::mem::replace(&mut self.last, now))
    }
}

#[cfg(unix)]
fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that outlives the call, which writes to nothing else.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    // It fails only for a clock that does not exist; a stage then shows no time, which harms nobody.
    if status != 0 {
        return Duration::ZERO;
    }
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(unix))]
fn now() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn sleeping_costs_nothing_and_working_does() {
        let mut watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(60));
        assert!(watch.lap() < Duration::from_millis(30));
        // A fixed amount of work, not of time: on a busy machine little processor time passes in a second.
        let work = (0..30_000_000_u64).fold(0, |sum, number| std::hint::black_box(sum + number));
        assert!(watch.lap() > Duration::from_millis(1), "{work}");
    }
}
