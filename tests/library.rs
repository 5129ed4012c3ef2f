//! The library as a program that embeds it sees it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_search::{
    DeviceChoice, Event, IndexReader, Indexer, Library, LoadOptions, Model, ModelSource, Query, QueryError, Searcher, Strategy,
};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples")
}

fn model() -> Model {
    let options = LoadOptions { device: DeviceChoice::Cpu, ..LoadOptions::default() };
    Model::load(&ModelSource::Default, &options).unwrap()
}

#[test]
fn a_server_can_share_them() {
    fn shared<T: Send + Sync>() {}
    shared::<Model>();
    shared::<IndexReader>();
    shared::<Searcher<Model>>();
    shared::<Library>();
    shared::<Query>();
}

#[test]
fn progress_is_told_and_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index");
    let seen = Mutex::new((0, 0));
    let listen = |event: Event<'_>| match event {
        Event::Planned { to_read, .. } => seen.lock().unwrap().0 = to_read,
        Event::Photo { .. } => seen.lock().unwrap().1 += 1,
        _ => {}
    };
    let report = Indexer::new(&model(), &index).progress(&listen).run(&[samples()]).unwrap();
    assert_eq!(report.indexed, 10);
    assert_eq!(*seen.lock().unwrap(), (10, 10));
}

#[test]
fn a_cancelled_run_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index");
    let cancel = AtomicBool::new(true);
    let model = model();
    let report = Indexer::new(&model, &index).cancel(&cancel).run(&[samples()]).unwrap();
    assert!(report.cancelled);
    cancel.store(false, Ordering::Relaxed);
    let report = Indexer::new(&model, &index).cancel(&cancel).run(&[samples()]).unwrap();
    assert_eq!((report.cancelled, report.indexed), (false, 10));

    let searcher = Searcher::open(&index, model).unwrap();
    let exact = searcher.search(&Query::text("a cat").strategy(Strategy::Exact).limit(3)).unwrap();
    assert_eq!(exact.len(), 3);
    let paths: Vec<&Path> = exact.iter().map(|hit| hit.path.as_path()).collect();
    assert!(paths[..2].iter().any(|path| path.ends_with("cat.jpg")), "{paths:?}");
    assert!(matches!(searcher.search(&Query::text(" ")), Err(QueryError::EmptyText)));
}
