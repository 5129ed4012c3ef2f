//! Text in photos, read once everything can be searched.

mod support;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clip_index::{Filter, IndexReader, IndexWriter, PictureText, TextField};
use clip_indexer::{Changes, Event, Indexer, OcrOptions, Report, Session};
use clip_ocr::{OcrError, ReadText, Text};
use image::RgbImage;
use support::{BLUE, GREEN, GREY, Library, RED, counts, three};

/// Reads the name of a picture's colour; red ones do not look like text.
#[derive(Debug, Default)]
struct Colours {
    version: u32,
    looked: AtomicUsize,
    read: AtomicUsize,
    fails: Mutex<Fails>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Fails {
    #[default]
    Never,
    /// At blue.
    AtBlue,
    PanicsAtBlue,
    /// As a program does that is broken.
    Always,
    /// As one does that is not there.
    AtOnce,
}

fn colour(picture: &RgbImage) -> &'static str {
    match picture.get_pixel(0, 0).0 {
        RED => "red",
        GREEN => "Green Street",
        BLUE => "blue",
        _ => "",
    }
}

impl ReadText for Colours {
    fn version(&self) -> u32 {
        self.version
    }

    fn languages(&self) -> &str {
        "eng"
    }

    fn shorter_side(&self) -> u32 {
        500
    }

    fn may_hold_text(&self, picture: &RgbImage) -> bool {
        self.looked.fetch_add(1, Ordering::Relaxed);
        colour(picture) != "red"
    }

    fn read(&self, picture: &RgbImage, _: &AtomicBool) -> Result<Text, OcrError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let died = || OcrError::Died { how: "a signal".into() };
        match *self.fails.lock().unwrap() {
            Fails::AtBlue if colour(picture) == "blue" => return Err(died()),
            Fails::PanicsAtBlue if colour(picture) == "blue" => panic!("I do not like blue"),
            Fails::Always => return Err(died()),
            Fails::AtOnce => {
                let error = std::io::ErrorKind::NotFound.into();
                return Err(OcrError::NoProgram { program: "reader".into(), error });
            }
            _ => {}
        }
        let mut text = Text::default();
        colour(picture).split(' ').for_each(|word| text.push(word, 90, false));
        Ok(text)
    }
}

fn reading(library: &mut Library, reader: Colours) -> Arc<Colours> {
    let reader = Arc::new(reader);
    library.options.ocr = Some(OcrOptions { reader: reader.clone(), threads: None });
    reader
}

/// What the index has, in the order of the paths: `None` where nobody has looked.
fn texts(library: &Library) -> Vec<Option<String>> {
    library.records().into_iter().map(|record| record.asset.text.map(|text| text.words)).collect()
}

fn some(words: &[&str]) -> Vec<Option<String>> {
    words.iter().map(|&words| Some(words.to_owned())).collect()
}

/// Looked at in the end, with words, failed, remaining.
fn text_of(report: &Report) -> [u64; 4] {
    let text = report.text.as_ref().unwrap();
    [text.looked_at, text.with_words, text.failed, text.remaining]
}

fn found(library: &Library, text: &str) -> usize {
    let filter = Filter::Text { field: TextField::Text, text: text.into() };
    library.reader().matching(&filter).unwrap().len() as usize
}

#[test]
fn text_is_read_after_the_last_photo_and_once() {
    let mut library = three();
    let reader = reading(&mut library, Colours::default());
    let (index, told) = (library.index(), Mutex::new(Vec::new()));
    let listen = |event: Event<'_>| {
        if let Event::Text { done, total } = event {
            // Everything can be searched by now.
            assert_eq!(IndexReader::open(&index).unwrap().len(), 3);
            told.lock().unwrap().push((done, total));
        }
    };
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone()).progress(&listen);
    let report = indexer.run(&[library.root()]).unwrap();
    // The red one was seen to have none when it was decoded for the encoder.
    assert_eq!(told.into_inner().unwrap(), [(0, 2), (1, 2), (2, 2)]);
    assert_eq!((counts(&report), text_of(&report)), ([3, 0, 0, 0, 0, 0], [2, 2, 0, 0]));
    assert_eq!(texts(&library), some(&["Green Street", "", "blue"]));
    assert_eq!((found(&library, "street"), found(&library, "tree"), found(&library, "red")), (1, 1, 0));
    let text = library.records()[0].asset.text.clone().unwrap();
    assert_eq!((text.languages.as_str(), text.confidences), ("eng", vec![90, 90]));
    assert_eq!(library.reader().text_languages(), Some("eng"));

    let generation = library.reader().generation();
    assert_eq!(text_of(&library.run()), [0; 4]);
    assert_eq!((library.reader().generation(), reader.read.load(Ordering::Relaxed)), (generation, 2));
    // Without the option, nothing is read and nothing forgotten.
    library.options.ocr = None;
    library.photo("more.png", GREEN);
    assert!(library.run().text.is_none());
    assert_eq!(library.reader().text_languages(), Some("eng"));
    // But a copy has the text of what it is a copy of.
    assert_eq!(texts(&library), some(&["Green Street", "", "blue", "Green Street"]));
    library.options.forget_text_languages = true;
    library.run();
    assert_eq!(library.reader().text_languages(), None);
    assert_eq!(found(&library, "street"), 2);
}

#[test]
fn without_the_option_nothing_is_looked_at() {
    let library = three();
    library.run();
    assert_eq!(texts(&library), [None, None, None]);
}

#[test]
fn photos_that_were_indexed_before_are_read_too_each_content_once() {
    let mut library = three();
    library.photo("copy.png", BLUE);
    library.run();
    let before = library.records();
    let reader = reading(&mut library, Colours::default());
    // Those outside the folder of the run are left alone.
    let report = library.try_run(&[library.at("a")]).unwrap();
    assert_eq!((text_of(&report), report.unchanged), ([2, 1, 0, 0], 2));
    assert_eq!(text_of(&library.run()), [1, 1, 0, 0]);
    assert_eq!(texts(&library), some(&["Green Street", "", "blue", "blue"]));
    assert_eq!(reader.read.load(Ordering::Relaxed), 2);
    assert_eq!(library.encoder.embedded(), 3, "nothing is encoded again");
    for (before, after) in before.iter().zip(library.records()) {
        let mut after = after;
        after.asset.text = None;
        assert_eq!(*before, after);
    }
}

#[test]
fn moved_photos_keep_their_text_and_changed_ones_are_read_again() {
    let mut library = three();
    let reader = reading(&mut library, Colours::default());
    library.run();
    fs::rename(library.at("a/green.png"), library.at("z.png")).unwrap();
    library.photo("blue.png", GREY);
    let report = library.run();
    assert_eq!((report.moved, text_of(&report)), (1, [1, 0, 0, 0]));
    assert_eq!(texts(&library), some(&["", "", "Green Street"]));
    assert_eq!(reader.read.load(Ordering::Relaxed), 3);
}

#[test]
fn a_better_version_reads_all_again_and_an_earlier_one_leaves_it() {
    let mut library = three();
    reading(&mut library, Colours { version: 2, ..Colours::default() });
    library.run();
    let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
    let id = library.records()[0].id;
    let old = PictureText { version: 1, languages: "eng".into(), words: "Gren".into(), confidences: vec![61] };
    writer.set_text(id, old).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(text_of(&library.run()), [1, 1, 0, 0]);
    assert_eq!(texts(&library), some(&["Green Street", "", "blue"]));
    reading(&mut library, Colours { version: 1, ..Colours::default() });
    assert_eq!(text_of(&library.run()), [0; 4]);
    reading(&mut library, Colours { version: 3, ..Colours::default() });
    assert_eq!(text_of(&library.run()), [3, 2, 0, 0]);
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let mut library = three();
    library.photo("d.png", GREY);
    library.run();
    reading(&mut library, Colours::default());
    library.options.ocr.as_mut().unwrap().threads = NonZeroUsize::new(1);
    library.options.checkpoint_interval = Duration::from_secs(3600);
    let cancel = AtomicBool::new(false);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Text { done: 2, .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let index = library.index();
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone());
    let report = indexer.progress(&listen).cancel(&cancel).run(&[library.root()]).unwrap();
    let [looked_at, _, failed, remaining] = text_of(&report);
    assert!(report.cancelled && failed == 0 && looked_at >= 2 && looked_at + remaining == 4, "{report:?}");
    assert_eq!(texts(&library).iter().flatten().count() as u64, looked_at);
    assert_eq!(text_of(&library.run())[0], remaining);
    assert_eq!(texts(&library), some(&["Green Street", "", "blue", ""]));
}

/// What a process that is killed has committed is there for the next.
#[test]
fn checkpoints_keep_what_was_read() {
    let mut library = three();
    library.run();
    let reader = reading(&mut library, Colours::default());
    library.options.ocr.as_mut().unwrap().threads = NonZeroUsize::new(1);
    library.options.checkpoint_every = 1;
    let (index, seen) = (library.index(), Mutex::new(Vec::new()));
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Text { .. }) {
            let records = IndexReader::open(&index).unwrap().all_records().unwrap();
            seen.lock().unwrap().push(records.iter().filter(|record| record.asset.text.is_some()).count());
        }
    };
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone()).progress(&listen);
    indexer.run(&[library.root()]).unwrap();
    // An event comes before the commit of what it tells of.
    assert_eq!(seen.into_inner().unwrap(), [0, 0, 1, 2]);
    assert_eq!(reader.looked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_photo_that_cannot_be_read_is_not_tried_for_ever() {
    for fails in [Fails::AtBlue, Fails::PanicsAtBlue] {
        let mut library = three();
        let reader = reading(&mut library, Colours { fails: Mutex::new(fails), ..Colours::default() });
        let report = library.run();
        assert_eq!((text_of(&report), counts(&report)), ([2, 1, 1, 0], [3, 0, 0, 0, 0, 0]));
        assert!(report.text.unwrap().fault.is_none());
        assert_eq!(texts(&library), some(&["Green Street", "", ""]));
        assert_eq!(text_of(&library.run()), [0; 4]);
        assert_eq!(reader.read.load(Ordering::Relaxed), 2);
    }
}

#[test]
fn a_program_that_is_broken_or_away_ends_the_pass_and_no_more() {
    for (fails, tried) in [(Fails::Always, 8), (Fails::AtOnce, 1)] {
        let mut library = Library::new();
        for number in 0..20 {
            library.photo(format!("{number}.png"), [0, 99, number]);
        }
        let reader = reading(&mut library, Colours { fails: Mutex::new(fails), ..Colours::default() });
        library.options.ocr.as_mut().unwrap().threads = NonZeroUsize::new(1);
        let report = library.run();
        assert_eq!((counts(&report), text_of(&report)), ([20, 0, 0, 0, 0, 0], [0, 0, 0, 20]));
        assert!(report.text.unwrap().fault.is_some() && !report.cancelled);
        let read = reader.read.load(Ordering::Relaxed);
        assert!((tried..tried + 4).contains(&read), "{read}");
        assert_eq!(texts(&library), vec![None; 20]);
        *reader.fails.lock().unwrap() = Fails::Never;
        assert_eq!(text_of(&library.run()), [20, 0, 0, 0]);
    }
}

#[test]
fn a_file_that_is_away_or_has_changed_since_waits_for_the_next_run() {
    let mut library = three();
    library.run();
    reading(&mut library, Colours::default());
    let (index, green, blue) = (library.index(), library.at("a/green.png"), library.at("blue.png"));
    let hidden: PathBuf = library.beside("hidden.png");
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Text { done: 0, .. }) {
            fs::rename(&green, &hidden).unwrap();
            fs::write(&blue, b"no photo").unwrap();
        }
    };
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone()).progress(&listen);
    let report = indexer.run(&[library.root()]).unwrap();
    assert_eq!(text_of(&report), [1, 0, 0, 2]);
    fs::rename(&hidden, &green).unwrap();
    fs::remove_file(&blue).unwrap();
    assert_eq!(text_of(&library.run()), [1, 1, 0, 0]);
    assert_eq!(texts(&library), some(&["Green Street", ""]));
}

#[test]
fn changes_are_read_as_they_come() {
    let mut library = three();
    reading(&mut library, Colours::default());
    let mut session = Session::default();
    let index = library.index();
    let indexer = || Indexer::new(&library.encoder, &index).options(library.options.clone());
    indexer().session(&mut session).run(&[library.root()]).unwrap();
    library.photo("a/new.png", [10, 250, 10]);
    library.photo("a/other.png", [1, 1, 1]);
    let changes = Changes { paths: vec![library.at("a/new.png"), library.at("a/other.png")], ..Changes::default() };
    let report = indexer().session(&mut session).run_changes(&changes).unwrap();
    assert_eq!((report.indexed, text_of(&report)), (2, [1, 0, 0, 0]));
    assert_eq!(texts(&library), some(&["Green Street", "Green Street", "", "", "blue"]));
}

#[test]
fn an_index_that_takes_the_place_of_another_takes_over_its_text() {
    let mut library = three();
    let reader = reading(&mut library, Colours::default());
    library.run();
    let old = library.reader();
    let staged = library.beside("staged");
    let indexer = Indexer::new(&library.encoder, &staged).options(library.options.clone()).in_place_of(&old);
    let report = indexer.run(&[library.root()]).unwrap();
    assert_eq!((report.indexed, text_of(&report)), (3, [0; 4]));
    assert_eq!(reader.read.load(Ordering::Relaxed), 2);
    let texts = |reader: &IndexReader| {
        let mut records = reader.all_records().unwrap();
        records.sort_by(|a, b| a.asset.path.cmp(&b.asset.path));
        records.into_iter().map(|record| record.asset.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(&IndexReader::open(&staged).unwrap()), texts(&old));
}

#[test]
fn an_index_that_takes_the_place_of_another_keeps_its_text_where_nothing_reads_any() {
    let mut library = three();
    reading(&mut library, Colours::default());
    library.run();
    let old = library.reader();
    let expected = some(&["Green Street", "", "blue"]);
    let made_anew = |library: &Library, name: &str| {
        let staged = library.beside(name);
        let indexer = Indexer::new(&library.encoder, &staged).options(library.options.clone()).in_place_of(&old);
        let report = indexer.run(&[library.root()]).unwrap();
        let mut records = IndexReader::open(&staged).unwrap().all_records().unwrap();
        records.sort_by(|a, b| a.asset.path.cmp(&b.asset.path));
        let texts = records.into_iter().map(|record| record.asset.text.map(|text| text.words)).collect::<Vec<_>>();
        (texts, report)
    };
    // A program that is not there, one that is not wanted any more, and one that fails.
    library.options.ocr = None;
    assert_eq!(made_anew(&library, "without").0, expected);
    library.options.forget_text_languages = true;
    assert_eq!(made_anew(&library, "unwanted").0, expected);
    library.options.forget_text_languages = false;
    let better = reading(&mut library, Colours { version: 1, fails: Fails::AtOnce.into(), ..Colours::default() });
    let (texts, report) = made_anew(&library, "failing");
    assert_eq!((texts, text_of(&report)), (expected.clone(), [0, 0, 0, 2]));
    // What is better reads all of it again.
    *better.fails.lock().unwrap() = Fails::Never;
    let (texts, report) = made_anew(&library, "better");
    assert_eq!((texts, text_of(&report)), (expected, [2, 2, 0, 0]));
}

#[test]
fn without_the_option_no_photo_is_looked_at() {
    let mut library = three();
    let reader = reading(&mut library, Colours::default());
    let ocr = library.options.ocr.take();
    library.run();
    library.photo("more.png", GREY);
    library.run();
    assert_eq!((reader.looked.load(Ordering::Relaxed), reader.read.load(Ordering::Relaxed)), (0, 0));
    assert!(texts(&library).iter().all(Option::is_none));
    library.options.ocr = ocr;
    library.run();
    assert!(reader.looked.load(Ordering::Relaxed) > 0);
}
