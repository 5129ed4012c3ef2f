//! Text from outside cannot act on the terminal: no control character and no mark that turns the reading direction reaches
//! stdout or stderr, whatever files, folders, labels, tensors, settings and models are called.
//!
//! Others met it as <https://github.com/schollz/croc/issues/595> and <https://github.com/Canop/broot/issues/1188>.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::model::{NAME, Place, fixture};
use crate::support::{Run, Sandbox, samples};

/// Sets a terminal's title, changes the colour in two ways, begins a line of its own and turns the reading direction.
const EVIL: &str = "evil\u{1b}]0;x\u{7}\u{1b}[31m\u{9b}32m\r\nerror: \u{202e}\u{2066}\u{200f}gpj";

/// Fails the test if the output holds anything but text. Every line is one of the program's own.
#[track_caller]
fn check(run: Run) -> Run {
    for (name, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let acts = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!text.contains(acts), "{name}: {text:?}");
        let forged =
            text.lines().filter(|line| line.starts_with("error: gpj") || line.starts_with("error: \\u")).count();
        assert_eq!(forged, 0, "{name}: {text}");
    }
    assert_ne!(run.status, Some(101), "{run:#?}");
    run
}

/// As [`check`], for what must have quoted the name, escaped.
#[track_caller]
fn quotes(run: Run, status: i32) {
    let run = check(run).expect(status);
    let shown = format!("{}{}", run.stdout, run.stderr);
    assert!(shown.contains("evil\\u{1b}]0;x\\u{7}"), "{run:#?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn names_of_files_and_folders() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", Path::new(EVIL).join(format!("{EVIL}.jpg")));
    let folder = sandbox.photos().join(EVIL);
    let bad = folder.join(format!("bad {EVIL}.jpg"));
    fs::write(&bad, "no photo").unwrap();
    let index = sandbox.path().join(format!("index {EVIL}"));
    let run = |arguments: &[&str]| sandbox.run(&[&["--index", text(&index)], arguments].concat());

    for arguments in [&["status"][..], &["verify"], &["query", "a cat"]] {
        quotes(run(arguments), 2);
    }
    quotes(run(&["index", text(&folder)]), 1);
    quotes(run(&["query", "a cat"]), 0);
    quotes(run(&["status"]), 0);
    check(run(&["verify"])).expect(0);
    let missing = folder.join("missing");
    quotes(run(&["index", text(&missing)]), 2);
    quotes(run(&["index", text(&bad)]), 1);
    for arguments in [
        &["query", "--image"][..],
        &["embed", "--image"],
        &["classify", "--labels"],
        &["eval", "--images", ".", "--captions"],
    ] {
        for path in [&missing, &bad, &folder] {
            check(run(&[arguments, &[text(path)]].concat())).expect(2);
        }
    }
    for path in [&missing, &bad] {
        quotes(run(&["query", "--image", text(path)]), 2);
        quotes(run(&["embed", "--image", text(path)]), 2);
        quotes(run(&["classify", "--labels", "a,b", text(path)]), 1);
        quotes(run(&["classify", "--examples", text(path), text(path)]), 2);
    }

    // Damage within such a folder, and a folder that went away.
    let segment = fs::read_dir(index.join("vectors")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, &bytes).unwrap();
    quotes(run(&["verify"]), 2);
    fs::write(&segment, &bytes[..10]).unwrap();
    for arguments in [&["verify"][..], &["query", "a cat"], &["index"]] {
        check(run(arguments)).expect(2);
    }
    // What could not be indexed is no news.
    quotes(run(&["index", "--rebuild", "--verbose", text(&folder)]), 0);
    fs::remove_dir_all(&folder).unwrap();
    let run = check(run(&["index"]));
    assert!(run.stderr.contains("evil\\u{1b}"), "{run:#?}");
}

#[test]
fn labels_captions_and_classes() {
    let sandbox = Sandbox::new();
    let cat = samples().join("cat.jpg");
    let cat = text(&cat);
    let labels = sandbox.path().join("labels.txt");
    let label = EVIL.replace(['\r', '\n'], "");
    fs::write(&labels, format!("{label}\n{label}\nb\n")).unwrap();
    quotes(sandbox.run(&["classify", "--labels", text(&labels), cat]), 0);
    quotes(sandbox.run(&["classify", "--labels", &format!("{label},{label},b"), cat]), 0);
    check(sandbox.run(&["classify", "--labels", &format!("{label}/x"), cat])).expect(2);

    let examples = sandbox.path().join("examples");
    for class in [EVIL, "other"] {
        fs::create_dir_all(examples.join(class)).unwrap();
        fs::copy(cat, examples.join(class).join("cat.jpg")).unwrap();
    }
    quotes(sandbox.run(&["classify", "--examples", text(&examples), cat]), 0);
    fs::write(examples.join(EVIL).join("bad.jpg"), "no photo").unwrap();
    quotes(sandbox.run(&["classify", "--examples", text(&examples), cat]), 1);
    fs::remove_file(examples.join(EVIL).join("cat.jpg")).unwrap();
    quotes(sandbox.run(&["classify", "--examples", text(&examples), cat]), 2);

    let csv = sandbox.path().join("captions.csv");
    let images = samples();
    let eval = || sandbox.run(&["eval", "--captions", text(&csv), "--images", text(&images)]);
    fs::write(&csv, format!("image,\"{EVIL}\"\na,b\n")).unwrap();
    quotes(eval(), 2);
    fs::write(&csv, format!("image,caption\n\"{EVIL}.jpg\",a\n")).unwrap();
    quotes(eval(), 2);
    fs::write(&csv, format!("image,caption\ncat.jpg,\"{EVIL}\"\n")).unwrap();
    check(eval()).expect(0);
}

#[test]
fn arguments() {
    let sandbox = Sandbox::new();
    for arguments in [
        &[EVIL][..],
        &["status", EVIL],
        &["index", "--threads", EVIL],
        &["query", "-n", EVIL, "a"],
        &["query", "a", "--device", EVIL],
        &["query", "a", &format!("--{EVIL}")],
        &["model", EVIL],
        &["query", "a cat", "--model", EVIL],
        &["bench", "--model", EVIL],
        &["embed", "--text", EVIL, "--model", EVIL],
        &["model", "info", EVIL],
        &["model", "pull", EVIL],
        &["model", "verify", EVIL],
        &["model", "info", &format!("org/{EVIL}")],
        &["train", EVIL, "--out", EVIL],
    ] {
        let run = check(sandbox.run(arguments));
        assert_eq!(run.status, Some(2), "{arguments:?}: {run:#?}");
    }
    for variable in ["HF_ENDPOINT", "HTTP_PROXY", "ALL_PROXY", "HF_TOKEN", "HF_HUB_CACHE", "CLIP_SEARCH_INDEX"] {
        for arguments in [&["model", "pull", NAME][..], &["status"]] {
            let mut command = sandbox.command(arguments);
            // Nothing must be asked on the network.
            command.env("HF_ENDPOINT", "http://127.0.0.1:1").env(variable, EVIL);
            if arguments == ["model", "pull", NAME] && !["HF_ENDPOINT", "HF_TOKEN"].contains(&variable) {
                command.env("HF_HUB_OFFLINE", "1");
            }
            check(Run::from(command.output().unwrap())).expect(2);
        }
    }
}

/// The index's own model, as whoever wrote the index called it.
#[test]
fn the_model_of_an_index() {
    let sandbox = Sandbox::new();
    let id = clip_search::ModelId { name: EVIL.to_owned(), fingerprint: format!("{EVIL}-0123"), dimension: 256 };
    clip_index::IndexWriter::open_or_create(sandbox.index(), &id).unwrap().close().unwrap();
    sandbox.put("cat.jpg", "cat.jpg");
    quotes(sandbox.run(&["status"]), 0);
    check(sandbox.run(&["verify"])).expect(0);
    let photos = sandbox.photos();
    for arguments in [
        &["query", "a cat"][..],
        &["query", "a cat", "--model", "pocket"],
        &["index", text(&photos)],
        &["index", "--precision", "f32", text(&photos)],
    ] {
        check(sandbox.run(arguments));
    }
    check(sandbox.run(&["index", "--rebuild", text(&photos)])).expect(2);
    check(sandbox.run(&["index", "--rebuild", "--model", "pocket", text(&photos)])).expect(0);
}

fn copy_checkpoint(sandbox: &Sandbox, name: &str, fixture_name: &str) -> PathBuf {
    let folder = sandbox.path().join(name);
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(fixture(fixture_name)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// A checkpoint folder whose name becomes the model's.
#[test]
fn the_name_of_a_checkpoint() {
    let sandbox = Sandbox::new();
    let folder = copy_checkpoint(&sandbox, EVIL, "tiny-open-clip");
    sandbox.put("cat.jpg", "cat.jpg");
    let (model, photos, images) = (text(&folder), sandbox.photos(), samples());
    check(sandbox.run(&["index", "--model", model, text(&photos)])).expect(0);
    check(sandbox.run(&["status"])).expect(0);
    check(sandbox.run(&["query", "a cat", "--model", model])).expect(0);
    check(sandbox.run(&["query", "a cat", "--model", "pocket"])).expect(2);
    check(sandbox.run(&["query", "a cat", "--model", model, "--precision", "f16"])).expect(2);
    let csv = sandbox.path().join("captions.csv");
    fs::write(&csv, "image,caption\ncat.jpg,a cat\n").unwrap();
    check(sandbox.run(&["eval", "--model", model, "--captions", text(&csv), "--images", text(&images)])).expect(0);
    fs::remove_dir_all(&folder).unwrap();
    check(sandbox.run(&["query", "a dog"])).expect(2);
}

/// Settings and tensors of checkpoints that are not what they should be.
#[test]
fn the_contents_of_checkpoints() {
    let sandbox = Sandbox::new();
    let evil = json!(EVIL);
    for (number, (fixture_name, file, change)) in [
        ("tiny-open-clip", "open_clip_config.json", json!({ "model_cfg": { "embed_dim": evil } })),
        ("tiny-open-clip", "open_clip_config.json", json!({ EVIL: 1, "model_cfg": { EVIL: 1 } })),
        ("tiny-open-clip", "open_clip_config.json", json!({ "model_cfg": { "text_cfg": { "hf_model_name": evil } } })),
        ("tiny-huggingface", "config.json", json!({ "model_type": evil })),
        ("tiny-huggingface", "config.json", json!({ "vision_config": { "hidden_act": evil } })),
        ("tiny-huggingface", "preprocessor_config.json", json!({ "resample": evil, "size": evil })),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = copy_checkpoint(&sandbox, &format!("checkpoint-{number}"), fixture_name);
        let mut settings: serde_json::Value = serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap();
        merge(&mut settings, &change);
        fs::write(folder.join(file), settings.to_string()).unwrap();
        check(sandbox.run(&["embed", "--text", "a", "--model", text(&folder)]));
        fs::write(folder.join(file), format!("{{{EVIL}")).unwrap();
        check(sandbox.run(&["embed", "--text", "a", "--model", text(&folder)])).expect(2);
    }

    let folder = copy_checkpoint(&sandbox, "tensors", "tiny-open-clip");
    let weights = folder.join("open_clip_model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let first = header.keys().find(|name| *name != "__metadata__").unwrap().clone();
    let renamed = |new: &str, dtype: Option<&str>| {
        let mut header = header.clone();
        let mut tensor = header.remove(&first).unwrap();
        if let Some(dtype) = dtype {
            tensor["dtype"] = dtype.into();
        }
        header.insert(new.to_owned(), tensor);
        let header = serde_json::to_vec(&header).unwrap();
        [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..]].concat()
    };
    for content in [renamed(EVIL, None), renamed(&first, Some(EVIL)), renamed(EVIL, Some(EVIL))] {
        fs::write(&weights, content).unwrap();
        for arguments in [&["embed", "--text", "a"][..], &["bench"], &["classify", "--labels", "a,b", "x.jpg"]] {
            check(sandbox.run(&[arguments, &["--model", text(&folder)]].concat())).expect(2);
        }
        check(sandbox.run(&["embed", "--text", "a", "--model", text(&weights)])).expect(2);
    }
}

fn merge(into: &mut serde_json::Value, change: &serde_json::Value) {
    match (into, change) {
        (serde_json::Value::Object(into), serde_json::Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key.clone()).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, change) => *into = change.clone(),
    }
}

/// What a server calls its files, and says.
#[test]
fn repositories() {
    let place = Place::new();
    let server = &place.server;
    let shards =
        json!({ "weight_map": { "a": format!("{EVIL}.safetensors"), EVIL: format!("../{EVIL}") } }).to_string();
    server.file("org/shards", "config.json", "{}");
    server.file("org/shards", "model.safetensors.index.json", shards);
    server.file("org/pickle", "config.json", "{}");
    server.large_file("org/pickle", &format!("{EVIL}.bin"), b"1".to_vec());
    server.file("org/names", &format!("{EVIL}.json"), "{}");
    for repository in ["org/shards", "org/pickle", "org/names", "org/none"] {
        for command in ["pull", "info", "verify"] {
            check(place.run(&["model", command, repository]));
        }
        check(place.run(&["embed", "--text", "a", "--model", repository])).expect(2);
    }
    server.answer_listing(&format!("{{\"sha\": {}, \"siblings\": [{{\"rfilename\": {}}}]}}", json!(EVIL), json!(EVIL)));
    check(place.run(&["model", "pull", "org/shards"])).expect(2);
    check(place.run(&["model", "list"])).expect(0);
}

#[test]
fn recipes() {
    let sandbox = Sandbox::new();
    let recipe = sandbox.path().join(format!("{EVIL}.toml"));
    let out = sandbox.path().join(format!("out {EVIL}"));
    let train = || sandbox.run(&["train", text(&recipe), "--out", text(&out)]);
    check(train()).expect(2);
    let quoted = json!(EVIL.replace('\u{7}', "")).to_string();
    for content in [
        format!("name = {quoted}"),
        format!("{quoted} = 7"),
        EVIL.to_owned(),
        format!("name = \"x\"\nseed = 1\ndata = {quoted}\nconfig = {quoted}\ntokenizer = {quoted}"),
    ] {
        fs::write(&recipe, content).unwrap();
        let run = check(train()).expect(2);
        assert!(run.stderr.lines().skip(1).all(|line| line.starts_with("  ")), "{}", run.stderr);
    }
}
