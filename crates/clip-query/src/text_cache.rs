//! The embeddings of recent texts, in memory and in a file.
//!
//! The file is a header (16 bytes), a secret (32 bytes) and records, one after another: the key (32 bytes), the dimension
//! and that many numbers (32 bits each, little-endian), and the CRC-32 of the secret and all that. New records are appended, so that
//! programs that share a file do not undo each other's work; what cannot be read ends the file for readers, and the next
//! record written begins it anew.
//!
//! A key is a hash of model and text, keyed with the file's secret, which is random and stays in the file: a table of the
//! hashes of likely texts, made once for all files, does not tell what was searched for. Only the owner can read the file.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clip_files::{atomic, private, regular, system_error};

const HEADER: &[u8; 16] = b"clip-query text\x02";
/// Texts that a rewritten file keeps. It grows to twice this many.
const CAPACITY: usize = 256;
/// Of an embedding; more than any model has, so that damage does not ask for memory.
const MOST_DIMENSIONS: usize = 1 << 14;
/// A file of more bytes is not one of ours.
const MOST_BYTES: u64 = 64 << 20;

type Key = [u8; 32];
type Secret = [u8; 32];

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
        TextCache { file: None, entries: Mutex::new(Entries::new()) }
    }

    /// A cache in a file, which need not exist yet, nor its folder. Both are created for the user alone, and a file of an
    /// earlier version is replaced.
    pub fn open(file: impl Into<PathBuf>) -> TextCache {
        let file = file.into();
        let entries = match read(&file) {
            Ok(bytes) => Entries::parse(&bytes),
            Err(error) => {
                // Before the first query there is none.
                if !system_error::says_missing(&error) {
                    log::debug!("cannot read cached embeddings from {}: {error}", file.display());
                }
                Entries::new()
            }
        };
        TextCache { file: Some(file), entries: Mutex::new(entries) }
    }

    /// The embedding of a text by the model of this fingerprint, if it is known and has this dimension.
    pub fn get(&self, fingerprint: &str, text: &str, dimension: usize) -> Option<Vec<f32>> {
        let entries = self.entries();
        entries.rows.get(&entries.key(fingerprint, text)).filter(|row| row.len() == dimension).cloned()
    }

    /// Remembers an embedding.
    pub fn insert(&self, fingerprint: &str, text: &str, embedding: &[f32]) {
        if embedding.len() > MOST_DIMENSIONS {
            return;
        }
        let mut entries = self.entries();
        if let Some(file) = &self.file {
            entries.follow(file);
        }
        let key = entries.key(fingerprint, text);
        entries.insert(key, embedding.to_vec());
        if let Some(file) = &self.file
            && let Err(error) = entries.store(key, file)
        {
            log::debug!("cannot write the embedding to {}: {error}", file.display());
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // No change is left half done by a panic.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    regular::read(file, MOST_BYTES)
}

/// A secret that nobody can guess; `None` if the system has no randomness to give.
fn new_secret() -> Option<Secret> {
    let mut secret = Secret::default();
    match getrandom::fill(&mut secret) {
        Ok(()) => Some(secret),
        Err(error) => {
            log::debug!("embeddings are kept in memory only: {error}");
            None
        }
    }
}

struct Entries {
    /// Of the keys; `None` keeps the entries out of the file.
    secret: Option<Secret>,
    rows: HashMap<Key, Vec<f32>>,
    /// Oldest first.
    order: VecDeque<Key>,
    /// Records in the file; `None` if it does not end with a whole one, or is not there.
    stored: Option<usize>,
}

impl std::fmt::Debug for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries").field("rows", &self.rows.len()).field("stored", &self.stored).finish_non_exhaustive()
    }
}

impl Entries {
    fn new() -> Entries {
        Entries { secret: new_secret(), rows: HashMap::new(), order: VecDeque::new(), stored: None }
    }

    fn key(&self, fingerprint: &str, text: &str) -> Key {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret.unwrap_or_default());
        // What computes differently may have been wrong.
        for part in [env!("CARGO_PKG_VERSION"), fingerprint, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    }

    /// Another program may have begun the file anew, or have been the first to begin it, with a secret of its own: then
    /// what it holds is worth more than what this program has.
    fn follow(&mut self, file: &Path) {
        let mut head = [0; HEADER.len() + 32];
        let Ok(()) = regular::open(file).and_then(|mut file| file.read_exact(&mut head)) else { return };
        let (header, secret) = head.split_at(HEADER.len());
        if header == HEADER
            && self.secret.is_none_or(|ours| ours != secret)
            && let Ok(bytes) = read(file)
        {
            *self = Entries::parse(&bytes);
        }
    }

    /// What can be read of a file, from its beginning.
    fn parse(bytes: &[u8]) -> Entries {
        let mut entries = Entries::new();
        let Some((secret, mut rest)) = bytes.strip_prefix(HEADER).and_then(|rest| rest.split_first_chunk::<32>())
        else {
            return entries;
        };
        entries.secret = Some(*secret);
        let mut records = 0;
        while let Some((key, row, after)) = parse_record(rest, secret) {
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
        let Some(secret) = self.secret else { return Ok(()) };
        let stored = self.stored.take().filter(|records| *records < 2 * CAPACITY);
        let records = if let Some(records) = stored
            && let Ok(mut file) = private::options().append(true).open(file)
        {
            // In one piece, for others may append at the same time.
            file.write_all(&self.record(&key, &secret))?;
            records + 1
        } else {
            let latest = self.order.iter().skip(self.order.len().saturating_sub(CAPACITY));
            let mut bytes = HEADER.to_vec();
            bytes.extend(secret);
            bytes.extend(latest.flat_map(|key| self.record(key, &secret)));
            private::create_dir(clip_files::directory::parent(file))?;
            atomic::write_bytes(file, &bytes)?;
            self.order.len().min(CAPACITY)
        };
        self.stored = Some(records);
        Ok(())
    }

    fn record(&self, key: &Key, secret: &Secret) -> Vec<u8> {
        let row = &self.rows[key];
        let mut bytes = key.to_vec();
        bytes.extend((row.len() as u32).to_le_bytes());
        bytes.extend(row.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(checksum(secret, &bytes).to_le_bytes());
        bytes
    }
}

/// Of a record; it covers the secret, without which the keys mean nothing.
fn checksum(secret: &Secret, record: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(secret);
    crc.update(record);
    crc.finalize()
}

/// Key and embedding of the first record, and what comes after it.
fn parse_record<'a>(bytes: &'a [u8], secret: &Secret) -> Option<(Key, Vec<f32>, &'a [u8])> {
    let (key, after) = bytes.split_first_chunk::<32>()?;
    let (dimension, after) = after.split_first_chunk::<4>()?;
    let dimension = u32::from_le_bytes(*dimension) as usize;
    if dimension > MOST_DIMENSIONS {
        return None;
    }
    let (numbers, after) = after.split_at_checked(4 * dimension)?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    if checksum(secret, &bytes[..36 + 4 * dimension]) != u32::from_le_bytes(*sum) {
        return None;
    }
    let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Some((*key, numbers.chunks_exact(4).map(number).collect(), after))
}

/// Reads bytes as a file and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let entries = Entries::parse(bytes);
    assert_eq!(entries.rows.len(), entries.order.len());
    assert!(entries.rows.len() <= 2 * CAPACITY);
    assert!(entries.rows.values().all(|row| row.len() <= MOST_DIMENSIONS));
    let Some(secret) = entries.secret else { return };
    // A file of what was read says the same.
    let mut again = HEADER.to_vec();
    again.extend(secret);
    again.extend(entries.order.iter().flat_map(|key| entries.record(key, &secret)));
    let read_again = Entries::parse(&again);
    assert_eq!(read_again.order, entries.order);
    assert_eq!(read_again.stored, Some(entries.order.len()));
    for (key, row) in &entries.rows {
        assert!(read_again.rows[key].iter().zip(row).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        assert!(!fs::read(&file).unwrap()[HEADER.len()..].windows(4).any(|bytes| bytes == b"text"));
    }

    /// Nobody may ever write to a pipe.
    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_place_of_the_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts");
        if !std::process::Command::new("mkfifo").arg(&file).status().is_ok_and(|status| status.success()) {
            return;
        }
        let cache = TextCache::open(&file);
        assert_eq!(cache.get("a", "text", 1), None);
        cache.insert("a", "text", &[1.0]);
        assert_eq!(TextCache::open(&file).get("a", "text", 1), Some(vec![1.0]));
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
        assert_eq!(most, 48 + 2 * CAPACITY as u64 * (32 + 4 + 4 * 8 + 4));
        let read_again = TextCache::open(&file);
        for number in 5 * CAPACITY + 7..6 * CAPACITY + 7 {
            assert!(read_again.get("m", &number.to_string(), 8).is_some() && cache.get("m", "0", 8).is_none());
        }
        assert!(cache.entries().rows.len() <= 2 * CAPACITY && cache.entries().order.len() <= 2 * CAPACITY);
    }

    #[test]
    fn files_do_not_share_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| {
            let file = folder.path().join(name);
            TextCache::open(&file).insert("m", "a dog on a beach", &[1.0]);
            fs::read(file).unwrap()
        };
        let (one, other) = (bytes("one"), bytes("other"));
        assert_eq!(one.len(), 48 + 32 + 4 + 4 + 4);
        assert_ne!(one[16..48], other[16..48]);
        assert_ne!(one[48..80], other[48..80]);
        assert_eq!(one[80..84], other[80..84]);
        let unkeyed = blake3::hash(b"a dog on a beach");
        assert!(!one.windows(32).any(|window| window == unkeyed.as_bytes()));
    }

    #[test]
    fn two_that_begin_a_file_at_once_come_together() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts");
        let (one, other) = (TextCache::open(&file), TextCache::open(&file));
        one.insert("m", "one", &[1.0]);
        other.insert("m", "other", &[2.0]);
        one.insert("m", "once more", &[3.0]);
        let cache = TextCache::open(&file);
        for (text, number) in [("one", 1.0), ("other", 2.0), ("once more", 3.0)] {
            assert_eq!(cache.get("m", text, 1), Some(vec![number]));
        }
    }

    #[test]
    fn a_file_of_an_earlier_version_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts");
        fs::write(&file, b"clip-query text\x01and records").unwrap();
        let cache = TextCache::open(&file);
        cache.insert("m", "text", &[1.0]);
        assert!(fs::read(&file).unwrap().starts_with(HEADER));
        assert_eq!(TextCache::open(&file).get("m", "text", 1), Some(vec![1.0]));
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cache/clip/texts");
        TextCache::open(&file).insert("m", "text", &[1.0]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!([mode(file.parent().unwrap()), mode(&folder.path().join("cache"))], [0o700; 2]);
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
            let whole = at.checked_sub(48).map_or(0, |at| at / (32 + 4 + 16 + 4));
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
