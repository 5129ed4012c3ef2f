//! Identical files are one result, and the others are named with it.

use crate::support::Sandbox;

#[test]
fn identical_files_are_one_result_and_the_others_are_named() {
    let sandbox = Sandbox::new();
    for name in ["cat.jpg", "copies/cat again.jpg", "old/cat.jpg"] {
        sandbox.put("cat.jpg", name);
    }
    sandbox.put("coffee.jpg", "coffee.jpg");
    sandbox.put("rocket.jpg", "rocket.jpg");
    sandbox.update(0);

    // Copies are indexed in the order of their paths.
    let run = sandbox.run(&["query", "a cat", "-n", "2"]).expect(0);
    let lines: Vec<String> = sandbox.normalise(&run.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{run:?}");
    assert!(lines[0].ends_with("  [DIR]/photos/cat.jpg"), "{run:?}");
    assert_eq!(lines[1], "       also [DIR]/photos/copies/cat again.jpg");
    assert_eq!(lines[2], "       also [DIR]/photos/old/cat.jpg");

    let found = sandbox.run(&["query", "a cat", "-n", "2", "--json"]).expect(0).json_lines();
    assert_eq!(found.len(), 2);
    let path = |name: &str| sandbox.photos().join(name).to_str().unwrap().to_owned();
    assert_eq!(found[0]["path"], path("cat.jpg"));
    let copies: Vec<_> = found[0]["duplicates"].as_array().unwrap().iter().map(|copy| copy["path"].clone()).collect();
    assert_eq!(copies, [path("copies/cat again.jpg"), path("old/cat.jpg")]);
    assert!(found[1].get("duplicates").is_none());

    // A path for each content, so that there are as many as were asked for.
    for arguments in
        [&["query", "a cat", "-n", "2", "--paths-only"][..], &["query", "a cat", "-n", "3", "--exact", "--paths-only"]]
    {
        let run = sandbox.run(arguments).expect(0);
        let paths: Vec<&str> = run.stdout.lines().collect();
        assert_eq!(paths.len(), arguments[3].parse::<usize>().unwrap(), "{run:?}");
        assert_eq!(paths.iter().filter(|path| path.contains("cat")).count(), 1, "{run:?}");
    }
}

#[test]
fn a_query_for_one_photo_among_many_copies_names_some_of_them() {
    let sandbox = Sandbox::new();
    for copy in 0..40 {
        sandbox.put("cat.jpg", format!("{copy:02}.jpg"));
    }
    sandbox.put("coffee.jpg", "coffee.jpg");
    sandbox.update(0);
    let run = sandbox.run(&["query", "a cat", "-n", "1"]).expect(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 12, "{run:?}");
    assert_eq!(lines[11], "       and 29 more with the same content");
    let found = sandbox.run(&["query", "a cat", "-n", "2", "--json"]).expect(0).json_lines();
    assert_eq!((found.len(), found[0]["duplicates"].as_array().unwrap().len()), (2, 39));
}

#[test]
fn a_copy_whose_file_is_there_stands_for_those_that_are_not() {
    let sandbox = Sandbox::new();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        sandbox.put("cat.jpg", name);
    }
    sandbox.put("coffee.jpg", "coffee.jpg");
    sandbox.update(0);
    std::fs::remove_file(sandbox.photos().join("a.jpg")).unwrap();
    std::fs::remove_file(sandbox.photos().join("c.jpg")).unwrap();
    let run = sandbox.run(&["query", "a cat", "-n", "2"]).expect(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].ends_with("b.jpg") && lines[1].ends_with("coffee.jpg"), "{run:?}");
    assert!(!run.stderr.contains("left out"), "{run:?}");

    std::fs::remove_file(sandbox.photos().join("b.jpg")).unwrap();
    let run = sandbox.run(&["query", "a cat", "-n", "2"]).expect(0);
    assert!(run.stdout.lines().count() == 1 && run.stderr.contains("left out 1 result"), "{run:?}");
}
