//! Runs a program once: bytes in, bytes out, in bounded time.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::OcrError;

/// How often it is looked whether the program has ended, at first and later on.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LOOK: Duration = Duration::from_millis(20);

/// What a program may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub longest: Duration,
    /// Bytes that it may write.
    pub most: usize,
}

/// Runs a command with `input` on its standard input and gives what it wrote to its standard output. However the call ends, the
/// process is gone, and on Unix what it started too.
pub(crate) fn run(
    command: &mut Command,
    input: &[u8],
    bounds: Bounds,
    cancel: &AtomicBool,
) -> Result<Vec<u8>, OcrError> {
    apart(command);
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child =
        streams.spawn().map_err(|error| OcrError::NoProgram { program: command.get_program().into(), error })?;
    let mut child = Running(child);
    let (Some(mut stdin), Some(stdout)) = (child.0.stdin.take(), child.0.stdout.take()) else {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
    };
    let begun = Instant::now();
    thread::scope(|scope| {
        // A program that has died or is killed breaks the pipe, which ends these threads.
        thread::Builder::new().spawn_scoped(scope, move || {
            // That it does not want all of it shows in how it ends.
            let _ = stdin.write_all(input);
        })?;
        let reader = thread::Builder::new().spawn_scoped(scope, move || {
            let mut output = Vec::new();
            stdout.take(bounds.most as u64 + 1).read_to_end(&mut output).map(|_| output)
        })?;
        let mut pause = FIRST_LOOK;
        let ended = loop {
            if cancel.load(Ordering::Relaxed) {
                break Err(OcrError::Cancelled);
            }
            if begun.elapsed() >= bounds.longest {
                break Err(OcrError::TookTooLong { longest: bounds.longest });
            }
            // Once it has closed its output, or written too much, there is no more to come.
            if reader.is_finished() {
                break Ok(());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        };
        if let Err(error) = ended {
            child.kill();
            // Joined by the scope.
            return Err(error);
        }
        let output = reader.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        let is_too_much = output.as_ref().is_ok_and(|output| output.len() > bounds.most);
        if is_too_much || output.is_err() {
            child.kill();
        }
        let output = output?;
        if is_too_much {
            return Err(OcrError::TooMuch { most: bounds.most });
        }
        // It may linger with its output closed.
        loop {
            if let Some(status) = child.0.try_wait()? {
                return if status.success() { Ok(output) } else { Err(OcrError::Died { how: status.to_string() }) };
            }
            if cancel.load(Ordering::Relaxed) || begun.elapsed() >= bounds.longest {
                child.kill();
                return Err(OcrError::TookTooLong { longest: bounds.longest });
            }
            thread::sleep(FIRST_LOOK);
        }
    })
}

/// A process that is killed and waited for when it is dropped.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        kill_group(&self.0);
        // It may have ended by itself.
        let _ = self.0.kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            self.kill();
        }
        let _ = self.0.wait();
    }
}

/// Gives a command a group of its own, so that what it starts can be ended with it: a script that waits for another program would
/// leave that with its end of the pipe.
fn apart(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    #[cfg(not(unix))]
    let _ = command;
}

#[cfg(unix)]
fn kill_group(child: &Child) {
    let Ok(group) = i32::try_from(child.id()) else { return };
    // SAFETY: plain system call. The process was not waited for yet, so its number, which is that of its group, is not used again.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

#[cfg(not(unix))]
fn kill_group(_: &Child) {}
