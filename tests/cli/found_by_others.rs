//! Faults that others found, in this program or in programs like it, as tests. Each says what happened, and links to the
//! report where there is a public one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, Sandbox, command};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Every file below a folder, with its content.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// `index --rebuild` with the wrong folder for `--index` removed the user's own folders `graph` and `vectors` in it, because
/// an index has folders of these names.
#[test]
fn a_rebuild_removes_nothing_that_is_not_an_index() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let work = sandbox.path().join("work");
    for name in
        ["graph/plot.svg", "vectors/fonts.bin", "metadata/notes.txt", "rebuild/script.sh", "meta.json", "letter.txt"]
    {
        fs::create_dir_all(work.join(name).parent().unwrap()).unwrap();
        fs::write(work.join(name), name).unwrap();
    }
    let before = contents(&work);
    let photos = sandbox.photos();
    for arguments in [
        &["index", text(&photos)][..],
        &["index", "--rebuild", text(&photos)],
        &["index", "--rebuild"],
        &["index", "--model", "pocket", "--precision", "f32", text(&photos)],
        &["status"],
        &["verify"],
        &["query", "a cat"],
    ] {
        let run = Run::from(command(&work, arguments).output().unwrap()).expect(2);
        assert!(run.stderr.contains(text(&work)), "{run:#?}");
        assert_eq!(contents(&work), before, "{arguments:?}");
    }
}

/// Tab completion ends a folder's name with a slash; a rebuild of `index/` failed at its last step, after all the work.
#[test]
fn an_index_may_be_named_in_any_way() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let index = sandbox.index();
    for name in [
        format!("{}/", text(&index)),
        format!("{}//", text(&index)),
        format!("{}/.", text(&index)),
        format!("{}/../index", text(&sandbox.photos())),
    ] {
        let run = |arguments: &[&str]| Run::from(command(Path::new(&name), arguments).output().unwrap());
        run(&["index", "--rebuild"]).expect(0);
        assert!(run(&["query", "a cat", "--paths-only"]).expect(0).stdout.ends_with("cat.jpg\n"), "{name}");
        run(&["verify"]).expect(0);
    }
    let mut left: Vec<_> = fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["index", "photos"]);
}

/// An index on another drive, behind a symbolic link: a rebuild replaced the link by a folder, and the data behind it was
/// left to nobody.
#[cfg(unix)]
#[test]
fn a_rebuild_keeps_a_symbolic_link_to_the_index() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let drive = sandbox.path().join("drive");
    fs::create_dir(&drive).unwrap();
    std::os::unix::fs::symlink(&drive, sandbox.index()).unwrap();
    sandbox.update(0);
    sandbox.run(&["index", "--rebuild"]).expect(0);
    assert!(fs::symlink_metadata(sandbox.index()).unwrap().is_symlink());
    let run = Run::from(command(&drive, &["query", "a cat", "--paths-only"]).output().unwrap()).expect(0);
    assert!(run.stdout.ends_with("cat.jpg\n"), "{run:#?}");
}

/// Readers locked the index, so that whoever could only read it could not search it:
/// <https://github.com/quickwit-oss/tantivy/issues/557>, and <https://github.com/quickwit-oss/tantivy/issues/2691> where a file
/// system has no locks. See `mounts` for an index on a read-only file system.
#[cfg(target_os = "linux")]
#[test]
fn reading_an_index_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let before = contents(&sandbox.index());
    for arguments in [&["query", "a cat"][..], &["status"], &["verify"], &["query", "a cat", "--model", "pocket"]] {
        sandbox.run(arguments).expect(0);
        assert_eq!(contents(&sandbox.index()), before, "{arguments:?}");
    }
}

/// `CLIP_SEARCH_INDEX=` in a script that unsets it the short way was an error. See `numbers` for other variables and for
/// numbers that are too large, `special_files` for named pipes, and `escapes` for names that act on a terminal.
#[test]
fn an_empty_variable_is_not_an_empty_name() {
    let sandbox = Sandbox::new();
    let mut status = command(Path::new(""), &["status"]);
    let run = Run::from(status.env("HOME", sandbox.path()).output().unwrap()).expect(2);
    assert!(run.stderr.contains("there is no index in") && run.stderr.contains(text(&sandbox.path())), "{run:#?}");
}

/// In rclip, photos of a batch got each other's metadata if one before them could not be read:
/// <https://github.com/yurijmikhalevich/rclip/pull/282>.
#[test]
fn a_broken_photo_does_not_shift_what_is_known_of_the_others() {
    let sandbox = Sandbox::new();
    let names = ["cat.jpg", "coffee.jpg", "rocket.jpg", "lawn.jpg"];
    for (number, name) in names.into_iter().enumerate() {
        fs::create_dir_all(sandbox.photos()).unwrap();
        fs::write(sandbox.photos().join(format!("{number}-a.jpg")), "no photo").unwrap();
        sandbox.put(name, format!("{number}-b-{name}"));
    }
    sandbox.update(1);
    for (number, name) in names.into_iter().enumerate() {
        let path = sandbox.photos().join(format!("{number}-b-{name}"));
        let hit = sandbox.run(&["query", "--image", text(&path), "-n", "1", "--json"]).expect(0).json();
        assert_eq!(hit["path"], text(&path));
        let (width, height) = image::image_dimensions(&path).unwrap();
        assert_eq!((hit["width"].as_u64(), hit["height"].as_u64()), (Some(width.into()), Some(height.into())));
    }
    // Repaired files are taken, and the others are not read again.
    for number in 0..names.len() {
        fs::copy(sandbox.photos().join("0-b-cat.jpg"), sandbox.photos().join(format!("{number}-a.jpg"))).unwrap();
    }
    let summary = sandbox.update(0);
    assert_eq!((&summary["indexed"], &summary["unchanged"], &summary["copied"]), (&4.into(), &4.into(), &4.into()));
}
