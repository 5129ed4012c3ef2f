//! How many files and connections the process may have open.

/// Raises the limit as far as the system lets this process, and gives it; `None` if it is not known.
pub(crate) fn raise_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the call writes to the structure that it is given.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
            return None;
        }
        let wanted = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        // SAFETY: the call reads the structure that it is given.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) } == 0 {
            limit = wanted;
        }
        Some(limit.rlim_cur)
    }
    #[cfg(not(unix))]
    None
}
