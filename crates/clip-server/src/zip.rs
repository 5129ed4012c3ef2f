//! A ZIP archive, written while it is sent: photos are compressed already, so they are stored as they are.
//!
//! Neither sizes nor checksums are known before a file was read, so they follow its bytes (APPNOTE 4.3.9). Large archives and
//! files have the fields of ZIP64.

use std::collections::HashSet;
use std::io::{self, Read, Write};

/// Where numbers of 32 bits end.
const MOST_32: u64 = 0xffff_ffff;
/// Version 4.5, with ZIP64.
const VERSION: u16 = 45;
/// Made on Unix, so that the permissions mean something.
const MADE_BY: u16 = 3 << 8 | VERSION;
/// Sizes follow the bytes; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;

/// Writes an archive.
pub(crate) struct ZipWriter<W> {
    out: W,
    written: u64,
    names: HashSet<String>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    time: DosTime,
    checksum: u32,
    length: u64,
    offset: u64,
}

/// A local time as archives have it: from 1980 to 2107, in steps of two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DosTime {
    date: u16,
    time: u16,
}

impl DosTime {
    /// From seconds since 1970.
    pub(crate) fn of(seconds: i64) -> DosTime {
        let earliest = DosTime { date: 1 << 5 | 1, time: 0 };
        let Ok(time) = jiff::Timestamp::from_second(seconds) else { return earliest };
        let time = time.to_zoned_datetime(jiff::tz::TimeZone::UTC).datetime();
        let Ok(years) = u16::try_from(time.year() - 1980) else { return earliest };
        if years > 127 {
            return earliest;
        }
        DosTime {
            date: years << 9 | (time.month() as u16) << 5 | time.day() as u16,
            time: (time.hour() as u16) << 11 | (time.minute() as u16) << 5 | (time.second() as u16 / 2),
        }
    }
}

impl<W: Write> ZipWriter<W> {
    pub(crate) fn new(out: W) -> ZipWriter<W> {
        ZipWriter { out, written: 0, names: HashSet::new(), entries: Vec::new() }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Adds a file with a name like this, which no other file of the archive has.
    ///
    /// # Errors
    /// Those of reading and writing. Then the archive is incomplete.
    pub(crate) fn add(&mut self, name: &str, time: DosTime, mut file: impl Read) -> io::Result<()> {
        let name = unique(&safe(name), &mut self.names);
        let offset = self.written;
        let mut header = Vec::with_capacity(50 + name.len());
        header.extend(0x0403_4b50u32.to_le_bytes());
        for number in [VERSION, FLAGS, 0, time.time, time.date] {
            header.extend(number.to_le_bytes());
        }
        // No checksum yet, and sizes in the fields of ZIP64, which makes them 64 bits wide below.
        header.extend(0u32.to_le_bytes());
        header.extend([0xff; 8]);
        header.extend((name.len() as u16).to_le_bytes());
        header.extend(20u16.to_le_bytes());
        header.extend(name.as_bytes());
        header.extend(1u16.to_le_bytes());
        header.extend(16u16.to_le_bytes());
        header.extend([0; 16]);
        self.put(&header)?;
        let (mut checksum, mut length) = (crc32fast::Hasher::new(), 0);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            checksum.update(&buffer[..read]);
            length += read as u64;
            self.put(&buffer[..read])?;
        }
        let checksum = checksum.finalize();
        let mut after = Vec::with_capacity(24);
        after.extend(0x0807_4b50u32.to_le_bytes());
        after.extend(checksum.to_le_bytes());
        after.extend(length.to_le_bytes());
        after.extend(length.to_le_bytes());
        self.put(&after)?;
        self.entries.push(Entry { name, time, checksum, length, offset });
        Ok(())
    }

    /// Writes the directory, without which nothing can be read.
    ///
    /// # Errors
    /// Those of writing.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let start = self.written;
        for entry in std::mem::take(&mut self.entries) {
            self.put(&directory_entry(&entry))?;
            self.entries.push(entry);
        }
        let (length, count) = (self.written - start, self.entries.len() as u64);
        let mut end = Vec::with_capacity(98);
        // The record of ZIP64 and where it is.
        end.extend(0x0606_4b50u32.to_le_bytes());
        end.extend(44u64.to_le_bytes());
        end.extend(MADE_BY.to_le_bytes());
        end.extend(VERSION.to_le_bytes());
        end.extend([0; 8]);
        for number in [count, count, length, start] {
            end.extend(number.to_le_bytes());
        }
        end.extend(0x0706_4b50u32.to_le_bytes());
        end.extend(0u32.to_le_bytes());
        end.extend(self.written.to_le_bytes());
        end.extend(1u32.to_le_bytes());
        // The record of old, which says that the numbers are elsewhere if they are too large for it.
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let short = u16::try_from(count).unwrap_or(u16::MAX);
        end.extend(0x0605_4b50u32.to_le_bytes());
        end.extend([0; 4]);
        end.extend(short.to_le_bytes());
        end.extend(short.to_le_bytes());
        end.extend(narrow(length).to_le_bytes());
        end.extend(narrow(start).to_le_bytes());
        end.extend(0u16.to_le_bytes());
        self.put(&end)?;
        self.out.flush()
    }
}

fn directory_entry(entry: &Entry) -> Vec<u8> {
    let is_wide = entry.length >= MOST_32 || entry.offset >= MOST_32;
    let mut header = Vec::with_capacity(80 + entry.name.len());
    header.extend(0x0201_4b50u32.to_le_bytes());
    for number in [MADE_BY, VERSION, FLAGS, 0, entry.time.time, entry.time.date] {
        header.extend(number.to_le_bytes());
    }
    header.extend(entry.checksum.to_le_bytes());
    let narrow = |number: u64| if is_wide { u32::MAX } else { number as u32 };
    header.extend(narrow(entry.length).to_le_bytes());
    header.extend(narrow(entry.length).to_le_bytes());
    header.extend((entry.name.len() as u16).to_le_bytes());
    header.extend(if is_wide { 28u16 } else { 0 }.to_le_bytes());
    // No comment, the first disk, no internal attributes; a regular file that its owner may write and all may read.
    header.extend([0; 6]);
    header.extend((0o100_644u32 << 16).to_le_bytes());
    header.extend(narrow(entry.offset).to_le_bytes());
    header.extend(entry.name.as_bytes());
    if is_wide {
        header.extend(1u16.to_le_bytes());
        header.extend(24u16.to_le_bytes());
        for number in [entry.length, entry.length, entry.offset] {
            header.extend(number.to_le_bytes());
        }
    }
    header
}

/// A name that cannot lead out of the folder into which an archive is unpacked, on any system.
fn safe(name: &str) -> String {
    let is_odd = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    let name: String = name.chars().map(|c| if is_odd(c) { '_' } else { c }).take(200).collect();
    match name.trim().trim_end_matches('.') {
        "" => "photo".to_owned(),
        name => name.to_owned(),
    }
}

/// The name, with a number where others have it already. Upper and lower case are the same on many systems.
fn unique(name: &str, names: &mut HashSet<String>) -> String {
    if names.insert(name.to_lowercase()) {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let mut number = 2u64;
    loop {
        let other = format!("{stem} ({number}){extension}");
        if names.insert(other.to_lowercase()) {
            return other;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8], at: usize, length: usize) -> usize {
        bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// Names and contents, read by way of the directory.
    fn unpacked(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
        let end = zip.len() - 22;
        assert_eq!(&zip[end..end + 4], b"PK\x05\x06");
        let mut at = number(zip, end + 16, 4);
        let count = number(zip, end + 10, 2);
        let mut files = Vec::new();
        for _ in 0..count {
            assert_eq!(&zip[at..at + 4], b"PK\x01\x02");
            let (length, name_length) = (number(zip, at + 24, 4), number(zip, at + 28, 2));
            let (extra, offset) = (number(zip, at + 30, 2), number(zip, at + 42, 4));
            let name = String::from_utf8(zip[at + 46..at + 46 + name_length].to_vec()).unwrap();
            assert_eq!(&zip[offset..offset + 4], b"PK\x03\x04");
            let start = offset + 30 + number(zip, offset + 26, 2) + number(zip, offset + 28, 2);
            let content = zip[start..start + length].to_vec();
            assert_eq!(number(zip, at + 16, 4), crc32fast::hash(&content) as usize);
            let after = start + length;
            assert_eq!(&zip[after..after + 4], b"PK\x07\x08");
            assert_eq!(number(zip, after + 8, 8), length);
            files.push((name, content));
            at += 46 + name_length + extra;
        }
        assert_eq!(&zip[at..at + 4], b"PK\x06\x06");
        files
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut zip = Vec::new();
        let mut writer = ZipWriter::new(&mut zip);
        let time = DosTime::of(1_560_000_000);
        for (name, content) in [("a.jpg", "first"), ("A.jpg", "second"), ("../../x\n", ""), ("a.jpg", "third")] {
            writer.add(name, time, content.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        let expected = [("a.jpg", "first"), ("A (2).jpg", "second"), (".._.._x_", ""), ("a (3).jpg", "third")];
        let expected: Vec<_> =
            expected.iter().map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec())).collect();
        assert_eq!(unpacked(&zip), expected);
    }

    #[test]
    fn large_numbers_go_elsewhere() {
        let entry = |length, offset| {
            let time = DosTime::of(0);
            directory_entry(&Entry { name: "a".into(), time, checksum: 1, length, offset })
        };
        assert_eq!(entry(5, 7).len(), 47);
        let wide = entry(5, 1 << 33);
        assert_eq!((number(&wide, 42, 4), number(&wide, 30, 2)), (0xffff_ffff, 28));
        assert_eq!((number(&wide, 51, 8), number(&wide, 67, 8)), (5, 1 << 33));
    }

    #[test]
    fn times_before_archives_began_are_when_they_began() {
        assert_eq!(DosTime::of(0), DosTime { date: 33, time: 0 });
        assert_eq!(DosTime::of(i64::MIN), DosTime { date: 33, time: 0 });
        // 2019-06-08 13:20:00.
        assert_eq!(DosTime::of(1_560_000_000), DosTime { date: 39 << 9 | 6 << 5 | 8, time: 13 << 11 | 20 << 5 });
    }

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(safe("..\\..\\x:y"), ".._.._x_y");
        assert_eq!(safe("a/b"), "a_b");
        assert_eq!((safe(""), safe(".."), safe(" . ")), ("photo".into(), "photo".into(), "photo".into()));
    }
}
