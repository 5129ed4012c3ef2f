//! What a file lies on: whether reads here and there in it are slow, and whether it is in memory already.
//!
//! A disk that has to move its heads, or a share on a network, takes milliseconds for each page that is read out of order:
//! a walk through thousands of them takes longer there than reading the whole file. Memory is fast whatever the disk is.

use std::path::Path;

/// Are reads out of order slow where this file lies? False where the system does not tell.
pub fn is_slow_at_random(path: &Path) -> bool {
    system::is_slow_at_random(path).unwrap_or(false)
}

/// The share of a mapped file's pages that are in memory, from 0 to 1, by a look at a few of them; `None` where the system
/// does not tell. `mapped` must lie in a mapping of a file.
pub fn share_in_memory(mapped: &[u8]) -> Option<f32> {
    if mapped.is_empty() {
        return None;
    }
    system::share_in_memory(mapped)
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod system {
    use std::ffi::CString;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// File systems of other machines, and those that a program of the user's serves, by the numbers in `statfs(2)`: NFS,
    /// SMB in three versions, AFS, Ceph, 9P and FUSE.
    const REMOTE: [u32; 8] =
        [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x5346_414f, 0x00c3_6400, 0x0102_1997, 0x6573_5546];
    /// Pages that are looked at.
    const SAMPLES: usize = 64;

    pub(super) fn is_slow_at_random(path: &Path) -> Option<bool> {
        if REMOTE.contains(&file_system(path)?) {
            return Some(true);
        }
        let device = fs::metadata(path).ok()?.dev();
        let device = format!("/sys/dev/block/{}:{}", libc::major(device), libc::minor(device));
        // A partition has no queue of its own: the disk around it has.
        let rotational = ["queue/rotational", "../queue/rotational"]
            .iter()
            .find_map(|name| fs::read_to_string(Path::new(&device).join(name)).ok())?;
        Some(rotational.trim() == "1")
    }

    fn file_system(path: &Path) -> Option<u32> {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
        // SAFETY: the path ends with a zero byte, and there is room for the answer.
        if unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
            return None;
        }
        // SAFETY: the call succeeded, so it has filled it in.
        let found = unsafe { found.assume_init() };
        // The type has 32 bits, however wide the field is.
        Some(found.f_type as u32)
    }

    pub(super) fn share_in_memory(mapped: &[u8]) -> Option<f32> {
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok().filter(|&page| page > 0)?;
        let start = mapped.as_ptr() as usize / page * page;
        let pages = (mapped.as_ptr() as usize + mapped.len() - start).div_ceil(page);
        let step = pages.div_ceil(SAMPLES).max(1);
        let (mut looked_at, mut present) = (0u32, 0u32);
        for index in (0..pages).step_by(step) {
            let mut state = 0u8;
            let address = (start + index * page) as *mut libc::c_void;
            // SAFETY: the page is one of the mapping, and there is room for the state of one page. Nothing is read from it.
            if unsafe { libc::mincore(address, page, &mut state) } != 0 {
                return None;
            }
            looked_at += 1;
            present += u32::from(state & 1);
        }
        Some(present as f32 / looked_at.max(1) as f32)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    pub(super) fn is_slow_at_random(_: &Path) -> Option<bool> {
        None
    }

    pub(super) fn share_in_memory(_: &[u8]) -> Option<f32> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(unsafe_code)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_never_slow_and_a_missing_file_is_not_known_to_be() {
        assert!(!is_slow_at_random(Path::new("/proc/self/status")));
        assert!(!is_slow_at_random(Path::new("/nowhere/at/all")));
    }

    #[test]
    fn pages_that_were_read_are_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, vec![7u8; 300_000]).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        // SAFETY: nobody changes the file.
        let map = unsafe { memmap2::Mmap::map(&file) }.unwrap();
        assert!(map.iter().all(|&byte| byte == 7));
        assert_eq!(share_in_memory(&map), Some(1.0));
        assert_eq!(share_in_memory(&map[5000..5001]), Some(1.0));
        assert_eq!(share_in_memory(&[]), None);
    }
}
