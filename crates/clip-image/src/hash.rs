//! Identifies a file's content.

use std::fmt;
use std::io::{self, Read};

/// The first 16 bytes of a file's BLAKE3 hash: equal for equal content, wherever the file is.
///
/// 128 bits leave no chance of an accidental collision (one in 10^22 among 100 million photos).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 16]);

impl fmt::Display for ContentHash {
    /// Writes 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Hashes the content of a file.
pub fn hash_bytes(bytes: &[u8]) -> ContentHash {
    short(blake3::hash(bytes))
}

/// Hashes the content of a file that is too large to be in memory. The same content has the same hash as by [`hash_bytes`].
///
/// # Errors
/// Those of reading.
pub fn hash_reader(content: impl Read) -> io::Result<ContentHash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(content)?;
    Ok(short(hasher.finalize()))
}

fn short(full: blake3::Hash) -> ContentHash {
    let mut short = [0; 16];
    short.copy_from_slice(&full.as_bytes()[..16]);
    ContentHash(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_published_hash_of_nothing_cut_short() {
        assert_eq!(hash_bytes(b"").to_string(), "af1349b9f5f9a1a6a0404dea36dcc949");
    }

    #[test]
    fn a_stream_has_the_hash_of_its_bytes() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
        assert_eq!(hash_reader(&bytes[..]).unwrap(), hash_bytes(&bytes));
    }

    #[test]
    fn tells_one_flipped_bit() {
        assert_ne!(hash_bytes(b"photo"), hash_bytes(b"photo\x01"));
        assert_ne!(hash_bytes(&[0]), hash_bytes(&[1]));
    }
}
