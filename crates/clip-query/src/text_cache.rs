//! The embeddings of recent texts, in memory and in a file.
//!
//! The file is a header and records, one after another: the key (32 bytes), the dimension and that many numbers (32 bits
//! each, little-endian), and the CRC-32 of all that. New records are appended, so that programs that share a file do not
//! undo each other's work; what cannot be read ends the file for readers, and the next record written begins it anew.
//! A key is a hash: the file does not tell what was searched for.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const HEADER: &[u8; 16] = b"clip-query text\x01";
/// Texts that a rewritten file keeps. It grows to twice as many.
const CAPACITY: usize = 256;
/// Of an embedding; more than any model has, so that damage does not ask for memory.
const MOST_DIMENSIONS: usize = 1 << 14;
/// A file of more bytes is not one of ours.
const MOST_BYTES: u64 = 64 << 20;

type Key = [u8; 32];

/// Remembers the embeddings of recent texts by the model's fingerprint and the text. It is only a cache: a file that is
/// missing, damaged or not to be written costs time, never an answer.
#[derive(Debug)]
pub struct TextCache {
    file: Option<PathBuf>,
    entries: Mutex<Entries>,
}

impl TextCache {
    /// A cache that is forgotten with the program: for one that answers many queries.
    pub fn in_memory() -> TextCache {
        TextCache { file: None, entries: Mutex::default() }
    }

    /// A cache in a file, which need not exist yet, nor its folder.
    pub fn open(file: impl Into<PathBuf>) -> TextCache {
        let file = file.into();
        let entries = match read(&file) {
            Ok(bytes) => Entries::parse(&bytes),
            Err(error) => {
                log::debug!("no embeddings are taken from {}: {error}", file.display());
                Entries::default()
            }
        };
        TextCache { file: Some(file), entries: Mutex::new(entries) }
    }

    /// The embedding of a text by the model of this fingerprint, if it is known and has this dimension.
    pub fn get(&self, fingerprint: &str, text: &str, dimension: usize) -> Option<Vec<f32>> {
        let entries = self.entries();
        entries.rows.get(&key(fingerprint, text)).filter(|row| row.len() == dimension).cloned()
    }

    /// Remembers an embedding.
    pub fn insert(&self, fingerprint: &str, text: &str, embedding: &[f32]) {
        if embedding.len() > MOST_DIMENSIONS {
            return;
        }
        let mut entries = self.entries();
        let key = key(fingerprint, text);
        entries.insert(key, embedding.to_vec());
        if let Some(file) = &self.file
            && let Err(error) = entries.store(key, file)
        {
            log::debug!("an embedding is not kept in {}: {error}", file.display());
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // No change is left half done by a panic.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(fingerprint: &str, text: &str) -> Key {
    let mut hasher = blake3::Hasher::new();
    // What computes differently may have been wrong.
    for part in [env!("CARGO_PKG_VERSION"), fingerprint, text] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large for a cache of texts"));
    }
    Ok(bytes)
}

#[derive(Debug, Default)]
struct Entries {
    rows: HashMap<Key, Vec<f32>>,
    /// Oldest first.
    order: VecDeque<Key>,
    /// Records in the file; `None` if it does not end with a whole one, or is not there.
    stored: Option<usize>,
}

impl Entries {
    /// What can be read of a file, from its beginning.
    fn parse(bytes: &[u8]) -> Entries {
        let mut entries = Entries::default();
        let Some(mut rest) = bytes.strip_prefix(HEADER) else { return entries };
        let mut records = 0;
        while let Some((key, row, after)) = parse_record(rest) {
            entries.insert(key, row);
            records += 1;
            rest = after;
        }
        entries.stored = rest.is_empty().then_some(records);
        entries
    }

    fn insert(&mut self, key: Key, row: Vec<f32>) {
        if self.rows.insert(key, row).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > 2 * CAPACITY {
            if let Some(oldest) = self.order.pop_front() {
                self.rows.remove(&oldest);
            }
        }
    }

    /// Adds the record of `key` to the file, or writes the file anew with the latest ones.
    fn store(&mut self, key: Key, file: &Path) -> io::Result<()> {
        let stored = self.stored.take().filter(|records| *records < 2 * CAPACITY);
        let records = if let Some(records) = stored
            && let Ok(mut file) = OpenOptions::new().append(true).open(file)
        {
            // In one piece, for others may append at the same time.
            file.write_all(&self.record(&key))?;
            records + 1
        } else {
            let latest = self.order.iter().skip(self.order.len().saturating_sub(CAPACITY));
            let mut bytes = HEADER.to_vec();
            bytes.extend(latest.flat_map(|key| self.record(key)));
            let folder = file.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
            temporary.write_all(&bytes)?;
            temporary.persist(file)?;
            self.order.len().min(CAPACITY)
        };
        self.stored = Some(records);
        Ok(())
    }

    fn record(&self, key: &Key) -> Vec<u8> {
        let row = &self.rows[key];
        let mut bytes = key.to_vec();
        bytes.extend((row.len() as u32).to_le_bytes());
        bytes.extend(row.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }
}

/// Key and embedding of the first record, and what comes after it.
fn parse_record(bytes: &[u8]) -> Option<(Key, Vec<f32>, &[u8])> {
    let (key, after) = bytes.split_first_chunk::<32>()?;
    let (dimension, after) = after.split_first_chunk::<4>()?;
    let dimension = u32::from_le_bytes(*dimension) as usize;
    if dimension > MOST_DIMENSIONS {
        return None;
    }
    let (numbers, after) = after.split_at_checked(4 * dimension)?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    if crc32fast::hash(&bytes[..36 + 4 * dimension]) != u32::from_le_bytes(*sum) {
        return None;
    }
    let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Some((*key, numbers.chunks_exact(4).map(number).collect(), after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_put_in_comes_out_for_the_same_model_and_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/er/texts");
        for cache in [TextCache::in_memory(), TextCache::open(&file)] {
            cache.insert("a", "text", &[0.25, -1.0]);
            cache.insert("at", "ext", &[1.0]);
            cache.insert("a", "empty", &[]);
        }
        for cache in [TextCache::open(&file), TextCache::open(&file)] {
            assert_eq!(cache.get("a", "text", 2), Some(vec![0.25, -1.0]));
            assert_eq!(cache.get("at", "ext", 1), Some(vec![1.0]));
            assert_eq!(cache.get("a", "empty", 0), Some(vec![]));
            for (fingerprint, text, dimension) in [("b", "text", 2), ("a", "Text", 2), ("a", "text", 3), ("", "", 0)] {
                assert_eq!(cache.get(fingerprint, text, dimension), None);
            }
        }
        // Nobody reads there what was searched for.
        assert!(!fs::read(&file).unwrap().windows(4).any(|bytes| bytes == b"text" && bytes != &HEADER[11..15]));
    }

    #[test]
    fn two_writers_keep_what_both_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts");
        TextCache::open(&file).insert("m", "first", &[0.0]);
        let (one, other) = (TextCache::open(&file), TextCache::open(&file));
        one.insert("m", "one", &[1.0]);
        other.insert("m", "other", &[2.0]);
        one.insert("m", "once more", &[3.0]);
        let cache = TextCache::open(&file);
        for (text, number) in [("first", 0.0), ("one", 1.0), ("other", 2.0), ("once more", 3.0)] {
            assert_eq!(cache.get("m", text, 1), Some(vec![number]));
        }
    }

    #[test]
    fn it_stays_small_and_keeps_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts");
        let cache = TextCache::open(&file);
        let mut most = 0;
        for number in 0..3 * 2 * CAPACITY + 7 {
            cache.insert("m", &number.to_string(), &[number as f32; 8]);
            most = most.max(fs::metadata(&file).unwrap().len());
            if number % 97 == 0 || number > 6 * CAPACITY {
                assert_eq!(TextCache::open(&file).get("m", &number.to_string(), 8), Some(vec![number as f32; 8]));
            }
        }
        assert_eq!(most, 16 + 2 * CAPACITY as u64 * (32 + 4 + 4 * 8 + 4));
        let read_again = TextCache::open(&file);
        for number in 5 * CAPACITY + 7..6 * CAPACITY + 7 {
            assert!(read_again.get("m", &number.to_string(), 8).is_some() && cache.get("m", "0", 8).is_none());
        }
        assert!(cache.entries().rows.len() <= 2 * CAPACITY && cache.entries().order.len() <= 2 * CAPACITY);
    }

    #[test]
    fn a_place_where_nothing_can_be_written_is_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let cache = TextCache::open(folder.path());
        cache.insert("m", "text", &[1.0]);
        assert_eq!(cache.get("m", "text", 1), Some(vec![1.0]));
        assert_eq!(TextCache::open(folder.path()).get("m", "text", 1), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, header: bool) {
            let bytes = if header { [HEADER.as_slice(), &bytes].concat() } else { bytes };
            let _ = Entries::parse(&bytes);
        }

        #[test]
        fn damage_takes_nothing_but_what_comes_after(at in 0usize..1000, bit in 0u8..8, cut: bool) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("texts");
            let cache = TextCache::open(&file);
            for number in 0..5 {
                cache.insert("m", &number.to_string(), &[number as f32; 4]);
            }
            let mut bytes = fs::read(&file).unwrap();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
            fs::write(&file, &bytes).unwrap();
            let cache = TextCache::open(&file);
            let whole = at.checked_sub(16).map_or(0, |at| at / (32 + 4 + 16 + 4));
            for number in 0..5 {
                let expected = (number < whole).then(|| vec![number as f32; 4]);
                prop_assert_eq!(cache.get("m", &number.to_string(), 4), expected);
            }
            // The next one mends the file.
            cache.insert("m", "new", &[9.0]);
            let cache = TextCache::open(&file);
            prop_assert_eq!(cache.get("m", "new", 1), Some(vec![9.0]));
            prop_assert_eq!(cache.entries().rows.len(), whole + 1);
        }
    }
}
