//! Published models: the catalogue, downloads from a hub on the loopback interface, and `--model` by their names.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::server::{COMMIT, Fault, Server, noise, sha256};
use crate::support::{Run, Sandbox, samples};

/// A name of the catalogue, and what the tests' hub has under it: a tiny checkpoint.
pub const NAME: &str = "clip-vit-b-32";
pub const REPOSITORY: &str = "timm/vit_base_patch32_clip_224.openai";
pub const WEIGHTS: &str = "open_clip_model.safetensors";
const FILES: [&str; 3] = ["merges.txt", "open_clip_config.json", WEIGHTS];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-model/tests/fixtures").join(name)
}

/// A sandbox with a hub and an empty cache.
pub struct Place {
    pub sandbox: Sandbox,
    pub server: Server,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { sandbox: Sandbox::new(), server: Server::new() };
        place.publish(REPOSITORY);
        place
    }

    /// Puts the tiny checkpoint under a name.
    fn publish(&self, repository: &str) {
        for name in FILES {
            let content = fs::read(fixture("tiny-open-clip").join(name)).unwrap();
            if name == WEIGHTS {
                self.server.large_file(repository, name, content);
            } else {
                self.server.file(repository, name, content);
            }
        }
    }

    pub fn hf_home(&self) -> PathBuf {
        self.sandbox.path().join("hf")
    }

    fn repository_folder(&self) -> PathBuf {
        self.hf_home().join("hub/models--timm--vit_base_patch32_clip_224.openai")
    }

    fn weights(&self) -> Vec<u8> {
        fs::read(fixture("tiny-open-clip").join(WEIGHTS)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.sandbox.command(arguments);
        command.env("HF_HOME", self.hf_home()).env("HF_ENDPOINT", self.server.endpoint());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    pub fn run_with(&self, variable: (&str, &str), arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).env(variable.0, variable.1).output().unwrap())
    }
}

/// The embedding of a text, as `embed --json` prints it.
fn embedding(run: &Run) -> Value {
    run.json()["embedding"].clone()
}

#[test]
fn the_list_for_people_and_scripts() {
    let place = Place::new();
    let lines = place.run(&["model", "list", "--json"]).expect(0).json_lines();
    assert!(lines.len() > 20);
    assert_eq!((&lines[0]["name"], &lines[0]["available"]), (&"pocket".into(), &true.into()));
    assert!(lines[1..].iter().all(|line| line["available"] == false && line["repository"].is_string()));
    assert!(lines.iter().filter(|line| line["recommended"] == true).count() <= 1);
    let known = lines.iter().find(|line| line["name"] == NAME).unwrap();
    assert_eq!((&known["dimension"], &known["imagenet"]["percent"]), (&512.into(), &63.3.into()));
    assert!(known["imagenet"]["source"].as_str().unwrap().contains("openclip_results.csv"));

    let people = place.run(&["model", "list"]).expect(0);
    assert_eq!(people.stdout.lines().count(), lines.len() + 1, "a heading, and a line each");
    assert!(people.stdout.lines().all(|line| line.chars().count() <= 100), "{}", people.stdout);
    assert!(people.stderr.contains("as published"), "{}", people.stderr);
    assert!(place.server.requests().is_empty(), "a list needs no network");
}

#[test]
fn pull_info_verify_and_use() {
    let place = Place::new();
    let before = place.run(&["model", "info", NAME]).expect(0);
    assert!(before.stdout.contains("not downloaded") && before.stdout.contains("model pull clip-vit-b-32"));
    assert!(before.stdout.contains("licence      MIT\n") && before.stdout.contains("openclip_results.csv"));

    let pulled = place.run(&["model", "pull", NAME, "--json"]).expect(0);
    assert_eq!(pulled.stderr, "");
    let pulled = pulled.json();
    let folder = place.repository_folder().join("snapshots").join(COMMIT);
    assert_eq!(pulled["path"], folder.to_str().unwrap());
    assert_eq!((&pulled["commit"], &pulled["files"], &pulled["name"]), (&COMMIT.into(), &3.into(), &NAME.into()));
    assert_eq!(pulled["bytes"], pulled["fetched"]);
    assert_eq!(
        fs::read(place.repository_folder().join("blobs").join(sha256(&place.weights()))).unwrap(),
        place.weights()
    );

    assert_eq!(place.run(&["model", "info", NAME, "--json"]).expect(0).json()["available"], true);
    let verified = place.run(&["model", "verify", NAME, "--json"]).expect(0).json();
    assert_eq!((&verified["ok"], verified["files"].as_array().unwrap().len()), (&true.into(), 3));
    let people = place.run(&["model", "verify", NAME]).expect(0);
    assert_eq!(people.stdout, "clip-vit-b-32: 3 of 3 files checked, no damage found\n");
    let again = place.run(&["model", "pull", NAME]).expect(0);
    assert!(again.stdout.contains("(0 bytes downloaded)"), "{again:?}");

    // All names of the model give the vectors of the checkpoint itself.
    let embed = |model: &str| place.run(&["embed", "--json", "--text", "a cat", "--model", model]).expect(0);
    let expected = embedding(&embed(fixture("tiny-open-clip").to_str().unwrap()));
    assert!(expected.is_array());
    place.server.forget_requests();
    for model in [NAME, REPOSITORY, folder.to_str().unwrap()] {
        assert_eq!(embedding(&embed(model)), expected, "{model}");
    }
    assert!(place.server.requests().is_empty(), "only `model` uses the network");
}

#[test]
fn nothing_is_fetched_unless_it_was_asked_for() {
    let place = Place::new();
    place.publish("org/tiny");
    for model in [NAME, "org/tiny"] {
        let image = samples().join("cat.jpg");
        for arguments in [
            &["embed", "--text", "a", "--model", model][..],
            &["embed", "--image", image.to_str().unwrap(), "--model", model],
            &["index", place.sandbox.photos().to_str().unwrap(), "--model", model],
        ] {
            let run = place.run(arguments).expect(2);
            assert_eq!((run.stdout.as_str(), run.stderr.lines().count()), ("", 1), "{run:?}");
            assert!(run.stderr.contains(&format!("clip-search model pull {model}")), "{}", run.stderr);
        }
    }
    assert!(place.server.requests().is_empty());
    assert!(!place.sandbox.index().exists() && !place.hf_home().exists());
}

#[test]
fn a_repository_that_is_not_in_the_catalogue() {
    let place = Place::new();
    let repository = "org/tiny-sharded";
    let shard = "model-00001-of-00001.safetensors";
    let checkpoint = fixture("tiny-huggingface");
    for name in ["config.json", "preprocessor_config.json", "merges.txt"] {
        place.server.file(repository, name, fs::read(checkpoint.join(name)).unwrap());
    }
    let weights = fs::read(checkpoint.join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&weights[8..8 + header]).unwrap();
    let tensors = header.as_object().unwrap().keys().filter(|name| *name != "__metadata__");
    let map: serde_json::Map<String, Value> = tensors.map(|name| (name.clone(), shard.into())).collect();
    place.server.file(repository, "model.safetensors.index.json", serde_json::json!({ "weight_map": map }).to_string());
    place.server.large_file(repository, shard, weights);
    place.server.large_file(repository, "pytorch_model.bin", noise(50, 1));

    let info = place.run(&["model", "info", repository]).expect(0);
    assert!(info.stdout.contains("not in the catalogue") && info.stdout.contains("not downloaded"), "{info:?}");
    place.run(&["model", "pull", repository]).expect(0);
    assert!(place.server.downloads("pytorch_model.bin").is_empty());
    let embed = |model: &str| place.run(&["embed", "--json", "--text", "a cat", "--model", model]).expect(0);
    assert_eq!(embedding(&embed(repository)), embedding(&embed(checkpoint.to_str().unwrap())));
}

#[test]
fn a_download_that_breaks_goes_on() {
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Drop(50_000), Fault::Drop(20_000)]);
    let run = place.run(&["model", "pull", NAME]).expect(0);
    assert_eq!(run.stderr.matches("retrying").count(), 2, "{run:?}");
    let ranges: Vec<_> =
        place.server.downloads(WEIGHTS).iter().map(|request| request.headers.get("range").cloned()).collect();
    assert_eq!(ranges, [None, Some("bytes=50000-".to_owned()), Some("bytes=70000-".to_owned())]);
    place.run(&["model", "verify", NAME]).expect(0);
}

/// The message on stderr; nothing may be on stdout.
#[track_caller]
fn failure(run: Run) -> String {
    let run = run.expect(2);
    assert_eq!((run.stdout.as_str(), run.stderr.lines().count()), ("", 1), "{run:?}");
    run.stderr
}

#[test]
fn downloads_that_must_not_succeed() {
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Garbage]);
    let message = failure(place.run(&["model", "pull", NAME]));
    assert!(message.contains("was corrupted in transit") && message.contains(&sha256(&place.weights())), "{message}");
    let message = failure(place.run(&["embed", "--text", "a", "--model", NAME]));
    assert!(message.contains("is missing") || message.contains("nothing of"), "{message}");

    let message = failure(place.run(&["model", "pull", "org/none"]));
    assert!(message.contains("no repository org/none"), "{message}");
    place.server.file("org/lacking", "config.json", "{}");
    place.server.large_file("org/lacking", "pytorch_model.bin", noise(50, 1));
    let message = failure(place.run(&["model", "pull", "org/lacking"]));
    assert!(message.contains("pytorch_model.bin") && message.contains("never loaded"), "{message}");
    let message = failure(place.run(&["model", "pull", "clip-vit-b32"]));
    assert!(message.contains("unknown model") && message.contains("did you mean `clip-vit-b-32`?"), "{message}");
    let message = failure(place.run_with(("HF_ENDPOINT", "hub.example"), &["model", "pull", NAME]));
    assert!(message.contains("hub.example") && message.contains("expected https://"), "{message}");
    let message = failure(place.run(&["model", "verify", "siglip-b-16"]));
    assert!(message.contains("clip-search model pull siglip-b-16"), "{message}");
}

#[test]
fn damage_is_told_and_mended() {
    let place = Place::new();
    place.run(&["model", "pull", NAME]).expect(0);
    let blob = place.repository_folder().join("blobs").join(sha256(&place.weights()));
    let mut damaged = place.weights();
    damaged[100_000] ^= 4;
    fs::write(&blob, damaged).unwrap();
    let run = place.run(&["model", "verify", NAME]).expect(2);
    assert!(run.stdout.contains(WEIGHTS) && run.stdout.contains("damaged"), "{run:?}");
    assert!(run.stderr.contains("clip-search model pull clip-vit-b-32"), "{run:?}");
    assert_eq!(place.run(&["model", "verify", NAME, "--json"]).expect(2).json()["ok"], false);
    place.run(&["model", "pull", NAME]).expect(0);
    place.run(&["model", "verify", NAME]).expect(0);
}

#[test]
fn files_that_are_gone_are_told_and_fetched_again() {
    let place = Place::new();
    place.run(&["model", "pull", NAME]).expect(0);
    let merges = place.repository_folder().join("snapshots").join(COMMIT).join("merges.txt");
    fs::remove_file(merges).unwrap();
    let run = place.run(&["model", "verify", NAME]).expect(2);
    assert_eq!(run.stdout, "`merges.txt` is missing\n");
    let run = place.run(&["model", "verify", "--offline", NAME]).expect(0);
    assert!(run.stderr.contains("is not known: offline mode is on"), "{run:?}");
    place.run(&["model", "pull", NAME]).expect(0);
    assert_eq!(place.run(&["model", "verify", NAME]).expect(0).stderr, "");
}

#[cfg(unix)]
#[test]
fn a_silent_hub_does_not_hold_up_an_interruption() {
    use std::process::Stdio;
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Stall(10_000)]);
    let mut command = place.command(&["model", "pull", NAME]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while place.server.downloads(WEIGHTS).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let run = Run::from(child.wait_with_output().unwrap()).expect(130);
    assert!(run.stderr.starts_with("interrupted: stopping the download\n"), "{run:?}");
    assert!(!run.stderr.contains("retrying"), "it did not wait until its patience was over: {run:?}");
}

#[test]
fn tokens_from_the_variable_and_from_the_file() {
    let place = Place::new();
    let storage = Server::new();
    storage.large_file(REPOSITORY, WEIGHTS, place.weights());
    place.server.redirect_to(&storage);
    place.server.gate(REPOSITORY, "hf_secret");
    let message = failure(place.run(&["model", "pull", NAME]));
    assert!(message.contains("HF_TOKEN") && message.contains("restricted"), "{message}");
    fs::create_dir_all(place.hf_home()).unwrap();
    fs::write(place.hf_home().join("token"), "hf_wrong\n").unwrap();
    failure(place.run(&["model", "pull", NAME]));
    place.run_with(("HF_TOKEN", "hf_secret"), &["model", "pull", NAME]).expect(0);
    assert!(storage.requests().iter().all(|request| !request.headers.contains_key("authorization")));

    fs::remove_dir_all(place.hf_home().join("hub")).unwrap();
    fs::write(place.hf_home().join("token"), "hf_secret\n").unwrap();
    place.run(&["model", "pull", NAME]).expect(0);
}

#[test]
fn proxies_and_the_hosts_without_one() {
    let place = Place::new();
    let proxy = Server::new();
    proxy.tunnel();
    let pull = |variables: &[(&str, &str)]| {
        proxy.forget_requests();
        let mut command = place.command(&["model", "pull", NAME]);
        command.envs(variables.iter().copied());
        Run::from(command.output().unwrap()).expect(0);
        !proxy.requests().is_empty()
    };
    let endpoint = proxy.endpoint();
    let endpoint = endpoint.as_str();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        assert!(pull(&[(name, endpoint)]), "{name}");
        assert!(pull(&[(name, endpoint), ("NO_PROXY", "example.com")]), "{name}");
        assert!(!pull(&[(name, endpoint), ("NO_PROXY", "example.com, 127.0.0.1")]), "{name}");
        assert!(!pull(&[(name, endpoint), ("no_proxy", "127.0.0.0/8")]), "{name}");
        assert!(!pull(&[(name, "")]), "{name}");
    }
    assert!(!pull(&[("HTTPS_PROXY", endpoint)]), "the hub's address is not of https");
}

#[test]
fn offline_by_option_and_variable() {
    let place = Place::new();
    let runs = || {
        [
            place.run(&["model", "pull", NAME, "--offline"]),
            place.run(&["--offline", "model", "pull", NAME]),
            place.run_with(("HF_HUB_OFFLINE", "1"), &["model", "pull", NAME]),
            place.run_with(("TRANSFORMERS_OFFLINE", "1"), &["model", "pull", NAME]),
        ]
    };
    let mut advices = Vec::new();
    for run in runs() {
        let message = failure(run);
        assert!(message.contains("not in the cache"), "{message}");
        advices.push(message);
    }
    let causes = ["omit --offline", "omit --offline", "(unset HF_HUB_OFFLINE)", "(unset TRANSFORMERS_OFFLINE)"];
    for (advice, cause) in advices.iter().zip(causes) {
        assert!(advice.contains(cause), "{advice}");
    }
    assert!(place.server.requests().is_empty());
    place.run(&["model", "pull", NAME]).expect(0);
    place.server.forget_requests();
    for run in runs() {
        run.expect(0);
    }
    place.run(&["model", "verify", NAME, "--offline"]).expect(0);
    assert!(place.server.requests().is_empty());
}

/// A cache as `huggingface_hub` fills it, in a folder that HF_HUB_CACHE names.
#[cfg(unix)]
#[test]
fn what_another_tool_fetched_is_used() {
    let place = Place::new();
    let cache = place.sandbox.path().join("shared-cache");
    let repository = cache.join("models--timm--vit_base_patch32_clip_224.openai");
    let snapshot = repository.join("snapshots").join(COMMIT);
    for folder in ["blobs", "refs"] {
        fs::create_dir_all(repository.join(folder)).unwrap();
    }
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    for name in FILES {
        let content = fs::read(fixture("tiny-open-clip").join(name)).unwrap();
        let blob = if name == WEIGHTS { sha256(&content) } else { crate::server::git_sha1(&content) };
        fs::write(repository.join("blobs").join(&blob), content).unwrap();
        std::os::unix::fs::symlink(Path::new("../../blobs").join(blob), snapshot.join(name)).unwrap();
    }
    let cache = ("HF_HUB_CACHE", cache.to_str().unwrap());
    place.run_with(cache, &["embed", "--text", "a cat", "--model", NAME]).expect(0);
    place.run_with(cache, &["model", "verify", "--offline", NAME]).expect(0);
    assert!(place.server.requests().is_empty());
    place.run_with(cache, &["model", "pull", NAME]).expect(0);
    assert!(place.server.downloads(WEIGHTS).is_empty());
}

/// An index remembers the whole name of a repository that the catalogue does not list: another may have the same last part.
#[test]
fn the_model_of_an_index_is_found_by_its_whole_name() {
    let place = Place::new();
    place.sandbox.put("cat.jpg", "cat.jpg");
    let photos = place.sandbox.photos();
    for repository in ["t/m", "u/m"] {
        place.publish(repository);
        place.run(&["model", "pull", repository]).expect(0);
    }
    place.run(&["index", "--model", "t/m", photos.to_str().unwrap()]).expect(0);
    let is_of_t = || {
        let status = place.run(&["status"]).expect(0).stdout;
        assert!(status.contains("t/m"), "{status}");
    };
    let commands: [&[&str]; 3] = [&["query", "--no-cache", "cat"], &["index"], &["index", "--rebuild"]];
    for command in commands {
        place.run(command).expect(0);
        is_of_t();
    }
    fs::remove_dir_all(place.hf_home().join("hub/models--t--m")).unwrap();
    for command in commands {
        let run = place.run(command).expect(2);
        assert!(run.stderr.contains("cannot load the index's model t/m"), "{run:?}");
        assert!(run.stderr.contains("`clip-search model pull t/m`"), "{run:?}");
        is_of_t();
    }
    place.run(&["model", "pull", "t/m"]).expect(0);
    place.run(commands[0]).expect(0);
}

#[test]
fn the_built_in_model_needs_no_download() {
    let place = Place::new();
    for command in ["pull", "verify"] {
        assert_eq!(
            place.run(&["model", command, "pocket"]).expect(0).stdout,
            "pocket is built in; there is nothing to download or check\n"
        );
    }
    assert!(place.run(&["model", "info", "pocket"]).expect(0).stdout.contains("status       built in"));
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_better_model_is_suggested_once() {
    let place = Place::new();
    place.sandbox.put("cat.jpg", "cat.jpg");
    let photos = place.sandbox.photos();
    let data = place.sandbox.path().join("data");
    let home = place.sandbox.path();
    let index = |arguments: &[&str]| {
        let mut command = place.command(&[&["index", photos.to_str().unwrap()], arguments].concat());
        Run::from(command.env("HOME", &home).env("XDG_DATA_HOME", &data).output().unwrap()).expect(0)
    };
    assert_eq!(index(&["--json"]).stderr, "", "scripts do not need it");
    let told = index(&[]).stderr;
    assert_eq!(told.lines().count(), 1, "{told}");
    let name = told.split("index --model ").nth(1).unwrap().trim_end().trim_end_matches('`');
    let lines = place.run(&["model", "list", "--json"]).expect(0).json_lines();
    let entry = lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{told}"));
    assert_eq!(entry["research_only"], false);
    assert!(told.contains(&format!("clip-search model pull {name}")), "{told}");
    assert!(told.contains(&format!("clip-search --index {} index", place.sandbox.index().display())), "{told}");
    assert_eq!(index(&[]).stderr, "", "once is enough");
}
