//! Which files of a library are looked at: `.clipignore` files, exceptions, limits, and photos that are only in the cloud.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::support::Sandbox;

fn three() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.put("rocket.jpg", "2019/private/rocket.jpg");
    sandbox.update(0);
    sandbox
}

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[test]
fn an_ignore_file_leaves_photos_out_and_its_broken_lines_are_told() {
    let sandbox = three();
    let ignore = sandbox.photos().join(".clipignore");
    fs::write(&ignore, "# mine\nprivate/\n[broken\n").unwrap();
    let run = sandbox.run(&["index"]).expect(0);
    assert!(run.stdout.starts_with("0 indexed, 2 unchanged, 0 moved, 1 removed, 0 skipped"), "{run:?}");
    assert_eq!(
        sandbox.normalise(&run.stderr),
        "warning: [DIR]/photos/.clipignore, line 3: ignored: expected ] after [\n"
    );
    // Once: a nightly run is quiet about what is known.
    let run = sandbox.run(&["index"]).expect(0);
    assert_eq!(run.stderr, "");
    let run = sandbox.run(&["index", "--verbose"]).expect(0);
    assert!(run.stderr.contains(".clipignore, line 3: ignored: expected ] after ["), "{run:?}");
    fs::write(&ignore, "# mine\n\nprivate/\n[broken\n").unwrap();
    let json = sandbox.run(&["index", "--json"]).expect(0).json();
    assert_eq!(
        json["ignore_faults"],
        json!([{"path": ignore.to_str(), "line": 4, "reason": "ignored: expected ] after ["}])
    );
    assert_eq!((&json["unreachable"], json.get("ignored")), (&json!([]), None));

    let private = sandbox.photos().join("2019/private").to_str().unwrap().to_owned();
    let run = sandbox.run(&["index", &private]).expect(2);
    assert_eq!(
        sandbox.normalise(&run.stderr),
        "error: cannot index [DIR]/photos/2019/private: it is left out by [DIR]/photos/.clipignore; take the line out of \
         that file\n"
    );
    let cat = sandbox.photos().join("cat.jpg").to_str().unwrap().to_owned();
    let json = sandbox.run(&["index", "--json", &private, &cat]).expect(0).json();
    assert_eq!(json["ignored"], json!([{"path": private, "by": {"path": ignore.to_str()}}]));
    let run = sandbox.run(&["index", &private, &cat]).expect(0);
    let told = "warning: [DIR]/photos/2019/private is left out by [DIR]/photos/.clipignore\n";
    assert!(sandbox.normalise(&run.stderr).starts_with(told), "{run:?}");
    fs::write(&ignore, "").unwrap();
    assert_eq!(sandbox.update(0)["indexed"], 1);
}

#[test]
fn exceptions_last_and_are_shown() {
    let sandbox = three();
    let run = sandbox.run(&["index", "--exclude", "2019", "--include", "rocket.*"]).expect(0);
    assert!(run.stdout.starts_with("0 indexed, 2 unchanged, 0 moved, 1 removed"), "{run:?}");
    assert_eq!(sandbox.indexed(), paths(&["2019/private/rocket.jpg", "cat.jpg"]));
    assert_eq!(sandbox.update(0)["unchanged"], 2);
    let status = sandbox.run(&["status"]).expect(0).stdout;
    assert!(status.contains("excluded     2019\nincluded     rocket.*\n"), "{status}");
    let json = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["excluded"], json!([{"pattern": "2019"}, {"except": {"pattern": "rocket.*"}}]));
    sandbox.run(&["index", "--exclude", "rocket.*"]).expect(0);
    assert_eq!(sandbox.indexed(), paths(&["cat.jpg"]));
}

#[test]
fn limits_last_until_they_are_taken_back() {
    let sandbox = three();
    sandbox.run(&["index", "--max-depth", "1", "--one-file-system"]).expect(0);
    assert_eq!(sandbox.indexed(), paths(&["cat.jpg"]));
    assert_eq!(sandbox.update(0)["unchanged"], 1);
    let status = sandbox.run(&["status"]).expect(0).stdout;
    let shown =
        "excluded     all folders in these (--max-depth 1)\nexcluded     other file systems (--one-file-system)\n";
    assert!(status.contains(shown), "{status}");
    let json = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["excluded"], json!([{"deeper_than": 1}, {"other_file_systems": true}]));
    let private = sandbox.photos().join("2019/private").to_str().unwrap().to_owned();
    let run = sandbox.run(&["index", &private]).expect(2);
    assert!(run.stderr.ends_with("; allow more with --max-depth, or `--max-depth none`\n"), "{run:?}");
    let run = sandbox.run(&["index", "--max-depth", "none", "--one-file-system=no"]).expect(0);
    assert!(run.stdout.starts_with("2 indexed, 1 unchanged"), "{run:?}");
    assert_eq!(sandbox.run(&["status", "--json"]).expect(0).json()["excluded"], json!([]));
}

#[test]
fn photos_in_the_cloud_are_counted_and_stay() {
    let sandbox = three();
    let at = |name: &str| sandbox.photos().join(name);
    fs::rename(at("cat.jpg"), at(".cat.jpg.icloud")).unwrap();
    fs::write(at("2019/new.jpg.nextcloud"), " ").unwrap();
    let run = sandbox.run(&["index"]).expect(0);
    assert!(run.stdout.starts_with("0 indexed, 3 unchanged, 0 moved, 0 removed, 0 skipped"), "{run:?}");
    assert_eq!(run.stderr, "1 photo is only in the cloud; pass --download-photos to download and index it\n");
    assert_eq!(sandbox.run(&["index", "--json"]).expect(0).json()["in_cloud"], 1);
}
