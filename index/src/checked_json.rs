//! JSON files that carry a kind, a format version and a checksum.
//!
//! The first line is a header object, the rest is the document:
//! `{"kind":"clip-search manifest","version":1,"crc32":"1a2b3c4d"}`. The checksum covers all bytes after that line.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::IndexError;

#[derive(Serialize, Deserialize)]
struct Header {
    kind: String,
    version: u32,
    /// The oldest version whose readers can read it, if that is not `version` itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    readable_by: Option<u32>,
    crc32: String,
}

pub(crate) fn encode(kind: &str, version: u32, document: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut body = serde_json::to_vec_pretty(document)?;
    body.push(b'\n');
    let mut bytes = header(kind, version, None, &body)?;
    bytes.append(&mut body);
    Ok(bytes)
}

/// Does a file that begins with these bytes say to be of this kind? It may be damaged all the same, or newer.
pub(crate) fn is_kind(kind: &str, beginning: &[u8]) -> bool {
    beginning.starts_with(format!("{{\"kind\":\"{kind}\",\"version\":").as_bytes())
}

/// Reads what [`encode`] wrote, and its version. The version comes first, so that a newer file is told from a damaged one;
/// one that says it can be read by programs of this version is read.
pub(crate) fn decode<T: DeserializeOwned>(
    kind: &str,
    supported: u32,
    bytes: &[u8],
    path: &Path,
) -> Result<(T, u32), IndexError> {
    let corrupt = |reason: String| IndexError::corrupt(path, reason);
    let line_end = bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or_else(|| corrupt(format!("expected a header line of a {kind:?} file, found none")))?;
    let (line, body) = bytes.split_at(line_end + 1);
    let found: Header =
        serde_json::from_slice(line).map_err(|error| corrupt(format!("the header line is not valid: {error}")))?;
    if found.kind != kind {
        return Err(corrupt(format!("expected a {kind:?} file, found {:?}", found.kind)));
    }
    if found.readable_by.unwrap_or(found.version) > supported {
        return Err(IndexError::NewerFormat { path: path.to_path_buf(), found: found.version, supported });
    }
    // The whole line must be as `encode` writes it: so a damaged header is noticed even where it still parses.
    let expected = header(kind, found.version, found.readable_by, body).map_err(|error| corrupt(error.to_string()))?;
    if found.version == 0 || line != expected {
        return Err(corrupt("the checksum does not match".into()));
    }
    let document =
        serde_json::from_slice(body).map_err(|error| corrupt(format!("the document is not valid: {error}")))?;
    Ok((document, found.version))
}

fn header(kind: &str, version: u32, readable_by: Option<u32>, body: &[u8]) -> serde_json::Result<Vec<u8>> {
    let header = Header { kind: kind.into(), version, readable_by, crc32: format!("{:08x}", crc32fast::hash(body)) };
    let mut line = serde_json::to_vec(&header)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_newer_version_is_named() {
        let bytes = encode("thing", 7, &[1, 2, 3]).unwrap();
        let error = decode::<Vec<u32>>("thing", 2, &bytes, Path::new("f")).unwrap_err();
        assert!(matches!(error, IndexError::NewerFormat { found: 7, supported: 2, .. }));
        let message = error.to_string();
        assert!(message.contains('7') && message.contains('2'), "{message}");
    }

    #[test]
    fn a_newer_version_that_can_be_read_is_read() {
        let body = b"[1]\n";
        let file = |readable_by| [header("thing", 7, Some(readable_by), body).unwrap(), body.to_vec()].concat();
        assert_eq!(decode::<Vec<u32>>("thing", 2, &file(2), Path::new("f")).unwrap(), (vec![1], 7));
        assert!(decode::<Vec<u32>>("thing", 2, &file(3), Path::new("f")).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(values: Vec<u32>) {
            let bytes = encode("thing", 1, &values).unwrap();
            prop_assert!(is_kind("thing", &bytes) && !is_kind("thin", &bytes));
            prop_assert_eq!(decode::<Vec<u32>>("thing", 1, &bytes, Path::new("f")).unwrap(), (values, 1));
        }

        #[test]
        fn any_flipped_bit_is_noticed(values: Vec<u32>, at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = encode("thing", 1, &values).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode::<Vec<u32>>("thing", 1, &bytes, Path::new("f")).is_err());
        }

        #[test]
        fn any_bytes_give_an_error(bytes: Vec<u8>) {
            prop_assert!(decode::<Vec<u32>>("thing", 1, &bytes, Path::new("f")).is_err());
        }
    }
}
