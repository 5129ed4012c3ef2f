//! Runs of changes: what has changed comes to be in the index as a run of everything would have it, and the rest is not
//! looked at.

#[path = "changes/operations.rs"]
mod operations;
mod support;

use std::fs;
use std::path::Path;

use clip_index::IndexReader;
use clip_indexer::{Changes, Event, IndexOptions, Indexer, Report, Session};
use operations::{Operations, difference};
use support::{BLUE, GREEN, GREY, Library, RED, counts, three};

/// A library that is kept up to date.
struct Followed {
    library: Library,
    session: Session,
}

impl Followed {
    fn new(library: Library) -> Followed {
        let mut followed = Followed { library, session: Session::default() };
        followed.run_everything();
        followed
    }

    fn run_everything(&mut self) -> Report {
        let library = &self.library;
        Indexer::new(&library.encoder, &library.index()).session(&mut self.session).run(&[library.root()]).unwrap()
    }

    fn run(&mut self, paths: &[&str]) -> Report {
        let paths = paths.iter().map(|path| self.library.at(path)).collect();
        self.run_changes(&Changes { paths, unsettled: Vec::new() })
    }

    fn run_changes(&mut self, changes: &Changes) -> Report {
        let (library, index) = (&self.library, self.library.index());
        let indexer = Indexer::new(&library.encoder, &index).session(&mut self.session);
        indexer.options(library.options.clone()).run_changes(changes).unwrap()
    }

    fn ids(&self) -> Vec<u64> {
        self.library.records().iter().map(|record| record.id).collect()
    }
}

#[test]
fn one_new_photo_is_all_that_is_looked_at() {
    let mut followed = Followed::new(three());
    followed.library.photo("a/grey.png", GREY);
    // Not named, so that nobody knows of it, even though it lies in the same folder.
    followed.library.photo("a/other.png", [1, 2, 3]);
    let report = followed.run(&["a/grey.png"]);
    assert_eq!(counts(&report), [1, 0, 2, 0, 0, 0], "the photos beside it were listed");
    assert_eq!(followed.library.all().len(), 4);
    followed.library.assert_holds("a/grey.png", GREY);
    assert_eq!(counts(&followed.run(&["a/other.png"]))[0], 1);
    // Nothing is no reason to open the index.
    let before = followed.library.reader().generation();
    assert_eq!(counts(&followed.run(&[])), [0; 6]);
    assert_eq!(counts(&followed.run(&["../elsewhere.png"])), [0; 6]);
    assert_eq!(followed.library.reader().generation(), before);
}

#[test]
fn without_a_run_of_everything_everything_is_walked() {
    let library = three();
    library.run();
    library.photo("grey.png", GREY);
    let mut followed = Followed { library, session: Session::default() };
    assert_eq!(counts(&followed.run(&["a/red.png"])), [1, 0, 3, 0, 0, 0]);
    followed.library.photo("grey.png", BLUE);
    assert_eq!(counts(&followed.run(&["a/red.png"])), [0, 0, 2, 0, 0, 0], "now only what is named");
}

#[test]
fn a_moved_photo_keeps_its_id_whichever_of_its_paths_are_named() {
    for paths in [&["a/red.png", "b/red.png"][..], &["b/red.png"]] {
        let mut followed = Followed::new(three());
        let ids = followed.ids();
        followed.library.photo("b/grey.png", GREY);
        followed.run(&["b"]);
        fs::rename(followed.library.at("a/red.png"), followed.library.at("b/red.png")).unwrap();
        let report = followed.run(paths);
        assert_eq!((report.moved, report.removed, report.indexed), (1, 0, 0), "{paths:?}");
        assert!(ids.iter().all(|id| followed.ids().contains(id)));
        assert_eq!(followed.library.encoder.embedded(), 4);
        assert_eq!(counts(&followed.run(&["a/red.png"])), [0, 0, 1, 0, 0, 0]);
    }
}

#[test]
fn a_folder_is_renamed_with_all_that_is_in_it() {
    let mut followed = Followed::new(three());
    followed.library.photo("a/deep/grey.png", GREY);
    followed.run(&["a/deep"]);
    let before: Vec<_> = followed.session.folders().map(Path::to_path_buf).collect();
    assert_eq!(before, ["", "a", "a/deep"].map(|path| followed.library.at(path)));
    let mut ids = followed.ids();
    fs::rename(followed.library.at("a"), followed.library.at("z")).unwrap();
    let report = followed.run(&["a", "z"]);
    assert_eq!(counts(&report), [0, 0, 1, 3, 0, 0]);
    let mut now = followed.ids();
    ids.sort_unstable();
    now.sort_unstable();
    assert_eq!(now, ids);
    let folders: Vec<_> = followed.session.folders().map(Path::to_path_buf).collect();
    assert_eq!(folders, ["", "z", "z/deep"].map(|path| followed.library.at(path)));
    // Its old name alone tells that it is gone, and nothing of where it went.
    fs::rename(followed.library.at("z"), followed.library.beside("out")).unwrap();
    assert_eq!(counts(&followed.run(&["z"])), [0, 0, 1, 0, 3, 0]);
}

#[test]
fn a_sidecar_is_about_the_photo_beside_it() {
    let mut followed = Followed::new(three());
    let xmp = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>"#;
    fs::write(followed.library.at("a/red.xmp"), xmp).unwrap();
    let report = followed.run(&["a/red.xmp"]);
    assert_eq!((report.unchanged, report.details_read), (2, 1));
    let rating = |followed: &Followed| {
        let records = followed.library.records();
        records.iter().find(|record| record.asset.path.ends_with("red.png")).unwrap().asset.rating
    };
    assert_eq!(rating(&followed), Some(4));
    fs::remove_file(followed.library.at("a/red.xmp")).unwrap();
    followed.run(&["a/red.xmp"]);
    assert_eq!(rating(&followed), None);
    assert_eq!(followed.library.encoder.embedded(), 3);
}

#[test]
fn what_is_still_being_written_is_left_alone() {
    let mut followed = Followed::new(three());
    followed.library.photo("new/grey.png", GREY);
    followed.library.photo("new/half.png", GREY);
    fs::write(followed.library.at("new/half.png"), "half").unwrap();
    fs::write(followed.library.at("a/red.png"), "half").unwrap();
    let unsettled = ["new/half.png", "a/red.png"].map(|path| followed.library.at(path));
    let paths = ["new", "a"].map(|path| followed.library.at(path)).to_vec();
    let report = followed.run_changes(&Changes { paths, unsettled: unsettled.to_vec() });
    assert_eq!(counts(&report), [1, 0, 2, 0, 0, 0], "green, and blue beside the folders");
    followed.library.assert_holds("a/red.png", RED);
    followed.library.photo("new/half.png", RED);
    followed.library.photo("a/red.png", GREEN);
    let report = followed.run(&["new/half.png", "a/red.png"]);
    assert_eq!((report.indexed, report.skipped.len()), (2, 0));
}

#[test]
fn an_ignore_file_concerns_its_whole_folder() {
    let mut followed = Followed::new(three());
    followed.library.photo("a/deep/grey.png", GREY);
    followed.run(&["a/deep"]);
    fs::write(followed.library.at("a/.clipignore"), "deep/\nr*\n").unwrap();
    assert_eq!(counts(&followed.run(&["a/.clipignore"])), [0, 0, 1, 0, 2, 0]);
    followed.library.photo("a/deep/more.png", GREY);
    assert_eq!(counts(&followed.run(&["a/deep/more.png", "a/deep"]))[0], 0);
    fs::remove_file(followed.library.at("a/.clipignore")).unwrap();
    assert_eq!(followed.run(&["a/.clipignore"]).indexed, 3);
    assert_eq!(followed.library.all().len(), 5);
}

#[test]
fn excludes_of_the_index_are_heeded_and_new_ones_walk_everything() {
    let mut followed = Followed::new(three());
    followed.library.options.exclude = vec![followed.library.at("b")];
    followed.library.photo("b/grey.png", GREY);
    followed.library.photo("new.png", GREY);
    assert_eq!(followed.run(&["a/red.png"]).indexed, 1, "found though it was not named");
    followed.library.photo("b/more.png", [7, 7, 7]);
    assert_eq!(followed.run(&["b/more.png", "b"]).indexed, 0);
}

#[test]
fn a_root_that_is_away_keeps_its_photos() {
    let mut followed = Followed::new(three());
    fs::rename(followed.library.root(), followed.library.beside("away")).unwrap();
    let root = followed.library.root();
    let report = followed.run_changes(&Changes { paths: vec![root.clone()], unsettled: Vec::new() });
    assert_eq!((report.removed, report.unreachable.len(), report.unreachable[0].photos_kept), (0, 1, 3));
    // The mount point of a drive that is not mounted.
    fs::create_dir(&root).unwrap();
    let report = followed.run(&["", "a", "a/red.png", "blue.png"]);
    assert_eq!((report.removed, report.unreachable[0].photos_kept), (0, 3));
    fs::remove_dir(&root).unwrap();
    fs::rename(followed.library.beside("away"), &root).unwrap();
    assert_eq!(counts(&followed.run(&[""])), [0, 0, 3, 0, 0, 0]);
}

#[test]
fn a_bad_file_is_known_from_then_on_and_forgotten_with_its_file() {
    let mut followed = Followed::new(three());
    fs::write(followed.library.at("a/bad.png"), "no picture").unwrap();
    assert_eq!(followed.run(&["a/bad.png"]).skipped.len(), 1);
    let report = followed.run(&["a/bad.png"]);
    assert_eq!((report.skipped.len(), report.skipped_before.len()), (0, 1));
    let bad = |followed: &Followed| followed.library.reader().bad_file_count();
    followed.run(&["a/red.png"]);
    assert_eq!(bad(&followed), 1);
    fs::remove_file(followed.library.at("a/bad.png")).unwrap();
    followed.run(&["a/bad.png"]);
    assert_eq!(bad(&followed), 0);
}

#[test]
fn a_run_that_was_broken_off_is_taken_up_by_one_of_everything() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let mut followed = Followed::new(three());
    for number in 0..20 {
        followed.library.photo(format!("new/{number}.png"), [number * 12, 0, 0]);
    }
    let cancel = AtomicBool::new(false);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Photo { .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let (library, session) = (&followed.library, &mut followed.session);
    let changes = Changes { paths: vec![library.at("new")], unsettled: Vec::new() };
    let index = library.index();
    let one = std::num::NonZeroUsize::new(1);
    let options = IndexOptions { batch: one, threads: one, ..IndexOptions::default() };
    let indexer = Indexer::new(&library.encoder, &index).session(session).options(options);
    let indexer = indexer.progress(&listen).cancel(&cancel);
    let report = indexer.run_changes(&changes).unwrap();
    assert!(report.cancelled && report.remaining.unwrap() > 0);
    let report = followed.run(&["a/red.png"]);
    assert_eq!((report.cancelled, followed.library.all().len()), (false, 23));
}

#[test]
fn a_folder_in_the_place_of_a_photo_is_not_the_photo() {
    let mut followed = Followed::new(three());
    fs::remove_file(followed.library.at("a/red.png")).unwrap();
    followed.library.photo("a/red.png/grey.png", GREY);
    let report = followed.run(&["a/red.png"]);
    assert_eq!((report.indexed, report.removed), (1, 1));
    assert_eq!(followed.library.all(), ["photos/a/green.png", "photos/a/red.png/grey.png", "photos/blue.png"]);
}

#[cfg(unix)]
#[test]
fn a_changed_link_is_a_matter_of_all_folders() {
    use std::os::unix::fs::symlink;

    let library = three();
    fs::create_dir(library.beside("out")).unwrap();
    fs::copy(library.at("blue.png"), library.beside("out/x.png")).unwrap();
    symlink(library.beside("out"), library.at("link-1")).unwrap();
    symlink(library.beside("out"), library.at("link-2")).unwrap();
    let mut followed = Followed::new(library);
    assert!(followed.library.all().contains(&"photos/link-1/x.png".to_owned()));
    // What it led to is reached through the other link from now on.
    fs::remove_file(followed.library.at("link-1")).unwrap();
    followed.run(&["link-1"]);
    assert!(followed.library.all().contains(&"photos/link-2/x.png".to_owned()), "{:?}", followed.library.all());
    // A photo behind a link.
    fs::copy(followed.library.at("a/red.png"), followed.library.beside("out/y.png")).unwrap();
    assert_eq!(counts(&followed.run(&["link-2/y.png"])), [1, 1, 1, 0, 0, 0]);
    // What a link leads to goes away.
    symlink(followed.library.beside("file.png"), followed.library.at("file.png")).unwrap();
    assert_eq!(followed.run(&["file.png"]).skipped.len(), 1);
}

#[cfg(unix)]
#[test]
fn what_is_wrong_with_a_link_is_known_from_then_on() {
    use std::os::unix::fs::symlink;

    let library = three();
    fs::create_dir(library.beside("out")).unwrap();
    fs::copy(library.at("blue.png"), library.beside("out/x.png")).unwrap();
    symlink(library.at("nowhere.png"), library.at("a/link.png")).unwrap();
    // A folder that is called as if it were a photo is none, and nothing is wrong with it.
    symlink(library.beside("out"), library.at("a/out.png")).unwrap();
    let mut followed = Followed::new(library);
    assert_eq!(followed.library.reader().bad_file_count(), 1);
    // Its folder is walked, or only listed, or it is itself what has changed.
    for paths in [&["a"][..], &["a/red.png"], &["a/link.png"], &["a/out.png"], &["a/out.png", "a/out.png/x.png"]] {
        let report = followed.run(paths);
        assert_eq!((report.skipped.len(), followed.library.reader().bad_file_count()), (0, 1), "{paths:?}");
        assert!(report.skipped_before.is_sorted_by(|a, b| a.path < b.path), "{paths:?}: {report:?}");
        assert_eq!(followed.difference_from_fresh(), None, "{paths:?}");
    }
}

/// How many operations there are to be; 10,000 take some minutes.
fn operations(usual: usize) -> usize {
    std::env::var("CLIP_SEARCH_OPERATIONS").map_or(usual, |count| count.parse().unwrap())
}

impl Followed {
    /// How the index differs from one that is made now.
    fn difference_from_fresh(&self) -> Option<String> {
        let fresh = self.library.beside("fresh");
        let _ = fs::remove_dir_all(&fresh);
        Indexer::new(&self.library.encoder, &fresh).run(&[self.library.root()]).unwrap();
        difference(&IndexReader::open(&fresh).unwrap(), &self.library.reader())
    }
}

/// The paths, contents, details and embeddings in an index do not depend on how it came to be.
#[test]
fn many_operations_leave_the_index_as_a_fresh_one() {
    for seed in [1, 2] {
        let mut followed = Followed::new(Library::new());
        let mut files = Operations::new(seed, &followed.library.root(), &followed.library.beside("outside"));
        let mut done = 0;
        while done < operations(500) {
            let (count, changes) = files.batch();
            done += count;
            let report = followed.run_changes(&changes);
            assert!(!report.cancelled);
            if changes.unsettled.is_empty() && files.is_time_to_compare() {
                let difference = followed.difference_from_fresh();
                assert_eq!(difference, None, "seed {seed}, after {done} operations, of which the last are {changes:?}");
            }
        }
        let verified = clip_index::verify(followed.library.index()).unwrap();
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    }
}

/// The same, with what the system tells of the operations.
#[cfg(target_os = "linux")]
#[test]
fn the_watcher_tells_of_all_that_the_index_needs() {
    use std::time::{Duration, Instant};

    use clip_indexer::Concern;
    use clip_watch::{Interest, Timing, Watcher};

    let mut followed = Followed::new(Library::new());
    let roots = [followed.library.root()];
    let mut files = Operations::new(9, &roots[0], &followed.library.beside("outside"));
    let timing = Timing {
        quiet: Duration::from_millis(60),
        longest: Duration::from_secs(1),
        settle: Duration::from_millis(40),
        roots: Duration::from_secs(1),
    };
    let mut watcher = Watcher::new(timing, |path| match Concern::of(path) {
        Concern::Nothing => Interest::No,
        Concern::Folder => Interest::AsFolder,
        Concern::Photo => Interest::Yes,
    })
    .unwrap();
    watcher.follow(&roots, followed.session.folders());
    let mut done = 0;
    while done < operations(300) {
        done += files.batch().0;
        // The operations of several batches happen while one is looked at.
        done += files.batch().0;
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(batch) = watcher.next(Duration::from_millis(300)) {
                assert!(!batch.is_incomplete);
                followed.run_changes(&Changes { paths: batch.paths, unsettled: batch.unsettled });
                watcher.follow(&roots, followed.session.folders());
                continue;
            }
            let Some(difference) = followed.difference_from_fresh() else { break };
            assert!(Instant::now() < patience, "after {done} operations: {difference}");
        }
    }
}

/// What one new photo costs in a large index. Prints times, so it asserts little; run it alone, in a release build:
/// `CLIP_SEARCH_PHOTOS=1000000 cargo test --release -p clip-indexer --test changes -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
#[expect(clippy::print_stderr, reason = "it measures")]
fn one_photo_in_a_large_index() {
    use std::time::Instant;

    use clip_index::{Asset, IndexWriter, Inode, Stamp};

    let photos: u64 = std::env::var("CLIP_SEARCH_PHOTOS").map_or(20_000, |count| count.parse().unwrap());
    let library = three();
    let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
    for number in 0..photos {
        let path = format!("/elsewhere/{:03}/{:02}/IMG_{number:07}.jpg", number / 10_000, number / 500 % 20);
        let inode = Some(Inode { device: 99, number });
        let stamp = Stamp { size: 4_000_000 + number, mtime_ns: 1, ctime_ns: Some(1), inode };
        let hash = (u128::from(number) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes();
        let camera = Some(["NIKON D750", "Canon EOS R5", "iPhone 15"][number as usize % 3].to_owned());
        let (width, height, taken_at) = (6000, 4000, Some(1_500_000_000 + number as i64));
        let details_version = u32::MAX;
        let asset = Asset {
            path: path.into(),
            stamp,
            hash,
            width,
            height,
            taken_at,
            camera,
            details_version,
            ..Asset::default()
        };
        let angle = number as f32;
        writer.add(asset, vec![angle.sin(), angle.cos(), 0.0, 0.0]).unwrap();
        if number % 50_000 == 49_999 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    writer.close().unwrap();
    let mut followed = Followed { library, session: Session::default() };
    followed.library.options.graph = None;
    let started = Instant::now();
    followed.run(&[]);
    eprintln!("everything: {:?}", started.elapsed());
    for number in 0..5u8 {
        followed.library.photo(format!("a/new-{number}.png"), [number, 1, 1]);
        let started = Instant::now();
        let report = followed.run(&[&format!("a/new-{number}.png")]);
        assert_eq!(report.indexed, 1);
        eprintln!("one photo: {:?}, of which writing took {:?}", started.elapsed(), report.stages.write);
    }
    let started = Instant::now();
    drop(IndexWriter::open_or_create(followed.library.index(), &support::model()).unwrap());
    eprintln!("opening the index to write alone: {:?}", started.elapsed());
}
