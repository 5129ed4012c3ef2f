//! What is in the index depends on the library alone, not on which thread was faster or how often a run was interrupted.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clip_indexer::{Event, IndexOptions, Indexer};
use image::{Rgb, RgbImage};

use crate::support::Library;

/// Photos that take very different times to decode, copies of them before and behind, and files that are none.
fn library() -> Library {
    let library = Library::new();
    for number in 0..60_u8 {
        let colour = [number * 4, 255 - number, number % 7 * 30];
        let name = format!("{:02}/{number:02}.png", number % 9);
        if number % 11 == 3 {
            std::fs::write(library.at(format!("bad-{number:02}.png")), [number % 2]).unwrap();
        }
        library.photo(&name, colour);
        if number % 10 == 0 {
            RgbImage::from_pixel(500, 400, Rgb(colour)).save(library.at(&name)).unwrap();
        }
        if number % 6 == 0 {
            let copy = if number % 12 == 0 { "00/0-copy" } else { "zz-copy" };
            std::fs::create_dir_all(library.at("00")).unwrap();
            std::fs::copy(library.at(&name), library.at(format!("{copy}-{number:02}.png"))).unwrap();
        }
    }
    library
}

fn options(threads: usize) -> IndexOptions {
    IndexOptions {
        threads: NonZeroUsize::new(threads),
        batch: NonZeroUsize::new(5),
        checkpoint_every: 4,
        ..IndexOptions::default()
    }
}

/// The photos in the order of their ids, relative to the library.
fn in_order(library: &Library) -> Vec<(u64, PathBuf)> {
    let mut records = library.records();
    records.sort_by_key(|record| record.id);
    let inside = |path: PathBuf| path.strip_prefix(library.root()).unwrap().to_path_buf();
    records.into_iter().map(|record| (record.id, inside(record.asset.path))).collect()
}

#[test]
fn ids_do_not_depend_on_threads() {
    let photos = |threads| {
        let mut library = library();
        library.options = options(threads);
        let report = library.run();
        assert_eq!((report.copied, report.skipped.len()), (10, 6));
        assert_eq!(library.encoder.embedded(), 60);
        let reasons: Vec<_> = report
            .skipped
            .iter()
            .map(|file| file.reason.to_string().replace(library.root().to_str().unwrap(), ""))
            .collect();
        (in_order(&library), reasons)
    };
    let one = photos(1);
    assert_eq!(one.0.len(), 70);
    assert_eq!(one.0.last().map(|photo| photo.0), Some(one.0[0].0 + 69), "bad files and copies leave no gaps");
    for threads in [2, 4, 16] {
        assert_eq!(photos(threads), one, "{threads} threads");
    }
}

#[test]
fn ids_do_not_depend_on_interruptions() {
    let mut whole = library();
    whole.options = options(4);
    whole.run();
    let library = library();
    let index = library.index();
    let mut interruptions = 0;
    loop {
        let (cancel, done) = (AtomicBool::new(false), AtomicUsize::new(0));
        let listen = |event: Event<'_>| {
            let is_file = matches!(event, Event::Photo { .. } | Event::Skipped(_));
            if is_file && done.fetch_add(1, Ordering::Relaxed) == 10 {
                cancel.store(true, Ordering::Relaxed);
            }
        };
        let indexer = Indexer::new(&library.encoder, &index).options(options(3));
        let report = indexer.progress(&listen).cancel(&cancel).run(&[library.root()]).unwrap();
        if !report.cancelled {
            break;
        }
        interruptions += 1;
    }
    assert!(interruptions >= 1, "{interruptions}");
    assert_eq!(in_order(&library), in_order(&whole));
}

#[test]
fn equal_files_have_their_own_details_whichever_was_read_first() {
    let mut library = Library::new();
    library.options = options(16);
    for number in 0..100_u8 {
        let name = |which| format!("{number:02}-{which}.png");
        library.photo(name("a"), [number, 255 - number, number / 3]);
        std::fs::copy(library.at(name("a")), library.at(name("b"))).unwrap();
        let rating = "<rdf:Description xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='3'/>";
        let packet = format!("<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>{rating}</rdf:RDF>");
        std::fs::write(library.at(format!("{number:02}-b.xmp")), packet).unwrap();
    }
    let report = library.run();
    assert_eq!((report.copied, library.encoder.embedded()), (100, 100));
    for record in library.records() {
        let expected = record.asset.path.to_str().unwrap().ends_with("-b.png").then_some(3);
        assert_eq!(record.asset.rating, expected, "{}", record.asset.path.display());
    }
}
