//! The hash that a file of the hub must have, and hashing.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::HubError;
use crate::progress::go_on;

/// How many bytes are read at a time.
const CHUNK: usize = 1 << 20;

/// The hash by which the hub knows a file, and under which the cache keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Digest {
    /// Of large files: SHA-256 of the content.
    Sha256([u8; 32]),
    /// Of small ones, which are in git itself: SHA-1 of a header with the length, and the content.
    GitBlob([u8; 20]),
}

impl Digest {
    /// Reads an entity tag (`"…"` or `W/"…"`), or the name of a blob in the cache, which is the same without the quotes.
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
        match tag.len() {
            64 => from_hex(tag).map(Self::Sha256),
            40 => from_hex(tag).map(Self::GitBlob),
            _ => None,
        }
    }

    /// A hasher for content that should have this digest. Git's hash covers the length, which is why it is asked for.
    fn hasher(&self, length: u64) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Self::GitBlob(_) => {
                let mut hasher = Sha1::new();
                hasher.update(format!("blob {length}\0"));
                Hasher::GitBlob(hasher)
            }
        }
    }

    /// Whether a file has this content. `cancel` is looked at between blocks.
    ///
    /// # Errors
    /// As [`of_file`](Self::of_file).
    pub fn matches(&self, path: &Path, cancel: &AtomicBool) -> Result<bool, HubError> {
        Ok(self.of_file(path, cancel)? == *self)
    }

    /// A file's digest, of the same kind as this one.
    ///
    /// # Errors
    /// [`HubError::Io`], and [`HubError::Cancelled`] if `cancel` says so.
    pub fn of_file(&self, path: &Path, cancel: &AtomicBool) -> Result<Self, HubError> {
        let io = |source| HubError::Io { action: "read", path: path.to_owned(), source };
        let mut file = clip_files::regular::open(path).map_err(io)?;
        let mut hasher = self.hasher(file.metadata().map_err(io)?.len());
        let mut block = vec![0; CHUNK];
        loop {
            go_on(cancel)?;
            match file.read(&mut block) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(n) => hasher.update(&block[..n]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(io(source)),
            }
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::Sha256(bytes) => bytes,
            Self::GitBlob(bytes) => bytes,
        };
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Hashes content a block at a time.
enum Hasher {
    Sha256(Sha256),
    GitBlob(Sha1),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::GitBlob(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::GitBlob(hasher) => Digest::GitBlob(hasher.finalize().into()),
        }
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |b: u8| (b as char).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_as_servers_write_them() {
        // `git hash-object` and `sha256sum` of "hello\n".
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello");
        std::fs::write(&path, "hello\n").unwrap();
        for tag in [git, sha256] {
            for written in [tag.to_owned(), format!("\"{tag}\""), format!("W/\"{tag}\""), tag.to_uppercase()] {
                let digest = Digest::parse(&written).unwrap();
                assert_eq!(digest.to_string(), tag);
                assert!(digest.matches(&path, &AtomicBool::new(false)).unwrap(), "{tag}");
            }
        }
        std::fs::write(&path, "hello!").unwrap();
        assert!(!Digest::parse(git).unwrap().matches(&path, &AtomicBool::new(false)).unwrap());
        assert!(!Digest::parse(sha256).unwrap().matches(&path, &AtomicBool::new(false)).unwrap());
    }

    #[test]
    fn what_is_no_hash_is_none() {
        for tag in ["", "\"\"", "abc", &"g".repeat(40), "\"5891b5b522d5df086d0ff0b110fbd9d2-12\"", &"é".repeat(20)] {
            assert_eq!(Digest::parse(tag), None, "{tag}");
        }
    }

    #[test]
    fn hashing_stops_when_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "x").unwrap();
        let stopped = Digest::parse(&"0".repeat(64)).unwrap().matches(&path, &AtomicBool::new(true));
        assert!(matches!(stopped, Err(HubError::Cancelled)));
    }
}
