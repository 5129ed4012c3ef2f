//! Videos in an index: their scenes, moves, copies, sidecars, bad ones, Live Photos, and what becomes of them without ffmpeg.
#![allow(clippy::print_stderr, reason = "a test that is passed over has to be seen")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{Asset, IndexWriter, Kind, Record, SearchOptions};
use clip_indexer::{Changes, Event, Indexer, IndexerError, PassedOverKind, Report, Session, SkipReason, VideoOptions};
use clip_video::Ffmpeg;
use support::{BLUE, GREEN, GREY, Library, RED, counts, embedding};

/// A library whose videos are indexed; `None`, with a word, if there is no ffmpeg.
fn library() -> Option<Library> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) = Ffmpeg::find(std::env::split_paths(&folders)) else {
        eprintln!("PASSED OVER: there is no ffmpeg");
        return None;
    };
    let mut library = Library::new();
    library.options.videos = Some(VideoOptions::new(Ffmpeg::open(&program).unwrap()));
    Some(library)
}

/// Makes a video of colours that are shown for so many seconds each.
fn video(library: &Library, name: &str, scenes: &[([u8; 3], f64)]) -> PathBuf {
    let program =
        library.options.videos.as_ref().map_or("ffmpeg".into(), |videos| videos.ffmpeg.program().to_path_buf());
    let path = library.at(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut graph = String::new();
    for (number, ([r, g, b], seconds)) in scenes.iter().enumerate() {
        graph += &format!("color=0x{r:02x}{g:02x}{b:02x}:s=64x48:r=25:d={seconds}[c{number}];");
    }
    (0..scenes.len()).for_each(|number| graph += &format!("[c{number}]"));
    graph += &format!("concat=n={}:v=1,format=yuv444p[out]", scenes.len());
    let mut command = Command::new(program);
    command.args(["-nostdin", "-v", "error", "-y", "-filter_complex", &graph, "-map", "[out]", "-c:v", "libx264"]);
    let done = command.arg("-qp").arg("0").arg(&path).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    path
}

fn record(library: &Library, name: &str) -> Record {
    let path = library.at(name);
    library.records().into_iter().find(|record| record.asset.path == path).unwrap_or_else(|| panic!("no {name}"))
}

fn asset(library: &Library, name: &str) -> Asset {
    record(library, name).asset
}

/// Where a search for a colour leads: the file and the time in milliseconds.
fn best(library: &Library, colour: [u8; 3]) -> (PathBuf, u64) {
    let reader = library.reader();
    let options = SearchOptions::best(1);
    let item = reader.search(&embedding(colour), &options).unwrap().neighbours[0].id;
    let record = reader.records(&[item]).unwrap().remove(0);
    let position = record.position(item).unwrap();
    (record.asset.path.strip_prefix(library.root()).unwrap().to_path_buf(), position)
}

fn run(library: &Library) -> (usize, Report) {
    let before = library.encoder.embedded();
    let report = library.run();
    (library.encoder.embedded() - before, report)
}

const SCENES: [([u8; 3], f64); 3] = [(RED, 2.0), (GREEN, 3.2), (BLUE, 2.0)];

#[test]
fn a_search_finds_the_second_of_a_video() {
    let Some(library) = library() else { return };
    library.photo("photo.png", GREY);
    video(&library, "film.mp4", &SCENES);
    let report = library.run();
    assert_eq!(counts(&report), [2, 0, 0, 0, 0, 0]);
    assert_eq!(report.passed_over, []);
    for (colour, from) in [(RED, 0), (GREEN, 2000), (BLUE, 5200)] {
        let (path, at) = best(&library, colour);
        assert_eq!(path, Path::new("film.mp4"));
        assert!((from..=from + 500).contains(&at), "{colour:?} at {at}");
    }
    assert_eq!(best(&library, GREY), (PathBuf::from("photo.png"), 0));
    let film = record(&library, "film.mp4");
    assert_eq!((film.asset.kind, film.asset.width, film.asset.height), (Kind::Video, 64, 48));
    assert_eq!((film.asset.duration, film.asset.rotation), (Some(7200), None));
    assert_eq!((report.videos, report.frames), (1, 3));
    let status = library.reader().status().unwrap();
    assert_eq!((status.photos, status.videos, status.frames), (1, 1, 3));
    assert_eq!(film.positions.len(), 3, "{:?}", film.positions);
    assert_eq!(library.encoder.embedded(), 4);

    let generation = library.reader().generation();
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 0, 0]);
    assert_eq!(library.reader().generation(), generation, "a run without news writes nothing");
}

#[test]
fn videos_are_moved_copied_touched_changed_and_removed_like_photos() {
    let Some(library) = library() else { return };
    let path = video(&library, "a.mp4", &SCENES);
    library.run();
    let id = record(&library, "a.mp4").id;

    // An empty folder might be a drive that is away.
    library.photo("sub/photo.png", BLUE);
    library.run();
    fs::rename(&path, library.at("sub/b.mp4")).unwrap();
    let (embedded, report) = run(&library);
    assert_eq!((embedded, counts(&report)), (0, [0, 0, 1, 1, 0, 0]));
    assert_eq!(record(&library, "sub/b.mp4").id, id);

    fs::copy(library.at("sub/b.mp4"), library.at("c.mp4")).unwrap();
    let (embedded, report) = run(&library);
    assert_eq!((embedded, counts(&report)), (0, [1, 1, 2, 0, 0, 0]));
    let copy = record(&library, "c.mp4");
    assert_eq!(copy.positions, record(&library, "sub/b.mp4").positions);
    let reader = library.reader();
    let rows = |items: std::ops::Range<u64>| items.map(|item| reader.embedding(item).unwrap()).collect::<Vec<_>>();
    assert_eq!(rows(copy.items()), rows(record(&library, "sub/b.mp4").items()));

    let bytes = fs::read(library.at("c.mp4")).unwrap();
    fs::write(library.at("c.mp4"), bytes).unwrap();
    assert_eq!((run(&library).0, library.records().len()), (0, 3));

    video(&library, "c.mp4", &[(GREY, 1.0)]);
    let (embedded, report) = run(&library);
    assert_eq!((embedded, counts(&report)), (1, [1, 0, 2, 0, 0, 0]));
    assert_eq!(record(&library, "c.mp4").positions, [0]);
    assert_eq!(library.records().len(), 3);

    fs::remove_file(library.at("sub/b.mp4")).unwrap();
    assert_eq!(counts(&run(&library).1), [0, 0, 2, 0, 1, 0]);
    assert_eq!(library.reader().len(), 2, "all of its items are gone");
}

#[test]
fn copies_in_one_run_are_encoded_once() {
    let Some(mut library) = library() else { return };
    let path = video(&library, "a.mp4", &SCENES);
    fs::copy(&path, library.at("b.mp4")).unwrap();
    for name in 0..6 {
        library.photo(format!("{name}.png"), [name * 40, 0, 0]);
    }
    library.options.batch = std::num::NonZeroUsize::new(2);
    library.options.threads = std::num::NonZeroUsize::new(4);
    let (embedded, report) = run(&library);
    assert_eq!((embedded, counts(&report)), (9, [8, 1, 0, 0, 0, 0]));
    assert_eq!(record(&library, "a.mp4").positions, record(&library, "b.mp4").positions);
    assert!(record(&library, "a.mp4").id < record(&library, "b.mp4").id, "in the order of the walk");
}

#[test]
fn without_ffmpeg_everything_is_as_before_and_known_videos_stay() {
    let Some(mut library) = library() else { return };
    library.photo("photo.png", GREY);
    video(&library, "film.mp4", &SCENES);
    fs::write(library.at("film.srt"), "1\n00:00:01,000 --> 00:00:02,000\nHello\n").unwrap();
    fs::write(library.at("photo.txt"), "words").unwrap();
    let videos = library.options.videos.take();
    let report = library.run();
    assert_eq!(counts(&report), [1, 0, 0, 0, 0, 0]);
    let passed: Vec<_> = report.passed_over.iter().map(|passed| (passed.kind, passed.extension.as_deref())).collect();
    let expected = [
        (PassedOverKind::Video, Some("mp4")),
        (PassedOverKind::Other, Some("srt")),
        (PassedOverKind::Other, Some("txt")),
    ];
    assert_eq!(passed, expected);
    assert_eq!(asset(&library, "photo.png").sidecars, None);

    library.options.videos = videos;
    assert_eq!(counts(&library.run()), [1, 0, 1, 0, 0, 0]);
    // A machine whose ffmpeg is gone loses no videos, and none that are not looked for are said to be gone.
    let videos = library.options.videos.take();
    fs::remove_file(library.at("film.mp4")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 1, 0, 0, 0]);
    assert_eq!(library.records().len(), 2);
    library.options.videos = videos;
    assert_eq!(counts(&library.run()), [0, 0, 1, 0, 1, 0]);
}

#[test]
fn sidecars_belong_to_their_video() {
    let Some(library) = library() else { return };
    video(&library, "film.mp4", &SCENES);
    video(&library, "VID_20190604_153000.mkv", &[(GREY, 1.0)]);
    fs::write(library.at("film.en.srt"), "1\n00:00:01,000 --> 00:00:02,000\n<i>Hello</i> there\n").unwrap();
    fs::write(library.at("film.mp4.xmp"), xmp("xmp:Rating='3'")).unwrap();
    fs::write(library.at("notes.txt"), "of no video").unwrap();
    let report = library.run();
    let passed: Vec<_> = report.passed_over.iter().filter_map(|passed| passed.extension.as_deref()).collect();
    assert_eq!(passed, ["txt"]);
    let film = asset(&library, "film.mp4");
    assert_eq!((film.rating, film.description.as_deref()), (Some(3), Some("Hello there")));
    assert_eq!(asset(&library, "VID_20190604_153000.mkv").taken_at, Some(1_559_662_200));

    fs::write(library.at("film.mp4.xmp"), xmp("xmp:Rating='5'")).unwrap();
    fs::write(library.at("VID_20190604_153000.txt"), "By the river").unwrap();
    let (embedded, report) = run(&library);
    assert_eq!((embedded, report.details_read), (0, 2));
    let film = record(&library, "film.mp4");
    assert_eq!((film.asset.rating, film.asset.kind, film.asset.width), (Some(5), Kind::Video, 64));
    assert_eq!(film.positions.len(), 3);
    let other = asset(&library, "VID_20190604_153000.mkv");
    assert_eq!((other.description.as_deref(), other.taken_at), (Some("By the river"), Some(1_559_662_200)));
    assert_eq!((run(&library).1.details_read, library.records().len()), (0, 2));
}

fn xmp(attributes: &str) -> String {
    format!("<x:xmpmeta><rdf:RDF><rdf:Description {attributes}/></rdf:RDF></x:xmpmeta>")
}

#[test]
fn bad_videos_are_named_with_their_reasons_and_not_tried_again() {
    let Some(mut library) = library() else { return };
    fs::write(library.at("words.mp4"), "these are words").unwrap();
    fs::write(library.at("empty.mkv"), "").unwrap();
    let whole = fs::read(video(&library, "cut.mkv", &SCENES)).unwrap();
    fs::write(library.at("cut.mkv"), &whole[..whole.len() - 100]).unwrap();
    let report = library.run();
    assert_eq!(counts(&report), [1, 0, 0, 0, 0, 2]);
    let reasons: Vec<String> = report.skipped.iter().map(|skipped| skipped.reason.to_string()).collect();
    assert_eq!(reasons[0], "the file is empty");
    assert!(reasons[1].starts_with("ffmpeg cannot read it: "), "{reasons:?}");
    let again = library.run();
    assert_eq!((again.skipped.len(), again.skipped_before.len(), again.unchanged), (0, 2, 1));
    assert!(matches!(again.skipped_before[1].reason, SkipReason::Remembered { .. }));
    // What was not looked at is remembered.
    let videos = library.options.videos.take();
    library.run();
    library.options.videos = videos;
    let again = library.run();
    assert_eq!((again.skipped.len(), again.skipped_before.len()), (0, 2));
    // A video that becomes something else is none any more.
    fs::write(library.at("cut.mkv"), "no video at all").unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 0, 0, 1, 1]);
}

#[test]
fn a_frame_that_upsets_the_model_costs_only_itself() {
    let Some(mut library) = library() else { return };
    video(&library, "film.mp4", &SCENES);
    library.run();
    // As ffmpeg gives it back.
    let reader = library.reader();
    let green = library.encoder.sizes.lock().unwrap().len();
    assert_eq!((green, reader.len()), (3, 3));
    library.encoder.fails_at = Some(None);
    video(&library, "other.mp4", &[(GREY, 1.0)]);
    let report = library.run();
    assert_eq!(report.skipped.len(), 1, "one frame alone is no broken model");
    assert!(matches!(report.skipped[0].reason, SkipReason::NotEncoded { .. }));
    library.encoder.fails_at = None;
    assert_eq!(counts(&library.run()), [1, 0, 1, 0, 0, 0]);
}

#[test]
fn a_run_that_was_interrupted_goes_on() {
    let Some(mut library) = library() else { return };
    for number in 0..6_u8 {
        video(&library, &format!("{number}.mp4"), &[([number * 40, 0, 0], 1.0), (BLUE, 1.0), (GREEN, 1.0)]);
    }
    library.options.batch = std::num::NonZeroUsize::new(2);
    library.options.checkpoint_every = 2;
    let cancel = AtomicBool::new(false);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Photo { .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let index = library.index();
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone());
    let report = indexer.progress(&listen).cancel(&cancel).run(&[library.root()]).unwrap();
    assert!(report.cancelled && report.skipped.is_empty(), "{:?}", report.skipped);
    assert!((1..6).contains(&report.indexed), "{}", report.indexed);
    assert!(library.records().iter().all(|record| record.positions.len() == 3), "no half videos");
    let rest = library.try_run(&[]).unwrap();
    assert_eq!((rest.indexed, rest.unchanged), (6 - report.indexed, report.indexed));
    assert!(library.records().iter().all(|record| record.positions.len() == 3));
    assert_eq!(library.records().len(), 6);
}

#[test]
fn changes_of_videos_are_found_without_walking_everything() {
    let Some(library) = library() else { return };
    video(&library, "a/film.mp4", &SCENES);
    library.photo("b/photo.png", GREY);
    let (index, mut session) = (library.index(), Session::default());
    let indexer = || Indexer::new(&library.encoder, &index).options(library.options.clone());
    indexer().session(&mut session).run(&[library.root()]).unwrap();
    let mut changed = |paths: &[&str]| {
        let changes = Changes { paths: paths.iter().map(|path| library.at(path)).collect(), ..Changes::default() };
        indexer().session(&mut session).run_changes(&changes).unwrap()
    };
    video(&library, "b/new.mp4", &[(RED, 1.0)]);
    assert_eq!(changed(&["b/new.mp4"]).indexed, 1);
    fs::rename(library.at("a/film.mp4"), library.at("b/film.mp4")).unwrap();
    let report = changed(&["a/film.mp4", "b/film.mp4"]);
    assert_eq!((report.moved, report.indexed), (1, 0));
    fs::write(library.at("b/film.srt"), "1\n00:00:01,000 --> 00:00:02,000\nHello\n").unwrap();
    assert_eq!(changed(&["b/film.srt"]).details_read, 1);
    fs::remove_file(library.at("b/new.mp4")).unwrap();
    assert_eq!(changed(&["b/new.mp4"]).removed, 1);
    assert_eq!(library.indexed(), ["b/film.mp4", "b/photo.png"].map(PathBuf::from));
}

/// Adds to a video what a phone notes: when it was taken.
fn taken_at(path: &Path, time: &str) {
    let source = path.with_extension("source.mov");
    fs::rename(path, &source).unwrap();
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(&source).args([
        "-c",
        "copy",
        "-movflags",
        "use_metadata_tags",
    ]);
    command.arg("-metadata").arg(format!("com.apple.quicktime.creationdate={time}"));
    let done = command.arg(path).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::remove_file(source).unwrap();
    // A phone has it directly in `moov`, without the box `udta` around it.
    let mut bytes = fs::read(path).unwrap();
    let around = bytes.windows(4).rposition(|window| window == b"udta").unwrap();
    bytes[around - 4..around + 4].copy_from_slice(b"\0\0\0\x08free");
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_video_of_a_live_photo_is_part_of_it_and_others_are_their_own() {
    let Some(library) = library() else { return };
    library.photo("IMG_20190604_153000.png", GREY);
    library.photo("IMG_20190604_200000.png", BLUE);
    let live = video(&library, "IMG_20190604_153000.MOV", &[(RED, 2.0)]);
    taken_at(&live, "2019-06-04T15:29:59+0200");
    // Hours before the photo with its name.
    let other = video(&library, "IMG_20190604_200000.mov", &[(GREEN, 2.0)]);
    taken_at(&other, "2019-06-04T12:00:00+0200");
    let report = library.run();
    assert_eq!((report.indexed, report.parts_of_photos, report.skipped.len()), (3, 1, 0));
    let expected = ["IMG_20190604_153000.png", "IMG_20190604_200000.mov", "IMG_20190604_200000.png"];
    assert_eq!(library.indexed(), expected.map(PathBuf::from));
    assert_eq!(asset(&library, expected[0]).companions, [Path::new("IMG_20190604_153000.MOV")]);
    let again = library.run();
    assert_eq!((again.unchanged, again.parts_of_photos, again.details_read), (3, 0, 0));

    // Without its photo, it is one of its own; with it again, it is not.
    let (photo, away) = (library.at(expected[0]), library.beside("away.png"));
    fs::rename(&photo, &away).unwrap();
    library.run();
    assert!(library.indexed().contains(&PathBuf::from("IMG_20190604_153000.MOV")));
    fs::rename(&away, &photo).unwrap();
    library.run();
    library.run();
    assert_eq!(library.indexed(), expected.map(PathBuf::from));
    // They go together.
    fs::create_dir(library.at("sub")).unwrap();
    for name in ["IMG_20190604_153000.png", "IMG_20190604_153000.MOV"] {
        fs::rename(library.at(name), library.at("sub").join(name)).unwrap();
    }
    assert_eq!(run(&library).0, 0);
    assert_eq!(library.records().len(), 3);
}

/// A program in the place of ffmpeg.
#[cfg(unix)]
fn program(library: &Library, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = library.beside("ffmpeg");
    // Written by another process: a thread of another test may be starting a program just now, which would have the file open.
    let write = format!("printf '%s' \"$1\" > '{}'", path.display());
    assert!(Command::new("sh").args(["-c", &write, "-", script]).status().unwrap().success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn ffmpeg_is_not_started_where_it_is_of_no_use() {
    let Some(mut library) = library() else { return };
    library.photo("photo.png", GREY);
    let fresh = |library: &mut Library| {
        let videos = library.options.videos.as_mut().unwrap();
        videos.ffmpeg = Ffmpeg::at(videos.ffmpeg.program().to_path_buf());
        videos.ffmpeg.clone()
    };
    let ffmpeg = fresh(&mut library);
    library.run();
    assert_eq!(ffmpeg.known_version(), None, "there is no video");
    video(&library, "film.mp4", &SCENES);
    library.run();
    assert!(ffmpeg.known_version().is_some());
    let ffmpeg = fresh(&mut library);
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 0, 0]);
    assert_eq!(ffmpeg.known_version(), None, "the index has it as it is");
    // Whether a bad one is worth another try depends on its version.
    fs::write(library.at("words.mp4"), "these are words").unwrap();
    library.run();
    let ffmpeg = fresh(&mut library);
    let report = library.run();
    assert_eq!((report.skipped.len(), report.skipped_before.len()), (0, 1));
    assert!(ffmpeg.known_version().is_some());
}

#[cfg(unix)]
#[test]
fn where_ffmpeg_does_not_work_videos_are_passed_over_once_and_known_ones_stay() {
    let Some(mut library) = library() else { return };
    library.photo("photo.png", GREY);
    video(&library, "film.mp4", &SCENES);
    library.run();
    let working = library.options.videos.clone();
    video(&library, "new.mp4", &[(RED, 1.0)]);
    video(&library, "newer.mkv", &[(BLUE, 1.0)]);
    library.photo("new.png", RED);
    let broken = program(&library, "#!/bin/sh\necho something else\n");
    library.options.videos = Some(VideoOptions::new(Ffmpeg::at(broken)));
    let report = library.run();
    assert!(matches!(report.video_fault, Some(clip_video::VideoError::NotFfmpeg { .. })), "{:?}", report.video_fault);
    assert_eq!(counts(&report), [1, 0, 1, 0, 0, 0], "as without one, but said");
    let passed: u64 = report.passed_over.iter().map(|passed| passed.files).sum();
    assert_eq!((passed, report.passed_over[0].kind), (3, PassedOverKind::Video));
    assert_eq!(library.records().len(), 3);
    library.options.videos = working;
    let report = library.run();
    assert!(report.video_fault.is_none());
    assert_eq!((counts(&report), report.videos), ([2, 0, 3, 0, 0, 0], 2));
}

#[test]
fn an_index_without_its_videos_takes_no_others_place_unless_they_are_to_be_forgotten() {
    let Some(mut library) = library() else { return };
    library.photo("photo.png", GREY);
    for name in ["a.mp4", "b.mp4", "sub/c.mp4"] {
        let colour = [u8::from(name == "a.mp4") * 200, 40, 40];
        video(&library, name, &[(colour, 1.0), (GREEN, 1.0)]);
    }
    library.run();
    let (old, mut number) = (library.reader(), 0);
    let mut made_anew = |library: &Library, root: PathBuf| {
        number += 1;
        let staged = library.beside(format!("staged-{number}"));
        let indexer = Indexer::new(&library.encoder, &staged).options(library.options.clone()).in_place_of(&old);
        indexer.run(&[root]).map(|report| (report.indexed, report.videos))
    };
    let lost = |result: Result<(u64, u64), IndexerError>| match result.unwrap_err() {
        IndexerError::VideosAtStake { videos, fault } => (videos, fault.map(|fault| fault.to_string())),
        error => panic!("{error}"),
    };
    let working = library.options.videos.take();
    let before = library.encoder.embedded();
    assert_eq!(lost(made_anew(&library, library.root())), (3, None));
    assert_eq!(library.encoder.embedded(), before, "it is told before anything is done");
    assert_eq!(lost(made_anew(&library, library.at("sub"))), (1, None), "of these folders");
    library.options.videos = Some(VideoOptions::new(Ffmpeg::at(library.beside("no-ffmpeg"))));
    let (videos, fault) = lost(made_anew(&library, library.root()));
    assert!(videos == 3 && fault.as_ref().is_some_and(|fault| fault.contains("cannot be started")), "{fault:?}");

    // What is gone or excluded would not be in it anyway.
    library.options.videos = None;
    fs::remove_file(library.at("a.mp4")).unwrap();
    library.options.exclude = vec![library.at("sub")];
    assert_eq!(lost(made_anew(&library, library.root())).0, 1);
    library.options.exclude = vec!["*.mp4".into()];
    assert_eq!(made_anew(&library, library.root()).unwrap(), (1, 0));
    library.options.exclude = Vec::new();
    library.options.forget_unreachable = true;
    assert_eq!(made_anew(&library, library.root()).unwrap(), (1, 0));
    library.options.forget_unreachable = false;
    library.options.videos = working;
    assert_eq!(made_anew(&library, library.root()).unwrap(), (3, 2));
}

#[test]
fn videos_that_an_earlier_version_indexed_are_described_again() {
    let Some(library) = library() else { return };
    video(&library, "film.mp4", &SCENES);
    library.run();
    let film = record(&library, "film.mp4");
    let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
    let earlier = Asset { details_version: film.asset.details_version - 1, duration: None, ..film.asset.clone() };
    writer.set_details(film.id, earlier).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let (embedded, report) = run(&library);
    assert_eq!((embedded, report.details_read), (0, 1));
    assert_eq!(record(&library, "film.mp4").asset, film.asset);
    assert_eq!(library.run().details_read, 0);
}
