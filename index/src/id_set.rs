//! Files that hold a set of ids: `vectors/<file>.del`, and `deleted-<generation>.bin` of version 1 of the index.
//!
//! Little-endian: magic (8 bytes), version (u32), CRC-32 of the rest (u32), number of ids (u64), then a 64-bit roaring
//! bitmap in the portable format of the Roaring specification.

use std::path::Path;

use roaring::RoaringTreemap;

use crate::error::IndexError;

pub(crate) const MAGIC: [u8; 8] = *b"clipids\0";
const VERSION: u32 = 1;
const BODY: usize = 16;

pub(crate) fn encode(ids: &RoaringTreemap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BODY + 8 + ids.serialized_size());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&ids.len().to_le_bytes());
    ids.serialize_into(&mut bytes).expect("writing to memory does not fail");
    let crc = crc32fast::hash(&bytes[BODY..]);
    bytes[12..BODY].copy_from_slice(&crc.to_le_bytes());
    bytes
}

pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<RoaringTreemap, IndexError> {
    let corrupt = |reason: &str| IndexError::corrupt(path, reason);
    if bytes.len() < BODY + 8 {
        return Err(corrupt("it is too short for a set of ids"));
    }
    if bytes[..8] != MAGIC {
        return Err(corrupt("it does not start with the magic number of an id set"));
    }
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let version = word(8);
    if version == 0 || word(12) != crc32fast::hash(&bytes[BODY..]) {
        return Err(corrupt("the checksum does not match"));
    }
    if version > VERSION {
        return Err(IndexError::NewerFormat { path: path.to_path_buf(), found: version, supported: VERSION });
    }
    let (count, mut set) = bytes[BODY..].split_at(8);
    let ids = RoaringTreemap::deserialize_from(&mut set)
        .map_err(|error| IndexError::corrupt(path, format!("the set of ids is not valid: {error}")))?;
    if !set.is_empty() || ids.len().to_le_bytes() != count {
        return Err(corrupt("the number of ids does not match"));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(ids: Vec<u64>) {
            let ids: RoaringTreemap = ids.into_iter().collect();
            prop_assert_eq!(decode(&encode(&ids), Path::new("f")).unwrap(), ids);
        }

        #[test]
        fn damage_is_noticed(ids: Vec<u64>, at: prop::sample::Index, bit in 0u8..8, cut: prop::sample::Index) {
            let bytes = encode(&ids.into_iter().collect());
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            prop_assert!(decode(&flipped, Path::new("f")).is_err());
            prop_assert!(decode(&bytes[..cut.index(bytes.len())], Path::new("f")).is_err());
        }

        #[test]
        fn any_bytes_give_an_error(body: Vec<u8>) {
            // With a checksum that fits, so that the bitmap's own parser sees them.
            let mut bytes = encode(&RoaringTreemap::new());
            bytes.truncate(BODY);
            bytes.extend_from_slice(&body);
            let crc = crc32fast::hash(&bytes[BODY..]);
            bytes[12..BODY].copy_from_slice(&crc.to_le_bytes());
            if let Ok(ids) = decode(&bytes, Path::new("f")) {
                prop_assert_eq!(&ids.len().to_le_bytes()[..], &body[..8]);
            }
        }
    }
}
