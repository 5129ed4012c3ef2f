//! Asks the terminal whether it shows sixels.
//!
//! The question is DA1, "what are you?", which every terminal since the VT100 answers; a 4 among the attributes stands for
//! sixels. It is asked only where an answer can be read and kept off the screen, and given up after a while.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{read, write};
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcgetpgrp, tcsetattr};

/// More than a connection to the other side of the world takes.
const PATIENCE: Duration = Duration::from_millis(800);

/// The longest answer that is read.
const MAX_ANSWER: usize = 256;

const CTRL_C: u8 = 3;

/// Whether the terminal says that it shows sixels. One that does not answer does not.
pub(super) fn shows_sixels() -> bool {
    let may_ask = isatty(stdin())
        && isatty(stdout())
        // A process in the background is stopped when it changes the terminal.
        && tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
        // What was typed ahead belongs to the shell.
        && !is_readable(Duration::ZERO);
    may_ask && ask().is_some_and(|answer| has_sixels(&answer))
}

/// Puts the terminal back to how it was.
struct Raw(Termios);

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

fn ask() -> Option<Vec<u8>> {
    let usual = tcgetattr(stdin()).ok()?;
    let mut raw = usual.clone();
    raw.make_raw();
    tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
    let guard = Raw(usual);
    write(stdout(), b"\x1b[c").ok()?;
    let deadline = Instant::now() + PATIENCE;
    let mut answer = Vec::new();
    while !is_complete(&answer) && answer.len() < MAX_ANSWER {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut byte = [0];
        if left.is_zero() || !is_readable(left) || read(stdin(), &mut byte) != Ok(1) {
            let _ = tcflush(stdin(), QueueSelector::IFlush);
            return None;
        }
        if byte[0] == CTRL_C {
            drop(guard);
            let _ = kill_process(getpid(), Signal::INT);
            return None;
        }
        answer.push(byte[0]);
    }
    Some(answer)
}

fn is_readable(patience: Duration) -> bool {
    let input = stdin();
    let mut events = [PollFd::new(&input, PollFlags::IN)];
    let patience = Timespec { tv_sec: 0, tv_nsec: patience.as_nanos().min(999_999_999) as _ };
    poll(&mut events, Some(&patience)).is_ok_and(|ready| ready > 0) && events[0].revents().contains(PollFlags::IN)
}

/// The answer is `ESC [ ? attributes c`.
fn is_complete(answer: &[u8]) -> bool {
    attributes(answer).is_some()
}

fn has_sixels(answer: &[u8]) -> bool {
    attributes(answer).is_some_and(|attributes| attributes.split(|byte| *byte == b';').any(|number| number == b"4"))
}

fn attributes(answer: &[u8]) -> Option<&[u8]> {
    let start = answer.windows(3).position(|bytes| bytes == b"\x1b[?")? + 3;
    answer[start..].strip_suffix(b"c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_terminals() {
        assert!(has_sixels(b"\x1b[?62;4c"));
        assert!(has_sixels(b"\x1b[?64;1;2;4;6;9;15;22c"));
        assert!(!has_sixels(b"\x1b[?62;22c"));
        assert!(!has_sixels(b"\x1b[?64;14;44c"));
        assert!(!has_sixels(b"\x1b[?62;4"));
        assert!(!is_complete(b"\x1b[?6") && is_complete(b"\x1b[?6c") && !is_complete(b"c"));
    }
}
