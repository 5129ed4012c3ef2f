//! A program that is ended whatever it does.

use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// How long it is waited for a program that was killed: one that waits for a disk that is away cannot end.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What a program may take, where the system can limit that. It can write no files and leaves no core dump in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of data that it may have in memory.
    pub memory: u64,
    /// Processor time of all its threads together.
    pub processor_time: Duration,
}

/// A program with a process group of its own. When this goes away, it is killed with all that it started.
#[derive(Debug)]
pub struct Running {
    child: Child,
    status: Option<ExitStatus>,
}

impl Running {
    /// Starts a program. Its streams are those that the command has.
    ///
    /// # Errors
    /// The system's.
    pub fn start(command: &mut Command, limits: &Limits) -> io::Result<Running> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let running = Running { child: command.spawn()?, status: None };
        running.limit(limits);
        Ok(running)
    }

    /// Its standard input, if that is a pipe that nobody has taken yet.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard output, likewise.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, likewise.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// How it ended; `None` if it has not after so long.
    pub fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(1);
        while self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
            if self.status.is_some() || started.elapsed() >= most {
                break;
            }
            thread::sleep(pause);
            pause = (2 * pause).min(Duration::from_millis(50));
        }
        self.status
    }

    #[cfg(target_os = "linux")]
    fn limit(&self, limits: &Limits) {
        for (what, most) in [
            (libc::RLIMIT_DATA, limits.memory),
            (libc::RLIMIT_CPU, limits.processor_time.as_secs().saturating_add(1)),
            (libc::RLIMIT_FSIZE, 0),
            (libc::RLIMIT_CORE, 0),
        ] {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            let Ok(process) = libc::pid_t::try_from(self.child.id()) else { return };
            // SAFETY: the child was not waited for, so the number is its own; the new limit is valid, and the old one is not
            // asked for. If the system refuses, the program is no worse off than any other.
            unsafe { libc::prlimit(process, what, &raw const limit, std::ptr::null_mut()) };
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn limit(&self, _: &Limits) {}

    fn kill(&mut self) {
        #[cfg(unix)]
        if let Ok(group) = libc::pid_t::try_from(self.child.id()) {
            // SAFETY: the child leads a group with its number, and neither can be another's before it is waited for.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
        // It may have ended by itself.
        let _ = self.child.kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill();
            self.wait(LAST_WAIT);
        }
    }
}
