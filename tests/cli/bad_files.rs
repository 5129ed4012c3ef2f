//! Bad files are told of once: a job that runs every night has nothing to say about those of last night.

use std::fs;

use crate::support::Sandbox;

#[test]
fn a_bad_file_is_told_of_once_and_counted_from_then_on() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    fs::write(sandbox.photos().join("bad.jpg"), "no photo").unwrap();
    fs::write(sandbox.photos().join("empty.jpg"), "").unwrap();
    let photos = sandbox.photos();
    let first = sandbox.run(&["index", photos.to_str().unwrap()]).expect(1);
    assert_eq!(first.stderr.lines().count(), 2, "{first:?}");

    let summary = |run: &str| sandbox.normalise(run);
    let known = sandbox.run(&["index"]).expect(0);
    assert_eq!(known.stderr, "");
    assert_eq!(
        summary(&known.stdout),
        "0 indexed, 1 unchanged, 0 moved, 0 removed, 2 skipped (2 as before; --verbose lists them) in [TIME]\n"
    );
    let listed = sandbox.run(&["index", "--verbose"]).expect(0);
    assert_eq!(
        summary(&listed.stdout),
        "0 indexed, 1 unchanged, 0 moved, 0 removed, 2 skipped (2 as before) in [TIME]\n"
    );
    let told = sandbox.normalise(&listed.stderr);
    assert!(
        told.starts_with(
            "skipped as before: [DIR]/photos/bad.jpg: not a supported image: its first bytes are those of no known format\n\
             skipped as before: [DIR]/photos/empty.jpg: the file is empty\ntime: "
        ),
        "{told}"
    );

    // A new one is told of, without those of before.
    fs::write(sandbox.photos().join("new.jpg"), "no photo either").unwrap();
    let new = sandbox.run(&["index"]).expect(1);
    assert_eq!(new.stderr.lines().count(), 1);
    assert!(new.stderr.contains("new.jpg") && new.stdout.contains("3 skipped (2 as before;"), "{new:?}");

    // One that is mended is indexed, one that is gone is forgotten.
    sandbox.put("coffee.jpg", "bad.jpg");
    fs::remove_file(sandbox.photos().join("empty.jpg")).unwrap();
    let mended = sandbox.run(&["index"]).expect(0);
    assert!(
        mended.stdout.starts_with("1 indexed, 1 unchanged, 0 moved, 0 removed, 1 skipped (1 as before"),
        "{mended:?}"
    );
    let status = sandbox.run(&["status"]).expect(0).stdout;
    assert!(status.contains("skipped      1 file; `clip-search index --verbose` lists them\n"), "{status}");
    assert_eq!(sandbox.run(&["status", "--json"]).expect(0).json()["bad_files"], 1);
}

#[test]
fn scripts_get_new_ones_a_number_and_if_they_ask_a_list() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    fs::write(sandbox.photos().join("bad.jpg"), "no photo").unwrap();
    let first = sandbox.update(1);
    assert_eq!((first["skipped"].as_array().unwrap().len(), &first["skipped_before"]), (1, &0.into()));
    let second = sandbox.update(0);
    assert_eq!((second["skipped"].as_array().unwrap().len(), &second["skipped_before"]), (0, &1.into()));
    assert!(second.get("skipped_before_files").is_none());
    let listed = sandbox.run(&["index", "--json", "--verbose"]).expect(0).json();
    assert_eq!(listed["skipped_before_files"][0]["path"], sandbox.photos().join("bad.jpg").to_str().unwrap());
}

#[test]
fn a_rebuild_tries_them_again_and_tells_of_none() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    fs::write(sandbox.photos().join("bad.jpg"), "no photo").unwrap();
    sandbox.update(1);
    let rebuilt = sandbox.run(&["index", "--rebuild", "--json"]).expect(0).json();
    assert_eq!((&rebuilt["indexed"], &rebuilt["skipped_before"]), (&1.into(), &1.into()));
    assert_eq!(sandbox.update(0)["skipped_before"], 1);
}
