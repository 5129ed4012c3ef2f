//! Folders that moved, were emptied or cannot be reached, and what is said of them.

use std::fs;
use std::path::Path;

use crate::support::{Sandbox, samples};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn folders(sandbox: &Sandbox) -> Vec<String> {
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    let prefix = format!("{}/", text(&sandbox.path()));
    let relative = |root: &serde_json::Value| root.as_str().unwrap().strip_prefix(&prefix).unwrap().to_owned();
    status["roots"].as_array().unwrap().iter().map(relative).collect()
}

/// The paths that a query prints, relative to the sandbox.
#[track_caller]
fn found(sandbox: &Sandbox) -> Vec<String> {
    let run = sandbox.run(&["query", "a cat", "--paths-only"]).expect(0);
    let prefix = format!("{}/", text(&sandbox.path()));
    let mut paths: Vec<_> = run.stdout.lines().map(|line| line.strip_prefix(&prefix).unwrap().to_owned()).collect();
    paths.sort();
    paths
}

#[test]
fn a_folder_that_was_renamed_is_indexed_by_its_new_name() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.update(0);
    let renamed = sandbox.path().join("pictures");
    fs::rename(sandbox.photos(), &renamed).unwrap();
    let run = sandbox.run(&["index", text(&renamed)]).expect(0);
    assert!(run.stdout.starts_with("0 indexed, 0 unchanged, 2 moved, 0 removed, 0 skipped in "), "{run:#?}");
    let expected = format!(
        "no longer indexed: {}, which does not exist any more and whose photos have all moved\n",
        text(&sandbox.photos())
    );
    assert_eq!(run.stderr, expected);
    assert_eq!(folders(&sandbox), ["pictures"]);
    assert_eq!(found(&sandbox), ["pictures/2019/coffee.jpg", "pictures/cat.jpg"]);
    let run = sandbox.run(&["index"]).expect(0);
    assert_eq!((run.stdout.starts_with("0 indexed, 2 unchanged, "), run.stderr.as_str()), (true, ""), "{run:#?}");
    sandbox.run(&["verify"]).expect(0);
}

#[test]
fn bad_files_of_a_folder_that_was_renamed_are_no_news() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    fs::write(sandbox.photos().join("broken.jpg"), "no photo").unwrap();
    fs::write(sandbox.photos().join("empty.jpg"), "").unwrap();
    sandbox.run(&["index", text(&sandbox.photos())]).expect(1);
    sandbox.run(&["index"]).expect(0);
    let renamed = sandbox.path().join("pictures");
    fs::rename(sandbox.photos(), &renamed).unwrap();
    let summary = sandbox.run(&["index", "--json", text(&renamed)]).expect(0).json();
    assert_eq!((&summary["moved"], &summary["skipped"]), (&1.into(), &serde_json::json!([])), "{summary}");
    assert_eq!(summary["skipped_before"], 2, "{summary}");
    // A copy is news.
    fs::copy(renamed.join("broken.jpg"), renamed.join("copy.jpg")).unwrap();
    let summary = sandbox.run(&["index", "--json"]).expect(1).json();
    assert_eq!(summary["skipped"].as_array().unwrap().len(), 1, "{summary}");
}

#[test]
fn the_last_photo_of_an_inbox_is_sorted_into_an_album() {
    let sandbox = Sandbox::new();
    let inbox = sandbox.put("cat.jpg", "inbox/cat.jpg").parent().unwrap().to_owned();
    let albums = sandbox.put("coffee.jpg", "albums/coffee.jpg").parent().unwrap().to_owned();
    sandbox.run(&["index", text(&inbox), text(&albums)]).expect(0);
    fs::rename(inbox.join("cat.jpg"), albums.join("cat.jpg")).unwrap();
    let summary = sandbox.run(&["index", "--json"]).expect(0).json();
    assert_eq!((&summary["moved"], &summary["unreachable"]), (&1.into(), &serde_json::json!([])), "{summary}");
    assert_eq!(folders(&sandbox), ["photos/albums", "photos/inbox"], "it is there for the next photos");
    let run = sandbox.run(&["index"]).expect(0);
    assert_eq!(run.stderr, "");
    assert_eq!(found(&sandbox), ["photos/albums/cat.jpg", "photos/albums/coffee.jpg"]);
}

#[test]
fn results_whose_files_are_gone_are_marked_and_left_out_of_lists() {
    let sandbox = Sandbox::new();
    let cat = sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "coffee.jpg");
    sandbox.put("rocket.jpg", "rocket.jpg");
    sandbox.update(0);
    fs::remove_file(&cat).unwrap();
    let hits = sandbox.run(&["query", "a cat", "--json"]).expect(0).json_lines();
    assert_eq!((hits.len(), &hits[0]["path"], &hits[0]["missing"]), (3, &text(&cat).into(), &true.into()));
    assert!(hits[1..].iter().all(|hit| hit.get("missing").is_none()), "{hits:?}");

    let line = "left out 1 result whose file is not there; connect the drive, or bring the index up to date with \
                `clip-search index`\n";
    for list in [&["query", "a cat"][..], &["query", "a cat", "--paths-only"], &["query", "a cat", "-0"]] {
        let run = sandbox.run(list).expect(0);
        assert!(!run.stdout.contains("cat.jpg") && run.stdout.contains("rocket.jpg"), "{run:#?}");
        // What is left matches badly.
        let told = if list.len() == 2 { "nothing matches well; the nearest are:\n" } else { "" };
        assert_eq!(run.stderr, format!("{told}{line}"));
    }
    // As many as were asked for, and only those count that would be among them.
    let run = sandbox.run(&["query", "a cat", "-n", "1", "--paths-only"]).expect(0);
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, line), "{run:#?}");
    fs::write(&cat, fs::read(samples().join("cat.jpg")).unwrap()).unwrap();
    fs::remove_file(sandbox.photos().join("rocket.jpg")).unwrap();
    let run = sandbox.run(&["query", "a cat", "-n", "1"]).expect(0);
    assert!(run.stdout.ends_with("/cat.jpg\n") && run.stderr.is_empty(), "{run:#?}");

    fs::remove_dir_all(sandbox.photos()).unwrap();
    let run = sandbox.run(&["query", "a cat"]).expect(1);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("left out 3 results whose files are not there; "), "{run:#?}");
}

#[test]
fn a_mount_point_below_a_folder_keeps_its_photos() {
    for left in [None, Some(".DS_Store"), Some("@eaDir/x"), Some("not mounted.txt")] {
        let sandbox = Sandbox::new();
        sandbox.put("cat.jpg", "cat.jpg");
        sandbox.put("coffee.jpg", "drive/2019/coffee.jpg");
        sandbox.update(0);
        let drive = sandbox.photos().join("drive");
        fs::rename(&drive, sandbox.path().join("unplugged")).unwrap();
        fs::create_dir(&drive).unwrap();
        if let Some(left) = left {
            fs::create_dir_all(drive.join(left).parent().unwrap()).unwrap();
            fs::write(drive.join(left), "x").unwrap();
        }
        let run = sandbox.run(&["index"]).expect(1);
        let expected = format!(
            "warning: {} is empty; is its drive mounted? Its photos stay in the index (1 photo); pass \
             --forget-unreachable to remove them\n",
            text(&drive)
        );
        assert_eq!(run.stderr, expected, "{left:?}");
        let change = sandbox.run(&["index", "--rebuild"]).expect(2);
        assert!(change.stderr.contains("the index was not replaced"), "{left:?}: {change:#?}");
        assert_eq!(sandbox.indexed().len(), 2);

        fs::remove_dir_all(&drive).unwrap();
        fs::rename(sandbox.path().join("unplugged"), &drive).unwrap();
        let summary = sandbox.run(&["index", "--json"]).expect(0).json();
        assert_eq!((&summary["unchanged"], &summary["indexed"]), (&2.into(), &0.into()), "{left:?}");
    }
}

/// It removed, and still warned and ended with 1 for a folder that is missing, but with 0 for an empty one.
#[test]
fn what_is_to_be_forgotten_is_forgotten_without_a_warning() {
    for (is_missing, arguments) in [
        (true, &["index", "--forget-unreachable"][..]),
        (false, &["index", "--forget-unreachable"]),
        (true, &["index", "--forget-unreachable", "--rebuild"]),
        (false, &["index", "--forget-unreachable", "--rebuild"]),
    ] {
        let sandbox = Sandbox::new();
        let drive = sandbox.put("cat.jpg", "drive/cat.jpg").parent().unwrap().to_owned();
        let here = sandbox.put("coffee.jpg", "here/coffee.jpg").parent().unwrap().to_owned();
        sandbox.run(&["index", text(&drive), text(&here)]).expect(0);
        fs::remove_dir_all(&drive).unwrap();
        if !is_missing {
            fs::create_dir(&drive).unwrap();
        }
        sandbox.run(&["index"]).expect(1);
        let status = sandbox.run(&["status"]).expect(0);
        assert_eq!(status.stdout.contains("drive (cannot be reached)\n"), is_missing, "{status:#?}");

        let run = sandbox.run(arguments).expect(0);
        let is_rebuild = arguments.contains(&"--rebuild");
        let told = format!("removed from the index: 1 photo in {}, which cannot be reached\n", text(&drive));
        assert_eq!(run.stderr, if is_rebuild { "" } else { told.as_str() }, "{arguments:?}");
        assert_eq!(sandbox.indexed(), [Path::new("here/coffee.jpg")], "{arguments:?}");
        let left: &[&str] = if is_missing { &["photos/here"] } else { &["photos/drive", "photos/here"] };
        assert_eq!(folders(&sandbox), left);
        let run = sandbox.run(&["index"]).expect(0);
        assert_eq!(run.stderr, "", "{arguments:?}");
    }
}

#[test]
fn with_its_only_folder_everything_is_forgotten() {
    for arguments in [&["index", "--forget-unreachable"][..], &["index", "--forget-unreachable", "--rebuild"]] {
        let sandbox = Sandbox::new();
        sandbox.put("cat.jpg", "cat.jpg");
        sandbox.update(0);
        fs::remove_dir_all(sandbox.photos()).unwrap();
        sandbox.run(&["index", "--rebuild"]).expect(2);
        sandbox.run(arguments).expect(0);
        let status = sandbox.run(&["status", "--json"]).expect(0).json();
        assert_eq!((&status["photos"], &status["roots"]), (&0.into(), &serde_json::json!([])), "{arguments:?}");
    }
}

#[test]
fn a_folder_without_photos_does_not_end_in_silence() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["index", text(&sandbox.photos())]).expect(0);
    let expected = "no photos found: expected JPEG, PNG, GIF, WebP, TIFF, BMP, PNM, QOI, ICO, HDR, PSD, JPEG XL, JPEG 2000, OpenEXR, DDS, camera raw, HEIC, AVIF or TGA files, found ";
    assert_eq!(run.stderr, format!("{expected}nothing\n"));
    for name in ["a.XCF", "b.xcf", "c.kra", "d.mov", "notes.txt", ".hidden.jpg"] {
        fs::write(sandbox.photos().join(name), "x").unwrap();
    }
    let run = sandbox.run(&["index", "--no-video"]).expect(0);
    assert!(run.stdout.starts_with("0 indexed, "), "{run:#?}");
    let found = "2 .xcf and 1 .kra (pictures in formats that cannot be read); 1 .mov (videos); 1 .txt; 1 hidden file \
                 or folder\n";
    assert_eq!(run.stderr, format!("{expected}{found}"));
    let summary = sandbox.run(&["index", "--json", "--no-video"]).expect(0).json();
    assert_eq!(
        summary["passed_over"][0],
        serde_json::json!({"kind": "picture", "extension": "xcf", "files": 2}),
        "{summary}"
    );
    // Beside photos, only pictures that one might look for.
    sandbox.put("cat.jpg", "cat.jpg");
    let run = sandbox.run(&["index", "--no-video"]).expect(0);
    assert_eq!(run.stderr, "passed over: 2 .xcf and 1 .kra (formats that cannot be read)\n");
}

/// `exiftool -P` keeps the time, and an uncompressed picture its size; `mv` brings both along.
#[cfg(unix)]
#[test]
fn a_photo_that_was_replaced_with_its_old_size_and_time_is_found_by_what_it_shows() {
    use std::process::Command;

    for by_rename in [false, true] {
        let sandbox = Sandbox::new();
        let picture = |sample: &str, path: &Path| {
            let picture = image::open(samples().join(sample)).unwrap().to_rgb8();
            image::imageops::thumbnail(&picture, 64, 64).save_with_format(path, image::ImageFormat::Bmp).unwrap();
        };
        let path = sandbox.photos().join("photo.bmp");
        picture("rocket.jpg", &path);
        sandbox.update(0);
        let (before, reference) = (fs::metadata(&path).unwrap(), sandbox.path().join("reference"));
        let touch = |from: &Path, to: &Path| {
            assert!(Command::new("touch").arg("-r").args([from, to]).status().unwrap().success());
        };
        fs::write(&reference, "").unwrap();
        touch(&path, &reference);
        let written = if by_rename { sandbox.path().join("new.bmp") } else { path.clone() };
        picture("cat.jpg", &written);
        touch(&reference, &written);
        if by_rename {
            fs::rename(&written, &path).unwrap();
        }
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
        assert_eq!(sandbox.update(0)["indexed"], 1, "by rename: {by_rename}");
        sandbox.put("rocket.jpg", "rocket.jpg");
        sandbox.update(0);
        let hit = sandbox.run(&["query", "a cat", "-n", "1", "--json"]).expect(0).json();
        assert_eq!(hit["path"], text(&path), "by rename: {by_rename}");
    }
}
