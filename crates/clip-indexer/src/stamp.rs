//! What a directory entry tells of a file: the cheap sign that it is still the one the index knows.

use std::fs::Metadata;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clip_image::Limits;
use clip_index::{Inode, Stamp};

/// A file's stamp as its file system reports it. The time of modification is 0 where the file system keeps none.
///
/// Stamps are compared for equality only: a clock set back, a restored backup or a copied card all give an older time
/// to new content.
pub fn stamp_of(metadata: &Metadata) -> Stamp {
    let (ctime_ns, inode) = change_time_and_inode(metadata);
    Stamp { size: metadata.len(), mtime_ns: metadata.modified().map_or(0, nanoseconds), ctime_ns, inode }
}

/// The stamp of a photo's file, taken before it is read, and the hash of its content, as an index has them; `None` if the file
/// cannot be read.
pub fn describe(path: &Path) -> Option<(Stamp, [u8; 16])> {
    let stamp = stamp_of(&path.metadata().ok()?);
    let bytes = clip_image::read_file(path, &Limits::default()).ok()?;
    Some((stamp, clip_image::hash_bytes(&bytes).0))
}

/// Number of the file system that a file is on.
pub(crate) fn device_of(metadata: &Metadata) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some(metadata.dev())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

#[cfg(unix)]
fn change_time_and_inode(metadata: &Metadata) -> (Option<i128>, Option<Inode>) {
    use std::os::unix::fs::MetadataExt;
    let ctime_ns = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    (Some(ctime_ns), Some(Inode { device: metadata.dev(), number: metadata.ino() }))
}

#[cfg(not(unix))]
fn change_time_and_inode(_: &Metadata) -> (Option<i128>, Option<Inode>) {
    (None, None)
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
