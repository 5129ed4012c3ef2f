//! What this machine has to offer a model.

use clip_hub::Catalogue;
use clip_search::Report;

/// Memory where the system does not tell: what a small machine has free.
const MODEST_MEMORY: u64 = 4 << 30;

/// Thousands of millions of operations a second for each core, where nothing was measured.
const MODEST_GFLOPS_PER_CORE: f64 = 10.0;

/// Photos below which a run says nothing about speed.
const ENOUGH_PHOTOS: u64 = 16;

/// Memory that programs may use, in bytes.
pub(crate) fn memory() -> u64 {
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    // A container may get less than the machine has.
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    match (available, limit) {
        (Some(available), Some(limit)) => available.min(limit),
        (Some(memory), None) | (None, Some(memory)) => memory,
        (None, None) => MODEST_MEMORY,
    }
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A guess at the speed, before anything was measured.
pub(crate) fn modest_gflops() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64) * MODEST_GFLOPS_PER_CORE
}

/// The speed that a run with the built-in model showed.
pub(crate) fn gflops(report: &Report, catalogue: &Catalogue) -> f64 {
    let encoded = report.indexed.saturating_sub(report.copied);
    let seconds = report.stages.encode.as_secs_f64();
    let per_photo = catalogue.find("pocket").and_then(|entry| entry.image_gflops);
    match per_photo {
        Some(per_photo) if encoded >= ENOUGH_PHOTOS && seconds > 0.0 => per_photo * encoded as f64 / seconds,
        _ => modest_gflops(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_as_linux_tells_it() {
        let text =
            "MemTotal:       24576000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), Some(20_000_000 * 1024));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert_eq!(available("MemAvailable: much\n"), None);
        assert!(memory() > 1 << 20);
    }
}
