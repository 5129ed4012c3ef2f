//! A terminal of our own: what a person sees who runs the program, and types.
#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal: the end that a user sits at, and the end that a program writes to. No other program gets them, of those that
/// tests start at the same time.
pub fn terminal(columns: u16) -> (File, OwnedFd) {
    let open = |path: &str| OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path).unwrap();
    let user = open("/dev/ptmx");
    let (unlocked, mut number): (libc::c_int, libc::c_uint) = (0, 0);
    // SAFETY: the descriptor is a terminal's, and the pointers are to integers.
    unsafe {
        assert_eq!(libc::ioctl(user.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked), 0);
        assert_eq!(libc::ioctl(user.as_raw_fd(), libc::TIOCGPTN, &raw mut number), 0);
    }
    resize(&user, columns, 24);
    (user, open(&format!("/dev/pts/{number}")).into())
}

fn resize(terminal: &File, columns: u16, rows: u16) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is a terminal's, and the size is only read.
    assert_eq!(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
}

/// A program that is ended with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that runs in a terminal of its own.
pub struct Session {
    child: Running,
    user: File,
    /// The program's end, to look at what it left behind.
    program: OwnedFd,
    shown: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Session {
    /// Starts a program whose terminal has 100 columns, and answers the question what it is, if `answer` is not empty.
    pub fn start(mut command: Command, answer: &'static [u8]) -> Self {
        let (user, program) = terminal(100);
        command
            .stdin(program.try_clone().unwrap())
            .stdout(program.try_clone().unwrap())
            .stderr(program.try_clone().unwrap());
        // SAFETY: both calls may be made between fork and exec; the descriptor is the terminal.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let child = Running(command.spawn().unwrap());
        // It holds open ends of the terminal.
        drop(command);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut from, mut to, all) = (user.try_clone().unwrap(), user.try_clone().unwrap(), Arc::clone(&shown));
        let reading = std::thread::spawn(move || {
            let mut bytes = [0; 1 << 16];
            // The system reports an error when the last program has closed its end.
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                let is_question = bytes[..length].windows(3).any(|bytes| bytes == b"\x1b[c");
                all.lock().unwrap().extend_from_slice(&bytes[..length]);
                if is_question {
                    to.write_all(answer).unwrap();
                }
            }
        });
        Self { child, user, program, shown, reading }
    }

    /// Types something.
    pub fn send(&mut self, bytes: &[u8]) {
        self.user.write_all(bytes).unwrap();
    }

    /// All that was shown so far.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until something is shown that was not before `from`, and returns how much has been shown.
    #[track_caller]
    pub fn wait_for(&self, text: &str, from: usize) -> usize {
        let started = Instant::now();
        loop {
            let shown = self.shown();
            if shown.get(from..).is_some_and(|new| new.contains(text)) {
                return shown.len();
            }
            assert!(started.elapsed() < PATIENCE, "waited for {text:?}: {shown:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the process is a child that was not waited for.
        assert_eq!(unsafe { libc::kill(self.child.0.id().try_into().unwrap(), signal) }, 0);
    }

    /// Changes the size of the terminal, of which the program is told.
    pub fn resize(&self, columns: u16, rows: u16) {
        resize(&self.user, columns, rows);
    }

    /// Waits for the end of the program; returns its exit status, what was shown, and whether the terminal is as it was:
    /// it echoes, hands over whole lines, and has nothing to read.
    pub fn end(mut self) -> (Option<i32>, String, bool) {
        let status = self.child.0.wait().unwrap();
        let descriptor = self.program.as_raw_fd();
        let mut mode = std::mem::MaybeUninit::<libc::termios>::zeroed();
        // SAFETY: the descriptor is a terminal, and the pointer is to a `termios`, of which all zeros are a valid one.
        let mode = unsafe {
            assert_eq!(libc::tcgetattr(descriptor, mode.as_mut_ptr()), 0);
            mode.assume_init()
        };
        let mut waiting: libc::c_int = 0;
        // SAFETY: the pointer is to an integer.
        assert_eq!(unsafe { libc::ioctl(descriptor, libc::FIONREAD, &raw mut waiting) }, 0);
        let is_usual = mode.c_lflag & libc::ECHO != 0 && mode.c_lflag & libc::ICANON != 0 && waiting == 0;
        drop(self.program);
        self.reading.join().unwrap();
        let shown = String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned();
        (status.code(), shown, is_usual)
    }
}
