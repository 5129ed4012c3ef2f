//! `dupes`: identical files, copies of the same picture, and bursts.

use std::fs;
use std::path::Path;

use clip_search::{Asset, IndexReader, IndexWriter};
use image::imageops::{FilterType, crop_imm, flip_horizontal, resize, rotate90};
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;

use crate::support::Sandbox;

fn save(picture: &RgbImage, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    DynamicImage::ImageRgb8(picture.clone()).save_with_format(path, ImageFormat::from_path(path).unwrap()).unwrap();
}

/// The samples, and copies of two of them.
fn library() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["cat", "coffee", "rocket", "astronaut", "lawn", "gravel", "brick-wall"] {
        sandbox.put(&format!("{name}.jpg"), format!("{name}.jpg"));
    }
    sandbox.put("coffee.jpg", "backup/coffee (1).jpg");
    let cat = image::open(sandbox.photos().join("cat.jpg")).unwrap().into_rgb8();
    let (width, height) = cat.dimensions();
    let put = |name: &str, picture: &RgbImage| save(picture, &sandbox.photos().join(name));
    put("cats/small.jpg", &resize(&cat, width / 2, height / 2, FilterType::Triangle));
    put("cats/lossless.png", &resize(&cat, width * 2, height * 2, FilterType::CatmullRom));
    put("cats/turned.jpg", &rotate90(&cat));
    put("cats/mirrored.jpg", &flip_horizontal(&cat));
    let (left, top) = (width / 40, height / 40);
    put("cats/cropped.jpg", &crop_imm(&cat, left, top, width - 2 * left, height - 2 * top).to_image());
    sandbox
}

/// Level and names of each group, the photo to be kept first, the others sorted.
fn groups(sandbox: &Sandbox, arguments: &[&str]) -> Vec<(String, Vec<String>)> {
    let arguments: Vec<&str> = ["dupes", "--json"].iter().chain(arguments).copied().collect();
    let photos = sandbox.photos();
    let name = |path: &Value| {
        let path = Path::new(path.as_str().unwrap()).strip_prefix(&photos).unwrap();
        path.to_str().unwrap().replace('\\', "/")
    };
    let group = |group: &Value| {
        let mut names: Vec<String> =
            group["photos"].as_array().unwrap().iter().map(|photo| name(&photo["path"])).collect();
        assert_eq!(name(&group["keep"]), names[0], "{group}");
        names[1..].sort();
        (group["level"].as_str().unwrap().to_owned(), names)
    };
    sandbox.run(&arguments).expect(0).json_lines().iter().map(group).collect()
}

fn expected() -> Vec<(String, Vec<String>)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    vec![
        ("bytes".to_owned(), owned(&["coffee.jpg", "backup/coffee (1).jpg"])),
        (
            "picture".to_owned(),
            owned(&[
                "cats/lossless.png",
                "cat.jpg",
                "cats/cropped.jpg",
                "cats/mirrored.jpg",
                "cats/small.jpg",
                "cats/turned.jpg",
            ]),
        ),
    ]
}

/// Every file below a folder, with its bytes.
fn contents(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn copies_are_found_whatever_was_done_to_them() {
    let sandbox = library();
    sandbox.update(0);
    let before = contents(&sandbox.path());
    assert_eq!(groups(&sandbox, &[]), expected());
    assert_eq!(groups(&sandbox, &["--level", "bytes"]), expected()[..1]);
    assert_eq!(groups(&sandbox, &["--level", "burst,picture"]), expected()[1..]);
    assert_eq!(groups(&sandbox, &["path:backup"]), []);
    assert_eq!(groups(&sandbox, &["ext:jpg", "-path:turned"])[1].1.len(), 4);

    let run = sandbox.run(&["dupes"]).expect(0);
    let text = sandbox.normalise(&run.stdout);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "same bytes, 2 photos");
    assert!(lines[1].starts_with("  keep  [DIR]/photos/coffee.jpg  "), "{text}");
    assert!(lines[1].ends_with("(not named like a copy)"), "{text}");
    assert!(lines[2].starts_with("        [DIR]/photos/backup/coffee (1).jpg  "), "{text}");
    assert_eq!(lines[4], "same picture, 6 photos");
    assert!(lines[5].contains("lossless.png") && lines[5].contains("(largest: "), "{text}");
    assert!(run.stderr.contains("same bytes: 1 group, 1 file besides those to keep"), "{run:?}");
    // Nothing was written or deleted.
    assert_eq!(contents(&sandbox.path()), before);

    let run = sandbox.run(&["dupes", "a cat"]).expect(2);
    assert!(run.stderr.contains("expected only conditions"), "{run:?}");
    let run = sandbox.run(&["dupes", "path:rocket"]).expect(0);
    assert!(run.stdout.is_empty() && run.stderr.contains("no duplicates among 1 photo"), "{run:?}");
}

#[test]
fn an_index_without_hashes_of_pictures_gives_the_same_groups() {
    let sandbox = library();
    sandbox.update(0);
    // As a version wrote it that knew of none: everything is added again without them.
    let reader = IndexReader::open(sandbox.index()).unwrap();
    let records = reader.all_records().unwrap();
    assert!(records.iter().all(|record| !record.asset.picture_hash.is_empty()));
    let (model, roots) = (reader.model().clone(), reader.roots());
    let photos: Vec<_> =
        records.into_iter().map(|record| (reader.embedding(record.id).unwrap(), record.asset)).collect();
    drop(reader);
    fs::remove_dir_all(sandbox.index()).unwrap();
    let mut writer = IndexWriter::open_or_create(sandbox.index(), &model).unwrap();
    for (embedding, asset) in photos {
        writer.add(Asset { picture_hash: Vec::new(), ..asset }, embedding).unwrap();
    }
    writer.set_roots(&roots).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();

    let mut found = groups(&sandbox, &[]);
    // A photo on its side has another embedding, so that it may not be looked at.
    let mut expected = expected();
    for groups in [&mut found, &mut expected] {
        groups[1].1.retain(|name| name != "cats/turned.jpg");
    }
    assert_eq!(found, expected);
}

#[test]
fn there_must_be_an_index() {
    let run = Sandbox::new().run(&["dupes"]).expect(2);
    assert!(run.stderr.contains("there is no index"), "{run:?}");
}
