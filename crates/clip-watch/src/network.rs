//! Which file systems others change without this machine's being told.

use std::path::Path;

/// Whether a folder is on a file system of the network, of which the system tells only the changes that it makes itself. False
/// where that is not known.
pub fn is_on_network(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // The numbers of statfs(2): NFS, SMB, SMB 2 and 3, CIFS, 9P, AFS, Ceph, FUSE (sshfs, rclone and the like).
        const KINDS: [i64; 8] =
            [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42, 0x0102_1997, 0x5346_414f, 0x00c3_6400, 0x6573_5546];
        linux_kind(folder).is_some_and(|kind| KINDS.contains(&(kind & 0xffff_ffff)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}

#[cfg(target_os = "linux")]
fn linux_kind(folder: &Path) -> Option<i64> {
    use std::ffi::CString;
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;

    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut about = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `path` ends in a zero and outlives the call, which writes to nothing but `about`, which is large enough.
    let status = unsafe { libc::statfs(path.as_ptr(), about.as_mut_ptr()) };
    // SAFETY: the call fills it if it returns 0.
    let about = (status == 0).then(|| unsafe { about.assume_init() })?;
    // It has other types on other systems.
    #[allow(clippy::unnecessary_cast)]
    let kind = about.f_type as i64;
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_on_no_network() {
        assert!(!is_on_network(Path::new("/does/not/exist")));
        assert!(!is_on_network(Path::new("/proc")));
    }
}
