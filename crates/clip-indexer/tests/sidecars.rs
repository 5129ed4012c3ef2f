//! What files beside photos say of them, and that their changes are noticed.

mod support;

use std::fs;
use std::path::Path;

use clip_index::Asset;
use clip_indexer::{PassedOver, PassedOverKind};
use support::{BLUE, GREEN, Library, RED, counts, three};

fn xmp(attributes: &str) -> String {
    format!("<x:xmpmeta><rdf:RDF><rdf:Description {attributes}/></rdf:RDF></x:xmpmeta>")
}

/// What the index has of a photo.
fn asset(library: &Library, name: &str) -> Asset {
    let path = library.at(name);
    let mut records = library.records().into_iter().map(|record| record.asset);
    records.find(|asset| asset.path == path).unwrap()
}

fn rating(library: &Library, name: &str) -> Option<u8> {
    asset(library, name).rating
}

/// Runs, and says how many photos were encoded and how many details were read again.
fn run(library: &Library) -> (usize, u64) {
    let before = library.encoder.embedded();
    let report = library.run();
    (library.encoder.embedded() - before, report.details_read)
}

#[test]
fn a_sidecar_is_read_and_its_changes_are_noticed_without_encoding() {
    let library = three();
    fs::write(library.at("a/red.png.xmp"), xmp("xmp:Rating='3' xmp:Label='Red'")).unwrap();
    fs::write(library.at("BLUE.XMP"), xmp("xmp:Rating='1'")).unwrap();
    assert_eq!(run(&library), (3, 0));
    assert_eq!((rating(&library, "a/red.png"), rating(&library, "blue.png")), (Some(3), Some(1)));
    assert_eq!(asset(&library, "a/red.png").label.as_deref(), Some("Red"));
    assert_eq!(asset(&library, "a/green.png").sidecars, None);
    let generation = library.reader().generation();
    assert_eq!(run(&library), (0, 0));
    assert_eq!(library.reader().generation(), generation, "nothing to write");

    fs::write(library.at("a/red.png.xmp"), xmp("xmp:Rating='4' xmp:Label='Green'")).unwrap();
    assert_eq!(run(&library), (0, 1));
    assert_eq!(rating(&library, "a/red.png"), Some(4));

    fs::write(library.at("a/green.xmp"), xmp("xmp:Rating='5'")).unwrap();
    assert_eq!(run(&library), (0, 1));
    assert_eq!(rating(&library, "a/green.png"), Some(5));

    fs::remove_file(library.at("a/red.png.xmp")).unwrap();
    fs::write(library.at("a/green.xmp"), "<rdf:RDF").unwrap();
    assert_eq!(run(&library), (0, 2));
    assert_eq!((rating(&library, "a/red.png"), rating(&library, "a/green.png")), (None, None));
    assert_eq!(run(&library), (0, 0));
}

#[test]
fn sidecars_go_with_photos_that_are_moved_and_copied() {
    let library = three();
    fs::write(library.at("a/red.png.xmp"), xmp("xmp:Rating='3'")).unwrap();
    library.run();
    // Both.
    fs::rename(library.at("a"), library.at("b")).unwrap();
    assert_eq!(run(&library), (0, 0));
    assert_eq!(rating(&library, "b/red.png"), Some(3));
    // The photo alone.
    fs::rename(library.at("b/red.png"), library.at("red.png")).unwrap();
    run(&library);
    assert_eq!(rating(&library, "red.png"), None);
    // A copy with stars of its own, and one that is renamed to what says when it was taken.
    fs::copy(library.at("red.png"), library.at("b/2019-06-04.png")).unwrap();
    fs::write(library.at("b/2019-06-04.xmp"), xmp("xmp:Rating='2'")).unwrap();
    fs::rename(library.at("blue.png"), library.at("2019-06-05.png")).unwrap();
    assert_eq!(run(&library).0, 0);
    let copy = asset(&library, "b/2019-06-04.png");
    assert_eq!((copy.rating, copy.taken_at), (Some(2), Some(1_559_606_400)));
    assert_eq!(asset(&library, "2019-06-05.png").taken_at, Some(1_559_692_800));
    assert_eq!(rating(&library, "red.png"), None);
    assert_eq!(run(&library), (0, 0));
}

#[test]
fn new_copies_have_what_is_said_of_them() {
    let library = Library::new();
    library.photo("a.png", RED);
    library.photo("b.png", RED);
    fs::write(library.at("a.png.xmp"), xmp("xmp:Rating='1'")).unwrap();
    fs::write(library.at("b.png.xmp"), xmp("xmp:Rating='2'")).unwrap();
    assert_eq!(run(&library).0, 1);
    assert_eq!((rating(&library, "a.png"), rating(&library, "b.png")), (Some(1), Some(2)));
    assert_eq!(run(&library), (0, 0));
}

#[test]
fn a_photo_that_is_a_root_has_its_sidecar_too() {
    let library = three();
    fs::write(library.at("a/red.png.xmp"), xmp("xmp:Rating='3'")).unwrap();
    library.try_run(&[library.at("a/red.png")]).unwrap();
    assert_eq!(rating(&library, "a/red.png"), Some(3));
    assert_eq!(run(&library), (2, 0));
    let report = library.try_run(&[library.at("a/red.png")]).unwrap();
    assert_eq!((counts(&report)[2], report.details_read), (1, 0));
}

#[test]
fn an_export_of_google_photos() {
    let library = Library::new();
    library.photo("IMG_1.png", GREEN);
    library.photo("IMG_1(1).png", BLUE);
    let export = |seconds: i64| {
        format!(
            r#"{{"description": "By the river", "photoTakenTime": {{"timestamp": "{seconds}"}}, "people": [{{"name": "Zoë"}}]}}"#
        )
    };
    fs::write(library.at("IMG_1.png.supplemental-metadata.json"), export(1_559_662_200)).unwrap();
    fs::write(library.at("IMG_1.png.supplemental-metadata(1).json"), export(1_559_662_201)).unwrap();
    library.run();
    let first = asset(&library, "IMG_1.png");
    assert_eq!((first.taken_at, first.description.as_deref()), (Some(1_559_662_200), Some("By the river")));
    assert_eq!(first.people, ["Zoë"]);
    assert_eq!(asset(&library, "IMG_1(1).png").taken_at, Some(1_559_662_201));
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

/// A video of three seconds that was taken at a time, by the clock of the place.
fn video(taken_at: &str) -> Vec<u8> {
    let header = [&[0; 12], &600_u32.to_be_bytes()[..], &1800_u32.to_be_bytes(), &[0; 80]].concat();
    let key = boxed(b"mdta", b"com.apple.quicktime.creationdate");
    let data = boxed(b"data", &[b"\0\0\0\x01\0\0\0\0", taken_at.as_bytes()].concat());
    let meta = [
        boxed(b"hdlr", b"\0\0\0\0\0\0\0\0mdta"),
        boxed(b"keys", &[b"\0\0\0\0\0\0\0\x01", &key[..]].concat()),
        boxed(b"ilst", &boxed(&[0, 0, 0, 1], &data)),
    ];
    let moov = [boxed(b"mvhd", &header), boxed(b"meta", &meta.concat())].concat();
    [boxed(b"ftyp", b"qt  \0\0\0\0qt  "), boxed(b"mdat", &[7; 100]), boxed(b"moov", &moov)].concat()
}

#[test]
fn the_video_of_a_live_photo_is_a_companion_of_its_photo() {
    let library = Library::new();
    let name = "a/IMG_20190604_153000";
    library.photo(format!("{name}.png"), RED);
    library.photo("a/IMG_20190604_200000.png", BLUE);
    let at = |ending: &str| library.at(format!("{name}.{ending}"));
    fs::write(at("MOV"), video("2019-06-04T15:29:59+0200")).unwrap();
    // Hours before the photo.
    fs::write(library.at("a/IMG_20190604_200000.mov"), video("2019-06-04T15:30:00+0200")).unwrap();
    let report = library.run();
    let companions = |name: &str| asset(&library, &format!("{name}.png")).companions;
    assert_eq!(companions(name), [Path::new("IMG_20190604_153000.MOV")]);
    assert_eq!(companions("a/IMG_20190604_200000"), [""; 0].map(Path::new));
    // Videos are not indexed, so they are still told of.
    let passed = PassedOver { kind: PassedOverKind::Video, extension: Some("mov".into()), files: 2 };
    assert_eq!(report.passed_over, [passed]);
    assert_eq!(run(&library), (0, 0));

    fs::remove_file(at("MOV")).unwrap();
    assert_eq!(run(&library), (0, 1));
    assert_eq!(companions(name), [""; 0].map(Path::new));
    fs::write(at("mp4"), video("2019-06-04T15:30:02+0200")).unwrap();
    assert_eq!(run(&library), (0, 1));
    assert_eq!(companions(name), [Path::new("IMG_20190604_153000.mp4")]);
    // They go together.
    fs::rename(library.at("a"), library.at("b")).unwrap();
    assert_eq!(run(&library), (0, 0));
    assert_eq!(companions("b/IMG_20190604_153000"), [Path::new("IMG_20190604_153000.mp4")]);
}

#[test]
fn files_that_tell_of_no_photo_are_passed_over_and_excluded_ones_are_not_read() {
    let library = three();
    for name in ["a/red.png.xmp", "a/gone.jpg.xmp", "package.json"] {
        fs::write(library.at(name), xmp("xmp:Rating='3'")).unwrap();
    }
    let passed =
        |extension: &str| PassedOver { kind: PassedOverKind::Other, extension: Some(extension.into()), files: 1 };
    assert_eq!(library.run().passed_over, [passed("json"), passed("xmp")]);
    assert_eq!(rating(&library, "a/red.png"), Some(3));
    let mut library = library;
    library.options.exclude = vec![Path::new("*.xmp").into()];
    assert_eq!(run(&library), (0, 1));
    assert_eq!(rating(&library, "a/red.png"), None);
}
