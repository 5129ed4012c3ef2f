//! Sandboxes a worker, so that a file that takes it over gains nothing.

#[cfg(all(feature = "confine", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) use linux::{Confined, confine};
#[cfg(not(all(feature = "confine", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) use nowhere::{Confined, confine};

/// Systems without a known sandbox, and programs built without it.
#[cfg(not(all(feature = "confine", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod nowhere {
    pub(in super::super) struct Confined;

    pub(in super::super) fn confine() -> Confined {
        Confined
    }

    impl Confined {
        pub(in super::super) fn allow_memory(&self, _: u64) {}

        pub(in super::super) fn allow_time(&self) {}
    }
}

#[cfg(all(feature = "confine", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux {
    use std::collections::BTreeMap;

    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    /// A process that can no longer open anything.
    pub(in super::super) struct Confined {
        /// Bytes of data that it had at that time.
        data: u64,
    }

    /// From now on, the process can open no file, connection or other program, writes no core dump, and cannot inspect
    /// other processes. On systems that are too old for this, nothing changes.
    pub(in super::super) fn confine() -> Confined {
        let data = bytes_of_data();
        limit(libc::RLIMIT_CORE, 0);
        let refuse = SeccompAction::Errno(libc::EACCES as u32);
        let arch = if cfg!(target_arch = "x86_64") { TargetArch::x86_64 } else { TargetArch::aarch64 };
        let rules: BTreeMap<i64, Vec<_>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
        let program = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).ok();
        if let Some(program) = program.and_then(|filter| BpfProgram::try_from(filter).ok()) {
            let _ = seccompiler::apply_filter(&program);
        }
        Confined { data }
    }

    impl Confined {
        /// Allows this much memory for a photo, and some more for threads and tables.
        pub(in super::super) fn allow_memory(&self, bytes: u64) {
            const BESIDE: u64 = 512 << 20;
            limit(libc::RLIMIT_DATA, self.data.saturating_add(bytes).saturating_add(BESIDE));
        }

        /// Ends the process if a photo takes very long: whoever should end it sooner may be gone.
        pub(in super::super) fn allow_time(&self) {
            const LONGEST: u32 = 600;
            // SAFETY: it sets a timer whose signal ends the process.
            unsafe { libc::alarm(LONGEST) };
        }
    }

    fn limit(what: libc::__rlimit_resource_t, to: u64) {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer for the result is valid.
        if unsafe { libc::getrlimit(what, &raw mut limit) } == 0 {
            // Only the soft limit, so that it can be raised for the next photo.
            limit.rlim_cur = to.min(limit.rlim_max);
            // SAFETY: the value is one that the system gave, with a lower soft limit.
            unsafe { libc::setrlimit(what, &raw const limit) };
        }
    }

    /// Bytes of data and stacks of this process.
    fn bytes_of_data() -> u64 {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = pages.split_ascii_whitespace().nth(5).and_then(|pages| pages.parse::<u64>().ok());
        // SAFETY: it only queries.
        let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        pages.unwrap_or(0).saturating_mul(page)
    }

    /// System calls that fail with "permission denied".
    const REFUSED: &[i64] = &[
        // Files.
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat,
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_open_by_handle_at,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink,
        libc::SYS_unlinkat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir,
        libc::SYS_mkdirat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rmdir,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link,
        libc::SYS_linkat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_symlink,
        libc::SYS_symlinkat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod,
        libc::SYS_fchmodat,
        libc::SYS_truncate,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_chroot,
        // Connections.
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        // Other programs and processes. Threads may be started.
        libc::SYS_execve,
        libc::SYS_execveat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork,
        libc::SYS_kill,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        // Ways around these.
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_unshare,
        libc::SYS_setns,
    ];
}
