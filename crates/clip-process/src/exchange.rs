//! Runs a program once: bytes in, bytes out, in bounded time.

use std::io::{self, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clip_files::system_error;

use crate::running::{Limits, Running};

/// How often the caller's flag is looked at.
const LOOK_UP: Duration = Duration::from_millis(50);

/// What a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long it may take. The program is killed then.
    pub longest: Duration,
    /// How many bytes it may write to each of its streams.
    pub most_output: usize,
    /// What the system holds it to.
    pub limits: Limits,
}

/// What a program said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// All that it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// All that it wrote to its standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The program is not there, or cannot be started.
    #[error("cannot be started: {}", system_error::describe(.0))]
    NotStarted(#[source] io::Error),
    /// It was not done in time.
    #[error("had not finished after {} seconds", after.as_secs_f64())]
    TookTooLong {
        /// The time that it had.
        after: Duration,
    },
    /// It wrote more than it may.
    #[error("wrote more than {most} bytes")]
    TooMuch {
        /// The most that it may write.
        most: usize,
    },
    /// The caller does not want it any more.
    #[error("cancelled")]
    Cancelled,
    /// The streams could not be read.
    #[error("cannot be read from: {}", system_error::describe(.0))]
    Io(#[source] io::Error),
}

/// Runs a command with `input` on its standard input and gives what it wrote. However the call ends, the process is gone, and on
/// Unix what it started too.
///
/// # Errors
/// [`Fault`]. How the program ended is none, but part of the output.
pub fn exchange(command: &mut Command, input: Vec<u8>, bounds: &Bounds, cancel: &AtomicBool) -> Result<Output, Fault> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut running = Running::start(command, &bounds.limits).map_err(Fault::NotStarted)?;
    // No thread is waited for: something that the program started and that left its group may keep a pipe open.
    if let Some(mut stdin) = running.take_stdin() {
        // That it does not want all of it shows in how it ends.
        spawn("process-input", move || drop(stdin.write_all(&input)))?;
    }
    // That which ends first tells first, so that a flood of one stream does not wait for the end of the other.
    let (sender, said) = mpsc::channel();
    if let Some(stdout) = running.take_stdout() {
        spawn_reader(Stream::Output, stdout, bounds.most_output, sender.clone())?;
    }
    if let Some(stderr) = running.take_stderr() {
        spawn_reader(Stream::Error, stderr, bounds.most_output, sender)?;
    }
    let (mut stdout, mut stderr) = (None, None);
    while stdout.is_none() || stderr.is_none() {
        match said.recv_timeout(LOOK_UP) {
            Ok((_, Ok(bytes))) if bytes.len() > bounds.most_output => {
                return Err(Fault::TooMuch { most: bounds.most_output });
            }
            Ok((Stream::Output, bytes)) => stdout = Some(bytes.map_err(Fault::Io)?),
            Ok((Stream::Error, bytes)) => stderr = Some(bytes.map_err(Fault::Io)?),
            Err(RecvTimeoutError::Disconnected) => return Err(Fault::Io(io::ErrorKind::BrokenPipe.into())),
            Err(RecvTimeoutError::Timeout) => check(begun, bounds, cancel)?,
        }
    }
    // It may linger with its streams closed.
    loop {
        if let Some(status) = running.wait(LOOK_UP) {
            let (stdout, stderr) = (stdout.unwrap_or_default(), stderr.unwrap_or_default());
            return Ok(Output { stdout, stderr, status });
        }
        check(begun, bounds, cancel)?;
    }
}

/// Which of a program's streams.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Output,
    Error,
}

type Said = (Stream, io::Result<Vec<u8>>);

/// A thread that reads a stream to its end, or until it is too long.
fn spawn_reader(stream: Stream, from: impl Read + Send + 'static, most: usize, to: Sender<Said>) -> Result<(), Fault> {
    spawn("process-output", move || {
        let mut bytes = Vec::new();
        let read = from.take(most as u64 + 1).read_to_end(&mut bytes);
        // Whoever does not listen any more has ended the program.
        let _ = to.send((stream, read.map(|_| bytes)));
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).map_err(Fault::NotStarted)
}

fn check(begun: Instant, bounds: &Bounds, cancel: &AtomicBool) -> Result<(), Fault> {
    if cancel.load(Ordering::Relaxed) {
        Err(Fault::Cancelled)
    } else if begun.elapsed() >= bounds.longest {
        Err(Fault::TookTooLong { after: bounds.longest })
    } else {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        let limits = Limits { memory: 1 << 30, processor_time: Duration::from_secs(60) };
        Bounds { longest: Duration::from_secs(2), most_output: 1000, limits }
    }

    fn shell(does: &str, input: &[u8]) -> Result<Output, Fault> {
        exchange(Command::new("sh").args(["-c", does]), input.to_vec(), &bounds(), &AtomicBool::new(false))
    }

    #[test]
    fn both_streams_and_the_end_are_told() {
        let output = shell("cat; echo wrong >&2; exit 3", b"right").unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"right"[..], &b"wrong\n"[..]));
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(shell("cat", b"").unwrap().stdout, b"", "nothing to read");
        // It does not want its input.
        assert_eq!(shell("echo a", &vec![0; 1 << 20]).unwrap().stdout, b"a\n");
    }

    #[test]
    fn what_takes_too_long_or_writes_too_much_is_ended() {
        let started = Instant::now();
        // The last leaves its group, and keeps the pipes.
        for does in ["sleep 600", "sleep 600 & wait", "exec >&- 2>&-; sleep 600", "setsid sleep 20 & exit"] {
            assert!(matches!(shell(does, b""), Err(Fault::TookTooLong { .. })), "{does}");
        }
        for does in ["yes", "yes >&2", "cat /dev/zero", "head -c 1001 /dev/zero; sleep 600"] {
            assert!(matches!(shell(does, b""), Err(Fault::TooMuch { most: 1000 })), "{does}");
        }
        assert_eq!(shell("head -c 1000 /dev/zero", b"").unwrap().stdout.len(), 1000);
        // None was waited for, however busy the machine is.
        assert!(started.elapsed() < Duration::from_secs(240), "{:?}", started.elapsed());
    }

    #[test]
    fn what_nobody_wants_any_more_ends() {
        let cancelled = exchange(Command::new("sleep").arg("600"), Vec::new(), &bounds(), &AtomicBool::new(true));
        assert!(matches!(cancelled, Err(Fault::Cancelled)));
        let missing = exchange(&mut Command::new("/no/such/program"), Vec::new(), &bounds(), &AtomicBool::new(false));
        assert!(matches!(missing, Err(Fault::NotStarted(_))));
    }

    #[test]
    fn files_are_not_written() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let note = std::env::temp_dir().join(format!("clip-process-{}", std::process::id()));
        // The limits come a moment after the program has started.
        let _ = shell(&format!("sleep 0.2; echo written > {}", note.display()), b"");
        let written = std::fs::read(&note).unwrap_or_default();
        let _ = std::fs::remove_file(&note);
        assert_eq!(written, b"");
    }
}
