//! Whatever is in a file, reading it ends, and takes no more memory than was allowed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::{self, File};
use std::path::Path;

use clip_parquet::{Error, Limits, Table};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::*;

/// The system's memory, with a count for each thread.
struct Counting;

thread_local! {
    static USED: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

fn count(more: usize, less: usize) {
    // A thread that ends has no counts any more.
    let _ = USED.try_with(|used| {
        used.set(used.get().wrapping_add(more).wrapping_sub(less));
        // What another thread took may be given back here.
        if used.get() < usize::MAX / 2 {
            let _ = MOST.try_with(|most| most.set(most.get().max(used.get())));
        }
    });
}

// SAFETY: everything is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are the system's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are the system's conditions.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promises are the system's conditions.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes that a call had in use at most, beyond those from before.
fn memory_of<T>(call: impl FnOnce() -> T) -> (usize, T) {
    let before = USED.with(|used| {
        used.set(0);
        used.get()
    });
    MOST.with(|most| most.set(before));
    let result = call();
    (MOST.with(Cell::get), result)
}

const LIMITS: Limits = Limits { footer: 1 << 20, pages: 4 << 20, list: 10_000 };
/// What may be in use: pages; a page again while a vector of it grows; the window of Zstandard and its copies, and the state
/// of decoders; the footer and what is made of it.
const MOST_MEMORY: usize = (4 << 20) * 2 + 3 * (8 << 20) + (4 << 20);

/// Reads all that can be read of a file, and tells how many rows of how many columns were without error.
fn read(bytes: &[u8], path: &Path) -> (u64, usize) {
    fs::write(path, bytes).unwrap();
    let file = File::open(path).unwrap();
    let (memory, read) = memory_of(|| {
        let table = match Table::open(file, LIMITS) {
            Ok(table) => table,
            Err(error) => return check(&error),
        };
        let (mut values, mut columns) = (0, 0);
        for (at, column) in table.columns().iter().enumerate() {
            let Ok(mut reader) = table.read(at) else { continue };
            let mut row = 0;
            // So many rows that a column without end would be noticed by memory and time.
            while row < table.rows() {
                let result = if column.is_list {
                    reader.next_list(&mut |value| values += u64::from(value.is_some())).map(drop)
                } else {
                    reader.next_value().map(|value| values += u64::from(value.is_some()))
                };
                if let Err(error) = result {
                    check(&error);
                    break;
                }
                row += 1;
            }
            columns += usize::from(row == table.rows());
        }
        (values, columns)
    });
    assert!(memory <= MOST_MEMORY, "{memory} bytes were in use for a file of {}", bytes.len());
    read
}

/// An error is one line that says something. The system has none against reading these files.
fn check(error: &Error) -> (u64, usize) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{error:?}");
    (0, 0)
}

fn tables() -> Vec<(String, Vec<u8>)> {
    fixtures().into_iter().map(|name| (name.clone(), fs::read(fixture(&name)).unwrap())).collect()
}

#[test]
fn files_that_end_too_early_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for (_, whole) in tables() {
        for length in (0..whole.len()).step_by(1 + whole.len() / 150) {
            assert_eq!(read(&whole[..length], &path), (0, 0));
            // With an end as it should be, the footer is somewhere else.
            let end = &whole[whole.len() - 8..];
            read(&[&whole[..length], end].concat(), &path);
        }
    }
}

#[test]
fn files_that_were_changed_are_survived() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut rng = StdRng::seed_from_u64(13);
    let tables = tables();
    let (mut whole, mut broken) = (0, 0);
    for (name, bytes) in &tables {
        let columns = read(bytes, &path).1;
        let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
        for _ in 0..200 {
            let mut changed = bytes.clone();
            for _ in 0..rng.random_range(1..4) {
                // Half of the changes are where the structure is.
                let from = if rng.random() { 0 } else { bytes.len() - 8 - footer };
                let at = rng.random_range(from..bytes.len());
                match rng.random_range(0..4) {
                    0 => changed[at] ^= 1 << rng.random_range(0..8),
                    1 => changed[at] = rng.random(),
                    2 => changed[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
                    _ => {
                        let end = (at + rng.random_range(1..9)).min(bytes.len());
                        changed[at..end].fill(0xff);
                    }
                }
            }
            if read(&changed, &path).1 == columns { whole += 1 } else { broken += 1 }
        }
        assert!(columns > 0 || ["brotli.parquet", "lz4.parquet"].contains(&name.as_str()), "{name}");
    }
    assert!(whole > 300 && broken > 300, "{whole} were read whole, {broken} were not");
}

#[test]
fn headers_of_pages_are_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let bytes = fs::read(fixture("plain_none.parquet")).unwrap();
    // Every byte of the first pages is every number in turn.
    for at in 4..120 {
        for value in (0..=255).step_by(5) {
            let mut changed = bytes.clone();
            changed[at] = value;
            read(&changed, &path);
        }
    }
}

#[test]
fn memory_has_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    // Equal bytes become a thousandth or less.
    let text = "x".repeat(5 << 20);
    let fields = [clip_parquet::Field::scalar("text", clip_parquet::Type::Text)];
    let mut writer = clip_parquet::Writer::new(File::create(&path).unwrap(), &fields, &[]).unwrap();
    writer.row(&[clip_parquet::Datum::Text(&text)]).unwrap();
    writer.finish().unwrap();
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() < 1 << 20);
    assert_eq!(read(&bytes, &path), (0, 0));
    let table = Table::open(File::open(&path).unwrap(), LIMITS).unwrap();
    let error = table.read(0).unwrap().next_value().unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
    let table = open(&path).unwrap();
    assert!(table.read(0).unwrap().next_value().unwrap().is_some());
}

#[test]
fn other_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for (bytes, expected) in [
        (&b""[..], "expected a Parquet file"),
        (b"PAR1PAR1", "expected a Parquet file"),
        (b"PAR1\0\0\0\0PAR2", "expected a Parquet file"),
        (b"PARE\0\0\0\0PARE", "encrypted"),
        (b"PAR1\x01\0\0\0PAR1", "longer than the file"),
        (b"PAR1\xff\xff\xff\xffPAR1", "longer than the file"),
        (b"PAR1\0\0\0\0\0PAR1", "structure"),
        (b"PAR1\0\x01\0\0\0PAR1", "no schema"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{bytes:?}: {error}");
    }
}
