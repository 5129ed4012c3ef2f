//! An index that is made anew while others search it, and while it is killed: every answer is right, and there always is
//! an index.
//!
//! `CLIP_SEARCH_ROUNDS=200` makes as many rounds of each as the documentation reports.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clip_search::{DeviceChoice, IndexReader, Library, Query};

use crate::support::{Run, Sandbox, write_numbered_photo};

/// Photos in the folder that every index has, and in the one that every other index has, so that ids fall on other photos.
const PHOTOS: u32 = 10;
const SEARCHERS: usize = 4;

fn rounds(usual: u64) -> u64 {
    std::env::var("CLIP_SEARCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// Two folders of photos that all differ: `b` comes after `a`, and `0` before it.
fn sandbox() -> (Sandbox, PathBuf, PathBuf) {
    let sandbox = Sandbox::new();
    let folders = ["a", "0"].map(|name| {
        let folder = sandbox.photos().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder.canonicalize().unwrap()
    });
    for number in 0..PHOTOS {
        write_numbered_photo(&folders[0].join(format!("{number}.png")), number);
        write_numbered_photo(&folders[1].join(format!("{number}.png")), 100 + number);
    }
    let [a, other] = folders;
    (sandbox, a, other)
}

/// The photos that every index has.
fn known(folder: &Path) -> Vec<PathBuf> {
    (0..PHOTOS).map(|number| folder.join(format!("{number}.png"))).collect()
}

/// The arguments that make the index of a round anew: of one folder or both, in one precision or the other.
fn arguments(round: u64, a: &Path, other: &Path) -> Vec<String> {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut arguments = vec!["index".to_owned(), "--checkpoint".to_owned(), "3".to_owned()];
    match round % 4 {
        // A change of the precision takes all folders that the index knows.
        0 => arguments.extend(["--precision".to_owned(), "f32".to_owned()]),
        1 => arguments.extend(["--rebuild".to_owned(), text(a)]),
        2 => arguments.extend(["--precision".to_owned(), "int8".to_owned(), text(other)]),
        _ => arguments.extend(["--rebuild".to_owned(), text(other), text(a)]),
    }
    arguments
}

fn command(sandbox: &Sandbox, arguments: &[String]) -> Command {
    sandbox.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn whoever_searches_meanwhile_gets_no_wrong_photo() {
    let (sandbox, a, other) = sandbox();
    let photos = known(&a);
    sandbox.run(&["index", a.to_str().unwrap()]).expect(0);
    let (done, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for searcher in 0..SEARCHERS {
            let (sandbox, photos, done, answers) = (&sandbox, &photos, &done, &answers);
            scope.spawn(move || {
                for turn in searcher.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let photo = &photos[turn % photos.len()];
                    let run =
                        sandbox.run(&["query", "--json", "-n", "1", "--image", photo.to_str().unwrap()]).expect(0);
                    assert_eq!(run.json()["path"], photo.to_str().unwrap(), "{run:?}");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // A program that goes on searching the index that it opened, and one that takes up what is new.
        for reloads in [false, true] {
            let (sandbox, photos, done, answers) = (&sandbox, &photos, &done, &answers);
            scope.spawn(move || {
                let library = Library::builder(sandbox.index()).device(DeviceChoice::Cpu).open().unwrap();
                for photo in photos.iter().cycle() {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    if reloads {
                        library.reload().unwrap();
                    }
                    let hits = library.search(&Query::image(photo).limit(1)).unwrap();
                    assert_eq!(&hits[0].path, photo, "reloads: {reloads}");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..rounds(12) {
            let run = Run::from(command(&sandbox, &arguments(round, &a, &other)).output().unwrap());
            if run.status != Some(0) {
                done.store(true, Ordering::Relaxed);
            }
            run.expect(0);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(answers.into_inner() > 0);
    sandbox.run(&["verify"]).expect(0);
}

#[test]
fn killed_while_the_index_is_made_anew_there_is_the_old_one_or_the_new_one() {
    let (sandbox, a, other) = sandbox();
    let photos = known(&a);
    sandbox.run(&["index", a.to_str().unwrap()]).expect(0);
    let started = Instant::now();
    sandbox.run(&["index", "--rebuild"]).expect(0);
    let mut whole = started.elapsed();
    let mut given_out = 0;
    let (mut kills, mut replaced) = (0, 0);
    for round in 0.. {
        let before = IndexReader::open(sandbox.index()).unwrap();
        given_out = given_out.max(before.ids().max().unwrap());
        let mut child = command(&sandbox, &arguments(round, &a, &other));
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Spread over the run, with a little more for its end, where the new index takes the place of the old one.
        let started = Instant::now();
        if round % 8 == 7 {
            // Other tests share the machine: how long a run takes now is measured again and again.
            assert!(child.wait().unwrap().success());
            whole = started.elapsed();
        } else {
            std::thread::sleep(whole.mul_f64((round % 23) as f64 / 18.0) + Duration::from_micros(round * 137 % 1000));
            kills += u64::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }

        let after = IndexReader::open(sandbox.index()).unwrap();
        let is_old = after.generation() == before.generation();
        if is_old {
            assert!(after.ids().eq(before.ids()), "round {round}");
        } else {
            replaced += 1;
            assert!(after.ids().all(|id| id > given_out) || after.model() == before.model(), "round {round}");
        }
        let ids: Vec<u64> = after.ids().collect();
        let paths: Vec<PathBuf> = after.records(&ids).unwrap().into_iter().map(|photo| photo.asset.path).collect();
        assert!(photos.iter().all(|photo| paths.contains(photo)), "round {round}: {paths:?}");
        if round % 5 == 0 {
            sandbox.run(&["verify"]).expect(0);
            let photo = photos[round as usize % photos.len()].to_str().unwrap();
            let run = sandbox.run(&["query", "--json", "-n", "1", "--image", photo]).expect(0);
            assert_eq!(run.json()["path"], photo);
        }
        if kills >= rounds(20) {
            break;
        }
    }
    assert!(replaced > 0, "no run came to its end, so none was killed near it");
    sandbox.run(&["verify"]).expect(0);
}
