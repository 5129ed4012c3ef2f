//! Reading a file at places, without a position that readers would share.

use std::fs::File;
use std::io;

pub(super) trait At {
    /// Fills `out` with what is at `offset`.
    fn at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
}

#[cfg(unix)]
impl At for File {
    fn at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, out, offset)
    }
}

#[cfg(windows)]
impl At for File {
    fn at(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, out, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    offset += count as u64;
                    out = &mut out[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
