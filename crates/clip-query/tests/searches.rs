//! Searches over a real index, with an encoder whose space can be drawn: axes are named by words, and a picture lies
//! where its mean colour is.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip_index::{Asset, Bank, GraphOptions, IndexError, IndexWriter, Kind, ModelId, NewItem, Remedy, Stamp};
use clip_query::{
    Alternative, BoxedError, Encoder, Filter, Fusion, Method, NumberField, Order, Query, QueryError, Ranked, Searcher,
    Strategy, Term,
};
use image::RgbImage;

/// Red, green and blue are the axes; a text is the sum of those that it names.
#[derive(Debug)]
struct Colours {
    fingerprint: &'static str,
}

const COLOURS: Colours = Colours { fingerprint: "colours-1" };

impl Encoder for Colours {
    type Pixels = [f32; 3];

    fn name(&self) -> &str {
        "colours"
    }

    fn fingerprint(&self) -> &str {
        self.fingerprint
    }

    fn dimension(&self) -> usize {
        3
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        let axis = |text: &str, name: &str| text.to_lowercase().matches(name).count() as f32;
        texts
            .iter()
            .map(|text| ["red", "green", "blue"].map(|name| axis(text, name)))
            .map(|row| if row == [0.0; 3] { Err("no colour in these words".into()) } else { Ok(unit(row)) })
            .collect::<Result<Vec<_>, BoxedError>>()
            .map(|rows| rows.concat())
    }

    fn preprocess(&self, image: &RgbImage) -> Result<[f32; 3], BoxedError> {
        let mut sum = [0.0; 3];
        image.pixels().for_each(|p| (0..3).for_each(|i| sum[i] += f32::from(p.0[i])));
        Ok(unit(sum))
    }

    fn embed_pixels(&self, batch: &[[f32; 3]]) -> Result<Vec<f32>, BoxedError> {
        Ok(batch.concat())
    }
}

fn unit(row: [f32; 3]) -> [f32; 3] {
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.map(|x| x / length)
}

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new(photos: &[(&str, [f32; 3])]) -> Fixture {
        let fixture = Fixture { dir: tempfile::tempdir().unwrap() };
        let mut writer = fixture.writer();
        for (path, embedding) in photos {
            writer.add(photo(path), unit(*embedding).to_vec()).unwrap();
        }
        writer.commit().unwrap();
        fixture
    }

    fn writer(&self) -> IndexWriter {
        let model = ModelId { name: "colours".into(), fingerprint: COLOURS.fingerprint.into(), dimension: 3 };
        IndexWriter::open_or_create(self.index(), &model).unwrap()
    }

    fn index(&self) -> PathBuf {
        self.dir.path().join("index")
    }

    fn searcher(&self) -> Searcher<Colours> {
        Searcher::open(self.index(), COLOURS).unwrap()
    }

    fn paths(&self, query: Query) -> Vec<String> {
        self.searcher().search(&query).unwrap().iter().map(|hit| hit.path.display().to_string()).collect()
    }

    fn error(&self, query: Query) -> QueryError {
        self.searcher().search(&query).unwrap_err()
    }
}

fn photo(path: &str) -> Asset {
    Asset {
        path: path.into(),
        stamp: Stamp { size: 1, ..Stamp::default() },
        hash: [0; 16],
        kind: Kind::Photo,
        width: 6,
        height: 4,
        taken_at: Some(1_000),
        camera: Some("Leica M6".into()),
        lens: None,
        gps: None,
        ..Asset::default()
    }
}

fn rainbow() -> Fixture {
    Fixture::new(&[
        ("/p/2019/cherry.jpg", [1.0, 0.0, 0.0]),
        ("/p/2019/lemon.jpg", [1.0, 1.0, 0.0]),
        ("/p/2020/leaf.jpg", [0.0, 1.0, 0.0]),
        ("/p/2020/sea.jpg", [0.0, 0.0, 1.0]),
        ("/p/2020-more/plum.jpg", [1.0, 0.0, 1.0]),
    ])
}

#[test]
fn hits_come_best_first_with_rank_score_and_record() {
    let hits = rainbow().searcher().search(&Query::text("red red green").limit(3)).unwrap();
    let found: Vec<_> = hits.iter().map(|hit| (hit.rank, hit.path.to_str().unwrap())).collect();
    assert_eq!(found, [(1, "/p/2019/lemon.jpg"), (2, "/p/2019/cherry.jpg"), (3, "/p/2020-more/plum.jpg")]);
    let best = hits[0].score.unwrap();
    assert!((best - 3.0 / 10_f32.sqrt()).abs() < 5e-4, "{best}");
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    let record = &hits[0].record;
    assert_eq!((record.id, record.asset.width, record.asset.camera.as_deref()), (hits[0].id, 6, Some("Leica M6")));
}

#[test]
fn equal_scores_keep_the_order_of_indexing() {
    let fixture = Fixture::new(&[("/z", [1.0, 0.0, 0.0]), ("/a", [1.0, 0.0, 0.0]), ("/m", [1.0, 0.0, 0.0])]);
    assert_eq!(fixture.paths(Query::text("red").limit(2)), ["/z", "/a"]);
}

#[test]
fn weights_mix_terms_and_negative_ones_steer_away() {
    let fixture = rainbow();
    let first = |query: Query| fixture.paths(query.limit(1)).remove(0);
    assert_eq!(first(Query::text("red").and_text("green", 1.0)), "/p/2019/lemon.jpg");
    assert_eq!(first(Query::text("red").and_text("green", 0.1)), "/p/2019/cherry.jpg");
    assert_eq!(first(Query::text("red").and_text("green", -1.0).and_text("blue", 1.0)), "/p/2020-more/plum.jpg");
    // The order is the one that adding up the scores gives.
    let mixed = fixture.searcher().search(&Query::text("red").and_text("blue", 0.5)).unwrap();
    let scores = |text: &str| {
        let hits = fixture.searcher().search(&Query::text(text)).unwrap();
        move |id| hits.iter().find(|hit| hit.id == id).and_then(|hit| hit.score).unwrap()
    };
    let (red, blue) = (scores("red"), scores("blue"));
    let sums: Vec<f32> = mixed.iter().map(|hit| red(hit.id) + 0.5 * blue(hit.id)).collect();
    assert!(sums.is_sorted_by(|a, b| a + 1e-6 >= *b), "{sums:?}");
}

#[test]
fn an_example_photo_or_an_embedding_finds_its_like() {
    let fixture = rainbow();
    let example = fixture.dir.path().join("example.png");
    RgbImage::from_pixel(3, 2, image::Rgb([0, 0, 200])).save(&example).unwrap();
    assert_eq!(fixture.paths(Query::image(&example).limit(1)), ["/p/2020/sea.jpg"]);
    assert_eq!(fixture.paths(Query::image(&example).and_text("red", 1.0).limit(1)), ["/p/2020-more/plum.jpg"]);
    // Of whatever length.
    let hits = fixture.searcher().search(&Query::embedding([0.0, 50.0, 0.0])).unwrap();
    assert_eq!(hits[0].path, Path::new("/p/2020/leaf.jpg"));
    assert!((hits[0].score.unwrap() - 1.0).abs() < 1e-6);
}

#[test]
fn limits_on_score_place_and_number_hold() {
    let fixture = rainbow();
    assert_eq!(fixture.paths(Query::text("red").min_score(0.9)), ["/p/2019/cherry.jpg"]);
    assert_eq!(fixture.paths(Query::text("red").under("/p/2020")), ["/p/2020/leaf.jpg", "/p/2020/sea.jpg"]);
    assert_eq!(fixture.paths(Query::text("blue").under("/p/2019").under("/p/2020-more")).len(), 3);
    assert!(fixture.paths(Query::text("red").under("/elsewhere")).is_empty());
    assert!(fixture.paths(Query::text("red").limit(0)).is_empty());
    assert_eq!(fixture.paths(Query::text("red").limit(1_000)).len(), 5);
}

#[test]
fn an_empty_index_gives_an_empty_list() {
    let fixture = Fixture::new(&[]);
    assert!(fixture.paths(Query::text("red")).is_empty());
    assert!(fixture.paths(Query::text("red").under("/p")).is_empty());
}

#[test]
fn queries_without_sense_are_refused_in_words() {
    let fixture = Fixture::new(&[]);
    let refused = |query: Query, expected: &str| {
        let error = fixture.error(query).to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    refused(Query::text(" \n"), "query text is empty");
    refused(Query::text("red").and_text("", 1.0), "query text is empty");
    refused(Query::text("red").and_text("red", -1.0), "cancel each other out");
    refused(Query::text("red").and_text("green", f32::NAN), "finite");
    refused(Query::embedding([1.0; 7]), "embedding of 3 dimensions");
    refused(Query::embedding([0.0; 3]), "of norm 0");
    refused(Query::text("nothing"), "no colour in these words");
    refused(Query::image("/no/such/photo.jpg"), "cannot use /no/such/photo.jpg as an example: no such file");
}

#[test]
fn a_missing_index_and_another_model_are_told_with_a_remedy() {
    let fixture = rainbow();
    let error = Searcher::open(fixture.dir.path().join("none"), COLOURS).unwrap_err();
    let QueryError::Index(error) = error else { panic!("{error}") };
    assert!(matches!(error.remedy(), Some(Remedy::CreateIndex { .. })), "{error}");

    let error = Searcher::open(fixture.index(), Colours { fingerprint: "colours-2" }).unwrap_err();
    let QueryError::Index(error) = error else { panic!("{error}") };
    assert!(matches!(error.remedy(), Some(Remedy::MatchModel { same_name: true, .. })), "{error}");
    let message = error.to_string();
    assert!(message.contains("colours-1") && message.contains("colours-2"), "{message}");
    assert!(!message.contains("--") && !message.contains("clip-search"), "{message}");
}

#[test]
fn a_graph_finds_what_a_scan_finds_and_its_lack_is_an_error_only_if_it_was_asked_for() {
    let fixture = rainbow();
    let graph = |text: &str| Query::text(text).strategy(Strategy::Graph).limit(10);
    let error = fixture.error(graph("red"));
    assert!(matches!(error, QueryError::Index(IndexError::NoGraph { .. })), "{error}");

    let mut writer = fixture.writer();
    for number in 0..400_u16 {
        let (a, b) = (f32::from(number % 20) + 0.5, f32::from(number / 20) + 0.5);
        writer.add(photo(&format!("/many/{number}")), unit([a, b, 20.0 - a]).to_vec()).unwrap();
    }
    let options = GraphOptions { min_photos: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &clip_index::Silent, &std::sync::atomic::AtomicBool::new(false)).unwrap();
    for text in ["red", "red green", "blue blue green"] {
        assert_eq!(fixture.paths(graph(text)), fixture.paths(graph(text).strategy(Strategy::Exact)), "{text}");
    }
    assert_eq!(fixture.paths(graph("blue").under("/p/2020")), ["/p/2020/sea.jpg", "/p/2020/leaf.jpg"]);
    let (_, explanation) = fixture.searcher().search_explained(&Query::text("red")).unwrap();
    assert_eq!(explanation.plans[0].method, Method::Scan, "so few are scanned");
    let (hits, explanation) = fixture.searcher().search_explained(&graph("blue").under("/p/2020")).unwrap();
    assert_eq!((hits.len(), explanation.plans[0].items, explanation.plans[0].passing), (2, 405, 2));
}

/// Photos of the rainbow, with what is known of them.
fn described() -> Fixture {
    let fixture = Fixture::new(&[]);
    let mut writer = fixture.writer();
    let photos = [
        ("/p/a.jpg", [1.0, 0.0, 0.0], Some(3_000), 100),
        ("/p/b.png", [1.0, 0.2, 0.0], Some(1_000), 800),
        ("/p/c.jpg", [0.0, 1.0, 0.0], None, 800),
        ("/p/d.jpg", [0.0, 0.0, 1.0], Some(2_000), 400),
    ];
    for (number, (path, embedding, taken_at, iso)) in photos.into_iter().enumerate() {
        let hash = [number as u8 + 1; 16];
        let asset = Asset { taken_at, hash, iso: Some(iso), ..photo(path) };
        writer.add(asset, unit(embedding).to_vec()).unwrap();
    }
    writer.commit().unwrap();
    fixture
}

fn iso(from: f64) -> Filter {
    Filter::Number { field: NumberField::Iso, from: Bound::Included(from), to: Bound::Unbounded }
}

#[test]
fn alternatives_find_what_answers_one_of_them() {
    let fixture = described();
    let of = |text: &str, filter: Filter| Alternative { filter, ..Alternative::of(Term::Text(text.into())) };
    let anywhere = || Filter::All(Vec::new());
    let either = Query::any(vec![of("red", anywhere()), of("blue", anywhere())]);
    assert_eq!(fixture.paths(either.clone().limit(3)), ["/p/a.jpg", "/p/d.jpg", "/p/b.png"]);
    // Each alternative has conditions of its own.
    let query = Query::any(vec![of("red", iso(800.0)), of("blue", anywhere())]).limit(2);
    assert_eq!(fixture.paths(query), ["/p/d.jpg", "/p/b.png"]);
    // Those of the query are for all of them.
    assert_eq!(fixture.paths(either.filter(iso(800.0))), ["/p/b.png", "/p/c.jpg"]);
    let refused = fixture.error(Query::any(Vec::new()));
    assert!(matches!(refused, QueryError::NoTerms), "{refused}");
    let refused = fixture.error(Query::any(vec![Alternative { terms: vec![], filter: anywhere() }]));
    assert!(matches!(refused, QueryError::NoTerms), "{refused}");
}

#[test]
fn conditions_alone_list_the_newest_first() {
    let fixture = described();
    let all = Query::any(vec![Alternative { terms: Vec::new(), filter: iso(0.0) }]);
    assert_eq!(fixture.paths(all.clone()), ["/p/a.jpg", "/p/d.jpg", "/p/b.png", "/p/c.jpg"]);
    assert_eq!(fixture.paths(all.clone().limit(2).offset(1)), ["/p/d.jpg", "/p/b.png"]);
    assert_eq!(fixture.paths(all.clone().order(Order::Path).limit(2)), ["/p/a.jpg", "/p/b.png"]);
    assert_eq!(fixture.searcher().count(&all).unwrap(), 4);
    assert_eq!(fixture.searcher().count(&all.clone().filter(iso(400.0))).unwrap(), 3);
    let (hits, explanation) = fixture.searcher().search_explained(&all).unwrap();
    assert!(hits.iter().all(|hit| hit.score.is_none() && hit.adjusted.is_none()));
    assert_eq!((explanation.plans.len(), explanation.passing), (0, vec![Some(4)]));
}

#[test]
fn results_are_ordered_after_they_are_chosen() {
    let fixture = described();
    assert_eq!(fixture.paths(Query::text("red").limit(2)), ["/p/a.jpg", "/p/b.png"]);
    assert_eq!(fixture.paths(Query::text("red").limit(2).order(Order::Oldest)), ["/p/b.png", "/p/a.jpg"]);
    assert_eq!(fixture.paths(Query::text("red").limit(1).offset(1)), ["/p/b.png"]);
    assert!(fixture.paths(Query::text("red").limit(9).offset(9)).is_empty());
}

/// Purple is near to both captions, and red to one only.
#[test]
fn photos_that_are_near_to_every_text_count_for_less() {
    let fixture = rainbow();
    let rows = [unit([1.0, 0.0, 1.0]), unit([0.0, 0.2, 1.0])].concat();
    let bank = Bank::new("bank", &rows, &rows, 3, 1).unwrap();
    let query = || Query::text("red blue blue");
    assert_eq!(fixture.paths(query().limit(1)), ["/p/2020-more/plum.jpg"]);
    let mut writer = fixture.writer();
    writer.set_bank(Arc::new(bank)).unwrap();
    writer.update_hubness(&clip_index::Silent, &std::sync::atomic::AtomicBool::new(false)).unwrap();
    let (hits, explanation) = fixture.searcher().search_explained(&query()).unwrap();
    assert!(explanation.is_corrected);
    for hit in &hits {
        let (score, adjusted) = (hit.score.unwrap(), hit.adjusted.unwrap());
        let dot = |text: [f32; 3]| fixture.searcher().reader().similarity(&unit(text), hit.id).unwrap();
        let nearest = dot([1.0, 0.0, 1.0]).max(dot([0.0, 0.2, 1.0]));
        // Three words are a phrase.
        assert!((score - adjusted - 0.7 * nearest).abs() < 5e-3, "{score} {adjusted} {nearest}");
    }
    assert!(hits.is_sorted_by(|a, b| a.adjusted >= b.adjusted));
    let (raw, explanation) = fixture.searcher().search_explained(&query().raw()).unwrap();
    assert!(!explanation.is_corrected && raw.iter().all(|hit| hit.score == hit.adjusted));
    assert_eq!(raw[0].path, Path::new("/p/2020-more/plum.jpg"));
    // Examples are compared as they are.
    let (hits, explanation) = fixture.searcher().search_explained(&Query::like(1)).unwrap();
    assert!(!explanation.is_corrected && hits[0].score == hits[0].adjusted);
}

#[test]
fn a_query_knows_which_towers_it_needs() {
    let text = Query::text("red");
    assert!(text.needs_text_tower() && !text.needs_image_tower());
    let image = Query::image("a.jpg");
    assert!(!image.needs_text_tower() && image.needs_image_tower());
    let both = Query::embedding([1.0]).and_text("red", 1.0).and_image("a.jpg", 1.0);
    assert!(both.needs_text_tower() && both.needs_image_tower());
}

/// The bytes of a PNG file of one colour.
fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(6, 4, colour.into()).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn an_example_may_be_a_file_bytes_pixels_or_a_photo_of_the_index() {
    let fixture = Fixture::new(&[("red", [1.0, 0.0, 0.0]), ("pink", [1.0, 0.4, 0.4]), ("blue", [0.0, 0.0, 1.0])]);
    let file = fixture.dir.path().join("example.png");
    std::fs::write(&file, png([255, 0, 0])).unwrap();
    let pixels = RgbImage::from_pixel(6, 4, [255, 0, 0].into());
    let by_file = fixture.searcher().search(&Query::image(&file)).unwrap();
    assert_eq!(by_file[0].path, Path::new("red"));
    for query in [Query::bytes(png([255, 0, 0])), Query::new(Term::Pixels(pixels)), Query::like(by_file[0].id)] {
        assert!(!query.needs_text_tower());
        assert_eq!(fixture.searcher().search(&query).unwrap(), by_file, "{query:?}");
    }
    // The embedding is in the index: no model is asked.
    assert!(!Query::like(1).needs_image_tower() && Query::bytes(png([0; 3])).needs_image_tower());

    let error = fixture.error(Query::bytes(b"no image".to_vec())).to_string();
    assert!(error.contains("a photo of 8 bytes"), "{error}");
    let error = fixture.error(Query::like(99)).to_string();
    assert!(error.contains("99"), "{error}");
}

/// Adds copies of one file, a photo each.
fn add_copies(writer: &mut IndexWriter, name: &str, content: u8, copies: usize, embedding: [f32; 3]) {
    for copy in 0..copies {
        let asset = Asset { hash: [content; 16], ..photo(&format!("/{name}/{copy}")) };
        writer.add(asset, unit(embedding).to_vec()).unwrap();
    }
}

#[test]
fn identical_files_are_one_result_and_the_limit_counts_contents() {
    let fixture = Fixture::new(&[]);
    let mut writer = fixture.writer();
    add_copies(&mut writer, "red", 1, 300, [1.0, 0.0, 0.0]);
    // Another photo of the same colour is another photo.
    add_copies(&mut writer, "as red", 2, 2, [1.0, 0.0, 0.0]);
    add_copies(&mut writer, "orange", 3, 40, [1.0, 0.3, 0.0]);
    add_copies(&mut writer, "yellow", 4, 1, [1.0, 1.0, 0.0]);
    add_copies(&mut writer, "green", 5, 25, [0.0, 1.0, 0.0]);
    let options = GraphOptions { min_photos: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &clip_index::Silent, &std::sync::atomic::AtomicBool::new(false)).unwrap();
    drop(writer);
    let searcher = fixture.searcher();
    let all = [("/red/0", 299), ("/as red/0", 1), ("/orange/0", 39), ("/yellow/0", 0), ("/green/0", 24)];
    for strategy in [Strategy::Auto, Strategy::Exact, Strategy::Scan] {
        for limit in 1..7 {
            let hits = searcher.search(&Query::text("red").limit(limit).strategy(strategy)).unwrap();
            let found: Vec<_> = hits.iter().map(|hit| (hit.path.to_str().unwrap(), hit.duplicates.len())).collect();
            assert_eq!(found, all[..limit.min(5)], "{strategy:?} {limit}");
            assert!(hits.iter().enumerate().all(|(place, hit)| hit.rank == place + 1));
        }
    }
    // A walk may miss copies, but no content takes the place of another.
    let hits = searcher.search(&Query::text("red").limit(3).strategy(Strategy::Graph)).unwrap();
    let contents: std::collections::HashSet<_> = hits.iter().map(|hit| hit.record.asset.hash).collect();
    assert_eq!((hits.len(), contents.len()), (3, 3));

    let hits = searcher.search(&Query::text("red").min_score(0.9).limit(9)).unwrap();
    assert_eq!(hits.len(), 3);
    let hits = searcher.search(&Query::text("red").under("/red").limit(1)).unwrap();
    assert_eq!(hits[0].duplicates.len(), 299);
    let paths: Vec<_> = hits[0].paths().map(|path| path.to_str().unwrap()).collect();
    assert_eq!((paths.len(), paths[0], paths[1], paths[299]), (300, "/red/0", "/red/1", "/red/299"));
}

#[test]
fn a_video_is_one_result_at_its_best_moment() {
    let fixture = Fixture::new(&[("/p/a.jpg", [0.9, 0.3, 0.3]), ("/p/b.jpg", [0.0, 1.0, 0.1])]);
    let mut writer = fixture.writer();
    let colours = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.2, 1.0, 0.0]];
    let moments: Vec<NewItem> = (0..)
        .zip(colours)
        .map(|(at, colour)| NewItem { position: at * 2500, embedding: unit(colour).to_vec() })
        .collect();
    let film = |path: &str, content: u8| Asset { kind: Kind::Video, hash: [content; 16], ..photo(path) };
    writer.add_items(film("/p/film.mp4", 7), &moments).unwrap();
    writer.add_items(film("/p/copy.mp4", 7), &moments).unwrap();
    writer.add_items(film("/p/short.mp4", 8), &moments[3..]).unwrap();
    writer.commit().unwrap();
    let searcher = fixture.searcher();
    let found = |query: Query| {
        let hits = searcher.search(&query).unwrap();
        hits.iter().map(|hit| (hit.path.display().to_string(), hit.position, hit.duplicates.len())).collect::<Vec<_>>()
    };
    let hit = |path: &str, position, copies| (path.to_owned(), position, copies);
    assert_eq!(
        found(Query::text("red").limit(9)),
        [hit("/p/film.mp4", 2500, 1), hit("/p/a.jpg", 0, 0), hit("/p/short.mp4", 7500, 0), hit("/p/b.jpg", 0, 0)]
    );
    assert_eq!(found(Query::text("blue").limit(1)), [hit("/p/film.mp4", 0, 1)]);
    // The limit counts videos, not their moments.
    assert_eq!(found(Query::text("red").limit(2).filter(Filter::Kind(Kind::Video))).len(), 2);
    assert_eq!(found(Query::text("red").limit(9).collapse()).len(), 4);
    let videos = Query::any(vec![Alternative { terms: Vec::new(), filter: Filter::Kind(Kind::Video) }]);
    assert_eq!(found(videos.clone().limit(9)), [hit("/p/film.mp4", 0, 1), hit("/p/short.mp4", 7500, 0)]);
    assert_eq!(searcher.count(&videos).unwrap(), 3, "identical files count one by one");
    assert_eq!(searcher.count(&videos.without_pairs()).unwrap(), 3);
    // An item that was kept leads to the same moment.
    let best = searcher.search(&Query::text("red").limit(1)).unwrap().remove(0);
    let again = Ranked::from(&best).hit(searcher.reader()).unwrap().unwrap();
    assert_eq!((again.position, again.item, again.id), (2500, best.item, best.id));
}

#[test]
fn a_result_is_made_again_from_what_was_kept_of_it() {
    let fixture = Fixture::new(&[]);
    let mut writer = fixture.writer();
    add_copies(&mut writer, "red", 1, 3, [1.0, 0.0, 0.0]);
    add_copies(&mut writer, "orange", 2, 1, [1.0, 0.3, 0.0]);
    writer.commit().unwrap();
    drop(writer);
    let searcher = fixture.searcher();
    let all = Query::any(vec![Alternative {
        terms: Vec::new(),
        filter: Filter::Number { field: NumberField::Width, from: Bound::Included(1.0), to: Bound::Unbounded },
    }]);
    for query in [Query::text("red"), Query::text("red").collapse(), Query::like(4), all] {
        let hits = searcher.search(&query).unwrap();
        assert!(!hits.is_empty());
        for hit in hits {
            let ranked = Ranked::from(&hit);
            assert_eq!(ranked.hit(searcher.reader()).unwrap().as_ref(), Some(&hit));
            assert_eq!(Ranked { item: 99, ..ranked }.hit(searcher.reader()).unwrap(), None);
        }
    }
    assert_eq!(Ranked::unscored(1, 2, [1, 3]).hit(searcher.reader()).unwrap().unwrap().duplicates.len(), 2);
}

#[test]
fn a_copy_that_is_there_stands_for_those_that_are_not() {
    let fixture = Fixture::new(&[]);
    let at = |name: &str| fixture.dir.path().join(name);
    let mut writer = fixture.writer();
    for name in ["1.jpg", "2.jpg", "3.jpg"] {
        std::fs::write(at(name), "x").unwrap();
        let copy = Asset { path: at(name), hash: [7; 16], ..photo("/") };
        writer.add(copy, unit([1.0, 0.0, 0.0]).to_vec()).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let searcher = fixture.searcher();
    for (gone, first, duplicates, is_missing) in [
        (None, "1.jpg", ["2.jpg", "3.jpg"], false),
        (Some("1.jpg"), "2.jpg", ["1.jpg", "3.jpg"], false),
        (Some("2.jpg"), "3.jpg", ["1.jpg", "2.jpg"], false),
        (Some("3.jpg"), "1.jpg", ["2.jpg", "3.jpg"], true),
    ] {
        gone.inspect(|gone| std::fs::remove_file(at(gone)).unwrap());
        let filter = Filter::Number { field: NumberField::Width, from: Bound::Included(1.0), to: Bound::Unbounded };
        let conditions = Query::any(vec![Alternative { terms: Vec::new(), filter }]);
        for query in [Query::text("red"), conditions] {
            let hits = searcher.search(&query).unwrap();
            let [hit] = hits.as_slice() else { panic!("{hits:?}") };
            let others: Vec<_> = hit.duplicates.iter().map(|record| record.asset.path.clone()).collect();
            assert_eq!((&hit.path, hit.is_missing()), (&at(first), is_missing), "{gone:?}");
            assert_eq!(others, duplicates.map(at), "{gone:?}");
        }
    }
}

#[test]
fn a_photo_of_the_index_that_is_named_comes_first_among_its_copies() {
    let fixture = Fixture::new(&[]);
    let mut writer = fixture.writer();
    add_copies(&mut writer, "red", 1, 3, [1.0, 0.0, 0.0]);
    writer.commit().unwrap();
    drop(writer);
    let hits = fixture.searcher().search(&Query::like(2)).unwrap();
    assert_eq!((hits.len(), hits[0].id), (1, 2));
    assert_eq!(hits[0].duplicates.iter().map(|record| record.id).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn files_whose_content_is_not_known_are_results_of_their_own() {
    let fixture = Fixture::new(&[("/a", [1.0, 0.0, 0.0]), ("/b", [1.0, 0.0, 0.0])]);
    assert_eq!(fixture.paths(Query::text("red")), ["/a", "/b"]);
}

#[test]
fn words_in_names_count_besides_what_a_photo_shows() {
    let mut photos = vec![
        ("/p/holiday_reds.jpg", [0.8, 0.0, 0.6]),
        ("/p/a.jpg", [1.0, 0.0, 0.1]),
        ("/p/b.jpg", [1.0, 0.0, 0.2]),
        ("/p/IMG_2041.jpg", [0.0, 1.0, 0.0]),
        ("/p/IMG_2041-2.jpg", [0.0, 1.0, 0.1]),
    ];
    let others: Vec<String> = (0..20).map(|number| format!("/q/x{number}.jpg")).collect();
    photos.extend(others.iter().map(|path| (path.as_str(), [0.0, 0.1, 1.0])));
    let fixture = Fixture::new(&photos);
    let paths = |query: Query| fixture.paths(query.limit(2));
    assert_eq!(paths(Query::text("red").fusion(Fusion::Off)), ["/p/a.jpg", "/p/b.jpg"]);
    assert_eq!(paths(Query::text("red").raw()), ["/p/a.jpg", "/p/b.jpg"]);
    for fusion in [Fusion::Scores, Fusion::Ranks] {
        let (hits, explanation) =
            fixture.searcher().search_explained(&Query::text("holidays in red").fusion(fusion)).unwrap();
        assert_eq!(hits[0].path, Path::new("/p/holiday_reds.jpg"), "{fusion:?}");
        assert!(hits.is_sorted_by(|a, b| a.adjusted >= b.adjusted), "{fusion:?}");
        assert!(hits[0].adjusted > hits[1].adjusted && hits[0].score < hits[1].score);
        assert_eq!(explanation.words.len(), 2);
        // The name of a file finds the file, whatever it shows.
        for name in ["IMG_2041.jpg red", "img_2041 RED"] {
            assert_ne!(paths(Query::text(name).fusion(fusion))[0], "/p/a.jpg", "{name}");
        }
    }
    // Conditions hold for words as well.
    assert_eq!(paths(Query::text("holidays in red").under("/q")), ["/q/x0.jpg", "/q/x1.jpg"]);
    // Without a word of the query nothing changes.
    let plain = fixture.searcher().search(&Query::text("greenish").fusion(Fusion::Off)).unwrap();
    assert_eq!(fixture.searcher().search(&Query::text("greenish")).unwrap(), plain);
}

#[test]
fn the_name_of_a_file_finds_the_file_first() {
    let fixture = Fixture::new(&[
        ("/p/red dress.jpg", [0.0, 0.0, 1.0]),
        ("/p/red dress and shoes.jpg", [1.0, 0.0, 0.0]),
        ("/p/Red_Dress.png", [0.0, 1.0, 0.0]),
        ("/p/other.jpg", [1.0, 0.1, 0.0]),
        ("/p/others.jpg", [1.0, 0.2, 0.0]),
    ]);
    // So does a number that is a part of it.
    let others: Vec<String> = (0..40).map(|number| format!("/p/{number}.jpg")).collect();
    let mut photos = vec![("/p/IMG_241347300_red.jpg", [-1.0, 0.1, 0.0])];
    photos.extend(others.iter().map(|path| (path.as_str(), [1.0, 0.1, 0.0])));
    let numbers = Fixture::new(&photos);
    assert_eq!(numbers.paths(Query::text("red").limit(1)), ["/p/0.jpg"]);
    assert_eq!(numbers.paths(Query::text("241347300_red").limit(1)), ["/p/IMG_241347300_red.jpg"]);
    for fusion in [Fusion::Scores, Fusion::Ranks] {
        let first = |text: &str, count: usize| {
            let mut paths = fixture.paths(Query::text(text).fusion(fusion).limit(count));
            paths.sort();
            paths
        };
        assert_eq!(first("red dress", 2), ["/p/Red_Dress.png", "/p/red dress.jpg"]);
        assert_eq!(first("red-DRESS.jpg", 1), ["/p/red dress.jpg"]);
        assert_eq!(first("Red_Dress.png", 1), ["/p/Red_Dress.png"]);
    }
}

/// What is found with words is what comparing all photos finds.
#[test]
fn the_best_by_words_and_meaning_are_found() {
    let mut seed = 7u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let words = ["red", "green", "harbour", "boat", "night"];
    let photos: Vec<(String, [f32; 3])> = (0..3_000)
        .map(|number| {
            let mut name = format!("/p/{number}");
            for word in words {
                if next(6) == 0 {
                    name.push_str(&format!(" {word}"));
                }
            }
            (format!("{name}.jpg"), [0; 3].map(|_: u8| next(1_000) as f32 / 1_000.0 + 0.001))
        })
        .collect();
    let named: Vec<(&str, [f32; 3])> = photos.iter().map(|(path, row)| (path.as_str(), *row)).collect();
    let fixture = Fixture::new(&named);
    let searcher = fixture.searcher();
    for text in ["red boat", "green harbour at night", "a red and green boat in the harbour at night", "blue"] {
        let all = searcher.search(&Query::text(text).limit(3_000).strategy(Strategy::Exact)).unwrap();
        for limit in [1, 10, 100] {
            for strategy in [Strategy::Auto, Strategy::Exact] {
                let some = searcher.search(&Query::text(text).limit(limit).strategy(strategy)).unwrap();
                let ids = |hits: &[clip_query::Hit]| hits.iter().map(|hit| hit.id).collect::<Vec<_>>();
                assert_eq!(ids(&some), ids(&all[..limit]), "{text} {limit}");
            }
        }
    }
}

#[test]
fn a_model_that_knows_nothing_finds_nothing_relevant() {
    let fixture = rainbow();
    let relevance = |query: Query| -> Vec<(Option<f32>, bool)> {
        let hits = fixture.searcher().search(&query).unwrap();
        hits.iter().map(|hit| (hit.relevance, hit.is_match)).collect()
    };
    assert!(relevance(Query::text("red")).iter().all(|&(relevance, is_match)| relevance.is_none() && is_match));
    let mut writer = fixture.writer();
    writer.set_alignment(0.4);
    writer.commit().unwrap();
    drop(writer);
    assert!(relevance(Query::text("red")).iter().all(|&found| found == (Some(0.0), false)));
    // Pictures are compared with pictures all the same.
    assert!(relevance(Query::like(1)).iter().all(|&(relevance, is_match)| relevance.is_none() && is_match));
    // One that knows something has to show its scale first.
    let mut writer = fixture.writer();
    writer.set_alignment(8.0);
    writer.commit().unwrap();
    drop(writer);
    assert!(relevance(Query::text("red")).iter().all(|&(relevance, is_match)| relevance.is_none() && is_match));
}

#[test]
fn near_duplicates_are_one_result_if_that_is_wanted() {
    let fixture = Fixture { dir: tempfile::tempdir().unwrap() };
    let mut writer = fixture.writer();
    let mut add = |path: &str, row: [f32; 3], taken_at: i64, camera: &str| {
        let asset = Asset { taken_at: Some(taken_at), camera: Some(camera.into()), ..photo(path) };
        writer.add(asset, unit(row).to_vec()).unwrap();
    };
    // Photos point everywhere, so that two by lot are not alike.
    for (number, axis) in
        [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]].into_iter().enumerate()
    {
        add(&format!("/p/{number}.jpg"), axis, 1_000 * number as i64, "x");
    }
    add("/p/best.jpg", [0.0, 0.0, 1.0], 100_000, "Leica");
    add("/p/edited.jpg", [0.2, 0.0, 1.0], 900_000, "none");
    add("/p/burst.jpg", [0.6, 0.0, 1.0], 100_004, "Leica");
    add("/p/other camera.jpg", [0.0, 0.62, 1.0], 100_004, "Nikon");
    add("/p/later.jpg", [0.0, 0.65, 1.0], 100_030, "Leica");
    writer.commit().unwrap();
    drop(writer);
    let searcher = fixture.searcher();
    let found = |query: Query| -> Vec<(String, Vec<String>)> {
        let hits = searcher.search(&query).unwrap();
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        hits.iter()
            .map(|hit| (name(&hit.path), hit.alike.iter().map(|record| name(&record.asset.path)).collect()))
            .collect()
    };
    let hit = |name: &str, alike: &[&str]| (name.to_owned(), alike.iter().map(|name| (*name).to_owned()).collect());
    // Photos taken at different times are never the same picture, and shots of one moment are of one camera.
    let expected = [hit("best.jpg", &["edited.jpg", "burst.jpg"]), hit("other camera.jpg", &[])];
    assert_eq!(found(Query::text("blue").collapse().limit(2)), expected);
    // Page by page it is the same.
    assert_eq!(found(Query::text("blue").collapse().limit(1).offset(1)), expected[1..]);
    // Of those that pass.
    let one = found(
        Query::text("blue")
            .collapse()
            .limit(1)
            .filter(Filter::Text { field: clip_query::TextField::Name, text: "best".into() }),
    );
    assert_eq!(one, [hit("best.jpg", &[])]);
    assert!(found(Query::text("blue").limit(10)).iter().all(|(_, alike)| alike.is_empty()));
    assert_eq!(found(Query::text("blue").collapse().limit(100)).len(), 8);
}

#[test]
fn what_shows_the_same_as_an_earlier_result_comes_later_if_that_is_wanted() {
    let fixture = Fixture::new(&[
        ("/p/red.jpg", [1.0, 0.10, 0.0]),
        ("/p/also red.jpg", [1.0, 0.09, 0.0]),
        ("/p/green.jpg", [0.05, 1.0, 0.0]),
        ("/p/blue.jpg", [0.0, 0.0, 1.0]),
        ("/p/neither.jpg", [-1.0, -1.0, 0.0]),
        ("/p/nor.jpg", [0.0, 0.0, -1.0]),
    ]);
    let plain = ["/p/red.jpg", "/p/also red.jpg", "/p/green.jpg"];
    let diverse = ["/p/red.jpg", "/p/green.jpg", "/p/also red.jpg"];
    // Words that names have would count besides.
    let query = || Query::text("red green").fusion(Fusion::Off);
    assert_eq!(fixture.paths(query().limit(3)), plain);
    assert_eq!(fixture.paths(query().diverse().limit(3)), diverse);
    assert_eq!(fixture.paths(query().diverse().raw().limit(3)), diverse);
    assert_eq!(fixture.paths(query().diverse().collapse().limit(2)), ["/p/red.jpg", "/p/green.jpg"]);
    // A rank says which place the score gave.
    let hits = fixture.searcher().search(&query().diverse().limit(3)).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.rank).collect::<Vec<_>>(), [1, 3, 2]);
    let mut known = fixture.searcher().search(&query().limit(3)).unwrap();
    known.swap(1, 2);
    assert_eq!(hits, known, "nothing else is different");
    // Page by page it is the same.
    let all = fixture.paths(query().diverse());
    assert_eq!(all.len(), 6);
    for limit in 1..4 {
        let pages: Vec<String> =
            (0..6).step_by(limit).flat_map(|at| fixture.paths(query().diverse().offset(at).limit(limit))).collect();
        assert_eq!(pages, all, "{limit}");
    }
    assert!(fixture.paths(query().diverse().limit(0)).is_empty());
    // Which results they are is decided before in which order they come.
    assert_eq!(fixture.paths(query().diverse().limit(2).order(Order::Path)), ["/p/green.jpg", "/p/red.jpg"]);
    // Without a description nothing is better than anything else.
    let conditions = || Query::any(vec![Alternative { terms: Vec::new(), filter: Filter::Kind(Kind::Photo) }]);
    assert_eq!(fixture.paths(conditions().diverse().limit(4)), fixture.paths(conditions().limit(4)));
    // An alternative that only sets conditions comes last.
    let mut either = Alternative::of(Term::Text("red green".into()));
    either.filter = Filter::Text { field: clip_query::TextField::Name, text: "red".into() };
    let rest = Alternative { terms: Vec::new(), filter: Filter::Kind(Kind::Photo) };
    let found = fixture.paths(Query::any(vec![either, rest]).fusion(Fusion::Off).diverse());
    assert_eq!((&found[..2], found.len()), (&["/p/red.jpg".to_owned(), "/p/also red.jpg".to_owned()][..], 6));
}

/// More results are wanted than are put in another order.
#[test]
fn only_the_best_hundred_are_put_in_another_order() {
    let photos: Vec<(String, [f32; 3])> = (0..300)
        .map(|number| (format!("/p/{number:03}.jpg"), [1.0, (number % 7) as f32 / 10.0, (number % 11) as f32 / 10.0]))
        .collect();
    let named: Vec<(&str, [f32; 3])> = photos.iter().map(|(path, row)| (path.as_str(), *row)).collect();
    let fixture = Fixture::new(&named);
    let query = || Query::text("red").fusion(Fusion::Off);
    let (plain, diverse) = (fixture.paths(query().limit(300)), fixture.paths(query().diverse().limit(300)));
    assert_ne!(plain[..100], diverse[..100]);
    assert_eq!(plain[100..], diverse[100..]);
    assert_eq!(fixture.paths(query().diverse().limit(9).offset(96)), diverse[96..105]);
    let sorted = |paths: &[String]| paths.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&plain), sorted(&diverse));
}
