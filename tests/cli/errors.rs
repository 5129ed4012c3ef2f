//! Each failure says what is wrong and what to do, on stderr alone, with exit status 2 (or 1 where nothing was found).

use std::fs;

use crate::support::{Run, Sandbox, command, on_samples, samples};

/// The message on stderr, which is one line; nothing may be on stdout.
#[track_caller]
fn failure(run: Run, status: i32) -> String {
    let run = run.expect(status);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    run.stderr
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "expected {part:?} in: {message}");
    }
}

#[test]
fn no_index_yet() {
    let sandbox = Sandbox::new();
    let index = sandbox.index();
    for arguments in [&["query", "a cat"][..], &["status"], &["verify"]] {
        let message = failure(sandbox.run(arguments), 2);
        assert_says(&message, &["error: there is no index in ", index.to_str().unwrap(), "clip-search index DIR"]);
        assert!(!index.exists(), "looking must not create anything");
    }
}

/// What is advised works, and is advised by all commands.
#[test]
fn an_index_without_a_manifest_is_rebuilt() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let photos = sandbox.photos();
    for name in ["manifest.json", "manifest.spare"] {
        fs::remove_file(sandbox.index().join(name)).unwrap();
    }
    for arguments in [&["query", "a cat"][..], &["status"], &["index", photos.to_str().unwrap()], &["repair"]] {
        let message = failure(sandbox.run(arguments), 2);
        assert_says(&message, &["manifest.json is damaged (the file is missing)", "`clip-search index --rebuild DIR`"]);
        assert!(!message.contains("clip-search repair"), "{message}");
    }
    let run = sandbox.run(&["verify"]).expect(2);
    assert!(run.stdout.contains("the file is missing"), "{run:?}");
    assert!(!run.stderr.contains("clip-search repair"), "{run:?}");
    sandbox.run(&["index", "--rebuild", photos.to_str().unwrap()]).expect(0);
    sandbox.run(&["query", "a cat"]).expect(0);
}

/// The spare one is taken, and no photo is encoded again.
#[test]
fn a_lost_manifest_is_restored_by_an_update_and_by_a_repair() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("rocket.jpg", "rocket.jpg");
    sandbox.update(0);
    let manifest = sandbox.index().join("manifest.json");
    for arguments in [&["index"][..], &["repair"]] {
        fs::write(&manifest, "{\"kind\"").unwrap();
        for looking in [&["query", "a cat"][..], &["status"]] {
            let message = failure(sandbox.run(looking), 2);
            assert_says(&message, &["manifest.json is damaged", "there is a spare one", "`clip-search repair`"]);
        }
        assert!(sandbox.run(&["verify"]).expect(2).stderr.contains("clip-search repair"));
        if *arguments == ["index"] {
            assert_eq!(sandbox.run(&["index", "--json"]).expect(0).json()["unchanged"], 2);
        } else {
            let run = sandbox.run(arguments).expect(0);
            assert!(run.stderr.contains("2 photos kept"), "{run:?}");
        }
        sandbox.run(&["verify"]).expect(0);
        sandbox.run(&["query", "a cat"]).expect(0);
    }
}

/// Its manifest tells of which folders and of which model: neither has to be said again.
#[test]
fn an_index_with_a_damaged_file_is_rebuilt_of_the_folders_and_the_model_that_it_names() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let model = samples().join("../crates/clip-model/tests/fixtures/tiny-pocket/model.safetensors");
    let photos = sandbox.photos();
    sandbox.run(&["index", "--model", model.to_str().unwrap(), photos.to_str().unwrap()]).expect(0);
    let named = |run: &Run| run.stdout.lines().find(|line| line.starts_with("fingerprint")).map(str::to_owned);
    let before = sandbox.run(&["status"]).expect(0);
    let vectors = sandbox.index().join("vectors/00000001.vec");
    fs::write(&vectors, &fs::read(&vectors).unwrap()[..20]).unwrap();
    let message = failure(sandbox.run(&["query", "a cat"]), 2);
    assert_says(&message, &["`clip-search index --rebuild`"]);
    let run = sandbox.run(&["index", "--rebuild"]).expect(0);
    assert!(run.stdout.contains("1 indexed"), "{run:?}");
    let after = sandbox.run(&["status"]).expect(0);
    assert!(named(&before).is_some_and(|line| line.contains("tiny-pocket")), "{before:?}");
    assert_eq!(named(&after), named(&before));
    assert!(after.stdout.contains(photos.to_str().unwrap()), "{after:?}");
}

#[test]
fn a_manifest_of_something_else_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let photos = sandbox.photos();
    fs::create_dir_all(sandbox.index()).unwrap();
    fs::write(sandbox.index().join("manifest.json"), "{\"name\": \"a web app\"}").unwrap();
    for options in [&[][..], &["--rebuild"]] {
        let arguments = [&["index"], options, &[photos.to_str().unwrap()]].concat();
        let message = failure(sandbox.run(&arguments), 2);
        assert_says(&message, &["is not an index", "manifest.json", "choose an empty or new folder with --index"]);
    }
}

#[test]
fn an_index_without_photos() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "sub/cat.jpg");
    sandbox.update(0);
    fs::remove_file(sandbox.photos().join("sub/cat.jpg")).unwrap();
    fs::write(sandbox.photos().join("sub/notes.txt"), "no photo").unwrap();
    // It might be the mount point of a drive.
    sandbox.update(1);
    sandbox.run(&["index", "--forget-unreachable"]).expect(0);
    let message = failure(sandbox.run(&["query", "a cat"]), 1);
    assert_says(&message, &["is empty", "clip-search index DIR"]);
}

#[test]
fn nothing_to_index() {
    let sandbox = Sandbox::new();
    let message = failure(sandbox.run(&["index"]), 2);
    assert_says(&message, &["error: no folder to index", "name the folder"]);
}

#[test]
fn folders_that_cannot_be_indexed() {
    let sandbox = Sandbox::new();
    let missing = sandbox.path().join("missing");
    let message = failure(sandbox.run(&["index", missing.to_str().unwrap()]), 2);
    assert_says(&message, &["error: ", missing.to_str().unwrap(), "expected a readable folder"]);
    assert!(!sandbox.index().exists());
}

#[test]
fn unknown_models() {
    let sandbox = Sandbox::new();
    let message = failure(on_samples(&["query", "a cat", "--model", "no-such-model"]), 2);
    assert_says(&message, &["error: unknown model no-such-model", "expected `pocket`", "--model"]);

    let message = failure(on_samples(&["query", "a cat", "--model", sandbox.photos().to_str().unwrap()]), 2);
    assert_says(&message, &["is not a checkpoint folder", "expected `config.json`"]);

    let file = sandbox.path().join("model.safetensors");
    fs::write(&file, "this is no model").unwrap();
    let message = failure(on_samples(&["embed", "--text", "a", "--model", file.to_str().unwrap()]), 2);
    assert_says(&message, &["error: ", file.to_str().unwrap()]);
}

#[test]
fn an_index_of_another_model() {
    let sandbox = Sandbox::new();
    let status = on_samples(&["status", "--json"]).expect(0).json();
    let other = clip_search::ModelId {
        name: "other".to_owned(),
        fingerprint: "other-0123456789abcdef".to_owned(),
        dimension: status["dimension"].as_u64().unwrap() as usize,
    };
    clip_index::IndexWriter::open_or_create(sandbox.index(), &other).unwrap().close().unwrap();

    sandbox.put("cat.jpg", "cat.jpg");
    let message = failure(sandbox.run(&["index", sandbox.photos().to_str().unwrap()]), 2);
    assert_says(&message, &["cannot find the index's model other", "`clip-search index --model PATH`"]);
    // Nobody said that the model is to change.
    failure(sandbox.run(&["index", "--rebuild", sandbox.photos().to_str().unwrap()]), 2);
    let photos = sandbox.photos();
    let arguments = ["index", "--rebuild", "--model", "pocket", "--json", photos.to_str().unwrap()];
    let rebuilt = sandbox.run(&arguments).expect(0).json();
    assert_eq!(rebuilt["indexed"], 1);
    sandbox.run(&["query", "a cat"]).expect(0);
}

#[test]
fn nothing_is_described() {
    let message = failure(on_samples(&["query", "  "]), 2);
    assert_says(&message, &["error: the query is empty", "a dog on a beach"]);
}

#[test]
fn examples_that_are_no_photos() {
    let sandbox = Sandbox::new();
    let missing = sandbox.path().join("missing.jpg");
    for arguments in [["query", "--image"], ["embed", "--image"]] {
        let message = failure(on_samples(&[&arguments[..], &[missing.to_str().unwrap()]].concat()), 2);
        assert_says(&message, &["error: cannot ", missing.to_str().unwrap(), "no such file"]);
    }
}

#[test]
fn a_graph_that_is_not_there() {
    let message = failure(on_samples(&["query", "--graph", "a cat"]), 2);
    assert_says(&message, &["has no search graph", "exact search"]);
}

#[test]
fn captions_that_cannot_be_used() {
    let sandbox = Sandbox::new();
    let csv = sandbox.path().join("captions.csv");
    let eval = |sandbox: &Sandbox| {
        let images = samples();
        sandbox.run(&["eval", "--captions", csv.to_str().unwrap(), "--images", images.to_str().unwrap()])
    };
    assert_says(&failure(eval(&sandbox), 2), &["cannot read the captions", csv.to_str().unwrap()]);
    fs::write(&csv, "file,text\na,b\n").unwrap();
    assert_says(&failure(eval(&sandbox), 2), &["no column `image`", "found `file`, `text`"]);
    fs::write(&csv, "image,caption\nno-such.jpg,b\n").unwrap();
    assert_says(&failure(eval(&sandbox), 2), &["no-such.jpg", "no such file", "repair the photo"]);
}

#[test]
fn a_folder_that_is_no_index() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let photos = sandbox.photos();
    let folder = photos.to_str().unwrap();
    let message = failure(Run::from(command(&photos, &["index", folder]).output().unwrap()), 2);
    assert_says(&message, &["cat.jpg", "choose"]);
    let arguments = ["index", "--rebuild", folder];
    let message = failure(Run::from(command(&photos, &arguments).output().unwrap()), 2);
    assert_says(&message, &["cat.jpg", "choose"]);
    assert!(photos.join("cat.jpg").exists());
}

#[test]
fn recipes_that_cannot_be_used() {
    let sandbox = Sandbox::new();
    let recipe = sandbox.path().join("recipe.toml");
    let out = sandbox.path().join("out");
    let train = || sandbox.run(&["train", recipe.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_says(&failure(train(), 2), &["error: ", recipe.to_str().unwrap()]);
    fs::write(&recipe, "name = 7").unwrap();
    let says = |text: &str, expected: &str| {
        fs::write(&recipe, text).unwrap();
        let run = train().expect(2);
        assert_says(&run.stderr, &["error: the recipe ", recipe.to_str().unwrap(), expected]);
        for words in ["TOML parse error", "usize", "u64", "unknown variant", "^(?:"] {
            assert!(!run.stderr.contains(words), "{}", run.stderr);
        }
    };
    says("name = 7", "`name` is of type integer, expected a string");
    says("name = \"a\"\nseed = ", "line 2: ");
    let example = sandbox.path().join("example.toml");
    sandbox.run(&["train", "--init", example.to_str().unwrap()]).expect(0);
    let init = fs::read_to_string(example).unwrap();
    says(
        &init.replacen("epochs = ", "epochs = 2.5 #", 1),
        "`epochs` in [[stages]] entry 1 is of type float, expected a whole number",
    );
    says(&format!("seed = -4\n{init}"), "`seed` is of type integer, expected a whole number, 0 or more");
}

#[test]
fn wrong_arguments() {
    for arguments in [&["frobnicate"][..], &["query"], &["query", "a", "-n", "none"], &["embed"]] {
        let run = on_samples(arguments).expect(2);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("error: ") || run.stderr.contains("Usage: "), "{}", run.stderr);
    }
}
