//! The file system as it is.

use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::batcher::{Disk, Look};

/// Looks at real files.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn look(&self, path: &Path) -> Look {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                let modified = metadata.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
                    Ok(after) => after.as_nanos() as i128,
                    Err(before) => -(before.duration().as_nanos() as i128),
                });
                Look::File { size: metadata.len(), modified }
            }
            _ => Look::Other,
        }
    }
}
