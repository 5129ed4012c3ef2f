//! What this process has used so far.

use std::time::Duration;

/// Processor time of all threads; `None` where the system does not tell.
#[cfg(unix)]
pub(crate) fn cpu_time() -> Option<Duration> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a `rusage`, which the call fills.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: all zeros are a valid `rusage`, and the call succeeded.
    let usage = unsafe { usage.assume_init() };
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.try_into().unwrap_or_default())
            + Duration::from_micros(time.tv_usec.try_into().unwrap_or_default())
    };
    Some(duration(usage.ru_utime) + duration(usage.ru_stime))
}

/// Processor time of all threads; `None` where the system does not tell.
#[cfg(not(unix))]
pub(crate) fn cpu_time() -> Option<Duration> {
    None
}

/// Most memory that was in use at a time, in bytes; `None` where the system does not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    peak(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_as_linux_tells_it() {
        assert_eq!(peak("VmPeak:  9 kB\nVmHWM:\t  51200 kB\n"), Some(51_200 * 1024));
        assert_eq!(peak("VmPeak:  9 kB\n"), None);
    }

    #[test]
    #[cfg(unix)]
    fn work_takes_processor_time() {
        let before = cpu_time().unwrap();
        let mut sum = 0_u64;
        while cpu_time().unwrap() == before {
            sum = std::hint::black_box(sum.wrapping_mul(3) + 1);
        }
        assert!(cpu_time().unwrap() > before);
    }
}
