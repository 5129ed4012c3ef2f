//! Files that could not be indexed, as the index remembers them: one file with all of them, written again whenever one
//! changes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clip_files::path_bytes;

use crate::asset::{Stamp, stored_path};
use crate::error::IndexError;
use crate::fields::{self, Fields, tag};
use crate::frame::{self, Frame, HEADER, Header, align};
use crate::manifest::{BadFilesEntry, Unknown};

pub(crate) const KIND: frame::Kind =
    frame::Kind { magic: *b"clipbad\0", version: 1, name: "list of bad files", is_cache: true };
/// Where the header has the number of entries and the bytes of all together.
const COUNT_AT: usize = 12;
const BYTES_AT: usize = 20;

const REASON: u8 = 14;
const DECODER: u8 = 15;

/// A file that could not be indexed. It is remembered, so that it need not be tried and told of again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// Where it lies, absolute.
    pub path: PathBuf,
    /// Its stamp when it was tried; all zero if it has none.
    pub stamp: Stamp,
    /// The hash of its content, if that was read.
    pub hash: Option<[u8; 16]>,
    /// Why it could not be indexed, a phrase for people.
    pub reason: String,
    /// What tried to decode it, if its content was at fault: a number that is another one for a decoder that may do better.
    /// `None` if something else was at fault, such as access rights, so that it is worth another try each time.
    pub decoder: Option<u64>,
}

/// All bad files, by their paths.
pub(crate) type BadFiles = BTreeMap<PathBuf, BadFile>;

/// Writes a list that is not empty. Files whose paths cannot be stored are left out.
pub(crate) fn write(path: &Path, number: u64, files: &BadFiles) -> Result<BadFilesEntry, IndexError> {
    let (mut bytes, mut count) = (Vec::new(), 0);
    let mut entry = Vec::new();
    for file in files.values() {
        entry.clear();
        if encode(file, &mut entry).is_ok() {
            fields::push_length(entry.len(), &mut bytes);
            bytes.extend_from_slice(&entry);
            count += 1;
        }
    }
    let mut header = Header::new();
    header.set_u64(COUNT_AT, count);
    header.set_u64(BYTES_AT, bytes.len() as u64);
    frame::write(path, &KIND, header, |out| out.write_all(&bytes))?;
    let header_crc32 = open(path)?.content_crc();
    Ok(BadFilesEntry { file: number, header_crc32, files: count, unknown: Unknown::new() })
}

/// Reads the list that the manifest names, and compares its checksums.
pub(crate) fn read(path: &Path, entry: &BadFilesEntry) -> Result<BadFiles, IndexError> {
    let frame = open(path)?;
    if frame.content_crc() != entry.header_crc32 {
        return Err(IndexError::corrupt(path, "it is not the file that the manifest names"));
    }
    frame.verify()?;
    decode_all(&frame).ok_or_else(|| IndexError::corrupt(path, "its entries cannot be read"))
}

fn open(path: &Path) -> Result<Frame, IndexError> {
    Frame::open(path, &KIND, |header| align(end(header)?))
}

/// Where the entries end.
fn end(header: &Header) -> Option<usize> {
    usize::try_from(header.u64(BYTES_AT)).ok()?.checked_add(HEADER)
}

fn decode_all(frame: &Frame) -> Option<BadFiles> {
    let mut bytes: &[u8] = frame.section(HEADER..end(frame.header())?);
    let mut files = BadFiles::new();
    while !bytes.is_empty() {
        let file = decode(fields::take_counted(&mut bytes)?)?;
        files.insert(file.path.clone(), file);
    }
    (files.len() as u64 == frame.header().u64(COUNT_AT)).then_some(files)
}

fn encode(file: &BadFile, out: &mut Vec<u8>) -> Result<(), IndexError> {
    fields::push(tag::PATH, &[&stored_path(&file.path)?], out);
    if let Some(hash) = &file.hash {
        fields::push(tag::HASH, &[hash], out);
    }
    fields::push_stamp(&file.stamp, out);
    fields::push(REASON, &[file.reason.as_bytes()], out);
    if let Some(decoder) = file.decoder {
        fields::push(DECODER, &[&decoder.to_le_bytes()], out);
    }
    Ok(())
}

fn decode(bytes: &[u8]) -> Option<BadFile> {
    let (mut path, mut reason) = (None, None);
    let mut file =
        BadFile { path: PathBuf::new(), stamp: Stamp::default(), hash: None, reason: String::new(), decoder: None };
    for field in Fields(bytes) {
        let (tag, value) = field?;
        match tag {
            tag::PATH => path = Some(path_bytes::to_path(value)),
            tag::HASH => file.hash = Some(value.try_into().ok()?),
            REASON => reason = Some(str::from_utf8(value).ok()?.to_owned()),
            DECODER => file.decoder = Some(u64::from_le_bytes(value.try_into().ok()?)),
            tag => fields::take_stamp(tag, value, &mut file.stamp)?,
        }
    }
    Some(BadFile { path: path?, reason: reason?, ..file })
}

/// Reads bytes as a list and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("file");
    std::fs::write(&path, bytes).expect("a file");
    let Ok(frame) = open(&path) else { return };
    let Some(files) = decode_all(&frame) else { return };
    if files.is_empty() {
        return;
    }
    let again = dir.path().join("again");
    let entry = write(&again, 1, &files).expect("what was read can be written");
    assert_eq!(read(&again, &entry).expect("what was written can be read"), files);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::asset::Inode;

    prop_compose! {
        fn bad_files()(
            path in "/.{0,30}",
            (size, mtime, ctime, inode, hash) in
                any::<(u64, i64, Option<i64>, Option<(u64, u64)>, Option<[u8; 16]>)>(),
            reason in ".{0,200}",
            decoder: Option<u64>,
        ) -> BadFile {
            BadFile {
                path: path.into(),
                stamp: Stamp {
                    size,
                    mtime_ns: mtime.into(),
                    ctime_ns: ctime.map(i128::from),
                    inode: inode.map(|(device, number)| Inode { device, number }),
                },
                hash,
                reason,
                decoder,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn round_trip(list in prop::collection::vec(bad_files(), 1..40)) {
            let files: BadFiles = list.into_iter().map(|file| (file.path.clone(), file)).collect();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("00000001.bad");
            let entry = write(&path, 1, &files).unwrap();
            prop_assert_eq!((entry.file, entry.files), (1, files.len() as u64));
            prop_assert_eq!(read(&path, &entry).unwrap(), files);
        }

        #[test]
        fn fields_of_later_versions_are_passed_over(file in bad_files()) {
            let mut bytes = Vec::new();
            encode(&file, &mut bytes).unwrap();
            bytes.extend_from_slice(&[200, 3, 1, 2, 3]);
            prop_assert_eq!(decode(&bytes), Some(file));
        }

        #[test]
        fn any_bytes_give_no_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            check_file(&bytes);
        }
    }

    #[test]
    fn damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000001.bad");
        let file = |number: u64| BadFile {
            path: format!("/{number}.jpg").into(),
            stamp: Stamp { size: number, ..Stamp::default() },
            hash: Some([7; 16]),
            reason: "the file is empty".into(),
            decoder: Some(1),
        };
        let files: BadFiles = (0..20).map(file).map(|file| (file.path.clone(), file)).collect();
        let entry = write(&path, 1, &files).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(&path, &flipped).unwrap();
            assert!(read(&path, &entry).is_err(), "at {at}");
            check_file(&flipped);
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(read(&path, &BadFilesEntry { header_crc32: entry.header_crc32 ^ 1, ..entry }).is_err());
    }
}
