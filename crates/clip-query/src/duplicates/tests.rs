use std::path::{Path, PathBuf};

use clip_image::PictureHash;
use clip_index::{Asset, IndexWriter, ModelId, Stamp};
use clip_progress::Silent;
use image::imageops::{FilterType, crop_imm, resize, rotate90};
use image::{Rgb, RgbImage};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// Blobs of colour.
fn picture(seed: u64) -> RgbImage {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let small = RgbImage::from_fn(9, 7, |_, _| Rgb([next(), next(), next()]));
    resize(&small, 160, 120, FilterType::CatmullRom)
}

/// A photo to be added: its name, what it looks like, its embedding's angle in degrees, and its asset's other fields.
#[derive(Clone)]
struct Photo {
    picture: RgbImage,
    angle: f32,
    asset: Asset,
}

fn photo(name: &str, picture: &RgbImage, angle: f32) -> Photo {
    let (width, height) = picture.dimensions();
    let asset = Asset {
        path: name.into(),
        hash: *blake3::hash(name.as_bytes()).as_bytes().first_chunk().unwrap(),
        width,
        height,
        stamp: Stamp { size: 1000, ..Stamp::default() },
        picture_hash: PictureHash::to_bytes(PictureHash::of(picture).as_ref()),
        ..Asset::default()
    };
    Photo { picture: picture.clone(), angle, asset }
}

impl Photo {
    fn taken(mut self, seconds: i64) -> Photo {
        (self.asset.taken_at, self.asset.camera) = (Some(seconds), Some("Camera".to_owned()));
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Asset)) -> Photo {
        change(&mut self.asset);
        self
    }
}

struct Library {
    dir: TempDir,
}

impl Library {
    /// An index of these photos, whose files exist, and of others that have nothing to do with them.
    fn of(photos: &[Photo]) -> Library {
        let library = Library { dir: tempfile::tempdir().unwrap() };
        let model = ModelId { name: "test".into(), fingerprint: "test-1".into(), dimension: 3 };
        let mut writer = IndexWriter::open_or_create(library.index(), &model).unwrap();
        for Photo { picture, angle, asset } in photos {
            let path = library.path(asset.path.to_str().unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture.save_with_format(&path, image::ImageFormat::Png).unwrap();
            let (sin, cos) = angle.to_radians().sin_cos();
            writer.add(Asset { path, ..asset.clone() }, vec![cos, sin, 0.0]).unwrap();
        }
        // So that two photos by lot are not alike.
        for sign in [1.0f32, -1.0].repeat(photos.len()) {
            let path = library.dir.path().join("elsewhere");
            let asset = Asset { path, picture_hash: PictureHash::to_bytes(None), ..Asset::default() };
            writer.add(asset, vec![0.0, 0.0, sign]).unwrap();
        }
        writer.commit().unwrap();
        writer.close().unwrap();
        library
    }

    fn index(&self) -> PathBuf {
        self.dir.path().join("index")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("photos").join(name)
    }

    fn find(&self, options: &DuplicateOptions) -> Duplicates {
        let reader = IndexReader::open(self.index()).unwrap();
        duplicates(&reader, options, &Silent, &AtomicBool::new(false)).unwrap().unwrap()
    }

    /// Level, names and reason of each group.
    fn groups(&self) -> Vec<(Level, Vec<String>, String)> {
        let name =
            |path: &Path| path.strip_prefix(self.dir.path().join("photos")).unwrap().to_str().unwrap().to_owned();
        let names = |group: &DuplicateGroup| group.photos.iter().map(|record| name(&record.asset.path)).collect();
        let found = self.find(&DuplicateOptions::default());
        found.groups.iter().map(|group| (group.level, names(group), group.reason.to_string())).collect()
    }
}

fn group(level: Level, names: &[&str], reason: &str) -> (Level, Vec<String>, String) {
    (level, names.iter().map(|name| (*name).to_owned()).collect(), reason.to_owned())
}

/// A photo, an identical one, one half as large, a turned one, a cropped one, two more shots, and another scene.
fn all_kinds() -> Vec<Photo> {
    let cat = picture(1);
    let half = resize(&cat, 80, 60, FilterType::Triangle);
    let cropped = crop_imm(&cat, 4, 3, 152, 114).to_image();
    let cat_photo = photo("cat.jpg", &cat, 0.0).taken(1000);
    let same_bytes = cat_photo.clone().with(|asset| asset.path = "copies/cat (1).jpg".into());
    vec![
        cat_photo,
        same_bytes,
        photo("small/cat.jpg", &half, 3.0),
        photo("turned.jpg", &rotate90(&cat), 50.0),
        photo("cropped.jpg", &cropped, 5.0),
        photo("shot 2.jpg", &picture(6), 8.0).taken(1002),
        photo("shot 3.jpg", &picture(7), 12.0).taken(1005),
        photo("dog.jpg", &picture(2), 90.0),
        photo("same scene.jpg", &picture(3), 0.0),
    ]
}

fn groups_of_all_kinds() -> [(Level, Vec<String>, String); 3] {
    [
        group(Level::Bytes, &["cat.jpg", "copies/cat (1).jpg"], "not named like a copy"),
        group(Level::Picture, &["cat.jpg", "turned.jpg", "cropped.jpg", "small/cat.jpg"], "has capture time"),
        group(Level::Burst, &["cat.jpg", "shot 2.jpg", "shot 3.jpg"], "shortest path"),
    ]
}

#[test]
fn each_level_has_its_groups() {
    let library = Library::of(&all_kinds());
    assert_eq!(library.groups(), groups_of_all_kinds());
    let only = |levels: &[Level]| {
        let options = DuplicateOptions { levels: levels.to_vec(), ..DuplicateOptions::default() };
        library.find(&options).groups.into_iter().map(|group| group.level).collect::<Vec<_>>()
    };
    assert_eq!(only(&[Level::Burst]), [Level::Burst]);
    assert_eq!(only(&[Level::Picture, Level::Bytes]), [Level::Bytes, Level::Picture]);
    assert_eq!(only(&[]), []);
}

#[test]
fn no_two_photos_are_in_two_groups_together() {
    let found = Library::of(&all_kinds()).find(&DuplicateOptions::default());
    let mut pairs = std::collections::HashSet::new();
    for group in &found.groups {
        for (at, first) in group.photos.iter().enumerate() {
            assert!(
                group.photos[..at]
                    .iter()
                    .all(|second| pairs.insert((first.id.min(second.id), first.id.max(second.id))))
            );
        }
    }
    assert!(!pairs.is_empty());
}

#[test]
fn the_order_in_which_photos_were_indexed_does_not_matter() {
    let mut photos = all_kinds();
    for _ in 0..photos.len() {
        photos.rotate_left(1);
        assert_eq!(Library::of(&photos).groups(), groups_of_all_kinds());
    }
    photos.reverse();
    assert_eq!(Library::of(&photos).groups(), groups_of_all_kinds());
}

#[test]
fn likeness_is_not_passed_on() {
    // Each shot is like the next one, the first is not like the last.
    let photos: Vec<Photo> = (0..6)
        .map(|at| photo(&format!("{at}.jpg"), &picture(10 + at), 25.0 * at as f32).taken(4 * at as i64))
        .collect();
    let groups = Library::of(&photos).groups();
    assert_eq!(groups.len(), 3);
    assert_eq!(groups[0], group(Level::Burst, &["0.jpg", "1.jpg"], "first by path"));
    assert_eq!(groups[2], group(Level::Burst, &["4.jpg", "5.jpg"], "first by path"));
}

#[test]
fn two_shots_are_not_the_same_picture_however_much_alike_they_look() {
    let cat = picture(1);
    let export = resize(&cat, 320, 240, FilterType::Triangle);
    let shots = [photo("1.jpg", &cat, 0.0).taken(50), photo("2.jpg", &cat, 0.5).taken(53)];
    let far = photo("3.jpg", &cat, 0.0).taken(50 + 600);
    let in_another_zone = photo("4.jpg", &export, 0.0).taken(50 + 3600);
    // Without a time it may be of either, and goes with one of them.
    let library = Library::of(&[shots[0].clone(), shots[1].clone(), far, photo("large.jpg", &export, 0.2)]);
    let groups = library.groups();
    assert_eq!(groups[0], group(Level::Picture, &["large.jpg", "1.jpg"], "largest: 320x240"));
    assert_eq!(groups[1], group(Level::Burst, &["large.jpg", "2.jpg"], "largest: 320x240"));
    assert_eq!(groups.len(), 2);
    let library = Library::of(&[shots[0].clone(), in_another_zone]);
    assert_eq!(library.groups(), [group(Level::Picture, &["4.jpg", "1.jpg"], "largest: 320x240")]);
}

#[test]
fn hash_and_embedding_must_agree() {
    let cat = picture(1);
    let half = resize(&cat, 80, 60, FilterType::Triangle);
    assert_eq!(Library::of(&[photo("a.jpg", &cat, 0.0), photo("b.jpg", &half, 88.0)]).groups(), []);
    assert_eq!(Library::of(&[photo("a.jpg", &cat, 0.0), photo("b.jpg", &picture(9), 0.0)]).groups(), []);
    assert_eq!(Library::of(&[photo("a.jpg", &cat, 0.0), photo("b.jpg", &half, 20.0)]).groups().len(), 1);
}

#[test]
fn pictures_that_show_nothing_are_not_the_same() {
    let white = |name: &str, side: u32| photo(name, &RgbImage::from_pixel(side, side, Rgb([255; 3])), 0.0);
    assert_eq!(Library::of(&[white("a.png", 50), white("b.png", 60)]).groups(), []);
}

#[test]
fn hashes_that_the_index_does_not_have_are_computed_from_the_files() {
    let without = |photo: Photo| photo.with(|asset| asset.picture_hash.clear());
    let photos: Vec<Photo> = all_kinds().into_iter().map(without).filter(|photo| photo.angle < 45.0).collect();
    let library = Library::of(&photos);
    let before = std::fs::read(library.index().join("manifest.json")).unwrap();
    let mut expected = groups_of_all_kinds();
    // What lies on its side is not near by its embedding, and was left out; so the cropped one is the next best.
    expected[1].1.retain(|name| name != "turned.jpg");
    expected[1].2 = "largest: 160x120".to_owned();
    assert_eq!(library.groups(), expected);
    assert_eq!(std::fs::read(library.index().join("manifest.json")).unwrap(), before);

    std::fs::write(library.path("cropped.jpg"), "no picture").unwrap();
    assert_eq!(library.find(&DuplicateOptions::default()).unread, 1);
    assert_eq!(library.groups()[1].1, ["cat.jpg", "small/cat.jpg"]);
}

#[test]
fn files_that_are_gone_are_in_no_group() {
    let library = Library::of(&all_kinds());
    for name in ["cat.jpg", "cropped.jpg", "shot 3.jpg"] {
        std::fs::remove_file(library.path(name)).unwrap();
    }
    let copy = "copies/cat (1).jpg";
    let expected = [
        group(Level::Picture, &[copy, "turned.jpg", "small/cat.jpg"], "has capture time"),
        group(Level::Burst, &["shot 2.jpg", copy], "not named like a copy"),
    ];
    assert_eq!(library.groups(), expected);
}

#[test]
fn only_what_meets_a_condition_is_compared() {
    let library = Library::of(&all_kinds());
    let among = [1, 3, 8].into_iter().collect();
    let options = DuplicateOptions { among: Some(among), ..DuplicateOptions::default() };
    let found = library.find(&options);
    assert_eq!(found.photos, 3);
    assert_eq!(found.groups.len(), 1);
    assert_eq!(found.groups[0].photos.iter().map(|record| record.id).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn cancelled_there_is_no_answer() {
    let library = Library::of(&all_kinds());
    let reader = IndexReader::open(library.index()).unwrap();
    let found = duplicates(&reader, &DuplicateOptions::default(), &Silent, &AtomicBool::new(true)).unwrap();
    assert_eq!(found, None);
}

fn candidate(at: usize) -> Candidate {
    let asset = Asset { path: std::env::current_exe().unwrap(), ..Asset::default() };
    let looks = crate::likeness::Looks::of(&asset);
    let merits = keeper::Merits::of(&asset);
    let Asset { path, hash, kind, .. } = asset;
    Candidate { id: at as u64, kind, path, hash, has_looks: true, looks, merits }
}

proptest! {
    #[test]
    fn every_photo_of_a_group_is_a_duplicate_of_the_first(edges in prop::collection::vec((0usize..20, 0usize..20, 0.0f32..1.0), 0..60)) {
        let edges: Vec<_> = edges.into_iter().filter(|(a, b, _)| a != b).collect();
        let pairs = |edges: &[(usize, usize, f32)]| {
            let mut pairs = stars::Pairs::new(20);
            edges.iter().for_each(|&(a, b, similarity)| pairs.add(a, b, similarity));
            pairs
        };
        let run = |edges: &[(usize, usize, f32)]| {
            let mut all: Vec<Candidate> = (0..20).map(candidate).collect();
            let groups = stars::group(&mut all, pairs(edges), |_, _| true);
            let ids = |group: &Vec<Candidate>| group.iter().map(|candidate| candidate.id).collect::<Vec<_>>();
            (groups.iter().map(ids).collect::<Vec<_>>(), all.len())
        };
        let (groups, left) = run(&edges);
        let reversed: Vec<_> = edges.iter().rev().copied().collect();
        prop_assert_eq!(&run(&reversed).0, &groups);
        let mut seen = std::collections::HashSet::new();
        for group in &groups {
            prop_assert!(group.len() > 1 && group.is_sorted());
            for &id in group {
                prop_assert!(seen.insert(id));
            }
            for &other in &group[1..] {
                let pair = |&(a, b, _): &(usize, usize, f32)| (a as u64, b as u64) == (group[0], other) || (b as u64, a as u64) == (group[0], other);
                prop_assert!(edges.iter().any(pair));
            }
        }
        prop_assert_eq!(left, 20 - groups.iter().map(|group| group.len() - 1).sum::<usize>());
    }
}
