//! JSON files that carry a kind, a format version and a checksum.
//!
//! The first line is a header object, the rest is the document:
//! `{"kind":"clip-search manifest","version":1,"crc32":"1a2b3c4d"}`. The checksum covers all bytes after that line, and from
//! version 3 on what comes before it in that line, so that no damage to the version can pass for a newer version.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Files of this version and of later ones have a checksum that covers their header line too.
const LINE_IS_COVERED: u32 = 3;

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

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(
    kind: &str,
    supported: u32,
    bytes: &[u8],
    path: &Path,
) -> Result<T, IndexError> {
    let (document, _) = document(kind, supported, bytes, path)?;
    serde_json::from_slice(document).map_err(|error| invalid(path, &error))
}

/// A document that has the checksum that it should have, but not the form.
pub(crate) fn invalid(path: &Path, error: &serde_json::Error) -> IndexError {
    IndexError::corrupt(path, format!("the document is not valid: {error}"))
}

/// The document in such a file, and the file's version. A file of a newer version is refused, unless it says that it can be read
/// by programs of this one. What it says of its version is believed only once the checksum was found to match.
pub(crate) fn document<'a>(
    kind: &str,
    supported: u32,
    bytes: &'a [u8],
    path: &Path,
) -> Result<(&'a [u8], u32), IndexError> {
    let corrupt = |reason: String| IndexError::corrupt(path, reason);
    let line_end = bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or_else(|| corrupt(format!("expected a header line of a {kind:?} file, found none")))?;
    let (line, body) = bytes.split_at(line_end + 1);
    let found: Header = serde_json::from_slice(line)
        .map_err(|_| corrupt(format!("expected a header line of a {kind:?} file, found something else")))?;
    if found.kind != kind {
        return Err(corrupt(format!("expected a {kind:?} file, found {:?}", found.kind)));
    }
    if found.version == 0 || !is_as_written(&found, line, body) {
        return Err(corrupt("the checksum does not match".into()));
    }
    if found.readable_by.unwrap_or(found.version) > supported {
        return Err(IndexError::NewerFormat { path: path.to_path_buf(), found: found.version, supported });
    }
    Ok((body, found.version))
}

/// Has this line the checksum of the document, and of itself where that is covered? Where it is not, the whole line must be as
/// [`encode`] writes it: so a damaged header is noticed even where it still parses.
fn is_as_written(found: &Header, line: &[u8], body: &[u8]) -> bool {
    if found.version < LINE_IS_COVERED {
        return header(&found.kind, found.version, found.readable_by, body).is_ok_and(|expected| line == expected);
    }
    let end = end_of_line(0).len();
    line.len() > end && line.ends_with(&end_of_line(checksum(found.version, &line[..line.len() - end], body)))
}

/// What a header line ends with.
fn end_of_line(crc32: u32) -> Vec<u8> {
    format!(",\"crc32\":\"{crc32:08x}\"}}\n").into_bytes()
}

/// The checksum in a header line that begins with these bytes.
fn checksum(version: u32, line: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    if version >= LINE_IS_COVERED {
        crc.update(line);
    }
    crc.update(body);
    crc.finalize()
}

fn header(kind: &str, version: u32, readable_by: Option<u32>, body: &[u8]) -> serde_json::Result<Vec<u8>> {
    let header = Header { kind: kind.into(), version, readable_by, crc32: format!("{:08x}", 0) };
    let mut line = serde_json::to_vec(&header)?;
    line.push(b'\n');
    line.truncate(line.len() - end_of_line(0).len());
    let crc = checksum(version, &line, body);
    line.extend(end_of_line(crc));
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
        // Later versions may say more in that line, as long as the checksum is where it was.
        let line = b"{\"kind\":\"thing\",\"version\":7,\"more\":[1]";
        let more = [&line[..], &end_of_line(checksum(7, line, b"[1]\n")), b"[1]\n"].concat();
        let found = decode::<Vec<u32>>("thing", 2, &more, Path::new("f")).unwrap_err();
        assert!(matches!(found, IndexError::NewerFormat { found: 7, .. }), "{found}");
        let message = error.to_string();
        assert!(message.contains('7') && message.contains('2'), "{message}");
    }

    #[test]
    fn a_newer_version_that_can_be_read_is_read() {
        let body = b"[1]\n";
        let file = |readable_by| [header("thing", 7, Some(readable_by), body).unwrap(), body.to_vec()].concat();
        assert_eq!(document("thing", 2, &file(2), Path::new("f")).unwrap(), (&body[..], 7));
        assert!(decode::<Vec<u32>>("thing", 2, &file(3), Path::new("f")).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(values: Vec<u32>) {
            let bytes = encode("thing", 1, &values).unwrap();
            prop_assert!(is_kind("thing", &bytes) && !is_kind("thin", &bytes));
            prop_assert_eq!(decode::<Vec<u32>>("thing", 1, &bytes, Path::new("f")).unwrap(), values);
        }

        #[test]
        fn any_flipped_bit_is_noticed(values: Vec<u32>, version in 1u32..12, at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = encode("thing", version, &values).unwrap();
            // The line with the version has more faults than all that follows.
            let at = at.index(bytes.len().min(120));
            bytes[at] ^= 1 << bit;
            let found = decode::<Vec<u32>>("thing", 2, &bytes, Path::new("f"));
            prop_assert!(matches!(found, Err(IndexError::Corrupt { .. })), "{found:?}");
        }

        #[test]
        fn any_bytes_give_an_error(bytes: Vec<u8>) {
            prop_assert!(decode::<Vec<u32>>("thing", 1, &bytes, Path::new("f")).is_err());
        }
    }
}
