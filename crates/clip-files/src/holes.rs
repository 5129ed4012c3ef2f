//! How much of a file is there: a sparse file has holes, which read as zeros and take no room.

use std::fs::File;

/// A file of more pieces than this is not one that somebody made of holes.
const MAX_PIECES: usize = 10_000;

/// How many of a file's `length` bytes are there, rather than in holes. `None` where the system does not tell, or not in
/// time. The place in the file from which is read next is undefined afterwards.
pub fn bytes_there(file: &File, length: u64) -> Option<u64> {
    let mut there = 0u64;
    let mut at = 0;
    for _ in 0..MAX_PIECES {
        let Some(begin) = system::next(file, at, system::Kind::Data)?.filter(|begin| *begin < length) else {
            return Some(there);
        };
        let end = system::next(file, begin, system::Kind::Hole)?.unwrap_or(length).min(length);
        // A system that gets no further tells nothing.
        if end <= begin {
            return None;
        }
        there += end - begin;
        at = end;
    }
    None
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
#[allow(unsafe_code)]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    pub(super) enum Kind {
        Data,
        Hole,
    }

    /// Where the next data or hole begins, from `at` on: `Some(None)` if there is none up to the end, `None` if the system does
    /// not tell.
    pub(super) fn next(file: &File, at: u64, kind: Kind) -> Option<Option<u64>> {
        let whence = match kind {
            Kind::Data => libc::SEEK_DATA,
            Kind::Hole => libc::SEEK_HOLE,
        };
        let at = libc::off_t::try_from(at).ok()?;
        // SAFETY: the descriptor is open as long as `file` is, and no memory is passed.
        let found = unsafe { libc::lseek(file.as_raw_fd(), at, whence) };
        match u64::try_from(found) {
            Ok(found) => Some(Some(found)),
            Err(_) if io::Error::last_os_error().raw_os_error() == Some(libc::ENXIO) => Some(None),
            Err(_) => None,
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod system {
    use std::fs::File;

    pub(super) enum Kind {
        Data,
        Hole,
    }

    pub(super) fn next(_file: &File, _at: u64, _kind: Kind) -> Option<Option<u64>> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    #[test]
    fn holes_are_not_there() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(bytes_there(&file, 0), Some(0));
        file.write_all(&[7; 10_000]).unwrap();
        assert_eq!(bytes_there(&file, 10_000), Some(10_000));
        let length = 1 << 32;
        file.set_len(length).unwrap();
        file.seek(SeekFrom::Start(length - 1)).unwrap();
        file.write_all(&[7]).unwrap();
        // File systems without holes say that all of it is there.
        let there = bytes_there(&file, length).unwrap();
        assert!(there == length || (10_001..1 << 24).contains(&there), "{there}");
    }
}
