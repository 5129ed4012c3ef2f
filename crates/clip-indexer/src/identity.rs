//! What tells a file system from others that may be mounted in its place.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use clip_index::Drive;

/// What tells a file system from others: what a look at its topmost folder gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub inode: u64,
    /// In nanoseconds since 1970.
    pub made_ns: Option<i64>,
    /// In nanoseconds since 1970.
    pub changed_ns: Option<i64>,
}

impl Identity {
    /// That of a folder; `None` where the system does not tell.
    pub fn of(metadata: &Metadata) -> Option<Identity> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let changed = metadata.ctime().checked_mul(1_000_000_000).map(|seconds| seconds + metadata.ctime_nsec());
            Some(Identity {
                inode: metadata.ino(),
                made_ns: metadata.created().ok().and_then(nanoseconds).filter(is_set),
                changed_ns: changed.filter(is_set),
            })
        }
        #[cfg(not(unix))]
        {
            let _ = (metadata, nanoseconds, is_set);
            None
        }
    }

    /// Whether it is that of a drive that the index knows.
    pub fn is(&self, drive: &Drive) -> bool {
        let same = |a: Option<i64>, b: Option<i64>| a.is_some() && a == b;
        let is_either = self.made_ns.is_some() && drive.made_ns.is_some();
        self.inode == drive.inode
            && if is_either { self.made_ns == drive.made_ns } else { same(self.changed_ns, drive.changed_ns) }
    }
}

/// Whether a time is one: file systems that keep none give the year in which their time begins, 1970 or 1980.
fn is_set(nanoseconds: &i64) -> bool {
    const YEAR_NS: i64 = 31_557_600_000_000_000;
    *nanoseconds > 11 * YEAR_NS
}

fn nanoseconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_years_in_which_file_systems_begin_are_no_times() {
        assert_eq!([0, 315_532_800_000_000_000].map(|time| is_set(&time)), [false; 2]);
        assert!(is_set(&1_000_000_000_000_000_000));
    }
}
