//! Saved searches: what they find, that they last, and that nobody's change is lost.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::model::{NAME, Place};
use crate::support::{Run, Sandbox};

fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["cat.jpg", "coffee.jpg", "rocket.jpg"] {
        sandbox.put(name, name);
    }
    sandbox.put("cat.jpg", "copies/cat.jpg");
    sandbox.update(0);
    sandbox
}

fn paths(sandbox: &Sandbox, query: &str) -> String {
    sandbox.run(&["query", query, "--paths-only", "--limit", "9"]).expect(0).stdout
}

/// The searches as they are listed.
fn list(sandbox: &Sandbox) -> String {
    sandbox.run(&["search", "list"]).expect(0).stdout
}

#[test]
fn a_saved_search_finds_what_its_text_finds() {
    let sandbox = indexed();
    let text = "(a cat | a rocket) -coffee ext:jpg";
    let run = sandbox.run(&["search", "save", "mine", text]).expect(0);
    assert_eq!((run.stdout, run.stderr.as_str()), (format!("@mine is saved: {text}\n"), ""));
    assert_eq!(paths(&sandbox, "@mine"), paths(&sandbox, text));
    assert_eq!(paths(&sandbox, "2:@mine space"), paths(&sandbox, &format!("2:({text}) space")));
    let run = sandbox.run(&["query", "@mine space", "--explain", "-n", "1"]).expect(0);
    assert!(run.stderr.contains("understood as: ((a cat | a rocket) + -coffee + ext:jpg) + space\n"), "{run:?}");
    // As text it is text.
    sandbox.run(&["query", "@mine", "--literal"]).expect(0);

    let run = sandbox.run(&["search", "save", "@mine", "-people cat"]).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr), ("@mine is saved: -people cat\n", format!("@mine was: {text}\n")));
    sandbox.run(&["search", "save", "a", "@mine"]).expect(0);
    assert_eq!(list(&sandbox), "a     @mine\nmine  -people cat\n");
    let lines = sandbox.run(&["search", "list", "--json"]).expect(0).json_lines();
    assert_eq!(lines[1], serde_json::json!({"name": "mine", "query": "-people cat"}));

    let run = sandbox.run(&["search", "remove", "mine"]).expect(0);
    assert_eq!(run.stdout, "@mine is removed; it was: -people cat\n");
    assert!(run.stderr.starts_with("@a refers to @mine"), "{run:?}");
    let run = sandbox.run(&["query", "@a"]).expect(2);
    assert!(run.stderr.contains("named mine, which a refers to") && run.stderr.contains("clip-search search list"));
}

#[test]
fn names_that_there_are_not_are_told_with_the_nearest() {
    let sandbox = indexed();
    sandbox.run(&["search", "save", "holidays", "a cat"]).expect(0);
    for line in
        [&["query", "@holydays -dog"][..], &["search", "remove", "holydays"], &["search", "save", "x", "@holydays"]]
    {
        let run = sandbox.run(line).expect(2);
        let told = ["named holydays", "did you mean `holidays`?", "`clip-search search list`"];
        assert!(told.iter().all(|told| run.stderr.contains(told)), "{run:?}");
    }
    assert_eq!(list(&sandbox), "holidays  a cat\n");
}

#[test]
fn what_is_saved_means_the_same_in_every_folder() {
    let sandbox = indexed();
    let from = |folder: &Path, arguments: &[&str]| {
        Run::from(sandbox.command(arguments).current_dir(folder).output().unwrap()).expect(0).stdout
    };
    let photos = sandbox.photos();
    from(&photos, &["search", "save", "like-cat", "./cat.jpg under:copies"]);
    let expected = from(&photos, &["query", "./cat.jpg under:copies", "--paths-only"]);
    assert_eq!(from(&photos, &["query", "@like-cat", "--paths-only"]), expected);
    assert_eq!(from(Path::new("/"), &["query", "@like-cat", "--paths-only"]), expected);
    assert!(expected.trim_end().ends_with("photos/copies/cat.jpg"), "{expected}");
}

#[test]
fn saved_searches_outlast_what_becomes_of_the_index() {
    let place = Place::new();
    place.run(&["model", "pull", NAME]).expect(0);
    place.sandbox.put("cat.jpg", "cat.jpg");
    let photos = place.sandbox.photos();
    let photos = photos.to_str().unwrap();
    place.run(&["index", photos]).expect(0);
    place.run(&["search", "save", "cats", "a cat"]).expect(0);
    let changes: [&[&str]; 6] = [
        &["index", "--rebuild"],
        &["index", "--model", NAME],
        &["index"],
        &["compact"],
        &["repair"],
        &["remove", photos],
    ];
    for change in changes {
        place.run(change).expect(0);
        assert_eq!(place.run(&["search", "list"]).expect(0).stdout, "cats  a cat\n", "{change:?}");
    }
    // Even where the index itself cannot be read any more.
    place.run(&["index", photos]).expect(0);
    fs::write(place.sandbox.index().join("manifest.json"), "damaged").unwrap();
    assert_eq!(place.run(&["search", "list"]).expect(0).stdout, "cats  a cat\n");
    place.run(&["index", "--rebuild", photos]).expect(0);
    assert_eq!(place.run(&["query", "@cats", "--count"]).expect(0).stdout, "1\n");
}

#[test]
fn a_damaged_file_is_told_and_in_nobody_elses_way() {
    let sandbox = indexed();
    sandbox.run(&["search", "save", "cats", "a cat"]).expect(0);
    let file = sandbox.index().join("searches");
    for damage in ["", "cats a cat\n", "# clip-search searches 1\n@cats a cat\n", &"x".repeat(2 << 20)] {
        fs::write(&file, damage).unwrap();
        for line in [
            &["query", "@cats"][..],
            &["search", "list"],
            &["search", "save", "x", "dog"],
            &["search", "remove", "cats"],
        ] {
            let run = sandbox.run(line).expect(2);
            assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
            let told = [file.to_str().unwrap(), "expected", "text editor", "delete it"];
            assert!(told.iter().all(|told| run.stderr.contains(told)), "{run:?}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), damage);
        sandbox.run(&["query", "a cat"]).expect(0);
        sandbox.run(&["index"]).expect(0);
        let run = sandbox.run(&["verify"]).expect(2);
        assert!(run.stdout.starts_with(&format!("{}: ", file.display())), "{run:?}");
        assert!(run.stderr.contains("text editor") && !run.stderr.contains("repair"), "{run:?}");
    }
}

#[test]
fn damage_that_would_be_another_search_is_noticed() {
    let sandbox = indexed();
    sandbox.run(&["search", "save", "cats", "a cat"]).expect(0);
    let file = sandbox.index().join("searches");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("a cat", "a car")).unwrap();
    for line in [&["query", "@cats"][..], &["verify"]] {
        let run = sandbox.run(line).expect(2);
        assert!(format!("{run:?}").contains("checksum does not match"), "{run:?}");
    }
    // Whoever has meant it says so.
    fs::write(&file, "# clip-search searches 1\ncats a car\n").unwrap();
    assert_eq!(list(&sandbox), "cats  a car\n");
    sandbox.run(&["verify"]).expect(0);
    sandbox.run(&["search", "save", "x", "dog"]).expect(0);
    assert_eq!(list(&sandbox), "cats  a car\nx     dog\n");
}

#[test]
fn searches_that_are_saved_at_once_are_all_kept() {
    let sandbox = indexed();
    let writers: Vec<_> = (0..12)
        .map(|number| {
            let mut command = sandbox.command(&["search", "save", &format!("s{number}"), "a cat"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    sandbox.run(&["index"]).expect(0);
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    assert_eq!(list(&sandbox).lines().count(), 12);
}

#[test]
fn a_query_can_be_saved_from_standard_input() {
    use std::io::Write;
    let sandbox = indexed();
    let mut command = sandbox.command(&["search", "save", "cats", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a cat |\n a dog\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(list(&sandbox), "cats  a cat | a dog\n");
}
