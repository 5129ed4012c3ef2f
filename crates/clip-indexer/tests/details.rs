//! Details that are read again because an earlier version understood less of them.

mod support;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{Asset, IndexWriter, Record};
use clip_indexer::{Event, Indexer, Report};
use support::{BLUE, GREEN, GREY, Library, RED, counts};

/// Writes a photo of one colour that somebody gave stars.
fn rated(library: &Library, name: &str, colour: [u8; 3], stars: u8) {
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(6, 4, image::Rgb(colour)).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let packet = format!("<rdf:RDF><rdf:Description xmp:Rating=\"{stars}\"/></rdf:RDF>");
    let packet = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
    let segment = [&[0xff, 0xe1][..], &(packet.len() as u16 + 2).to_be_bytes(), &packet].concat();
    let mut bytes = jpeg.into_inner();
    bytes.splice(2..2, segment);
    fs::write(library.at(name), bytes).unwrap();
}

fn four() -> Library {
    let library = Library::new();
    for (name, colour, stars) in [("a.jpg", RED, 1), ("b.jpg", GREEN, 2), ("c.jpg", BLUE, 3), ("d.jpg", GREY, 4)] {
        rated(&library, name, colour, stars);
    }
    library.run();
    library
}

/// Makes the index what it was when stars were not read.
fn forget_details(library: &Library) -> Vec<Record> {
    let before = forget(library);
    assert_eq!(ratings(library), [None; 4]);
    before
}

fn forget(library: &Library) -> Vec<Record> {
    let before = library.records();
    let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
    for record in &before {
        writer.set_details(record.id, Asset { camera: Some("of old".into()), ..Asset::default() }).unwrap();
    }
    writer.commit().unwrap();
    before
}

fn ratings(library: &Library) -> Vec<Option<u8>> {
    library.records().into_iter().map(|record| record.asset.rating).collect()
}

fn run_until(library: &Library, last: u64) -> Report {
    let cancel = AtomicBool::new(false);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Details { done, .. } if done == last) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let index = library.index();
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone());
    indexer.progress(&listen).cancel(&cancel).run(&[library.root()]).unwrap()
}

#[test]
fn what_an_earlier_version_did_not_know_is_read_once_without_encoding() {
    let library = four();
    let embeddings = |library: &Library| {
        let reader = library.reader();
        library.records().iter().map(|record| reader.embedding(record.id).unwrap()).collect::<Vec<_>>()
    };
    let embedded = embeddings(&library);
    let before = forget_details(&library);
    let report = library.run();
    assert_eq!((counts(&report), report.details_read), ([0, 0, 4, 0, 0, 0], 4));
    assert_eq!(library.records(), before, "ids, sizes and stamps are as they were");
    assert_eq!(embeddings(&library), embedded);
    assert_eq!(library.encoder.embedded(), 4);
    let generation = library.reader().generation();
    assert_eq!(library.run().details_read, 0);
    assert_eq!(library.reader().generation(), generation);
}

#[test]
fn an_interrupted_run_keeps_what_it_read_and_the_next_goes_on() {
    let mut library = four();
    library.options.threads = std::num::NonZeroUsize::new(1);
    library.options.checkpoint_every = 1;
    let before = forget_details(&library);
    let report = run_until(&library, 1);
    assert!(report.cancelled && (1..=4).contains(&report.details_read));
    let kept = ratings(&library).into_iter().flatten().count() as u64;
    assert_eq!(kept, report.details_read);
    assert_eq!(library.run().details_read, 4 - kept);
    assert_eq!(library.records(), before);
    // Interrupted before it began.
    forget_details(&library);
    assert!(run_until(&library, 0).cancelled);
    library.run();
    assert_eq!(library.records(), before);
}

#[test]
fn what_is_missing_or_no_photo_any_more_keeps_what_is_known() {
    let library = four();
    let before = forget_details(&library);
    fs::rename(library.at("a.jpg"), library.beside("a.jpg")).unwrap();
    // The run looks at one of the others only.
    let report = library.try_run(&[library.at("b.jpg")]).unwrap();
    assert_eq!((report.details_read, ratings(&library)), (1, vec![None, Some(2), None, None]));
    assert_eq!(library.records()[0].asset.camera.as_deref(), Some("of old"));
    fs::rename(library.beside("a.jpg"), library.at("a.jpg")).unwrap();
    // One whose time of change is new is compared first, and is unchanged from then on.
    library.run();
    library.run();
    assert_eq!(ratings(&library), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(
        library.records().iter().map(|record| record.id).collect::<Vec<_>>(),
        before.iter().map(|record| record.id).collect::<Vec<_>>()
    );
}

#[test]
fn a_name_tells_when_a_photo_was_taken_that_does_not_say_so_itself() {
    let library = Library::new();
    for (name, colour) in [("IMG_20190604_153000.jpg", RED), ("IMG_9999.jpg", GREEN), ("IMG_20980604_153000.jpg", BLUE)]
    {
        rated(&library, name, colour, 1);
    }
    let taken = |library: &Library| {
        let mut records = library.records();
        records.sort_by(|a, b| a.asset.path.cmp(&b.asset.path));
        records.into_iter().map(|record| record.asset.taken_at).collect::<Vec<_>>()
    };
    library.run();
    let expected = [Some(1_559_662_200), None, None];
    assert_eq!(taken(&library), expected, "and not in the future");
    forget(&library);
    assert_eq!(library.run().details_read, 3);
    assert_eq!(taken(&library), expected);
}
