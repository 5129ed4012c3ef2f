//! Files from one press of the shutter are one result, and nothing that merely has a like name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clip_index::{Asset, IndexWriter, ModelId, Related};
use clip_query::{Alternative, BoxedError, Encoder, Filter, Hit, Order, Property, Query, Role, Searcher};
use image::RgbImage;
use proptest::prelude::*;

/// The queries bring their own embeddings.
#[derive(Debug)]
struct Nothing;

impl Encoder for Nothing {
    type Pixels = ();

    fn name(&self) -> &str {
        "nothing"
    }

    fn fingerprint(&self) -> &str {
        "nothing-1"
    }

    fn dimension(&self) -> usize {
        3
    }

    fn embed_texts(&self, _: &[&str]) -> Result<Vec<f32>, BoxedError> {
        Err("it knows no words".into())
    }

    fn preprocess(&self, _: &RgbImage) -> Result<(), BoxedError> {
        Err("it knows no pictures".into())
    }

    fn embed_pixels(&self, _: &[()]) -> Result<Vec<f32>, BoxedError> {
        Err("it knows no pictures".into())
    }
}

const RED: [f32; 3] = [1.0, 0.0, 0.0];
const REDDISH: [f32; 3] = [1.0, 0.1, 0.0];
const GREEN: [f32; 3] = [0.0, 1.0, 0.0];
const BLUE: [f32; 3] = [0.0, 0.0, 1.0];

fn unit(row: [f32; 3]) -> Vec<f32> {
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.map(|x| x / length).to_vec()
}

/// A photo that a camera took at this second.
fn photo(path: &str, second: i64) -> Asset {
    Asset { path: path.into(), taken_at: Some(second), camera: Some("Leica".into()), ..Asset::default() }
}

struct Library {
    dir: tempfile::TempDir,
}

impl Library {
    fn new(photos: Vec<(Asset, [f32; 3])>) -> Library {
        let library = Library { dir: tempfile::tempdir().unwrap() };
        let model = ModelId { name: "nothing".into(), fingerprint: "nothing-1".into(), dimension: 3 };
        let mut writer = IndexWriter::open_or_create(library.index(), &model).unwrap();
        for (number, (asset, embedding)) in photos.into_iter().enumerate() {
            writer.add(asset, unit(embedding)).unwrap();
            // What belongs together need not be written together.
            if number % 3 == 2 {
                writer.commit().unwrap();
            }
        }
        writer.commit().unwrap();
        library
    }

    fn index(&self) -> PathBuf {
        self.dir.path().join("index")
    }

    fn searcher(&self) -> Searcher<Nothing> {
        Searcher::open(self.index(), Nothing).unwrap()
    }

    fn search(&self, query: &Query) -> Vec<Hit> {
        self.searcher().search(query).unwrap()
    }

    /// What a query finds: each result with its members.
    fn found(&self, query: &Query) -> Found {
        let members = |hit: &Hit| {
            hit.members.iter().map(|member| (member.role.name(), member.path.display().to_string())).collect()
        };
        let hits = self.search(query);
        let found: Found = hits.iter().map(|hit| (hit.path.display().to_string(), members(hit))).collect();
        assert_eq!(found.len(), hits.len());
        found
    }
}

type Found = BTreeMap<String, Vec<(&'static str, String)>>;

fn all() -> Query {
    conditions(Filter::Has(Property::Date))
}

fn conditions(filter: Filter) -> Query {
    Query::any(vec![Alternative { terms: Vec::new(), filter }]).limit(usize::MAX)
}

fn result(path: &str, members: &[(&'static str, &str)]) -> (String, Vec<(&'static str, String)>) {
    (path.to_owned(), members.iter().map(|(role, path)| (*role, (*path).to_owned())).collect())
}

fn camera_and_phone() -> Library {
    let live = |path: &str, id: &str| Asset {
        related: Related { live_photo: Some(id.into()), ..Related::default() },
        companions: vec![PathBuf::from(path.rsplit('/').next().unwrap()).with_extension("MOV")],
        ..photo(path, 7000)
    };
    let burst = |path: &str, is_burst_primary| Asset {
        related: Related { burst: Some("B".into()), is_burst_primary, ..Related::default() },
        ..photo(path, 8000)
    };
    Library::new(vec![
        // A raw file that is developed in another way.
        (photo("/a/IMG_1.CR2", 1001), GREEN),
        (photo("/a/IMG_1.JPG", 1000), RED),
        (photo("/a/IMG_10.JPG", 1000), RED),
        (photo("/b/IMG_1.CR2", 1000), RED),
        // The counter of the camera began anew.
        (photo("/a/IMG_2.JPG", 1000), RED),
        (photo("/a/IMG_2.CR2", 90_000), RED),
        (Asset { camera: Some("Canon".into()), ..photo("/a/IMG_3.CR2", 2000) }, RED),
        (photo("/a/IMG_3.JPG", 2000), RED),
        (Asset { taken_at: None, ..photo("/a/IMG_4.CR2", 0) }, RED),
        (photo("/a/IMG_4.JPG", 3000), RED),
        // Edited copies, and what is only called like one.
        (photo("/c/IMG_1234.HEIC", 5000), RED),
        (photo("/c/IMG_E1234.HEIC", 5000), REDDISH),
        (photo("/c/IMG_1234(1).HEIC", 5000), RED),
        (photo("/c/IMG_1234-edited.jpg", 5000), BLUE),
        (photo("/c/IMG_1234(2).HEIC", 6000), RED),
        (live("/d/IMG_7.HEIC", "L"), RED),
        (live("/d/IMG_7.JPG", "L"), BLUE),
        (live("/d/IMG_7(1).HEIC", "M"), RED),
        (burst("/e/1.jpg", false), RED),
        (burst("/e/2.jpg", true), GREEN),
        (Asset { related: Related::default(), ..burst("/e/2.dng", false) }, BLUE),
        (burst("/f/1.jpg", false), RED),
    ])
}

#[test]
fn each_press_of_the_shutter_is_one_result() {
    let library = camera_and_phone();
    let expected: Found = [
        result("/a/IMG_1.JPG", &[("raw", "/a/IMG_1.CR2")]),
        result("/a/IMG_10.JPG", &[]),
        result("/b/IMG_1.CR2", &[]),
        result("/a/IMG_2.JPG", &[]),
        result("/a/IMG_2.CR2", &[]),
        result("/a/IMG_3.JPG", &[]),
        result("/a/IMG_3.CR2", &[]),
        result("/a/IMG_4.JPG", &[]),
        result("/c/IMG_1234.HEIC", &[("edited", "/c/IMG_E1234.HEIC"), ("copy", "/c/IMG_1234(1).HEIC")]),
        result("/c/IMG_1234-edited.jpg", &[]),
        result("/c/IMG_1234(2).HEIC", &[]),
        result("/d/IMG_7.HEIC", &[("copy", "/d/IMG_7.JPG"), ("live", "/d/IMG_7.MOV")]),
        result("/d/IMG_7(1).HEIC", &[("live", "/d/IMG_7(1).MOV")]),
        // The one that stands for its burst.
        result("/e/2.jpg", &[("raw", "/e/2.dng"), ("burst", "/e/1.jpg")]),
        result("/f/1.jpg", &[]),
    ]
    .into();
    assert_eq!(library.found(&all()), expected);
    // The one without a date does not pass.
    assert_eq!(library.searcher().count(&all()).unwrap(), expected.len() as u64);
    assert_eq!(library.searcher().count(&all().without_pairs()).unwrap(), 21);
    assert_eq!(library.search(&all().without_pairs()).len(), 21);
    let members = |hit: &Hit| hit.members.iter().any(|member| member.record.is_some());
    assert!(!library.search(&all().without_pairs()).iter().any(members));
}

#[test]
fn a_description_finds_a_pair_by_either_file() {
    let library = camera_and_phone();
    let first = |embedding: [f32; 3], under: &str| {
        let hits = library.search(&Query::embedding(embedding).under(under));
        (hits.len(), hits[0].path.display().to_string(), hits[0].members.iter().map(|m| m.role).collect::<Vec<_>>())
    };
    // Green is the raw file, and the photo is what can be looked at.
    assert_eq!(first(GREEN, "/a").1, "/a/IMG_1.JPG");
    assert_eq!(first(GREEN, "/a").2, [Role::Raw]);
    // Of a burst, it is the shot that fits.
    assert_eq!(first(RED, "/e"), (1, "/e/1.jpg".to_owned(), vec![Role::Burst, Role::Burst]));
    assert_eq!(first(BLUE, "/e"), (1, "/e/2.jpg".to_owned(), vec![Role::Raw, Role::Burst]));
    // Conditions hold for members too, and a raw file that meets them alone is shown.
    let raw = library.found(&conditions(Filter::Extension("cr2".into())).filter(Filter::Under("/a".into())));
    assert_eq!(
        raw.keys().map(String::as_str).collect::<Vec<_>>(),
        ["/a/IMG_1.CR2", "/a/IMG_2.CR2", "/a/IMG_3.CR2", "/a/IMG_4.CR2"]
    );
    assert!(raw.values().all(Vec::is_empty));
}

#[test]
fn a_copy_of_a_pair_in_another_folder_is_the_same_result() {
    let file = |path: &str, content: u8| Asset { hash: [content; 16], ..photo(path, 1000) };
    let library = Library::new(vec![
        (file("/a/IMG_1.JPG", 1), RED),
        (file("/a/IMG_1.CR2", 2), GREEN),
        (file("/b/IMG_1.JPG", 1), RED),
        (file("/b/IMG_1.CR2", 2), GREEN),
        (file("/c/IMG_1.JPG", 1), RED),
        (file("/d/other.JPG", 3), BLUE),
    ]);
    for query in [Query::embedding(RED), Query::embedding(GREEN), all()] {
        for limit in [1, 2, 9] {
            let hits = library.search(&query.clone().limit(limit));
            assert_eq!(hits.len(), limit.min(2), "{limit}");
            let pair = hits.iter().find(|hit| hit.path.starts_with("/a"));
            let Some(pair) = pair else { continue };
            assert_eq!(pair.path.to_str(), Some("/a/IMG_1.JPG"), "{query:?} {limit}");
            // A copy of what was not found itself may not be named.
            assert!(pair.duplicates.len() == 2 || limit == 1 && !pair.duplicates.is_empty(), "{query:?} {limit}");
            let members: Vec<_> =
                pair.members.iter().map(|member| (member.role, member.path.to_str().unwrap())).collect();
            assert_eq!(members, [(Role::Raw, "/a/IMG_1.CR2"), (Role::Raw, "/b/IMG_1.CR2")], "{query:?} {limit}");
        }
    }
}

/// Files of few names, folders, times and looks, so that many belong together in many ways.
fn libraries() -> impl Strategy<Value = Vec<(Asset, [f32; 3])>> {
    let name = prop::sample::select(vec![
        "IMG_1234.JPG",
        "IMG_1234.CR2",
        "IMG_E1234.JPG",
        "IMG_1234(1).JPG",
        "IMG_1234-edited.jpg",
        "IMG_1235.JPG",
        "IMG_1235.DNG",
        "20190604_153000_001.jpg",
        "20190604_153000_002.jpg",
    ]);
    let file = (name, 0..2, 0i64..4, prop::sample::select(vec![RED, REDDISH, GREEN]), 0u8..6, 0u8..6).prop_map(
        |(name, folder, second, look, burst, content)| {
            // Identical files look the same.
            let look = if content == 0 { look } else { [RED, REDDISH, GREEN][usize::from(content) % 3] };
            let burst = (burst < 2).then(|| format!("B{burst}"));
            let asset = Asset {
                related: Related { burst, ..Related::default() },
                // Some have the same content.
                hash: if content == 0 { [0; 16] } else { [content; 16] },
                ..photo(&format!("/{folder}/{name}"), second * 2)
            };
            (asset, look)
        },
    );
    prop::collection::vec(file, 1..14).prop_map(|mut files| {
        files.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        files.dedup_by(|a, b| a.0.path == b.0.path);
        files
    })
}

fn paths_of(hit: &Hit) -> Vec<PathBuf> {
    hit.paths().map(PathBuf::from).chain(hit.members.iter().map(|member| member.path.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn every_file_is_in_one_result(files in libraries(), look in prop::sample::select(vec![RED, GREEN, BLUE])) {
        let mut expected: Vec<PathBuf> = files.iter().map(|(asset, _)| asset.path.clone()).collect();
        expected.sort();
        let library = Library::new(files);
        for query in [all(), all().order(Order::Path), Query::embedding(look).limit(usize::MAX)] {
            let hits = library.search(&query);
            let mut found: Vec<PathBuf> = hits.iter().flat_map(paths_of).collect();
            found.sort();
            prop_assert_eq!(&found, &expected, "{:?}", query);
        }
    }

    /// Without identical files, which are counted one by one.
    #[test]
    fn pages_and_counts_are_parts_of_the_whole(
        files in libraries(),
        look in prop::sample::select(vec![RED, GREEN, BLUE]),
    ) {
        let files = files.into_iter().map(|(asset, look)| (Asset { hash: [0; 16], ..asset }, look)).collect();
        let library = Library::new(files);
        prop_assert_eq!(library.searcher().count(&all()).unwrap(), library.search(&all()).len() as u64);
        for query in [all(), Query::embedding(look).limit(usize::MAX)] {
            let whole: Vec<PathBuf> = library.search(&query).into_iter().map(|hit| hit.path).collect();
            for limit in [1, 2, 3] {
                let mut paged = Vec::new();
                loop {
                    let page = library.search(&query.clone().limit(limit).offset(paged.len()));
                    if page.is_empty() {
                        break;
                    }
                    paged.extend(page.into_iter().map(|hit| hit.path));
                }
                prop_assert_eq!(&paged, &whole, "{:?} {}", query, limit);
            }
        }
    }
}
