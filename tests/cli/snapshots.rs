//! Status, stdout and stderr of every command in its usual case and its likeliest errors, word for word.
//!
//! To accept a change: `INSTA_UPDATE=always cargo test --release -p clip-search-cli snapshots`, then read the difference.
//! Elsewhere paths, the system's messages and what it tells of memory are others.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::model::{NAME, Place, WEIGHTS};
use crate::server::sha256;
use crate::support::{Run, Sandbox, normalise, on_samples, sample_index, samples};

/// The runs of one snapshot.
#[derive(Default)]
pub struct Transcript {
    text: String,
    /// Texts that differ from run to run, and what stands for them.
    named: Vec<(String, &'static str)>,
}

impl Transcript {
    pub fn new(sandbox: &Sandbox) -> Self {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let named = vec![
            (path(&sandbox.path()), "[DIR]"),
            (path(sample_index()), "[SAMPLE INDEX]"),
            (path(&samples()), "[SAMPLES]"),
        ];
        Self { text: String::new(), named }
    }

    /// Has a text that differs from run to run shown under a name.
    pub fn name(&mut self, text: &str, name: &'static str) {
        self.named.push((text.to_owned(), name));
    }

    /// Writes a line that no run printed.
    pub fn note(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}\n");
    }

    pub fn add(&mut self, arguments: &[&str], run: Run) {
        let quoted = arguments.iter().map(|argument| {
            if argument.is_empty() || argument.contains(' ') {
                format!("\"{argument}\"")
            } else {
                (*argument).to_owned()
            }
        });
        let _ = writeln!(self.text, "$ clip-search {}", quoted.collect::<Vec<_>>().join(" "));
        let _ = writeln!(self.text, "status: {}", run.status.map_or("none".to_owned(), |status| status.to_string()));
        for (name, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            // Progress that a slow machine gets to see.
            let lines = normalise(text);
            let lines: Vec<&str> = lines.lines().filter(|line| !line.ends_with(" left")).collect();
            if !lines.is_empty() {
                let _ = writeln!(self.text, "{name}:\n{}", lines.join("\n"));
            }
        }
        self.text.push('\n');
    }

    /// Compares with the snapshot, after replacing what differs between runs and machines: `patterns` for this one alone.
    #[track_caller]
    pub fn check(mut self, name: &str, patterns: &[(&str, &str)]) {
        for (text, name) in &self.named {
            self.text = self.text.replace(text, name);
        }
        let usual = [
            // Fingerprints, hashes, sizes, ages.
            (r"\b(pocket|[a-z0-9_.-]+)-[0-9a-f]{16}\b", "$1-[FINGERPRINT]"),
            (r"\b[0-9a-f]{64}\b", "[SHA-256]"),
            (r"\d+(\.\d+)? (KiB|MiB|GiB)", "[SIZE]"),
            (r"last change  .*", "last change  [AGO]"),
        ];
        for (pattern, replacement) in usual.iter().chain(patterns) {
            self.text = Regex::new(pattern).unwrap().replace_all(&self.text, *replacement).into_owned();
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.text.trim_end()));
    }
}

/// An index of two photos.
fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.update(0);
    sandbox
}

/// Runs on the sandbox's own index.
fn runs(sandbox: &Sandbox, transcript: &mut Transcript, lines: &[&[&str]]) {
    for arguments in lines {
        transcript.add(arguments, sandbox.run(arguments));
    }
}

#[test]
fn index() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    let photos = sandbox.photos();
    let photos = photos.to_str().unwrap();
    let missing = format!("{photos}/missing");
    let mut transcript = Transcript::new(&sandbox);
    runs(&sandbox, &mut transcript, &[&["index"], &["index", &missing], &["index", photos]]);
    fs::write(sandbox.photos().join("bad.jpg"), "no photo").unwrap();
    let file = format!("{photos}/cat.jpg");
    runs(&sandbox, &mut transcript, &[&["index"], &["index", &file], &["index", "--threads", "0"]]);
    runs(&sandbox, &mut transcript, &[&["index", "/dev/null"], &["index", "--quiet"]]);
    fs::rename(photos, sandbox.path().join("away")).unwrap();
    runs(&sandbox, &mut transcript, &[&["index"], &["index", "--rebuild"]]);
    transcript.check("index", &[]);
}

#[test]
fn query() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let missing = sandbox.path().join("missing.jpg");
    for arguments in [
        &["query", "a cat", "-n", "1"][..],
        &["query", "a cat", "-n", "1", "--paths-only"],
        &["query", " "],
        &["query"],
        &["query", "a cat", "-n", "0"],
        &["query", "--graph", "a cat"],
        &["query", "--image", missing.to_str().unwrap()],
        &["query", "a cat", "--model", "clip-vit-b32"],
        &["query", "a cat", "--model", "clip-vit-b-32"],
        &["query", "a cat", "--precision", "f32"],
        &["query", "-"],
        &["query", "a cat", "-n", "1", "--explain"],
        &["query", "a cat", "--max", "3"],
        &["Query", "a cat"],
        &["find", "a cat"],
        &["frobnicate"],
    ] {
        transcript.add(arguments, on_samples(arguments));
    }
    runs(&sandbox, &mut transcript, &[&["query", "a cat"]]);
    let numbers = [
        (r"(?m)^-?[01]\.\d{3}  ", "[SCORE]  "),
        (r"\b[01]\.\d{3}\b", "[SCORE]"),
        (r"\([^()]*huggingface[^()]*\)", "([CACHE])"),
        (r"\d+\.\d ms", "[TIME]"),
    ];
    transcript.check("query", &numbers);
}

#[test]
fn dupes() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    runs(&sandbox, &mut transcript, &[&["dupes"]]);
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("cat.jpg", "copies/cat 1.jpg");
    sandbox.put("coffee.jpg", "2019/coffee.jpg");
    sandbox.update(0);
    let lines: &[&[&str]] = &[
        &["dupes"],
        &["dupes", "--json"],
        &["dupes", "--level", "burst"],
        &["dupes", "--level", "frames"],
        &["dupes", "name:coffee"],
        &["dupes", "a dog"],
        &["dupes", "iso:"],
    ];
    runs(&sandbox, &mut transcript, lines);
    transcript.check("dupes", &[]);
}

/// What runs until it is stopped, where it cannot begin.
#[test]
fn serve_watch_and_mcp() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let missing = sandbox.path().join("missing");
    let missing = missing.to_str().unwrap();
    let lines: &[&[&str]] = &[
        &["serve", "--listen", "0.0.0.0:0"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--token-file", missing],
        &["watch"],
        &["watch", missing],
        &["watch", "--rescan", "many"],
        &["mcp"],
    ];
    runs(&sandbox, &mut transcript, lines);
    transcript.check("serve_watch_and_mcp", &[]);
}

#[test]
fn completions_and_man() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let file = sandbox.path().join("file");
    fs::write(&file, "").unwrap();
    let lines: &[&[&str]] = &[&["completions"], &["completions", "tcsh"], &["man"], &["man", file.to_str().unwrap()]];
    runs(&sandbox, &mut transcript, lines);
    transcript.check("completions_and_man", &[]);
}

#[test]
fn search() {
    let sandbox = indexed();
    let mut transcript = Transcript::new(&sandbox);
    let save: &[&[&str]] = &[
        &["search", "list"],
        &["search", "save", "pets", "dog | cat"],
        &["search", "save", "pets", "a dog", "or", "cat"],
        &["search", "save", "trips", "@pets -car iso:abc last summer"],
        &["search", "save", "pets", "@trips"],
        &["search", "save", "old pets", "dog"],
        &["search", "save", "x", "dog \"cat"],
        &["search", "save", "x", "@pet"],
        &["search", "save", "x"],
        &["search", "list"],
        &["search", "list", "--json"],
        &["query", "@pet"],
        &["query", "@pets", "--count"],
        &["search", "remove", "pet"],
        &["search", "remove", "pets"],
        &["query", "@trips"],
        &["search", "a cat"],
        &["search", "-n", "3", "a cat"],
        &["search"],
    ];
    runs(&sandbox, &mut transcript, save);
    let file = sandbox.index().join("searches");
    fs::write(&file, "# clip-search searches 1\nbad dog |\n").unwrap();
    runs(&sandbox, &mut transcript, &[&["query", "@bad"]]);
    fs::write(&file, "# clip-search searches 1\nbad\n").unwrap();
    runs(
        &sandbox,
        &mut transcript,
        &[&["query", "@bad"], &["search", "save", "x", "dog"], &["query", "cat", "--count"]],
    );
    fs::write(&file, "# clip-search searches 3 crc32 8df062d9\n").unwrap();
    runs(&sandbox, &mut transcript, &[&["search", "list"]]);
    let none = Sandbox::new();
    runs(&none, &mut transcript, &[&["search", "save", "pets", "dog"]]);
    transcript.name(none.path().to_str().unwrap(), "[OTHER]");
    transcript.check("search", &[(r"\d{4}-06\.\.\d{4}-08", "[SUMMER]")]);
}

#[test]
fn embed() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let missing = sandbox.path().join("missing.jpg");
    for arguments in [
        &["embed", "--text", "a cat"][..],
        &["embed", "--image", missing.to_str().unwrap()],
        &["embed", "--text", "a", "--model", missing.to_str().unwrap()],
        &["embed"],
    ] {
        transcript.add(arguments, on_samples(arguments));
    }
    transcript.check("embed", &[(r"(?m)^-?\d\.\d+( -?\d\.\d+)+$", "[EMBEDDING]")]);
}

#[test]
fn classify() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    fs::write(sandbox.photos().join("bad.jpg"), "no photo").unwrap();
    let (cat, bad) = (samples().join("cat.jpg"), sandbox.photos().join("bad.jpg"));
    let (cat, bad) = (cat.to_str().unwrap(), bad.to_str().unwrap());
    let none = sandbox.path().join("labels.txt");
    let photos = sandbox.photos();
    for arguments in [
        &["classify", "--labels", "a cat,a dog", cat][..],
        &["classify", "--labels", "a cat,a dog,a cat", cat, bad],
        &["classify", "--labels", none.to_str().unwrap(), cat],
        &["classify", "--examples", photos.to_str().unwrap(), cat],
        &["classify", cat],
    ] {
        transcript.add(arguments, on_samples(arguments));
    }
    transcript.check("classify", &[(r"(?m)^ +\d+\.\d\d %", "[PERCENT] %")]);
}

#[test]
fn eval() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let (csv, images) = (sandbox.path().join("captions.csv"), samples());
    let arguments = ["eval", "--captions", csv.to_str().unwrap(), "--images", images.to_str().unwrap()];
    transcript.add(&arguments, sandbox.run(&arguments));
    for content in [
        "image,caption\ncat.jpg,a cat\ncoffee.jpg,a cup of coffee\nphotographer.jpg,a man with a camera\n",
        "file,text\na,b\n",
        "image,caption\nmissing.jpg,a cat\n",
        "image,caption\n",
    ] {
        fs::write(&csv, content).unwrap();
        transcript.add(&arguments, sandbox.run(&arguments));
    }
    transcript.check("eval", &[]);
}

#[test]
fn bench() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let lines: [&[&str]; 3] = [
        &["bench", "--device", "cpu", "--threads", "1", "--batch", "2"],
        &["bench", "--batch", "0"],
        &["bench", "--model", "none"],
    ];
    runs(&sandbox, &mut transcript, &lines);
    let numbers = [
        (
            r" +\d+\.\d ms \(\d+\.\d ms of CPU time\), \d+\.\d (images|queries)/s",
            " [N] ms ([N] ms of CPU time), [N] $1/s",
        ),
        (r", \d+ GFLOP/s", ", [N] GFLOP/s"),
        (r"indexing \d+ photos of 12 megapixels took \d+\.\d s", "indexing [N] photos of 12 megapixels took [TIME]"),
        (r"(read|decode|resize|encode|write) \d+ %", "$1 [N] %"),
        (r"such photos: .*", "such photos: [TIME]"),
        (r"peak memory: .*", "peak memory: [SIZE]"),
        (r" \(HTTP.*", ""),
    ];
    transcript.check("bench", &numbers);
}

#[test]
fn status() {
    let sandbox = indexed();
    let mut transcript = Transcript::new(&sandbox);
    let missing = sandbox.path().join("missing");
    let photos = sandbox.photos();
    runs(
        &sandbox,
        &mut transcript,
        &[
            &["status"],
            &["status", "--index", missing.to_str().unwrap()],
            &["status", "--index", photos.to_str().unwrap()],
            &["status", "--index", ""],
        ],
    );
    transcript.check("status", &[]);
}

#[test]
fn verify() {
    let sandbox = indexed();
    let mut transcript = Transcript::new(&sandbox);
    let missing = sandbox.path().join("missing");
    runs(&sandbox, &mut transcript, &[&["verify"], &["verify", "--index", missing.to_str().unwrap()]]);
    let segment = fs::read_dir(sandbox.index().join("vectors")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    runs(&sandbox, &mut transcript, &[&["verify"]]);
    fs::write(&segment, &bytes[..10]).unwrap();
    runs(&sandbox, &mut transcript, &[&["verify"], &["query", "a cat"]]);
    transcript.check(
        "verify",
        &[(r"\b(expected|found|stored|computed) [0-9a-f]{8}\b", "$1 [CHECKSUM]"), (r"0x[0-9a-f]{8}", "[CHECKSUM]")],
    );
}

#[test]
fn remove() {
    let sandbox = indexed();
    let mut transcript = Transcript::new(&sandbox);
    let path = |name: &str| sandbox.photos().join(name).to_str().unwrap().to_owned();
    let (cat, year, none) = (path("cat.jpg"), path("2019"), path("none.jpg"));
    for arguments in [
        &["remove"][..],
        &["remove", &none],
        &["remove", &cat, "--json"],
        &["remove", &cat],
        &["remove", &year],
        &["index", "--include", &cat],
    ] {
        transcript.add(arguments, sandbox.run(arguments));
    }
    let empty = Sandbox::new();
    transcript.name(empty.path().to_str().unwrap(), "[OTHER]");
    runs(&empty, &mut transcript, &[&["remove", "cat.jpg"]]);
    transcript.check("remove", &[]);
}

#[test]
fn compact() {
    let sandbox = indexed();
    let mut transcript = Transcript::new(&sandbox);
    let cat = sandbox.photos().join("cat.jpg");
    sandbox.run(&["remove", cat.to_str().unwrap()]).expect(0);
    runs(&sandbox, &mut transcript, &[&["compact"], &["compact"], &["compact", "--graph"]]);
    let empty = Sandbox::new();
    transcript.name(empty.path().to_str().unwrap(), "[OTHER]");
    runs(&empty, &mut transcript, &[&["compact"]]);
    transcript.check("compact", &[]);
}

#[test]
fn repair() {
    let sandbox = indexed();
    let mut transcript = Transcript::new(&sandbox);
    runs(&sandbox, &mut transcript, &[&["repair"]]);
    let first = |folder: &str| fs::read_dir(sandbox.index().join(folder)).unwrap().next().unwrap().unwrap().path();
    fs::write(first("records"), "no records").unwrap();
    runs(&sandbox, &mut transcript, &[&["repair"], &["verify"], &["index"]]);
    fs::write(first("vectors"), "no vectors").unwrap();
    runs(&sandbox, &mut transcript, &[&["repair"], &["repair"], &["status"]]);
    let empty = Sandbox::new();
    transcript.name(empty.path().to_str().unwrap(), "[OTHER]");
    runs(&empty, &mut transcript, &[&["repair"]]);
    transcript.check("repair", &[]);
}

#[test]
fn export_and_import() {
    let sandbox = indexed();
    let mut transcript = Transcript::new(&sandbox);
    let path = |name: &str| sandbox.path().join(name).to_str().unwrap().to_owned();
    let (folder, items, array) = (path("out"), path("out/items.ndjson"), path("out/embeddings.npy"));
    let (wrong, text) = (path("wrong.ndjson"), path("text.npy"));
    let (tables, table, damaged) = (path("tables"), path("tables/items.parquet"), path("damaged.parquet"));
    let empty_folder = path("folder");
    fs::create_dir(&empty_folder).unwrap();
    fs::write(&damaged, "PAR1, it says PAR1").unwrap();
    fs::write(&wrong, "{\"path\": 1}\n").unwrap();
    fs::write(&text, "no array").unwrap();
    for arguments in [
        &["export"][..],
        &["export", &folder],
        &["export", &folder],
        &["import", &items],
        &["import", &items, &array],
        &["import", "--replace", &items, &array],
        &["import", &wrong, &array],
        &["import", &items, &text],
        &["import", &items, &array, &array],
        &["import", &items, "none.npy"],
        &["export", "--format", "parquet", &tables],
        &["export", "--format", "parquet", &tables],
        &["import", &table],
        &["import", "--replace", &tables],
        &["import", "--path-column", "caption", &table],
        &["import", "--embedding-column", "gps", &table],
        &["import", &damaged],
        &["import", &empty_folder],
    ] {
        transcript.add(arguments, sandbox.run(arguments));
    }
    let empty = Sandbox::new();
    transcript.name(empty.path().to_str().unwrap(), "[OTHER]");
    runs(&empty, &mut transcript, &[&["export", &path("none")], &["import", &items, &array]]);
    transcript.check("export_and_import", &[]);
}

#[test]
fn help() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let lines: [&[&str]; 7] = [
        &["--help"],
        &["help"],
        &["help", "compact"],
        &["help", "search", "save"],
        &["help", "frobnicate"],
        &["--version"],
        &["query", "--frobnicate"],
    ];
    runs(&sandbox, &mut transcript, &lines);
    transcript.check("help", &[(r"clip-search \d+\.\d+\.\d+", "clip-search [VERSION]")]);
}

#[test]
fn train() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let (recipe, out) = (sandbox.path().join("recipe.toml"), sandbox.path().join("out"));
    let arguments = ["train", recipe.to_str().unwrap(), "--out", out.to_str().unwrap(), "--device", "cpu"];
    transcript.add(&arguments, sandbox.run(&arguments));
    fs::write(&recipe, "name = 7\n").unwrap();
    transcript.add(&arguments, sandbox.run(&arguments));
    tiny_recipe::write(&sandbox.path());
    transcript.add(&arguments, sandbox.run(&arguments));
    let resumed = [&arguments[..], &["--resume"]].concat();
    fs::write(out.join("state.json"), "").ok();
    transcript.add(&resumed, sandbox.run(&resumed));
    let numbers = [
        (r"loss [\d.]+, scale [\d.]+, \d+ photos/s", "loss [N], scale [N], [N] photos/s"),
        (r"[\d.]+/[\d.]+/[\d.]+ %", "[N]/[N]/[N] %"),
        (r" \(best\)", ""),
    ];
    transcript.check("train", &numbers);
}

#[test]
fn model_list() {
    let place = Place::new();
    let mut transcript = Transcript::new(&place.sandbox);
    for arguments in [&["model", "list"][..], &["model"], &["model", "remove"]] {
        transcript.add(arguments, place.run(arguments));
    }
    // Which one is recommended depends on the machine.
    let machine = [
        (r"(?m) +recommended$", ""),
        (r"(?m)^(\S+ +(?:none|[\d.]+ [MG]B)) +\d+ (?:min|h|days)  ", "$1  [TIME]  "),
        (r"recommended for this machine: .*", "recommended for this machine: [MODEL AND WHAT IT COSTS]"),
    ];
    transcript.check("model_list", &machine);
}

#[test]
fn model_info() {
    let place = Place::new();
    let mut transcript = Transcript::new(&place.sandbox);
    for arguments in [
        &["model", "info", "pocket"][..],
        &["model", "info", NAME],
        &["model", "info", "org/none"],
        &["model", "info", "clip-vit-b32"],
        &["model", "info", "no such model"],
    ] {
        transcript.add(arguments, place.run(arguments));
    }
    transcript.check("model_info", &[(r"about \d+ (min|h|days) for", "about [TIME] for")]);
}

#[test]
fn model_pull() {
    let place = Place::new();
    let mut transcript = Transcript::new(&place.sandbox);
    transcript.name(&place.server.endpoint(), "[HUB]");
    place.server.file("org/pickle", "config.json", "{}");
    place.server.large_file("org/pickle", "pytorch_model.bin", b"1".to_vec());
    place.server.gate("org/gated", "token");
    place.server.file("org/gated", "config.json", "{}");
    for arguments in [
        &["model", "pull", NAME, "--offline"][..],
        &["model", "pull", NAME],
        &["model", "pull", NAME],
        &["model", "pull", "pocket"],
        &["model", "pull", "org/none"],
        &["model", "pull", "org/gated"],
        &["model", "pull", "org/pickle"],
    ] {
        transcript.add(arguments, place.run(arguments));
    }
    transcript.check("model_pull", &[]);
}

#[test]
fn model_verify() {
    let place = Place::new();
    let mut transcript = Transcript::new(&place.sandbox);
    transcript.name(&place.server.endpoint(), "[HUB]");
    let arguments = ["model", "verify", NAME];
    transcript.add(&arguments, place.run(&arguments));
    place.run(&["model", "pull", NAME]).expect(0);
    transcript.add(&arguments, place.run(&arguments));
    let folder = place.hf_home().join("hub/models--timm--vit_base_patch32_clip_224.openai");
    let weights = fs::read(crate::model::fixture("tiny-open-clip").join(WEIGHTS)).unwrap();
    let mut damaged = weights.clone();
    damaged[100_000] ^= 4;
    fs::write(folder.join("blobs").join(sha256(&weights)), damaged).unwrap();
    transcript.add(&arguments, place.run(&arguments));
    transcript.check("model_verify", &[]);
}

/// A recipe that trains in a second.
pub mod tiny_recipe {
    use std::fs;
    use std::path::Path;

    use image::{Rgb, RgbImage};

    const CONFIG: &str = r#"{
      "name": "tiny", "embed_dim": 16,
      "image": {"kind": "inverted_residual", "image_size": 32,
        "backbones": [{"stem": 8, "features": 16, "stages": [
          {"repeats": 1, "kernel": 3, "stride": 2, "expansion": 2, "channels": 8}]}],
        "head": {"hidden": 32, "output": 16, "dropout": 0.1}},
      "text": {"kind": "bert", "vocab_size": 8, "context_length": 16, "width": 16, "layers": 1, "heads": 2,
        "intermediate": 32, "layer_norm_eps": 1e-12, "head": {"hidden": 32, "output": 16}},
      "tokenizer": {"kind": "word_piece", "context_length": 16, "pad_id": 0},
      "preprocess": {"size": 32, "resize": "squash", "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5]}
    }"#;

    const RECIPE: &str = r#"
    name = "tiny"
    seed = 11
    config = "config.json"
    tokenizer = "vocab.txt"
    data = "."
    [dev]
    csv = "pairs.csv"
    images = "."
    [[photos]]
    csv = "pairs.csv"
    images = "."
    [views]
    count = 2
    min_area = 0.5
    max_aspect = 1.3
    flip = 0.5
    [export]
    weights = "f16"
    [[stages]]
    name = "all"
    train = [{ tensors = '.*', rate = 1e-3 }]
    epochs = 2
    batch = 2
    warm_up = 1
    average = 1
    "#;

    pub fn write(folder: &Path) {
        let mut csv = String::from("image,caption\n");
        for (name, colour) in [("red", [220, 30, 30]), ("green", [30, 200, 40])] {
            let photo = RgbImage::from_fn(40, 30, |x, y| {
                Rgb(colour.map(|value: u8| value.saturating_add(((x * 7 + y * 3) % 9) as u8)))
            });
            photo.save(folder.join(format!("{name}.png"))).unwrap();
            csv += &format!("{name}.png,{name}\n");
        }
        fs::write(folder.join("pairs.csv"), csv).unwrap();
        let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "green"];
        fs::write(folder.join("vocab.txt"), words.join("\n")).unwrap();
        fs::write(folder.join("config.json"), CONFIG).unwrap();
        fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    }
}
