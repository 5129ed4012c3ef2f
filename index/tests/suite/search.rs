//! Exact search against the definition, and lookups.

use std::path::Path;

use clip_index::{IndexReader, IndexWriter, NewItem};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::RoaringTreemap;

use crate::common::*;

#[test]
fn exact_search_agrees_with_the_definition() {
    let dir = tempfile::tempdir().unwrap();
    let dimension = 37;
    let mut oracle = index_of(dir.path(), 3000, 700, dimension);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(dimension)).unwrap();
    let mut rng = StdRng::seed_from_u64(5);
    for id in oracle.keys().copied().collect::<Vec<_>>() {
        if rng.random_bool(0.1) {
            assert!(writer.remove(id).unwrap());
            oracle.remove(&id);
        }
    }
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_same(&reader, &oracle);
    for density in [0.0, 0.01, 0.2, 0.9, 1.0] {
        let filter: RoaringTreemap = (0..3500).filter(|_| rng.random_bool(density)).collect();
        for k in [0, 1, 10, 5000] {
            let query = unit(&mut rng, dimension);
            for filter in [None, Some(&filter)] {
                let expected = brute_force(&oracle, &query, k, |id| filter.is_none_or(|filter| filter.contains(id)));
                let found = reader.search_exact(&query, k, filter).unwrap();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    assert!((f64::from(found.score) - expected.1).abs() < 1e-5);
                }
                let mut sorted = found.clone();
                sorted.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
                assert_eq!(found, sorted);
                assert!(found.iter().all(|hit| filter.is_none_or(|filter| filter.contains(hit.id))));
            }
        }
    }
}

/// Enough rows that all processors take part.
#[test]
fn parallel_search_gives_the_same_as_search_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let dimension = 256;
    let oracle = index_of(dir.path(), 6000, 2500, dimension);
    let reader = IndexReader::open(dir.path()).unwrap();
    let mut rng = StdRng::seed_from_u64(6);
    for _ in 0..5 {
        let query = unit(&mut rng, dimension);
        let all = reader.search_exact(&query, 50, None).unwrap();
        let expected: Vec<u64> = brute_force(&oracle, &query, 50, |_| true).iter().map(|hit| hit.0).collect();
        assert_eq!(all.iter().map(|hit| hit.id).collect::<Vec<_>>(), expected);
        let every_ninth: RoaringTreemap = oracle.keys().copied().filter(|id| id % 9 == 0).collect();
        let part = reader.search_exact(&query, 50, Some(&every_ninth)).unwrap();
        let expected: Vec<u64> = brute_force(&oracle, &query, 50, |id| id % 9 == 0).iter().map(|hit| hit.0).collect();
        assert_eq!(part.iter().map(|hit| hit.id).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn equal_scores_come_in_the_order_of_ids() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    for number in 0..50 {
        let mut photo = photo(number, 4);
        photo.embedding = vec![1.0, 0.0, 0.0, 0.0];
        writer.add_photo(photo).unwrap();
        if number % 20 == 0 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    let ids: Vec<u64> = reader.search_exact(&[1.0, 0.0, 0.0, 0.0], 7, None).unwrap().iter().map(|hit| hit.id).collect();
    assert_eq!(ids, reader.ids().take(7).collect::<Vec<_>>());
}

#[test]
fn photos_are_found_by_id_path_and_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    let mut named = |path: &str, number| {
        let mut photo = photo(number, 4);
        photo.asset.path = path.into();
        writer.add_photo(photo).unwrap()
    };
    let beach = named("/photos/Beach Holiday/IMG_1.jpg", 1);
    let both = named("/photos/beach/Dog on the beach.jpg", 2);
    let dog = named("/photos/animals/dog-3.JPG", 3);
    let cyrillic = named("/photos/Море/волна.jpg", 4);
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    let words = |text: &str| reader.search_words(text, 10).unwrap().iter().map(|hit| hit.0).collect::<Vec<_>>();
    assert_eq!(words("holiday"), [beach]);
    assert_eq!(words("BEACH dog")[0], both);
    assert_eq!(words("dog").len(), 2);
    assert!(words("dog").contains(&dog));
    assert_eq!(words("море"), [cyrillic]);
    assert!(words("\"unbalanced AND (quote: *").is_empty());
    assert!(words("").is_empty());
    assert_eq!(reader.search_words("beach", 1).unwrap().len(), 1);
    assert_eq!(reader.search_words("beach", 0).unwrap(), []);

    assert_eq!(reader.find_path("/photos/animals/dog-3.JPG").unwrap(), Some(dog));
    assert_eq!(reader.find_path("/photos/animals/dog-3.jpg").unwrap(), None);
    let records = reader.records(&[dog, 99, beach]).unwrap();
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), [dog, beach]);
    assert_eq!(reader.embedding(99), None);
    assert!(reader.contains(dog) && !reader.contains(99));
}

#[cfg(unix)]
#[test]
fn paths_are_kept_byte_for_byte() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    let mut ids = Vec::new();
    let paths: [&[u8]; 4] =
        [b"/a/\xff\xfe.jpg", b"/a/line\nbreak.jpg", b"/a/ \t.jpg", "/a/\u{fffd}\u{fffd}.jpg".as_bytes()];
    for (number, path) in paths.iter().enumerate() {
        let mut photo = photo(number as u64, 4);
        photo.asset.path = OsStr::from_bytes(path).into();
        ids.push(writer.add_photo(photo).unwrap());
    }
    let root = std::path::PathBuf::from(OsStr::from_bytes(b"/photos/\xf0\x28"));
    writer.set_roots(std::slice::from_ref(&root)).unwrap();
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!(reader.roots(), [root]);
    for (id, path) in ids.iter().zip(paths) {
        assert_eq!(reader.records(&[*id]).unwrap()[0].asset.path.as_os_str().as_bytes(), path);
        assert_eq!(reader.find_path(OsStr::from_bytes(path)).unwrap(), Some(*id));
    }
}

#[test]
fn a_new_stamp_leaves_the_words_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    let mut beach = photo(1, 4);
    beach.asset.path = "/photos/beach.jpg".into();
    let id = writer.add_photo(beach).unwrap();
    writer.commit().unwrap();
    let found = |words: &str| IndexReader::open(dir.path()).unwrap().search_words(words, 9).unwrap().len();
    writer.touch(id, stamp(3, -5)).unwrap();
    writer.commit().unwrap();
    let record = IndexReader::open(dir.path()).unwrap().records(&[id]).unwrap().remove(0);
    assert_eq!((found("beach"), record.asset.stamp), (1, stamp(3, -5)));
    // Whichever of the two comes first.
    writer.touch(id, stamp(4, -5)).unwrap();
    writer.relocate(id, Path::new("/photos/harbour.jpg"), stamp(5, -5)).unwrap();
    writer.commit().unwrap();
    assert_eq!((found("beach"), found("harbour")), (0, 1));
    writer.relocate(id, Path::new("/photos/castle.jpg"), stamp(5, -5)).unwrap();
    writer.touch(id, stamp(6, -5)).unwrap();
    writer.commit().unwrap();
    assert_eq!((found("harbour"), found("castle")), (0, 1));
    writer.touch(id, stamp(7, -5)).unwrap();
    assert!(writer.remove(id).unwrap());
    writer.commit().unwrap();
    assert_eq!(found("castle"), 0);
}

#[test]
fn what_remains_to_be_read_is_part_of_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    let remaining = || IndexReader::open(dir.path()).unwrap().status().unwrap().remaining;
    assert_eq!(remaining(), 0);
    writer.set_remaining(7);
    assert_eq!(remaining(), 0);
    writer.commit().unwrap();
    assert_eq!(remaining(), 7);
    // Another writer knows it, and whoever says the same again changes nothing.
    drop(writer);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    writer.set_remaining(7);
    assert!(!writer.has_changes());
    writer.add_photo(photo(1, 4)).unwrap();
    writer.commit().unwrap();
    assert_eq!(remaining(), 7);
    writer.set_remaining(0);
    assert!(writer.has_changes());
    writer.commit().unwrap();
    assert_eq!(remaining(), 0);
}

#[test]
fn a_writer_has_photos_as_its_next_commit_will_have_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    let ids: Vec<u64> = (1..4).map(|number| writer.add_photo(photo(number, 4)).unwrap()).collect();
    let moments: Vec<NewItem> =
        (0..3).map(|at| NewItem { position: at * 500, embedding: photo(20 + at, 4).embedding }).collect();
    let film = writer.add_items(photo(8, 4).asset, &moments).unwrap();
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
    for is_committed in [false, true] {
        if is_committed {
            writer.commit().unwrap();
        }
        for (id, number) in ids.iter().zip(1..) {
            let (asset, items) = writer.asset(*id).unwrap().unwrap();
            assert_eq!((asset, items.len(), items[0].position), (photo(number, 4).asset, 1, 0));
            assert!(close(&items[0].embedding, &photo(number, 4).embedding), "{items:?}");
        }
        let (_, items) = writer.asset(film).unwrap().unwrap();
        assert_eq!(items.iter().map(|item| item.position).collect::<Vec<_>>(), [0, 500, 1000]);
        assert!(items.iter().zip(&moments).all(|(a, b)| close(&a.embedding, &b.embedding)), "{items:?}");
        assert_eq!((writer.asset(999).unwrap(), writer.asset(film + 1).unwrap()), (None, None), "an item is no asset");
    }
    writer.relocate(ids[0], Path::new("/moved.jpg"), stamp(5, 5)).unwrap();
    assert_eq!(writer.asset(ids[0]).unwrap().unwrap().0.path, Path::new("/moved.jpg"));
    writer.remove(ids[1]).unwrap();
    let withdrawn = writer.add_photo(photo(9, 4)).unwrap();
    writer.remove(withdrawn).unwrap();
    assert_eq!((writer.asset(ids[1]).unwrap(), writer.asset(withdrawn).unwrap()), (None, None));
}
