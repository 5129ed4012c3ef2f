//! Size and time of change: the cheap sign that a file is still the one the index knows.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file's size and modification time as its file system reports them.
///
/// Stamps are compared for equality only: a clock set back, a restored backup or a copied card all give an older time
/// to new content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// In bytes.
    pub size: u64,
    /// In nanoseconds since 1970 began, negative before; 0 where the file system keeps no time.
    pub mtime_ns: i128,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp { size: metadata.len(), mtime_ns: metadata.modified().map_or(0, nanoseconds) }
    }
}

fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_before_1970_are_negative() {
        assert_eq!(nanoseconds(UNIX_EPOCH + Duration::new(2, 5)), 2_000_000_005);
        assert_eq!(nanoseconds(UNIX_EPOCH - Duration::from_nanos(3)), -3);
    }
}
