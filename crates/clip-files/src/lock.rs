//! One process at a time: an advisory lock of the operating system, which goes when the process dies, however it dies.
//!
//! Network file systems do not always have such locks. There a second file stands for the lock, the *holder file*. It is
//! created by one process only, and tells which one on which machine. It stays when the process dies; whoever comes next
//! takes it over if it can tell that its process is gone, and otherwise reports what it says.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{private, regular};

/// Held until it is dropped.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    holder: Option<HolderFile>,
}

/// Why a lock could not be taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds the system's lock.
    Held,
    /// The holder file names this process, and nothing tells that it is gone.
    HeldBy(Holder),
    /// Opening, locking or creating this file failed.
    Io(PathBuf, io::Error),
}

/// What a holder file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The holder file itself. Removing it gives the lock back, if the process is really gone.
    pub file: PathBuf,
    /// The name of the machine; empty if the file does not say.
    pub host: String,
    /// The id of the process there; 0 if the file does not say.
    pub process: u32,
    /// When it took the lock, in seconds since 1970; 0 if the file does not say.
    pub since: u64,
}

/// The calls of the operating system that a lock is made of.
pub trait System {
    /// Takes the advisory lock on a file, without waiting.
    ///
    /// # Errors
    /// As [`File::try_lock`].
    fn try_lock(&self, file: &File) -> Result<(), TryLockError>;
    /// The name of this machine; empty if it has none.
    fn host(&self) -> String;
    /// False if no process of this machine has the id.
    fn is_alive(&self, process: u32) -> bool;
}

/// The operating system itself.
#[derive(Debug, Clone, Copy)]
pub struct OperatingSystem;

impl FileLock {
    /// Takes the lock on the file `path`, which is created if it is missing and otherwise not changed. `holder` is the name
    /// of the holder file, for systems without locks.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn acquire(path: &Path, holder: &Path) -> Result<FileLock, LockError> {
        FileLock::acquire_by(&OperatingSystem, path, holder)
    }

    /// Takes the lock on a file that other programs lock in the same way, in a folder that they share: the file has the access
    /// that new files have for this process. Systems without locks go without, so it must not be needed for more than to save
    /// work.
    ///
    /// # Errors
    /// [`LockError::Held`] and [`LockError::Io`].
    pub fn acquire_shared(path: &Path) -> Result<FileLock, LockError> {
        let file = regular::open_with(File::options().create(true).write(true).truncate(false), path)
            .map_err(|error| LockError::Io(path.to_path_buf(), error))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(FileLock { file, holder: None }),
        }
    }

    /// As [`FileLock::acquire`], by these calls.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn acquire_by(system: &dyn System, path: &Path, holder: &Path) -> Result<FileLock, LockError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |error| LockError::Io(path, error)
        };
        let file = open_or_create(path).map_err(at(path))?;
        match system.try_lock(&file) {
            Ok(()) => {
                // Another machine may have no locks on the same file system.
                if let Some(found) = HolderFile::read(holder).map_err(at(holder))? {
                    found.take_away(system, holder)?;
                }
                Ok(FileLock { file, holder: None })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                let created = HolderFile::create(system, holder)?;
                Ok(FileLock { file, holder: Some(created) })
            }
            Err(TryLockError::Error(error)) => Err(LockError::Io(path.to_path_buf(), error)),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that this one is just starting has a copy of it for a moment, and the
        // lock would last as long.
        let _ = self.file.unlock();
        let Some(ours) = &self.holder else { return };
        // Somebody who thought us gone may have taken it over.
        if let Ok(Some(found)) = HolderFile::read(&ours.path)
            && found.content == ours.content
        {
            let _ = fs::remove_file(&ours.path);
        }
    }
}

/// Opens the file that is locked. Never waits for another process, as opening a named pipe would.
fn open_or_create(path: &Path) -> io::Result<File> {
    regular::open_with(private::options().create(true).truncate(false).write(true), path)
}

/// Says an error of locking that there are no locks here, rather than that something is wrong?
fn has_no_locks(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::Unsupported {
        return true;
    }
    #[cfg(unix)]
    {
        // Two of them have the same number on some systems.
        let numbers = [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOTSUP, libc::ENOSYS];
        error.raw_os_error().is_some_and(|number| numbers.contains(&number))
    }
    #[cfg(not(unix))]
    {
        false
    }
}

/// A holder file: lines of a name, an equals sign and a value.
#[derive(Debug)]
struct HolderFile {
    path: PathBuf,
    content: String,
}

impl HolderFile {
    /// Creates the file; no other process can have created it then.
    fn create(system: &dyn System, path: &Path) -> Result<HolderFile, LockError> {
        let at = |error| LockError::Io(path.to_path_buf(), error);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let content = format!(
            "host={}\nprocess={}\nsince={since}\nrun={}\n",
            system.host().replace(char::is_control, "?"),
            std::process::id(),
            run()
        );
        // Twice: one that is stale may be in the way.
        for _ in 0..2 {
            match private::options().write(true).create_new(true).open(path) {
                Ok(mut file) => {
                    let written = file.write_all(content.as_bytes()).and_then(|()| file.sync_all());
                    if let Err(error) = written {
                        let _ = fs::remove_file(path);
                        return Err(at(error));
                    }
                    return Ok(HolderFile { path: path.to_path_buf(), content });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if let Some(found) = HolderFile::read(path).map_err(at)? {
                        found.take_away(system, path)?;
                    }
                }
                Err(error) => return Err(at(error)),
            }
        }
        Err(LockError::Held)
    }

    fn read(path: &Path) -> io::Result<Option<HolderFile>> {
        let mut bytes = Vec::new();
        match regular::open(path).and_then(|file| file.take(4096).read_to_end(&mut bytes)) {
            Ok(_) => {
                let content = String::from_utf8_lossy(&bytes).into_owned();
                Ok(Some(HolderFile { path: path.to_path_buf(), content }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn value(&self, name: &str) -> &str {
        let lines = self.content.lines().filter_map(|line| line.split_once('='));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value).next().unwrap_or("")
    }

    /// Removes the file if its process is gone for certain.
    fn take_away(&self, system: &dyn System, path: &Path) -> Result<(), LockError> {
        let process: u32 = self.value("process").parse().unwrap_or(0);
        let here = !self.value("host").is_empty() && self.value("host") == system.host();
        // A process of ours that has our id, but began as another one, died before: ids are used again.
        let gone = if process == std::process::id() { self.value("run") != run() } else { !system.is_alive(process) };
        if !(here && process != 0 && gone) {
            return Err(LockError::HeldBy(Holder {
                file: path.to_path_buf(),
                host: self.value("host").replace(char::is_control, "?"),
                process,
                since: self.value("since").parse().unwrap_or(0),
            }));
        }
        // Two processes may be here at once. What is renamed is looked at again, so that the slower one does not remove
        // what the faster one has created meanwhile.
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}", run()));
        let aside = PathBuf::from(aside);
        let at = |error| LockError::Io(path.to_path_buf(), error);
        match fs::rename(path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result.map_err(at)?,
        }
        let same = HolderFile::read(&aside).map_err(at)?.is_some_and(|moved| moved.content == self.content);
        if !same {
            fs::rename(&aside, path).map_err(at)?;
            return Err(LockError::Held);
        }
        fs::remove_file(&aside).map_err(at)
    }
}

/// Tells this run of the program from others that had the same process id.
fn run() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| {
        use std::hash::{BuildHasher, RandomState};
        format!("{:016x}", RandomState::new().hash_one(SystemTime::now()))
    })
}

impl System for OperatingSystem {
    fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
        file.try_lock()
    }

    fn host(&self) -> String {
        host()
    }

    fn is_alive(&self, process: u32) -> bool {
        is_alive(process)
    }
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn host() -> String {
    let mut name = [0u8; 256];
    // SAFETY: the buffer has the length that is told, and the call writes no more than that.
    let result = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    if result != 0 {
        return String::new();
    }
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    String::from_utf8_lossy(&name[..end]).into_owned()
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn is_alive(process: u32) -> bool {
    // 0 and negative numbers stand for groups of processes.
    let Some(process) = libc::pid_t::try_from(process).ok().filter(|&process| process > 0) else { return true };
    // SAFETY: the signal 0 is not sent; the call only tells whether it could be.
    let result = unsafe { libc::kill(process, 0) };
    // Any other error than this, such as that the process is another user's, means that there is one.
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

#[cfg(not(unix))]
fn host() -> String {
    String::new()
}

#[cfg(not(unix))]
fn is_alive(_process: u32) -> bool {
    true
}

/// Finds these bytes as a holder file where there are no locks, and asserts what must hold whatever they are. For the module
/// `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_holder(bytes: &[u8]) {
    /// A machine that has no locks, and no process but this one.
    struct Lockless;

    impl System for Lockless {
        fn try_lock(&self, _: &File) -> Result<(), TryLockError> {
            Err(TryLockError::Error(io::ErrorKind::Unsupported.into()))
        }

        fn host(&self) -> String {
            "here".into()
        }

        fn is_alive(&self, process: u32) -> bool {
            process == std::process::id()
        }
    }

    let dir = tempfile::tempdir().expect("a temporary directory");
    let (path, holder) = (dir.path().join("lock"), dir.path().join("lock.holder"));
    fs::write(&holder, bytes).expect("a file");
    match FileLock::acquire_by(&Lockless, &path, &holder) {
        Ok(lock) => {
            // No more is read.
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
            assert!(text.lines().any(|line| line == "host=here"), "another machine's was taken over");
            drop(lock);
            assert!(!holder.exists());
        }
        Err(LockError::HeldBy(found)) => {
            assert!(!found.host.contains(char::is_control), "{:?}", found.host);
            assert_eq!(fs::read(&holder).expect("it stays"), bytes);
        }
        Err(other) => panic!("{other:?}"),
    }
    let names: Vec<_> =
        fs::read_dir(dir.path()).expect("a directory").flatten().map(|entry| entry.file_name()).collect();
    assert!(names.iter().all(|name| name == "lock" || name == "lock.holder"), "{names:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake {
        error: Option<i32>,
        host: &'static str,
        alive: bool,
    }

    impl System for Fake {
        fn try_lock(&self, file: &File) -> Result<(), TryLockError> {
            match self.error {
                Some(number) => Err(TryLockError::Error(io::Error::from_raw_os_error(number))),
                None => file.try_lock(),
            }
        }

        fn host(&self) -> String {
            self.host.into()
        }

        fn is_alive(&self, _: u32) -> bool {
            self.alive
        }
    }

    fn paths() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (path, holder) = (dir.path().join("lock"), dir.path().join("lock.holder"));
        (dir, path, holder)
    }

    #[test]
    fn the_second_one_waits() {
        let (dir, path, holder) = paths();
        fs::write(&path, "kept").unwrap();
        let first = FileLock::acquire(&path, &holder).unwrap();
        assert!(matches!(FileLock::acquire(&path, &holder), Err(LockError::Held)));
        drop(first);
        FileLock::acquire(&path, &holder).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn a_copy_of_the_file_does_not_keep_the_lock() {
        let (_dir, path, holder) = paths();
        let lock = FileLock::acquire(&path, &holder).unwrap();
        // What a process that is being started has.
        let _copy = lock.file.try_clone().unwrap();
        drop(lock);
        FileLock::acquire(&path, &holder).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn without_locks_a_file_stands_for_one() {
        for number in [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOSYS] {
            let (_dir, path, holder) = paths();
            let system = Fake { error: Some(number), host: "here", alive: true };
            let first = FileLock::acquire_by(&system, &path, &holder).unwrap();
            let Err(LockError::HeldBy(found)) = FileLock::acquire_by(&system, &path, &holder) else { panic!() };
            assert_eq!((found.file, found.host.as_str()), (holder.clone(), "here"));
            assert_eq!(found.process, std::process::id());
            assert!(found.since > 1_600_000_000);
            // One that has locks must not pass by it either.
            let with_locks = Fake { error: None, host: "elsewhere", alive: false };
            assert!(matches!(FileLock::acquire_by(&with_locks, &path, &holder), Err(LockError::HeldBy(_))));
            drop(first);
            assert!(!holder.exists());
            FileLock::acquire_by(&system, &path, &holder).unwrap();
        }
    }

    #[test]
    #[cfg(unix)]
    fn only_what_is_stale_for_certain_is_taken_over() {
        let own = std::process::id();
        let cases = [
            // Host, process, run; is the process alive; taken over?
            ("here", 4_000_000, "x", false, true),
            ("here", 4_000_000, "x", true, false),
            ("elsewhere", 4_000_000, "x", false, false),
            ("here", own, "x", true, true),
            ("here", own, run(), true, false),
            ("here", 0, "x", false, false),
            ("", 4_000_000, "x", false, false),
        ];
        for (host, process, run, alive, taken) in cases {
            for error in [Some(libc::ENOLCK), None] {
                let (dir, path, holder) = paths();
                fs::write(&holder, format!("host={host}\nprocess={process}\nsince=5\nrun={run}\n")).unwrap();
                let system = Fake { error, host: "here", alive };
                match FileLock::acquire_by(&system, &path, &holder) {
                    Ok(_) => assert!(taken, "{host} {process} {run}"),
                    Err(LockError::HeldBy(found)) => {
                        assert!(!taken, "{host} {process} {run}");
                        assert_eq!((found.host.as_str(), found.process, found.since), (host, process, 5));
                        assert!(holder.exists());
                    }
                    Err(other) => panic!("{other:?}"),
                }
                let names = fs::read_dir(dir.path()).unwrap().count();
                assert_eq!(names, 1 + usize::from(!taken));
            }
        }
        // A file that says nothing, or is damaged, is not taken over.
        for content in ["", "host=here\nprocess=\u{1b}[1m\nsince=99999999999999999999999", "\u{0}"] {
            let (_dir, path, holder) = paths();
            fs::write(&holder, content).unwrap();
            let system = Fake { error: Some(libc::ENOLCK), host: "here", alive: false };
            assert!(matches!(FileLock::acquire_by(&system, &path, &holder), Err(LockError::HeldBy(_))));
        }
    }

    #[test]
    #[cfg(unix)]
    #[allow(unsafe_code)]
    fn a_pipe_in_the_place_of_a_file_is_an_error() {
        for pipe in ["lock", "lock.holder"] {
            let (dir, path, holder) = paths();
            let at = dir.path().join(pipe);
            let name = std::ffi::CString::new(at.to_str().unwrap()).unwrap();
            // SAFETY: the name is a C string that outlives the call.
            assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
            let Err(LockError::Io(found, error)) = FileLock::acquire(&path, &holder) else { panic!("{pipe}") };
            assert_eq!(found, at);
            assert!(error.to_string().contains("named pipe"), "{error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn other_errors_are_errors() {
        let (_dir, path, holder) = paths();
        let system = Fake { error: Some(libc::EIO), host: "here", alive: true };
        let Err(LockError::Io(at, error)) = FileLock::acquire_by(&system, &path, &holder) else { panic!() };
        assert_eq!((at, error.raw_os_error()), (path, Some(libc::EIO)));
        assert!(!holder.exists());
        assert!(is_alive(std::process::id()) && !is_alive(4_194_304 + 1));
        assert!(!host().is_empty());
    }
}
