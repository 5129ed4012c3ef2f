//! Metadata that are read without the pixels.

#![cfg(feature = "jpeg")]

use std::path::Path;

use clip_image::{ImageError, Limits, decode, read_details};

const PHOTO: &[u8] = include_bytes!("fixtures/420.jpg");

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat()
}

fn xmp(rating: u8) -> Vec<u8> {
    let packet = format!("<rdf:RDF><rdf:Description xmp:Rating=\"{rating}\"/></rdf:RDF>");
    segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat())
}

/// IPTC data that say when a photo was created.
fn iptc(date: &str, time: &str) -> Vec<u8> {
    let field = |number: u8, text: &str| [&[0x1c, 2, number, 0, text.len() as u8], text.as_bytes()].concat();
    let fields = [field(55, date), field(60, time)].concat();
    let length = (fields.len() as u32).to_be_bytes();
    segment(0xed, &[b"Photoshop 3.0\08BIM\x04\x04\0\0", &length[..], &fields].concat())
}

#[test]
fn times_of_iptc_data_count_where_there_are_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    let packet = "<rdf:RDF><rdf:Description xmp:CreateDate='2018-01-01T00:00:00Z'/></rdf:RDF>";
    let xmp = segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat());
    let time = |segments: &[u8]| {
        std::fs::write(&path, [&PHOTO[..2], segments, &PHOTO[2..]].concat()).unwrap();
        let metadata = read_details(&path, (1, 1), &Limits::default()).unwrap();
        assert_eq!(decode(&path, &Limits::default()).unwrap().metadata.taken_at, metadata.taken_at);
        (metadata.taken_at, metadata.utc_offset)
    };
    let iptc = iptc("20190604", "153000+0200");
    assert_eq!(time(&iptc), (Some(1_559_655_000), Some(120)));
    assert_eq!(time(&[iptc, xmp].concat()), (Some(1_514_764_800), Some(0)));
}

#[test]
fn of_a_jpeg_only_the_beginning_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    // A colour profile and a preview of some 300 KB before what is looked for.
    let large: Vec<u8> = (0..5).flat_map(|_| segment(0xe2, &[7; 60_000])).collect();
    let whole = [&PHOTO[..2], &large, &xmp(4), &PHOTO[2..]].concat();
    std::fs::write(&path, &whole).unwrap();
    let metadata = read_details(&path, (5, 7), &Limits::default()).unwrap();
    assert_eq!((metadata.rating, metadata.width, metadata.height), (Some(4), 5, 7));
    assert_eq!(decode(&path, &Limits::default()).unwrap().metadata.rating, Some(4));
    // What comes after the beginning of the pixels is not looked at.
    std::fs::write(&path, [&whole, &[0_u8; 100_000][..]].concat()).unwrap();
    assert_eq!(read_details(&path, (5, 7), &Limits::default()).unwrap().rating, Some(4));
}

#[test]
fn details_are_those_that_decoding_gives() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let limits = Limits::default();
    let mut compared = 0;
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(photo) = decode(&path, &limits) {
            let size = (photo.metadata.width, photo.metadata.height);
            assert_eq!(read_details(&path, size, &limits).unwrap(), photo.metadata, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 10);
}

#[test]
fn what_is_no_photo_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    let read = || read_details(&path, (1, 1), &Limits::default());
    assert!(matches!(read(), Err(ImageError::Io(_))));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(read(), Err(ImageError::Empty)));
    std::fs::write(&path, b"no photo").unwrap();
    assert!(matches!(read(), Err(ImageError::UnknownFormat)));
}

#[test]
fn xmp_in_several_segments() {
    const MORE: &[u8] =
        b"<rdf:RDF><rdf:Description><dc:subject><rdf:Bag><rdf:li>harbour</rdf:li></rdf:Bag></dc:subject>\
        </rdf:Description></rdf:RDF>";
    // The MD5 digest of that.
    const NAME: &str = "11523174558B20442CF9F79E8F21FD68";
    let part = |start: usize, end: usize| {
        let numbers = [MORE.len() as u32, start as u32].map(u32::to_be_bytes).concat();
        segment(0xe1, &[b"http://ns.adobe.com/xmp/extension/\0", NAME.as_bytes(), &numbers, &MORE[start..end]].concat())
    };
    let main = format!("<rdf:RDF><rdf:Description xmp:Rating='3' xmpNote:HasExtendedXMP='{NAME}'/></rdf:RDF>");
    let main = segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", main.as_bytes()].concat());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    let read = |segments: &[&[u8]]| {
        std::fs::write(&path, [&PHOTO[..2], &segments.concat(), &PHOTO[2..]].concat()).unwrap();
        let metadata = read_details(&path, (1, 1), &Limits::default()).unwrap();
        (metadata.rating, metadata.tags)
    };
    let (first, last) = (part(0, 50), part(50, MORE.len()));
    assert_eq!(read(&[&main, &first, &last]), (Some(3), vec!["harbour".to_owned()]));
    assert_eq!(read(&[&last, &first, &main]), (Some(3), vec!["harbour".to_owned()]));
    assert_eq!(read(&[&main, &last]), (Some(3), Vec::new()));
}

/// A TIFF file of one pixel, with one more field.
fn tiff(tag: u16, content: &[u8]) -> Vec<u8> {
    let field = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let fields = [
        field(256, 3, 1, 1),
        field(257, 3, 1, 1),
        field(258, 3, 1, 8),
        field(262, 3, 1, 1),
        field(273, 4, 1, 8 + 2 + 7 * 12 + 4),
        field(279, 4, 1, 1),
        field(tag, 7, content.len() as u32, 8 + 2 + 7 * 12 + 4 + 2),
    ];
    [b"II\x2a\0\x08\0\0\0\x07\0", &fields.concat()[..], &[0; 4], &[7, 0], content].concat()
}

#[test]
fn iptc_data_of_tiff() {
    const KEYWORD: &[u8] = b"\x1c\x02\x19\0\x07harbour";
    let resources = [b"8BIM\x04\x04\0\0\0\0\0\x0c", KEYWORD].concat();
    for file in [tiff(0x83bb, KEYWORD), tiff(0x8649, &resources)] {
        let photo = clip_image::decode_bytes(&file, &Limits::default()).unwrap();
        assert_eq!(photo.metadata.tags, ["harbour"]);
    }
}
