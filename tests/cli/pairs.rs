//! Files from one press of the shutter are one result, in a folder as cameras and phones fill it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Tag, Value};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use crate::raw_files;
use crate::support::{Sandbox, samples};

const LIVE: &str = "FB1E7BDB-9A9A-4C7E-8C23-1F3B3A4E5D6F";
const BURST: &str = "5E9B3F2C-6C39-4A0C-9D2B-0E8C1C0B7B11";

/// What Apple's cameras write into their maker note: a table with one text.
fn apple_note(tag: u16, id: &str) -> Vec<u8> {
    let entry = [&tag.to_be_bytes()[..], &[0, 2], &(id.len() as u32 + 1).to_be_bytes(), &32_u32.to_be_bytes()].concat();
    [b"Apple iOS\0\0\x01MM\0\x01", &entry[..], &[0; 4], id.as_bytes(), b"\0"].concat()
}

/// A JPEG as a camera writes it at a time.
struct Shot {
    camera: (&'static str, &'static str),
    taken: &'static str,
    note: Option<Vec<u8>>,
    quality: u8,
}

const CANON: Shot = Shot { camera: ("Canon", "Model 1"), taken: "2020:02:03 04:05:06", note: None, quality: 90 };
const PHONE: Shot = Shot { camera: ("Apple", "iPhone 12"), taken: "2021:07:08 09:10:11", note: None, quality: 90 };

impl Shot {
    fn of(&self, picture: &RgbImage) -> Vec<u8> {
        let text = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
        let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
        let mut fields = vec![
            field(Tag::Make, text(self.camera.0)),
            field(Tag::Model, text(self.camera.1)),
            field(Tag::DateTimeOriginal, text(self.taken)),
        ];
        fields.extend(self.note.clone().map(|note| field(Tag::MakerNote, Value::Undefined(note, 0))));
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut block = Cursor::new(Vec::new());
        writer.write(&mut block, false).unwrap();
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, self.quality).encode_image(picture).unwrap();
        raw_files::with_exif(&jpeg, &block.into_inner())
    }
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

/// A video of some seconds with a text about it.
fn video(seconds: u32, key: &str, text: &str) -> Vec<u8> {
    let header = [&[0; 12], &600_u32.to_be_bytes()[..], &(600 * seconds).to_be_bytes(), &[0; 80]].concat();
    let data = boxed(b"data", &[b"\0\0\0\x01\0\0\0\0", text.as_bytes()].concat());
    let meta = [
        boxed(b"hdlr", b"\0\0\0\0\0\0\0\0mdta"),
        boxed(b"keys", &[b"\0\0\0\0\0\0\0\x01", &boxed(b"mdta", key.as_bytes())[..]].concat()),
        boxed(b"ilst", &boxed(&[0, 0, 0, 1], &data)),
    ];
    let moov = [boxed(b"mvhd", &header), boxed(b"meta", &meta.concat())].concat();
    [boxed(b"ftyp", b"qt  \0\0\0\0qt  "), boxed(b"mdat", &[7; 100]), boxed(b"moov", &moov)].concat()
}

/// The first file with another time.
fn at_another_time(raw: Vec<u8>) -> Vec<u8> {
    let (from, to) = (b"2020:02:03 04:05:06", b"2020:02:04 04:05:06");
    let at = raw.windows(from.len()).position(|bytes| bytes == from).unwrap();
    [&raw[..at], to, &raw[at + to.len()..]].concat()
}

fn library() -> Sandbox {
    let sandbox = Sandbox::new();
    let sample = |name: &str| image::open(samples().join(name)).unwrap().to_rgb8();
    let (cat, coffee, rocket) = (sample("cat.jpg"), sample("coffee.jpg"), sample("rocket.jpg"));
    let put = |name: &str, bytes: &[u8]| {
        let path = sandbox.photos().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    // A camera that writes raw files too; the counter begins anew; other folders, and names that begin alike.
    put("camera/IMG_0001.JPG", &CANON.of(&cat));
    put("camera/IMG_0001.CR2", &raw_files::cr2(1));
    put("camera/IMG_0001.xmp", b"<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>");
    put("camera/IMG_0002.JPG", &CANON.of(&coffee));
    put("camera/IMG_0002.CR2", &at_another_time(raw_files::cr2(1)));
    put("camera/IMG_00010.JPG", &CANON.of(&rocket));
    put("again/IMG_0001.CR2", &raw_files::cr2(3));
    // Live Photos, edited and copied ones, and bursts.
    let live = Shot { note: Some(apple_note(0x11, LIVE)), ..PHONE };
    put("phone/IMG_1234.JPG", &live.of(&cat));
    put("phone/IMG_1234.MOV", &video(3, "com.apple.quicktime.content.identifier", LIVE));
    let brighter = image::imageops::brighten(&cat, 25);
    put("phone/IMG_E1234.JPG", &PHONE.of(&brighter));
    let later = Shot { taken: "2021:07:08 10:00:00", ..PHONE };
    put("phone/IMG_1240.JPG", &later.of(&coffee));
    put("phone/IMG_1240(1).JPG", &Shot { quality: 60, ..later }.of(&coffee));
    put("phone/IMG_1241.JPG", &Shot { taken: "2021:07:08 11:00:00", ..PHONE }.of(&rocket));
    put("phone/IMG_1241(1).JPG", &Shot { taken: "2021:07:08 11:00:00", ..PHONE }.of(&coffee));
    put("phone/party.jpg", &Shot { taken: "2021:07:08 12:00:00", ..PHONE }.of(&rocket));
    put("phone/party.mov", &video(3, "com.apple.quicktime.creationdate", "2021-07-08T20:00:00+0200"));
    let burst = |taken| Shot { note: Some(apple_note(0x0b, BURST)), taken, ..PHONE };
    put("phone/IMG_1301.JPG", &burst("2021:07:09 09:00:00").of(&cat));
    put("phone/IMG_1302.JPG", &burst("2021:07:09 09:00:01").of(&brighter));
    sandbox
}

type Found = BTreeMap<String, Vec<(String, String)>>;

/// The results of a query and the files that belong to each, relative to the folder of photos.
fn found(sandbox: &Sandbox, arguments: &[&str]) -> Found {
    let run = sandbox.run(&[&["query", "--json"], arguments].concat());
    let name = |value: &serde_json::Value| {
        let photos = format!("{}/", sandbox.photos().display());
        value["path"].as_str().unwrap().strip_prefix(&photos).unwrap().to_owned()
    };
    let members = |hit: &serde_json::Value| {
        let members = hit["members"].as_array().into_iter().flatten();
        members.map(|member| (member["role"].as_str().unwrap().to_owned(), name(member))).collect()
    };
    run.json_lines().iter().map(|hit| (name(hit), members(hit))).collect()
}

#[test]
fn what_a_camera_and_a_phone_write_is_a_result_once() {
    let sandbox = library();
    let report = sandbox.update(0);
    assert_eq!(report["indexed"], 15, "{report}");
    let result = |path: &str, members: &[(&str, &str)]| {
        let members = members.iter().map(|(role, path)| ((*role).to_owned(), (*path).to_owned()));
        (path.to_owned(), members.collect::<Vec<_>>())
    };
    let expected: Found = [
        result("camera/IMG_0001.JPG", &[("raw", "camera/IMG_0001.CR2")]),
        result("camera/IMG_0002.JPG", &[]),
        result("camera/IMG_0002.CR2", &[]),
        result("camera/IMG_00010.JPG", &[]),
        result("again/IMG_0001.CR2", &[]),
        result("phone/IMG_1234.JPG", &[("edited", "phone/IMG_E1234.JPG"), ("live", "phone/IMG_1234.MOV")]),
        result("phone/IMG_1240.JPG", &[("copy", "phone/IMG_1240(1).JPG")]),
        result("phone/IMG_1241.JPG", &[]),
        result("phone/IMG_1241(1).JPG", &[]),
        result("phone/party.jpg", &[]),
        result("phone/IMG_1302.JPG", &[("burst", "phone/IMG_1301.JPG")]),
    ]
    .into();
    assert_eq!(found(&sandbox, &["has:date", "--all"]), expected);
    assert_eq!(found(&sandbox, &["a cat", "--all"]).len(), expected.len());
    assert_eq!(sandbox.run(&["query", "has:date", "--count"]).expect(0).stdout.trim(), "11");
    assert_eq!(sandbox.run(&["query", "has:date", "--count", "--no-pairs"]).expect(0).stdout.trim(), "15");
    assert_eq!(found(&sandbox, &["has:date", "--all", "--no-pairs"]).len(), 15);

    // Pages.
    let mut paged = Found::new();
    for page in 0..4 {
        let page = found(&sandbox, &["a cat", "-n", "3", "--offset", &(3 * page).to_string()]);
        let count = paged.len() + page.len();
        paged.extend(page);
        assert_eq!(paged.len(), count, "no result twice");
    }
    assert_eq!(paged.len(), expected.len());

    // The raw file alone, where only it meets the conditions; the sidecar speaks of both.
    assert_eq!(found(&sandbox, &["ext:cr2 rating:4"]), [result("camera/IMG_0001.CR2", &[])].into());
    assert_eq!(
        found(&sandbox, &["rating:4"]),
        [result("camera/IMG_0001.JPG", &[("raw", "camera/IMG_0001.CR2")])].into()
    );
    assert_eq!(found(&sandbox, &["has:motion"]).len(), 1);
    assert_eq!(found(&sandbox, &["has:burst"]).len(), 1);
    assert_eq!(found(&sandbox, &[&format!("burst:{}", BURST.to_lowercase()), "--no-pairs"]).len(), 2);

    // For people.
    let run = sandbox.run(&["query", "has:motion"]).expect(0);
    let text = sandbox.normalise(&run.stdout);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1..], ["       live [DIR]/photos/phone/IMG_1234.MOV"], "{run:?}");
}

#[test]
fn near_duplicates_and_pairs_go_together() {
    let sandbox = library();
    sandbox.update(0);
    let hits = sandbox.run(&["query", "has:date", "--all", "--collapse", "--json"]).expect(0).json_lines();
    let mut named: Vec<&str> = Vec::new();
    for hit in &hits {
        named.push(hit["path"].as_str().unwrap());
        for list in ["members", "alike", "duplicates"] {
            named.extend(hit[list].as_array().into_iter().flatten().map(|file| file["path"].as_str().unwrap()));
        }
    }
    let count = named.len();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), count, "no file twice: {hits:#?}");
    assert!(hits.len() < 11, "{hits:#?}");
}
