//! A program that is ended whatever it does.

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::sampling::Limits;

/// How long it is waited for a program that was killed: one that waits for a disk that is away cannot end.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// A program with pipes. When this goes away, it is killed with all that it started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    status: Option<ExitStatus>,
}

impl Running {
    /// Starts a program in a process group of its own, with nothing on its standard input.
    pub fn start(command: &mut Command, limits: &Limits) -> io::Result<(Running, ChildStdout, ChildStderr)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command.spawn()?;
        let mut running = Running { child, status: None };
        running.limit(limits);
        match (running.child.stdout.take(), running.child.stderr.take()) {
            (Some(stdout), Some(stderr)) => Ok((running, stdout, stderr)),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
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

    /// Its limits: no files, no core dump, so much memory and processor time.
    #[cfg(target_os = "linux")]
    fn limit(&self, limits: &Limits) {
        let threads = u64::try_from(limits.threads.get()).unwrap_or(u64::MAX);
        let seconds = limits.longest.as_secs().saturating_add(1).saturating_mul(threads.saturating_add(1));
        for (what, most) in [
            (libc::RLIMIT_DATA, limits.memory),
            (libc::RLIMIT_CPU, seconds),
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
