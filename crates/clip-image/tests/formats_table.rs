//! Keeps the tables in docs/formats.md equal to what is decoded.
#![cfg(feature = "default")]

use std::fmt::Write as _;
use std::path::Path;

use clip_image::{Format, ImageError, Limits, decode_bytes};
use format_kinds::{Expected, Kind};
use likeness::likeness;

mod containers;
mod format_kinds;
mod likeness;
mod raw_files;

/// What the page says of a kind; panics if that is not as it should be.
fn result(kind: &Kind) -> String {
    let found = kind.files.iter().map(|file| decode_bytes(file, &Limits::default()));
    let mut worst = 1.0_f64;
    for (number, found) in found.enumerate() {
        match (found, &kind.expected) {
            // The table is the same wherever it is made; the pixels are looked at where there is the library.
            (Err(ImageError::NeedsLibrary { .. }), Expected::Read { .. }) => (),
            (Ok(photo), Expected::Read { picture, least }) => {
                let likeness = likeness(&photo.image, picture);
                assert_eq!(photo.image.dimensions(), picture.dimensions(), "{}, file {number}", kind.name);
                assert!(likeness >= *least, "{}, file {number}: {likeness}, expected {least}", kind.name);
                if matches!(photo.metadata.format, Format::Heif | Format::Avif) {
                    continue;
                }
                worst = worst.min(likeness);
            }
            (Err(error), Expected::Read { .. }) => panic!("{}, file {number}: {error}", kind.name),
            (Err(error), Expected::Refused) => return format!("refused: \"{error}\""),
            (Ok(photo), Expected::Refused) => panic!("{} is read, as {:?}", kind.name, photo.metadata),
        }
    }
    format!("read | {worst:.2}")
}

/// A block of the page: its name, and its text.
fn blocks() -> Vec<(&'static str, String)> {
    let mut formats = String::from("\n| format | extensions | cargo feature |\n|---|---|---|\n");
    for format in Format::ALL {
        let extensions: Vec<_> = format.extensions().iter().map(|extension| format!("`.{extension}`")).collect();
        let _ = writeln!(formats, "| {format} | {} | `{}` |", extensions.join(", "), format.feature());
    }
    let mut blocks = vec![("formats", formats + "\n")];
    for table in format_kinds::tables() {
        let mut text = String::from("\n| kind | result | likeness |\n|---|---|---|\n");
        for kind in &table.kinds {
            let needs_library = ["HEIC", "AVIF"].contains(&table.name) || kind.name.starts_with("HEIC");
            let result = match result(kind) {
                read if needs_library && read.starts_with("read") => "read, with libheif |".into(),
                refused if refused.starts_with("refused") => refused + " |",
                read => read,
            };
            let _ = writeln!(text, "| {} | {result} |", kind.name);
        }
        blocks.push((table.name, text + "\n"));
    }
    blocks
}

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut expected = page.clone();
    for (name, text) in blocks() {
        let (begin, end) = (format!("<!-- begin: {name} -->\n"), "<!-- end -->\n");
        let (before, rest) =
            expected.split_once(&begin).unwrap_or_else(|| panic!("docs/formats.md has a table of {name}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("the table of {name} ends"));
        expected = format!("{before}{begin}{text}{end}{after}");
    }
    if page != expected && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let command = "UPDATE_DOCS=1 cargo test -p clip-image --test formats_table";
    assert_eq!(page, expected, "docs/formats.md is out of date: run `{command}` once");
}

#[test]
fn every_format_has_a_table() {
    let tables = format_kinds::tables();
    for format in Format::ALL {
        assert!(tables.iter().any(|table| table.name == format.name()), "{format}");
    }
}
