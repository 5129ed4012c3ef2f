//! Downloads from a hub on the loopback interface.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clip_hub::{
    Checkpoint, FileState, Hub, HubError, HubSettings, Interruption, NoProxy, Proxies, PullEvent, Pulled, Remedy,
    Repository, Setting, Token,
};
use support::{COMMIT, Fault, Server, git_sha1, noise, sha256};
use tempfile::TempDir;

const REPOSITORY: &str = "org/tiny-clip";
const WEIGHTS: &str = "open_clip_model.safetensors";
const CONFIG: &str = "open_clip_config.json";
const LENGTH: usize = 300_000;

/// A server with a checkpoint, and an empty cache.
struct Place {
    server: Server,
    cache: TempDir,
    weights: Vec<u8>,
}

impl Place {
    fn new() -> Self {
        let server = Server::new();
        let weights = noise(LENGTH, 7);
        server.file(REPOSITORY, CONFIG, r#"{"model_cfg":{}}"#);
        server.file(REPOSITORY, "tokenizer.json", "{}");
        server.file(REPOSITORY, "README.md", "not needed");
        server.large_file(REPOSITORY, WEIGHTS, weights.clone());
        Self { server, cache: tempfile::tempdir().unwrap(), weights }
    }

    fn settings(&self) -> HubSettings {
        let mut settings = HubSettings::new(self.cache.path());
        settings.endpoint = self.server.endpoint();
        settings.pause = Duration::ZERO;
        settings.patience = Duration::from_secs(5);
        settings
    }

    fn hub(&self) -> Hub {
        Hub::new(self.settings())
    }

    fn offline(&self) -> Hub {
        Hub::new(HubSettings { offline: true, ..self.settings() })
    }

    fn pull(&self) -> Result<Pulled, HubError> {
        self.hub().pull(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false))
    }

    fn repository_folder(&self) -> PathBuf {
        self.cache.path().join("models--org--tiny-clip")
    }

    fn blob(&self) -> PathBuf {
        self.repository_folder().join("blobs").join(sha256(&self.weights))
    }

    fn partial(&self) -> PathBuf {
        self.blob().with_extension("incomplete")
    }

    fn snapshot(&self) -> PathBuf {
        self.repository_folder().join("snapshots").join(COMMIT)
    }

    /// No half file may be visible.
    #[track_caller]
    fn assert_no_weights(&self) {
        assert!(!self.blob().exists() && fs::symlink_metadata(self.snapshot().join(WEIGHTS)).is_err());
        assert!(matches!(self.hub().locate(&checkpoint()), Err(HubError::NotCached { .. })));
    }
}

fn checkpoint() -> Checkpoint {
    Checkpoint::of_repository(Repository::parse(REPOSITORY).unwrap())
}

/// The same, with its files known beforehand, as the catalogue has it.
fn listed() -> Checkpoint {
    Checkpoint { files: Some(vec![CONFIG.to_owned(), WEIGHTS.to_owned()]), ..checkpoint() }
}

fn pull(hub: &Hub, checkpoint: &Checkpoint) -> Result<Pulled, HubError> {
    hub.pull(checkpoint, &|_: PullEvent<'_>| {}, &AtomicBool::new(false))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_fresh_download_has_the_layout_that_others_expect() {
    let place = Place::new();
    let events = Mutex::new(Vec::new());
    let progress = |event: PullEvent<'_>| match event {
        PullEvent::Planned { files, bytes, cached } => events.lock().unwrap().push((files as u64, bytes, cached)),
        PullEvent::Bytes { done } => events.lock().unwrap().push((0, done, 0)),
        _ => {}
    };
    let pulled = place.hub().pull(&checkpoint(), &progress, &AtomicBool::new(false)).unwrap();
    let events = events.into_inner().unwrap();
    let total = LENGTH as u64 + 16 + 2;
    assert_eq!((pulled.files, pulled.bytes, pulled.fetched), (3, total, total));
    assert_eq!((pulled.folder.as_path(), pulled.commit.as_str()), (place.snapshot().as_path(), COMMIT));
    assert_eq!(events[0], (3, total, 0));
    assert!(events[1..].is_sorted_by_key(|event| event.1) && events.last().unwrap().1 == total);

    assert_eq!(names(&place.snapshot()), [CONFIG, WEIGHTS, "tokenizer.json"]);
    assert_eq!(fs::read(place.snapshot().join(WEIGHTS)).unwrap(), place.weights);
    assert_eq!(fs::read_to_string(place.repository_folder().join("refs/main")).unwrap(), COMMIT);
    let mut blobs = vec![git_sha1(br#"{"model_cfg":{}}"#), git_sha1(b"{}"), sha256(&place.weights)];
    blobs.sort();
    assert_eq!(names(&place.repository_folder().join("blobs")), blobs);
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(place.snapshot().join(WEIGHTS)).unwrap(),
        Path::new("../../blobs").join(sha256(&place.weights))
    );
    assert_eq!(place.hub().locate(&checkpoint()).unwrap().folder, place.snapshot());

    // Once more: everything is checked, nothing fetched.
    place.server.forget_requests();
    assert_eq!(place.pull().unwrap().fetched, 0);
    assert!(place.server.downloads(WEIGHTS).is_empty());
}

#[test]
fn the_files_of_the_catalogue_need_no_listing_and_tokenizers_may_be_absent() {
    let place = Place::new();
    let pulled = pull(&place.hub(), &listed()).unwrap();
    assert_eq!(pulled.files, 3, "configuration, weights, and the tokenizer that happens to be there");
    assert!(!place.server.requests().iter().any(|request| request.path.contains("/api/")));

    let lacking = Checkpoint { files: Some(vec!["config.json".to_owned()]), ..checkpoint() };
    let error = pull(&place.hub(), &lacking).unwrap_err();
    assert!(matches!(&error, HubError::FileNotFound { file, .. } if file == "config.json"), "{error}");
}

#[test]
fn sharded_weights_come_with_all_their_shards() {
    let place = Place::new();
    let repository = "org/sharded";
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    place.server.file(repository, "config.json", "{}");
    let index = format!(r#"{{"weight_map":{{"a":"{}","b":"{}"}}}}"#, shards[0], shards[1]);
    place.server.file(repository, "model.safetensors.index.json", index);
    place.server.large_file(repository, shards[0], noise(5000, 1));
    let checkpoint = Checkpoint::of_repository(Repository::parse(repository).unwrap());
    let error = pull(&place.hub(), &checkpoint).unwrap_err();
    assert!(matches!(&error, HubError::FileNotFound { file, .. } if file == shards[1]), "{error}");
    assert!(place.hub().locate(&checkpoint).is_err());

    place.server.large_file(repository, shards[1], noise(5000, 2));
    let pulled = pull(&place.hub(), &checkpoint).unwrap();
    assert_eq!(fs::read(pulled.folder.join(shards[1])).unwrap(), noise(5000, 2));
    place.hub().locate(&checkpoint).unwrap();
}

#[test]
fn dropped_connections_are_taken_up_where_they_broke() {
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Drop(100_000), Fault::Status(503), Fault::Drop(50_000), Fault::Drop(0)]);
    let retries = Mutex::new(Vec::new());
    let progress = |event: PullEvent<'_>| {
        if let PullEvent::Retrying { file, cause, .. } = event {
            retries.lock().unwrap().push((file.to_owned(), cause.clone()));
        }
    };
    let pulled = place.hub().pull(&checkpoint(), &progress, &AtomicBool::new(false)).unwrap();
    let retries = retries.into_inner().unwrap();
    assert!(retries.iter().all(|(file, _)| file == WEIGHTS));
    let causes: Vec<_> = retries.into_iter().map(|(_, cause)| cause).collect();
    assert_eq!(causes.len(), 4, "{causes:?}");
    let expected =
        Interruption::Status { server: authority(&place.server), status: 503, message: String::new(), wait: None };
    assert_eq!(causes[1], expected);
    assert_eq!(pulled.fetched, pulled.bytes, "no byte came twice");
    assert_eq!(fs::read(place.blob()).unwrap(), place.weights);
    let ranges: Vec<Option<String>> =
        place.server.downloads(WEIGHTS).iter().map(|request| request.headers.get("range").cloned()).collect();
    let from = |n: usize| Some(format!("bytes={n}-"));
    assert_eq!(ranges, [None, from(100_000), from(100_000), from(150_000), from(150_000)]);
}

#[test]
fn a_server_that_always_drops_is_given_up_and_resumed_by_the_next_run() {
    let place = Place::new();
    let mut faults = vec![Fault::Drop(120_000)];
    faults.extend(vec![Fault::Drop(0); 10]);
    place.server.faults(WEIGHTS, &faults);
    let error = place.pull().unwrap_err();
    assert!(matches!(error, HubError::Network { attempts: 5, kept: true, .. }), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::Resume));
    assert_eq!(fs::metadata(place.partial()).unwrap().len(), 120_000);
    place.assert_no_weights();

    place.server.faults(WEIGHTS, &[]);
    place.server.forget_requests();
    let pulled = place.pull().unwrap();
    assert_eq!(pulled.fetched, LENGTH as u64 - 120_000);
    assert_eq!(place.server.downloads(WEIGHTS)[0].headers["range"], "bytes=120000-");
    assert_eq!(fs::read(place.blob()).unwrap(), place.weights);
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Drop(100_000), Fault::IgnoreRange]);
    place.pull().unwrap();
    assert_eq!(fs::read(place.blob()).unwrap(), place.weights);
}

#[test]
fn a_wrong_hash_never_becomes_visible() {
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Garbage]);
    let error = place.pull().unwrap_err();
    match &error {
        HubError::WrongHash { file, expected, found, .. } => {
            assert_eq!((file.as_str(), expected.as_str()), (WEIGHTS, sha256(&place.weights).as_str()));
            assert_ne!(expected, found);
        }
        other => panic!("{other}"),
    }
    assert!(!place.partial().exists(), "it was thrown away");
    place.assert_no_weights();
    place.pull().unwrap();
    assert_eq!(fs::read(place.blob()).unwrap(), place.weights);
}

#[test]
fn small_files_are_checked_by_gits_hash() {
    let place = Place::new();
    place.server.faults(CONFIG, &[Fault::Garbage]);
    let error = place.pull().unwrap_err();
    assert!(matches!(&error, HubError::WrongHash { file, .. } if file == CONFIG), "{error}");
    place.assert_no_weights();
}

#[test]
fn a_beginning_that_is_somebody_elses_is_thrown_away() {
    let place = Place::new();
    fs::create_dir_all(place.partial().parent().unwrap()).unwrap();
    for length in [1000, LENGTH, LENGTH + 5] {
        fs::write(place.partial(), noise(length, 99)).unwrap();
        place.pull().unwrap();
        assert_eq!(fs::read(place.blob()).unwrap(), place.weights, "{length}");
        fs::remove_file(place.blob()).unwrap();
    }
}

#[test]
fn damage_in_the_cache_is_found_and_mended() {
    let place = Place::new();
    place.pull().unwrap();
    let mut damaged = place.weights.clone();
    damaged[1234] ^= 1;
    fs::write(place.blob(), damaged).unwrap();

    let verified = place.offline().verify(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false)).unwrap();
    assert!(!verified.is_clean());
    let states: Vec<bool> = verified.files.iter().map(|file| file.state == FileState::Good).collect();
    assert_eq!(states, [true, false, true], "{verified:?}");

    let pulled = place.pull().unwrap();
    assert_eq!(pulled.fetched, LENGTH as u64, "only what was damaged");
    assert!(place.offline().verify(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false)).unwrap().is_clean());

    fs::remove_file(place.blob()).unwrap();
    let verified = place.offline().verify(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false)).unwrap();
    assert!(!verified.is_clean() && verified.missing.is_some(), "{verified:?}");
}

#[test]
fn what_does_not_exist_is_named() {
    let place = Place::new();
    let missing = Checkpoint::of_repository(Repository::parse("org/none").unwrap());
    let error = pull(&place.hub(), &missing).unwrap_err();
    assert!(matches!(&error, HubError::RepositoryNotFound { repository, .. } if repository == "org/none"), "{error}");
    let error = pull(&place.hub(), &Checkpoint { revision: "v9".to_owned(), ..checkpoint() }).unwrap_err();
    assert!(matches!(&error, HubError::RevisionNotFound { revision, .. } if revision == "v9"), "{error}");
}

#[test]
fn pickles_are_refused_before_anything_is_fetched() {
    let place = Place::new();
    place.server.file("org/pickled", "config.json", "{}");
    place.server.large_file("org/pickled", "pytorch_model.bin", noise(100, 1));
    let pickled = Checkpoint::of_repository(Repository::parse("org/pickled").unwrap());
    let error = pull(&place.hub(), &pickled).unwrap_err();
    assert!(matches!(&error, HubError::PickleOnly { found, .. } if found == "pytorch_model.bin"), "{error}");
    assert!(place.server.downloads("pytorch_model.bin").is_empty());
}

#[test]
fn gated_repositories_need_the_token() {
    let place = Place::new();
    place.server.gate(REPOSITORY, "hf_secret");
    for checkpoint in [checkpoint(), listed()] {
        let error = pull(&place.hub(), &checkpoint).unwrap_err();
        match &error {
            HubError::Denied { status: 401, message, .. } => assert!(message.contains("restricted"), "{error}"),
            _ => panic!("{error}"),
        }
        let page = format!("{}/{REPOSITORY}", place.server.endpoint());
        assert_eq!(error.remedy(), Some(Remedy::AcceptConditions { page, token: false }));
    }
    let wrong = Hub::new(HubSettings { token: Token::new("hf_wrong"), ..place.settings() });
    let remedy = pull(&wrong, &checkpoint()).unwrap_err().remedy();
    assert!(matches!(remedy, Some(Remedy::AcceptConditions { token: true, .. })), "{remedy:?}");
    let none = Checkpoint::of_repository(Repository::parse("org/none").unwrap());
    assert_eq!(pull(&wrong, &none).unwrap_err().remedy(), Some(Remedy::CheckNameOrToken { token: true }));
    let with_token = Hub::new(HubSettings { token: Token::new("hf_secret"), ..place.settings() });
    pull(&with_token, &checkpoint()).unwrap();
}

#[test]
fn the_token_stays_with_the_hub_when_contents_lie_elsewhere() {
    let place = Place::new();
    let storage = Server::new();
    storage.large_file(REPOSITORY, WEIGHTS, place.weights.clone());
    storage.faults(WEIGHTS, &[Fault::Drop(70_000)]);
    place.server.gate(REPOSITORY, "hf_secret");
    place.server.redirect_to(&storage);
    let hub = Hub::new(HubSettings { token: Token::new("hf_secret"), ..place.settings() });
    let pulled = pull(&hub, &checkpoint()).unwrap();
    assert_eq!(fs::read(pulled.folder.join(WEIGHTS)).unwrap(), place.weights);

    let requests = storage.requests();
    assert_eq!(requests.len(), 2, "the download and its continuation");
    assert!(requests.iter().all(|request| !request.headers.contains_key("authorization")), "{requests:?}");
    assert_eq!(requests[1].headers["range"], "bytes=70000-");
    let asked = place.server.requests();
    assert!(asked.iter().all(|request| request.headers["authorization"] == "Bearer hf_secret"));
    // An address is good for one download: the hub is asked again.
    assert_eq!(place.server.downloads(WEIGHTS).len(), 2);
}

#[test]
fn a_renamed_repository_is_followed() {
    let place = Place::new();
    place.server.rename("old/name", REPOSITORY);
    let old = Checkpoint { repository: Repository::parse("old/name").unwrap(), ..listed() };
    let pulled = pull(&place.hub(), &old).unwrap();
    assert_eq!(fs::read(pulled.folder.join(WEIGHTS)).unwrap(), place.weights);
}

#[test]
fn small_files_may_be_redirected_within_the_hub() {
    let place = Place::new();
    place.server.gate(REPOSITORY, "hf_secret");
    place.server.use_resolve_cache();
    let hub = Hub::new(HubSettings { token: Token::new("hf_secret"), ..place.settings() });
    let pulled = pull(&hub, &checkpoint()).unwrap();
    assert_eq!(pulled.commit, COMMIT);
    assert_eq!(fs::read(pulled.folder.join(CONFIG)).unwrap(), br#"{"model_cfg":{}}"#);
}

#[test]
fn what_cannot_be_checked_is_not_fetched() {
    let place = Place::new();
    place.server.use_bad_tags();
    let error = place.pull().unwrap_err();
    assert!(matches!(error, HubError::Protocol { .. }), "{error}");
    assert!(place.server.downloads(CONFIG).is_empty());
}

#[test]
fn offline_uses_the_cache_and_nothing_else() {
    let place = Place::new();
    let error = pull(&place.offline(), &checkpoint()).unwrap_err();
    assert!(matches!(error, HubError::Offline { .. }), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::AllowNetwork { name: REPOSITORY.to_owned() }));
    assert!(place.server.requests().is_empty());
    assert_eq!(fs::read_dir(place.cache.path()).unwrap().count(), 0, "looking creates nothing");

    place.pull().unwrap();
    place.server.forget_requests();
    let pulled = pull(&place.offline(), &checkpoint()).unwrap();
    assert_eq!((pulled.folder, pulled.fetched), (place.snapshot(), 0));
    assert!(place.server.requests().is_empty());
}

#[test]
fn an_unreachable_server_is_a_network_error() {
    let place = Place::new();
    let mut settings = place.settings();
    settings.endpoint = {
        let gone = Server::new();
        gone.endpoint()
    };
    settings.attempts = 2;
    let error = pull(&Hub::new(settings), &checkpoint()).unwrap_err();
    assert!(matches!(error, HubError::Network { attempts: 2, kept: false, .. }), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::CheckConnection { proxy: None }));
    let message = error.to_string();
    assert!(message.contains("cannot connect to 127.0.0.1:") && !message.contains("kept"), "{message}");
    assert!(!message.contains("os error") && !message.contains("io:"), "{message}");
}

/// As `huggingface_hub` leaves a cache on a file system without links: the files themselves in the snapshot, no blobs.
#[test]
fn a_cache_that_another_tool_filled_is_reused() {
    let place = Place::new();
    fs::create_dir_all(place.snapshot()).unwrap();
    fs::create_dir_all(place.repository_folder().join("refs")).unwrap();
    fs::write(place.repository_folder().join("refs/main"), COMMIT).unwrap();
    fs::write(place.snapshot().join(CONFIG), r#"{"model_cfg":{}}"#).unwrap();
    assert!(place.hub().locate(&checkpoint()).is_err());
    fs::write(place.snapshot().join(WEIGHTS), &place.weights).unwrap();
    assert_eq!(place.hub().locate(&checkpoint()).unwrap().commit, COMMIT);
    assert!(place.server.requests().is_empty());

    // Without blobs only the server knows the hashes.
    let offline = place.offline().verify(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false)).unwrap();
    assert!(offline.files.iter().all(|file| matches!(file.state, FileState::Unchecked { .. })), "{offline:?}");
    let asked = place.hub().verify(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false)).unwrap();
    assert!(asked.files.iter().all(|file| file.state == FileState::Good), "{asked:?}");

    assert_eq!(place.pull().unwrap().fetched, 2, "only the tokenizer was missing");
    assert!(place.server.downloads(WEIGHTS).is_empty());
}

/// A blob that another snapshot has, too, is linked and not fetched.
#[test]
fn an_update_fetches_what_changed_and_moves_the_reference_last() {
    let place = Place::new();
    place.pull().unwrap();
    let newer = "fedcba9876543210fedcba9876543210fedcba98";
    place.server.set_commit(newer);
    place.server.file(REPOSITORY, CONFIG, r#"{"model_cfg":{"a":1}}"#);
    place.server.faults(CONFIG, &vec![Fault::Status(500); 10]);
    assert!(place.pull().is_err());
    assert_eq!(place.hub().locate(&checkpoint()).unwrap().commit, COMMIT, "the older one stays in use");

    place.server.faults(CONFIG, &[]);
    let pulled = place.pull().unwrap();
    assert_eq!((pulled.commit.as_str(), pulled.fetched), (newer, 21));
    assert_eq!(place.hub().locate(&checkpoint()).unwrap().commit, newer);
    assert_eq!(fs::read(pulled.folder.join(WEIGHTS)).unwrap(), place.weights);
}

#[test]
fn a_download_stops_when_asked_to_and_goes_on_later() {
    let place = Place::new();
    let cancel = AtomicBool::new(false);
    let progress = |event: PullEvent<'_>| {
        if matches!(event, PullEvent::Bytes { done } if done > 100_000) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let stopped = place.hub().pull(&checkpoint(), &progress, &cancel);
    assert!(matches!(stopped, Err(HubError::Cancelled)), "{stopped:?}");
    let kept = fs::metadata(place.partial()).unwrap().len();
    assert!(kept > 90_000 && kept < LENGTH as u64);
    place.assert_no_weights();
    assert_eq!(place.pull().unwrap().fetched, LENGTH as u64 - kept);
}

#[test]
fn two_at_once_fetch_a_file_once() {
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Drop(100_000)]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| place.pull().unwrap());
        }
    });
    assert_eq!(place.server.downloads(WEIGHTS).len(), 2, "the download and its continuation");
    assert_eq!(fs::read(place.blob()).unwrap(), place.weights);
}

/// What lies in the cache cannot be a beginning of the file if the server has fewer bytes.
#[test]
fn a_range_that_the_server_lacks_begins_anew() {
    let place = Place::new();
    fs::create_dir_all(place.partial().parent().unwrap()).unwrap();
    fs::write(place.partial(), noise(1000, 99)).unwrap();
    place.server.faults(WEIGHTS, &[Fault::Status(416)]);
    let causes = Mutex::new(Vec::new());
    let progress = |event: PullEvent<'_>| {
        if let PullEvent::Retrying { cause, .. } = event {
            causes.lock().unwrap().push(cause.clone());
        }
    };
    place.hub().pull(&checkpoint(), &progress, &AtomicBool::new(false)).unwrap();
    assert_eq!(causes.into_inner().unwrap(), [Interruption::Range { from: 1000 }]);
    assert_eq!(fs::read(place.blob()).unwrap(), place.weights);
    let ranges: Vec<bool> =
        place.server.downloads(WEIGHTS).iter().map(|request| request.headers.contains_key("range")).collect();
    assert_eq!(ranges, [true, false]);
}

/// A server's sizes are added up; no sum of them may overflow.
#[test]
fn sizes_that_cannot_be_are_refused() {
    let place = Place::new();
    for size in [u64::MAX, u64::MAX / 2, 1 << 41] {
        place.server.announce_size(WEIGHTS, size);
        for checkpoint in [checkpoint(), listed()] {
            let error = pull(&place.hub(), &checkpoint).unwrap_err();
            assert!(matches!(error, HubError::Protocol { .. }), "{error}");
        }
    }
}

/// The shards' names come from the server and become paths.
#[test]
fn shards_outside_the_snapshot_are_refused() {
    let place = Place::new();
    for (n, name) in
        ["../../../../secret", "/etc/passwd", "..", "a/b.safetensors", "a\\\\b", "\\u001b[31mred\\u202egpj", ""]
            .into_iter()
            .enumerate()
    {
        let repository = format!("org/shards{n}");
        place.server.file(&repository, "config.json", "{}");
        place.server.file(
            &repository,
            "model.safetensors.index.json",
            format!(r#"{{"weight_map":{{"a":"model-00001-of-00001.safetensors","b":"{name}"}}}}"#),
        );
        place.server.large_file(&repository, "model-00001-of-00001.safetensors", noise(100, 1));
        let checkpoint = Checkpoint::of_repository(Repository::parse(&repository).unwrap());
        let error = pull(&place.hub(), &checkpoint).unwrap_err();
        assert!(matches!(&error, HubError::ShardIndex { .. }), "{name}: {error}");
        assert_plain(&error.to_string());
        let missing = place.hub().locate(&checkpoint).unwrap_err().to_string();
        assert_plain(&missing);
    }
    assert_eq!(names(place.cache.path()).iter().filter(|name| !name.starts_with("models--")).count(), 1, "the locks");
}

/// Escape sequences and marks that turn the reading direction must not reach a terminal.
#[track_caller]
fn assert_plain(message: &str) {
    let acts = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!message.contains(acts), "{message:?}");
}

#[test]
fn what_a_server_or_user_names_is_escaped_in_messages() {
    const EVIL: &str = "x\u{1b}]0;title\u{7}\u{202e}y";
    let place = Place::new();
    // A revision, and a file, that the server does not have.
    for checkpoint in [
        Checkpoint { revision: EVIL.to_owned(), ..checkpoint() },
        Checkpoint { files: Some(vec![EVIL.to_owned()]), ..checkpoint() },
        Checkpoint { name: EVIL.to_owned(), revision: "none".to_owned(), ..checkpoint() },
    ] {
        assert_plain(&pull(&place.hub(), &checkpoint).unwrap_err().to_string());
        assert_plain(&pull(&place.offline(), &checkpoint).unwrap_err().to_string());
        assert_plain(&place.hub().locate(&checkpoint).unwrap_err().to_string());
    }
    assert_plain(&Repository::parse(&format!("a/{EVIL}")).unwrap_err().to_string());
    let settings = HubSettings { endpoint: format!("ftp://{EVIL}"), ..place.settings() };
    assert_plain(&pull(&Hub::new(settings), &checkpoint()).unwrap_err().to_string());
    // A listing that is no listing, and one with a commit that is none.
    for listing in [r#"{"sha":{"\u001b[31m":1}}"#, r#"{"sha":"\u001b[31m\u202e"}"#, r#"{"sha":5,"siblings":"\u001b"}"#]
    {
        place.server.answer_listing(listing);
        let error = pull(&place.hub(), &checkpoint()).unwrap_err();
        assert!(matches!(error, HubError::Protocol { .. }), "{error}");
        assert_plain(&error.to_string());
    }
}

/// Settings that send every request through a proxy, except for these hosts.
fn proxied(place: &Place, proxy: &Server, except: &str) -> HubSettings {
    let proxies = Proxies { http: Some(proxy.endpoint()), https: None, except: NoProxy::parse(except) };
    HubSettings { proxies, attempts: 1, ..place.settings() }
}

fn proxy() -> Server {
    let proxy = Server::new();
    proxy.tunnel();
    proxy
}

fn authority(server: &Server) -> String {
    server.endpoint().trim_start_matches("http://").to_owned()
}

#[test]
fn requests_go_through_the_proxy_unless_the_host_is_excepted() {
    let place = Place::new();
    let direct = ["127.0.0.1", "127.0.0.0/8", "*", "other.example, 127.0.0.1", &authority(&place.server)];
    let proxied_hosts = ["", "localhost", "localhost,10.0.0.0/8", "127.0.0.1:1", "27.0.0.1"];
    for (lists, is_direct) in [(&direct, true), (&proxied_hosts, false)] {
        for list in lists {
            let (proxy, cache) = (proxy(), tempfile::tempdir().unwrap());
            let settings = HubSettings { cache: cache.path().to_owned(), ..proxied(&place, &proxy, list) };
            let pulled = pull(&Hub::new(settings), &checkpoint()).unwrap();
            assert_eq!(fs::read(pulled.folder.join(WEIGHTS)).unwrap(), place.weights);
            assert_eq!(proxy.requests().is_empty(), is_direct, "{list}");
            for request in proxy.requests() {
                assert_eq!((request.method.as_str(), request.path), ("CONNECT", authority(&place.server)));
            }
        }
    }
}

#[test]
fn the_proxy_and_the_hub_each_get_their_own_password() {
    let place = Place::new();
    let proxy = proxy();
    place.server.gate(REPOSITORY, "hf_secret");
    let mut settings = proxied(&place, &proxy, "");
    settings.proxies.http = Some(format!("http://user:pa%40ss@{}", authority(&proxy)));
    settings.token = Token::new("hf_secret");
    pull(&Hub::new(settings), &checkpoint()).unwrap();
    for request in proxy.requests() {
        assert_eq!(request.headers["proxy-authorization"], "Basic dXNlcjpwYUBzcw==");
        assert!(!request.headers.contains_key("authorization"));
    }
    for request in place.server.requests() {
        assert_eq!(request.headers["authorization"], "Bearer hf_secret");
        assert!(!request.headers.contains_key("proxy-authorization"));
    }
}

/// The hub and the storage behind it are different servers: each is decided for by itself.
#[test]
fn a_redirect_to_another_host_has_its_own_proxy() {
    let place = Place::new();
    let (storage, proxy) = (Server::new(), proxy());
    storage.large_file(REPOSITORY, WEIGHTS, place.weights.clone());
    place.server.redirect_to(&storage);
    let hub = Hub::new(proxied(&place, &proxy, &authority(&place.server)));
    pull(&hub, &checkpoint()).unwrap();
    let requests = proxy.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].path, authority(&storage));

    proxy.forget_requests();
    fs::remove_dir_all(place.repository_folder()).unwrap();
    let both = format!("{},{}", authority(&place.server), authority(&storage));
    let pulled = pull(&Hub::new(proxied(&place, &proxy, &both)), &checkpoint()).unwrap();
    assert_eq!(fs::read(pulled.folder.join(WEIGHTS)).unwrap(), place.weights);
    assert!(proxy.requests().is_empty());
}

/// What is encrypted goes through a tunnel to the server itself.
#[test]
fn encrypted_requests_ask_the_proxy_for_a_tunnel() {
    let place = Place::new();
    let proxy = Server::new();
    let mut settings = HubSettings { endpoint: "https://hub.example".to_owned(), attempts: 1, ..place.settings() };
    settings.proxies.https = Some(proxy.endpoint());
    settings.token = Token::new("hf_secret");
    let error = pull(&Hub::new(settings), &checkpoint()).unwrap_err();
    assert!(matches!(error, HubError::Proxy { status: 404, .. }), "{error}");
    let requests = proxy.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("CONNECT", "hub.example:443"));
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[test]
fn a_token_that_cannot_be_sent_is_an_error() {
    let place = Place::new();
    for token in ["hf_sec\nret", "hf_sec\u{1b}ret", "hf_secrét", "hf sec"] {
        let settings = HubSettings { token: Token::new(token), ..place.settings() };
        let error = pull(&Hub::new(settings), &checkpoint()).unwrap_err();
        assert_eq!(error.remedy(), Some(Remedy::CorrectSetting(Setting::Token)), "{error}");
        assert!(!error.to_string().contains("sec"), "{error}");
    }
    assert!(place.server.requests().is_empty());
}

/// A checkpoint's files can be named by the caller; they become paths, too.
#[test]
fn files_outside_the_snapshot_are_refused() {
    let place = Place::new();
    for name in ["../../../secret", "/etc/passwd", "a/../../b", ""] {
        let checkpoint = Checkpoint { files: Some(vec![name.to_owned()]), ..checkpoint() };
        let error = pull(&place.hub(), &checkpoint).unwrap_err();
        assert!(matches!(&error, HubError::FileNotFound { file, .. } if file == name), "{error}");
    }
    assert!(place.server.requests().is_empty());
    place.pull().unwrap();
    let outside = Checkpoint { files: Some(vec!["/etc/passwd".to_owned()]), ..checkpoint() };
    assert!(matches!(place.hub().locate(&outside), Err(HubError::NotCached { .. })));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_neither_read_nor_waited_for() {
    let place = Place::new();
    place.pull().unwrap();
    std::os::unix::fs::symlink("/", place.snapshot().join("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.snapshot().join("socket")).unwrap();
    let verified = place.offline().verify(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false)).unwrap();
    assert!(verified.is_clean() && verified.files.len() == 3, "{verified:?}");
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_and_no_panic() {
    let place = Place::new();
    for proxy in ["socks5://127.0.0.1:1", "socks4a://user:secret@127.0.0.1:1", "ftp://127.0.0.1", "", "a b"] {
        let proxies = Proxies { http: Some(proxy.to_owned()), ..Proxies::default() };
        let error = pull(&Hub::new(HubSettings { proxies, ..place.settings() }), &checkpoint()).unwrap_err();
        assert!(matches!(error, HubError::Setting { .. }), "{proxy}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

/// A pull that is cancelled as soon as the server has got this many requests. The server answers the last one only after
/// the client's patience is over, which would be another error.
#[track_caller]
fn assert_silence_is_no_obstacle(place: &Place, requests: usize) {
    let hub = Hub::new(HubSettings { attempts: 1, patience: Duration::from_secs(20), ..place.settings() });
    let cancel = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Not for ever, should the client fail before.
            for _ in 0..1000 {
                if place.server.requests().len() >= requests {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            cancel.store(true, Ordering::Relaxed);
        });
        let stopped = hub.pull(&checkpoint(), &|_: PullEvent<'_>| {}, &cancel);
        assert!(matches!(stopped, Err(HubError::Cancelled)), "{stopped:?}");
    });
}

#[test]
fn a_silent_server_keeps_nobody_from_stopping() {
    let place = Place::new();
    place.server.be_silent();
    assert_silence_is_no_obstacle(&place, 1);
    // The listing, and what is asked about three files; the fifth request is for the smallest one's content.
    let place = Place::new();
    place.server.faults("tokenizer.json", &[Fault::Silence]);
    assert_silence_is_no_obstacle(&place, 5);
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Stall(100_000)]);
    assert_silence_is_no_obstacle(&place, 7);
}

#[cfg(unix)]
fn named_pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_named_pipe_in_the_cache_is_refused_and_not_waited_for() {
    let place = Place::new();
    let lock = place.cache.path().join(".locks/models--org--tiny-clip").join(sha256(&place.weights) + ".lock");
    named_pipe(&lock);
    let error = place.pull().unwrap_err().to_string();
    assert!(error.starts_with("expected a file at ") && error.ends_with(".lock, found a named pipe"), "{error}");
    fs::remove_file(lock).unwrap();
    named_pipe(&place.partial());
    let error = place.pull().unwrap_err().to_string();
    assert!(error.starts_with("expected a file at ") && error.ends_with(".incomplete, found a named pipe"), "{error}");
}

#[test]
fn a_folder_in_the_place_of_a_file_is_named_before_anything_large_is_fetched() {
    let place = Place::new();
    let lock = place.cache.path().join(".locks/models--org--tiny-clip").join(sha256(&place.weights) + ".lock");
    for blocked in [place.blob(), place.snapshot().join(WEIGHTS), lock, place.partial()] {
        fs::create_dir_all(blocked.join("x")).unwrap();
        let error = place.pull().unwrap_err();
        assert!(matches!(&error, HubError::InTheWay { path, .. } if *path == blocked), "{error}");
        assert_eq!(error.remedy(), Some(Remedy::ClearTheWay { path: blocked.clone() }));
        assert!(place.server.downloads(WEIGHTS).is_empty(), "{error}");
        fs::remove_dir_all(blocked).unwrap();
    }
    place.pull().unwrap();
}

#[test]
fn only_what_is_kept_is_said_to_be() {
    let place = Place::new();
    place.pull().unwrap();
    // All but the weights is there from before, and nothing of them comes.
    fs::remove_file(place.snapshot().join(WEIGHTS)).unwrap();
    fs::remove_file(place.blob()).unwrap();
    place.server.refuse_listing(503, None);
    let error = place.pull().unwrap_err();
    assert!(matches!(error, HubError::Network { kept: false, .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_partial_download_is_not_written_through() {
    let place = Place::new();
    let other = place.cache.path().join("other");
    fs::write(&other, "mine").unwrap();
    fs::create_dir_all(place.partial().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&other, place.partial()).unwrap();
    place.pull().unwrap();
    assert_eq!(fs::read(&other).unwrap(), b"mine");
    assert!(!place.blob().is_symlink());
    assert_eq!(fs::read(place.blob()).unwrap(), place.weights);
}

#[test]
fn files_that_are_gone_are_missed() {
    let place = Place::new();
    place.pull().unwrap();
    let verify = |hub: &Hub| hub.verify(&checkpoint(), &|_: PullEvent<'_>| {}, &AtomicBool::new(false)).unwrap();
    assert!(verify(&place.hub()).is_clean());
    assert_eq!(verify(&place.hub()).unlisted, None);
    assert!(verify(&place.offline()).unlisted.is_some());
    // A link that leads nowhere tells of it without the server.
    let blob = place.repository_folder().join("blobs").join(git_sha1(b"{}"));
    fs::remove_file(&blob).unwrap();
    for hub in [place.hub(), place.offline()] {
        let missing = verify(&hub).missing.unwrap_or_default();
        assert!(missing.contains("`tokenizer.json` is missing"), "{missing}");
    }
    fs::remove_file(place.snapshot().join("tokenizer.json")).unwrap();
    assert!(verify(&place.hub()).missing.unwrap_or_default().contains("`tokenizer.json` is missing"));
    place.pull().unwrap();
    assert!(verify(&place.hub()).is_clean());
}

#[test]
fn shards_may_have_any_names() {
    let place = Place::new();
    let repository = "org/odd-shards";
    place.server.file(repository, "config.json", "{}");
    place.server.file(
        repository,
        "model.safetensors.index.json",
        r#"{"weight_map":{"a":"weights-a.safetensors","b":"weights-b.safetensors"}}"#,
    );
    place.server.large_file(repository, "weights-a.safetensors", noise(5000, 1));
    let checkpoint = Checkpoint::of_repository(Repository::parse(repository).unwrap());
    let error = pull(&place.hub(), &checkpoint).unwrap_err();
    assert!(matches!(&error, HubError::FileNotFound { file, .. } if file == "weights-b.safetensors"), "{error}");
    assert!(place.server.downloads("weights-a.safetensors").is_empty(), "it is known before anything large is fetched");
    place.server.large_file(repository, "weights-b.safetensors", noise(5000, 2));
    let pulled = pull(&place.hub(), &checkpoint).unwrap();
    assert_eq!(pulled.files, 4);
    place.hub().locate(&checkpoint).unwrap();
}

#[test]
fn a_server_says_how_long_to_wait() {
    let place = Place::new();
    place.server.refuse_listing(429, Some(("Retry-After", "3600")));
    let error = place.pull().unwrap_err();
    assert!(matches!(error, HubError::Network { attempts: 1, .. }), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::TryAfter(Duration::from_secs(3600))));
    assert_eq!(place.server.requests().len(), 1, "it is not asked again before");
    place.server.refuse_listing(503, None);
    let error = place.pull().unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::TryLater), "nothing is there to resume: {error}");
    for (status, expected, words) in [
        (400, Remedy::CheckServer, "400"),
        (405, Remedy::CheckServer, "405"),
        (410, Remedy::ChooseAnother, "is gone"),
        (451, Remedy::ChooseAnother, "legal reasons"),
    ] {
        place.server.refuse_listing(status, None);
        let error = place.pull().unwrap_err();
        assert_eq!(error.remedy(), Some(expected), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn web_pages_are_told_from_answers() {
    let place = Place::new();
    place.server.answer_listing("<!DOCTYPE html><html><body>Please log in</body></html>");
    let error = place.pull().unwrap_err();
    assert!(matches!(error, HubError::WebPage { .. }), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::CheckServer));
    for (listing, found) in [("null", "`null`"), ("[1]", "`[1]`"), (r#"{"error":"x"}"#, r#"`{"error":"x"}`"#)] {
        place.server.answer_listing(listing);
        let error = place.pull().unwrap_err().to_string();
        assert!(error.contains("expected a JSON object") && error.contains(found), "{error}");
    }
    let place = Place::new();
    place.server.faults(WEIGHTS, &[Fault::Page]);
    let error = place.pull().unwrap_err();
    assert!(matches!(error, HubError::WebPage { .. }), "{error}");
    assert_eq!(place.server.downloads(WEIGHTS).len(), 1);
}

#[test]
fn who_cannot_be_reached_is_named() {
    let place = Place::new();
    let gone = authority(&Server::new());
    let mut settings = HubSettings { attempts: 1, ..place.settings() };
    settings.proxies.http = Some(format!("http://user:secret@{gone}"));
    let error = pull(&Hub::new(settings), &checkpoint()).unwrap_err();
    assert!(error.to_string().contains(&format!("cannot connect to the proxy {gone}: ")), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::CheckConnection { proxy: Some(Setting::HttpProxy) }));
    // The storage behind the hub.
    let storage = Server::new();
    place.server.redirect_to(&storage);
    let gone = authority(&storage);
    drop(storage);
    let settings = HubSettings { attempts: 1, ..place.settings() };
    let error = pull(&Hub::new(settings), &checkpoint()).unwrap_err().to_string();
    assert!(error.contains(&format!("cannot connect to {gone}: ")), "{error}");
}

#[test]
fn a_proxy_that_wants_a_password_is_asked_once() {
    let place = Place::new();
    let proxy = Server::new();
    proxy.refuse_tunnels(407);
    let error = pull(&Hub::new(HubSettings { attempts: 5, ..proxied(&place, &proxy, "") }), &checkpoint()).unwrap_err();
    assert!(matches!(error, HubError::Proxy { status: 407, .. }), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::CorrectSetting(Setting::HttpProxy)));
    assert_eq!(proxy.requests().len(), 1);
}
