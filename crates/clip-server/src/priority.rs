//! The priority of a thread.

/// Makes the thread that calls this take only the time that others leave, where the system can do that for a single thread.
pub(crate) fn lower() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the call takes plain numbers. On Linux, 0 stands for the calling thread.
        let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
        if result != 0 {
            log::debug!("cannot lower the priority of a thread: {}", std::io::Error::last_os_error());
        }
    }
}
