//! What is removed or excluded stays out of the index until that is taken back, and always on the disk.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{PROGRAM, Run, Sandbox, in_our_environment};

fn four() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.put("rocket.jpg", "2019/private/rocket.jpg");
    sandbox.put("lawn.jpg", "2020/lawn.jpg");
    sandbox.update(0);
    sandbox
}

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[test]
fn what_is_removed_does_not_come_back_and_can_be_taken_back() {
    let sandbox = four();
    let at = |name: &str| sandbox.photos().join(name).to_str().unwrap().to_owned();
    let run = sandbox.run(&["remove", &at("2019/private"), &at("cat.jpg")]).expect(0);
    assert_eq!(run.stdout, "2 photos removed from the index\n");
    assert_eq!(
        sandbox.normalise(&run.stderr).replace(sandbox.path().to_str().unwrap(), "[DIR]"),
        "[DIR]/photos/2019/private is excluded from now on; take that back with `clip-search index --include \
         [DIR]/photos/2019/private`\n[DIR]/photos/cat.jpg is excluded from now on; take that back with `clip-search index \
         --include [DIR]/photos/cat.jpg`\n"
    );
    assert!(sandbox.photos().join("cat.jpg").exists() && sandbox.photos().join("2019/private/rocket.jpg").exists());
    for _ in 0..2 {
        let summary = sandbox.update(0);
        assert_eq!((&summary["indexed"], &summary["unchanged"]), (&0.into(), &2.into()));
    }
    // Not with a rebuild either.
    sandbox.run(&["index", "--rebuild"]).expect(0);
    assert_eq!(sandbox.indexed(), paths(&["2019/coffee.jpg", "2020/lawn.jpg"]));

    let status = sandbox.run(&["status"]).expect(0).stdout;
    let expected = "excluded     [DIR]/photos/2019/private\nexcluded     [DIR]/photos/cat.jpg\n";
    assert!(sandbox.normalise(&status).contains(expected), "{status}");
    let json = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["excluded"][0]["path"], at("2019/private"));

    let refused = sandbox.run(&["index", &at("2019/private")]).expect(2);
    let advice = format!("take that back with `clip-search index --include {}`\n", at("2019/private"));
    assert!(refused.stderr.contains("is excluded") && refused.stderr.ends_with(&advice), "{refused:?}");
    let run = sandbox.run(&["index", "--include", &at("2019/private")]).expect(0);
    assert!(run.stdout.starts_with("1 indexed, 2 unchanged"), "{run:?}");
    assert_eq!(sandbox.indexed(), paths(&["2019/coffee.jpg", "2019/private/rocket.jpg", "2020/lawn.jpg"]));
}

/// Names with a line break, or that are no text, cannot be printed as they are.
#[cfg(target_os = "linux")]
#[test]
fn the_advice_can_be_pasted_whatever_the_name() {
    use std::os::unix::ffi::OsStringExt;
    let sandbox = Sandbox::new();
    for (sample, name) in [("cat.jpg", &b"new\nline's.jpg"[..]), ("lawn.jpg", b"x\xff1.jpg")] {
        sandbox.put(sample, OsString::from_vec(name.to_vec()));
    }
    sandbox.update(0);
    for photo in sandbox.indexed() {
        let photo = sandbox.photos().join(photo);
        let run = sandbox.run(&[OsStr::new("remove"), photo.as_os_str()]).expect(0);
        let (_, advice) = run.stderr.split_once("`clip-search ").unwrap();
        let script = advice.trim_end().strip_suffix('`').unwrap().replace("index ", "\"$PROGRAM\" index ");
        let mut shell = in_our_environment(Command::new("bash"), &sandbox.command(&[""; 0]));
        let Ok(run) = shell.args(["-c", &script]).env("PROGRAM", PROGRAM).output() else { return };
        let run = Run::from(run).expect(0);
        assert!(run.stdout.starts_with("1 indexed, 1 unchanged"), "{script}: {run:?}");
    }
}

#[test]
fn patterns_are_remembered_shown_and_taken_back() {
    let sandbox = four();
    let photos = sandbox.photos();
    let run =
        sandbox.run(&["index", photos.to_str().unwrap(), "--exclude", "private/", "--exclude", "20?0/*.jpg"]).expect(0);
    assert!(run.stdout.starts_with("0 indexed, 2 unchanged, 0 moved, 2 removed, 0 skipped"), "{run:?}");
    let run = sandbox.run(&["index"]).expect(0);
    assert!(run.stdout.starts_with("0 indexed, 2 unchanged, 0 moved, 0 removed, 0 skipped"), "{run:?}");
    let json = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["excluded"], serde_json::json!([{"pattern": "private/"}, {"pattern": "20?0/*.jpg"}]));
    let unknown = sandbox.run(&["index", "--include", "private"]).expect(2);
    assert_eq!(unknown.stderr, "error: private is not excluded; excluded are private/, 20?0/*.jpg\n");
    let run = sandbox.run(&["index", "--include", "private/", "--include", "20?0/*.jpg"]).expect(0);
    assert!(run.stdout.starts_with("2 indexed, 2 unchanged"), "{run:?}");
    assert_eq!(sandbox.run(&["status", "--json"]).expect(0).json()["excluded"], serde_json::json!([]));
    let nothing = sandbox.run(&["index", "--include", "private/"]).expect(2);
    assert_eq!(nothing.stderr, "error: private/ is not excluded; nothing is excluded\n");
}

#[test]
fn a_folder_of_the_index_is_forgotten_with_its_photos() {
    let sandbox = four();
    let photos = sandbox.photos();
    let run = sandbox.run(&["remove", photos.to_str().unwrap()]).expect(0);
    assert_eq!(run.stdout, "4 photos removed from the index\n");
    assert_eq!(sandbox.normalise(&run.stderr), "[DIR]/photos is not indexed any more\n");
    let run = sandbox.run(&["index"]).expect(2);
    assert!(run.stderr.contains("no folder to index"), "{run:?}");
    assert_eq!(sandbox.update(0)["indexed"], 4, "it was named");
}

#[test]
fn a_misspelt_path_is_told_and_a_missing_file_can_be_removed() {
    let sandbox = four();
    let at = |name: &str| sandbox.photos().join(name).to_str().unwrap().to_owned();
    let run = sandbox.run(&["remove", &at("2018")]).expect(1);
    assert_eq!(run.stdout, "0 photos removed from the index\n");
    assert_eq!(sandbox.normalise(&run.stderr), "[DIR]/photos/2018 is not in the index\n");
    fs::remove_file(at("cat.jpg")).unwrap();
    let json = sandbox.run(&["remove", "--json", &at("cat.jpg"), &at("2018")]).expect(1).json();
    assert_eq!(json["removed"], 1);
    assert_eq!(
        (&json["excluded"][0]["path"], &json["unknown"][0]["path"]),
        (&at("cat.jpg").into(), &at("2018").into())
    );
    let run = sandbox.run(&["remove"]).expect(2);
    assert!(run.stderr.contains("DIR|FILE"), "{run:?}");
    // Relative paths are those of the current folder.
    let run = sandbox.command(&["remove", "2020"]).current_dir(sandbox.photos()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "1 photo removed from the index\n");
}

#[test]
fn without_an_index_there_is_nothing_to_remove() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["remove", sandbox.photos().to_str().unwrap()]).expect(2);
    assert!(run.stderr.contains("there is no index in"), "{run:?}");
    assert!(!sandbox.index().exists());
}
