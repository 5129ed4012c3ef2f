//! The library as a program that embeds it sees it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_search::{
    Asset, DeviceChoice, Event, IndexError, IndexOptions, IndexReader, IndexWriter, Indexer, Library, LibraryBuilder,
    LibraryError, LoadOptions, Model, ModelId, ModelSource, Models, NewItem, Precision, Query, QueryError, Remedy,
    Searcher, Silent, Strategy, Update, UpdateOptions, UpdateResult,
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

/// A library over an index in a folder, computed on the CPU.
fn library(index: &Path) -> LibraryBuilder {
    Library::builder(index).device(DeviceChoice::Cpu)
}

fn update(library: &Library, folders: &[PathBuf], options: &UpdateOptions) -> Update {
    library.update(folders, options, &Silent, &AtomicBool::new(false)).unwrap()
}

fn paths(library: &Library, text: &str) -> Vec<PathBuf> {
    library.search(&Query::text(text).limit(100)).unwrap().into_iter().map(|hit| hit.path).collect()
}

/// Copies the sample photos, so that they can be moved about.
fn copy_of_samples(folder: &Path) -> PathBuf {
    let photos = folder.join("photos");
    std::fs::create_dir(&photos).unwrap();
    for entry in std::fs::read_dir(samples()).unwrap() {
        let path = entry.unwrap().path();
        if clip_search::looks_like_photo(&path) {
            std::fs::copy(&path, photos.join(path.file_name().unwrap())).unwrap();
        }
    }
    photos.canonicalize().unwrap()
}

#[test]
fn a_library_is_made_updated_and_searched() {
    let folder = tempfile::tempdir().unwrap();
    let (index, photos) = (folder.path().join("index"), copy_of_samples(folder.path()));
    let missing = Library::open(&index).unwrap_err();
    assert!(matches!(missing, LibraryError::Index(IndexError::NotFound { .. })), "{missing}");
    assert!(matches!(missing.remedy(), Some(Remedy::Index(_))), "{missing:?}");

    let library = library(&index).open_or_create().unwrap();
    let error = library.search(&Query::text("a cat")).unwrap_err();
    assert!(matches!(error, LibraryError::Index(IndexError::NotFound { .. })), "{error}");
    let first = update(&library, std::slice::from_ref(&photos), &UpdateOptions::default());
    assert_eq!((first.report.indexed, first.result), (10, UpdateResult::Updated));
    assert_eq!(paths(&library, "a cat")[0], photos.join("cat.jpg"));
    assert_eq!(library.status().unwrap().photos, 10);
    assert!(library.verify().unwrap().is_clean());

    // A photo of the index is an example without its file being read.
    let cat = library.search(&Query::text("a cat").limit(1)).unwrap().remove(0);
    std::fs::remove_file(&cat.path).unwrap();
    assert_eq!(library.search(&Query::like(cat.id).limit(1)).unwrap()[0].id, cat.id);
    // Without folders, those that the index knows.
    assert_eq!(update(&library, &[], &UpdateOptions::default()).report.removed, 1);
    assert!(matches!(
        library.search(&Query::like(cat.id)).unwrap_err(),
        LibraryError::Query(QueryError::Index(IndexError::UnknownId { .. }))
    ));
}

#[test]
fn a_rebuild_and_a_change_of_precision_never_give_an_id_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (index, photos) = (folder.path().join("index"), copy_of_samples(folder.path()));
    let first = library(&index).open_or_create().unwrap();
    update(&first, std::slice::from_ref(&photos), &UpdateOptions::default());
    let ids = |library: &Library| library.searcher().unwrap().reader().ids().collect::<Vec<_>>();
    let before = ids(&first);
    let old = first.searcher().unwrap();

    let rebuilt = update(&first, &[], &UpdateOptions { rebuild: true, ..UpdateOptions::default() });
    assert_eq!((rebuilt.report.indexed, rebuilt.result), (10, UpdateResult::Replaced));
    let after = ids(&first);
    assert!(after.iter().all(|id| !before.contains(id)), "{before:?} {after:?}");

    // The other library does not know yet, and is right about what it knows.
    let changed = library(&index).precision(Precision::F32).open_or_create().unwrap();
    let change = update(&changed, &[], &UpdateOptions::default());
    assert_eq!((change.report.indexed, change.result), (10, UpdateResult::Replaced));
    assert!(ids(&changed).iter().all(|id| !before.contains(id) && !after.contains(id)));
    assert_eq!(paths(&changed, "a cat")[0], photos.join("cat.jpg"));
    assert_eq!(paths(&first, "a cat")[0], photos.join("cat.jpg"));
    assert!(first.reload().unwrap() && !first.reload().unwrap());
    assert_eq!(ids(&first), ids(&changed));
    assert_eq!(paths(&first, "a cat")[0], photos.join("cat.jpg"));
    let fingerprint = |library: &Library| library.searcher().unwrap().reader().model().fingerprint.clone();
    assert!(!fingerprint(&first).ends_with("-int8"));

    // A searcher from before all that still answers as it did then.
    let hits = old.search(&Query::text("a cat").limit(10)).unwrap();
    assert_eq!((hits.len(), &hits[0].path), (10, &photos.join("cat.jpg")));
    assert!(hits.iter().all(|hit| before.contains(&hit.id)));

    // Nothing is changed any more, and an update in another precision by someone who did not ask for one is none.
    assert_eq!(update(&changed, &[], &UpdateOptions::default()).report.unchanged, 10);
    let plain = library(&index).open().unwrap();
    assert_eq!(update(&plain, &[], &UpdateOptions::default()).report.unchanged, 10);
}

#[test]
fn a_change_that_would_lose_photos_is_withheld() {
    let folder = tempfile::tempdir().unwrap();
    let (index, photos) = (folder.path().join("index"), copy_of_samples(folder.path()));
    let drive = folder.path().join("drive");
    std::fs::create_dir(&drive).unwrap();
    std::fs::rename(photos.join("cat.jpg"), drive.join("cat.jpg")).unwrap();
    let drive = drive.canonicalize().unwrap();
    update(&library(&index).open_or_create().unwrap(), &[photos, drive.clone()], &UpdateOptions::default());

    // An empty folder is what a drive that is not mounted leaves.
    let away = folder.path().join("away.jpg");
    std::fs::rename(drive.join("cat.jpg"), &away).unwrap();
    let changed = library(&index).precision(Precision::F32).open_or_create().unwrap();
    let change = update(&changed, &[], &UpdateOptions::default());
    assert_eq!(change.result, UpdateResult::Withheld);
    let kept: Vec<_> = change.report.unreachable.iter().map(|place| (&place.path, place.photos_kept)).collect();
    assert_eq!(kept, [(&drive, 1)]);
    assert_eq!(library(&index).open().unwrap().status().unwrap().photos, 10);
    // A folder that is not there at all is told before anything is encoded.
    std::fs::remove_dir(&drive).unwrap();
    let error = changed.update(&[], &UpdateOptions::default(), &Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(&error, LibraryError::FolderAway { folder } if *folder == drive), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::ReachOrForget));

    // Back again, the change goes on from where it was.
    std::fs::create_dir(&drive).unwrap();
    std::fs::rename(&away, drive.join("cat.jpg")).unwrap();
    let change = update(&changed, &[], &UpdateOptions::default());
    assert_eq!(change.result, UpdateResult::Replaced);
    assert_eq!((change.report.indexed, change.report.unchanged), (1, 9));
    assert_eq!(changed.status().unwrap().photos, 10);
}

/// Photos whose embeddings were imported need not be in a folder of the index, nor on this disk.
#[test]
fn a_new_index_takes_no_place_of_one_with_imported_photos() {
    let folder = tempfile::tempdir().unwrap();
    let (index, photos) = (folder.path().join("index"), copy_of_samples(folder.path()));
    let first = library(&index).open_or_create().unwrap();
    update(&first, std::slice::from_ref(&photos), &UpdateOptions::default());
    let import = |path: &Path| {
        let reader = IndexReader::open(&index).unwrap();
        let embedding = reader.embedding(reader.ids().next().unwrap()).unwrap();
        let mut writer = IndexWriter::open_or_create(&index, reader.model()).unwrap();
        let asset = Asset { path: path.into(), ..Asset::default() };
        writer.add_items(asset, &[NewItem { position: 0, embedding }]).unwrap();
        writer.commit().unwrap();
    };
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::copy(photos.join("cat.jpg"), elsewhere.join("cat.jpg")).unwrap();
    import(&elsewhere.join("cat.jpg"));
    let rebuild = UpdateOptions { rebuild: true, ..UpdateOptions::default() };
    let run = |library: &Library, folders: &[PathBuf], options: &UpdateOptions| {
        library.update(folders, options, &Silent, &AtomicBool::new(false)).map_err(Box::new)
    };
    let changed = library(&index).precision(Precision::F32).open_or_create().unwrap();
    for result in [run(&first, &[], &rebuild), run(&changed, &[], &UpdateOptions::default())] {
        let error = result.unwrap_err();
        assert!(
            matches!(&*error, LibraryError::ImportsAtStake { photos: 1, example } if *example == elsewhere.join("cat.jpg"))
        );
        assert_eq!(error.remedy(), Some(Remedy::NameFoldersOrForget));
    }
    assert_eq!(IndexReader::open(&index).unwrap().len(), 11);

    // Damage elsewhere in the index makes no difference.
    let vectors = index.join("vectors/00000001.vec");
    std::fs::write(&vectors, &std::fs::read(&vectors).unwrap()[..20]).unwrap();
    assert!(IndexReader::open(&index).is_err());
    let error = run(&library(&index).open_or_create().unwrap(), &[], &rebuild).unwrap_err();
    assert!(matches!(&*error, LibraryError::ImportsAtStake { photos: 1, .. }), "{error}");
    assert_eq!(
        IndexReader::open(&index).unwrap().len(),
        1,
        "what was damaged is gone, and the imported photo is there"
    );

    // Their folder is named.
    let rebuilt = run(&first, &[photos.clone(), elsewhere], &rebuild).unwrap();
    assert_eq!(rebuilt.result, UpdateResult::Replaced);
    assert_eq!(IndexReader::open(&index).unwrap().len(), 11);
    // Or they may go.
    import(Path::new("/nowhere/dog.jpg"));
    let options =
        UpdateOptions { indexing: IndexOptions { forget_unreachable: true, ..IndexOptions::default() }, ..rebuild };
    assert_eq!(run(&first, &[], &options).unwrap().result, UpdateResult::Replaced);
    assert_eq!(IndexReader::open(&index).unwrap().len(), 11);
}

#[test]
fn photos_and_folders_leave_the_index_and_stay_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (index, photos) = (folder.path().join("index"), copy_of_samples(folder.path()));
    let library = library(&index).open_or_create().unwrap();
    update(&library, std::slice::from_ref(&photos), &UpdateOptions::default());
    let removed = library.remove(&[photos.join("cat.jpg")]).unwrap();
    assert_eq!((removed.photos, &removed.excluded[..]), (1, &[photos.join("cat.jpg")][..]));
    assert!(removed.folders.is_empty() && removed.unknown.is_empty());
    assert!(photos.join("cat.jpg").exists() && !paths(&library, "a cat").contains(&photos.join("cat.jpg")));
    // It does not come back, until that is asked for.
    assert_eq!(update(&library, &[], &UpdateOptions::default()).report.indexed, 0);
    assert!(!paths(&library, "a cat").contains(&photos.join("cat.jpg")));
    let include = IndexOptions { include: vec![photos.join("cat.jpg")], ..IndexOptions::default() };
    let options = UpdateOptions { indexing: include, ..UpdateOptions::default() };
    assert_eq!(update(&library, &[], &options).report.indexed, 1);
    let removed = library.remove(std::slice::from_ref(&photos)).unwrap();
    assert_eq!((removed.photos, &removed.folders[..]), (10, std::slice::from_ref(&photos)));
    assert!(removed.excluded.is_empty(), "its folder is not indexed any more");
    assert!(library.search(&Query::text("a cat")).unwrap().is_empty());
    assert!(photos.join("rocket.jpg").exists());
    assert!(library.verify().unwrap().is_clean());
}

#[test]
fn an_index_whose_model_is_gone_is_looked_at_and_cleaned_up() {
    let folder = tempfile::tempdir().unwrap();
    let (index, photos) = (folder.path().join("index"), copy_of_samples(folder.path()));
    let file = folder.path().join("mine.safetensors");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-model/tests/fixtures/tiny-pocket");
    std::fs::copy(fixture.join("model.safetensors"), &file).unwrap();
    let own = library(&index).model(ModelSource::File(file.clone())).open_or_create().unwrap();
    update(&own, std::slice::from_ref(&photos), &UpdateOptions::default());
    drop(own);
    let opened_before = library(&index).open().unwrap();
    std::fs::remove_file(&file).unwrap();

    let library_of = || library(&index);
    for opened in [library_of().open().unwrap(), library_of().open_or_create().unwrap()] {
        let left = opened.status().unwrap().photos;
        assert!(opened.verify().unwrap().is_clean());
        let first = photos.join(if left == 10 { "cat.jpg" } else { "rocket.jpg" });
        assert_eq!(opened.remove(&[first]).unwrap().photos, 1);
        assert_eq!(opened.status().unwrap().photos, left - 1);
        // What needs the model says what is wrong.
        for error in [opened.search(&Query::text("a cat")).unwrap_err(), opened.reload().unwrap_err()] {
            assert!(matches!(error, LibraryError::ModelMoved { .. }), "{error}");
        }
        assert!(!opened.uses_built_in_model());
    }
    // One that was opened while the model was there keeps it, whatever has changed since.
    assert_eq!(opened_before.remove(&[photos.join("coffee.jpg")]).unwrap().photos, 1);
    assert_eq!(opened_before.status().unwrap().photos, 7);
    // A model that was asked for must be there.
    let asked = library(&index).model(ModelSource::File(file)).open();
    assert!(matches!(asked, Err(LibraryError::Model(_))), "{asked:?}");
}

#[test]
fn models_by_name_file_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let models = Models::local();
    assert_eq!(models.find(Path::new("pocket")).unwrap(), ModelSource::Default);
    assert_eq!(models.find(folder.path()).unwrap(), ModelSource::Folder(folder.path().into()));
    let file = folder.path().join("m.safetensors");
    std::fs::write(&file, "x").unwrap();
    assert_eq!(models.find(&file).unwrap(), ModelSource::File(file));
    let error = models.find(Path::new("clip-vit-b32")).unwrap_err();
    assert!(error.to_string().contains("did you mean `clip-vit-b-32`?"), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::ChooseModel));
    let error = models.find(Path::new("clip-vit-b-32")).unwrap_err();
    assert!(matches!(error, LibraryError::NoModelCache { .. }), "{error}");

    let cache = folder.path().join("cache");
    let models = Models::with_hub(clip_search::hub::Hub::new(clip_search::hub::HubSettings::new(&cache)));
    for name in ["clip-vit-b-32", "no-such/model"] {
        let error = models.find(Path::new(name)).unwrap_err();
        assert!(matches!(error.remedy(), Some(Remedy::Hub(_))), "{error}");
    }
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let repository = cache.join("models--timm--vit_base_patch32_clip_224.openai");
    let snapshot = repository.join("snapshots").join(commit);
    for folder in [&snapshot, &repository.join("refs")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(repository.join("refs/main"), commit).unwrap();
    for file in ["open_clip_config.json", "open_clip_model.safetensors"] {
        std::fs::write(snapshot.join(file), "").unwrap();
    }
    let expected = ModelSource::Folder(snapshot);
    for name in ["clip-vit-b-32", "CLIP-ViT-B-32", "timm/vit_base_patch32_clip_224.openai"] {
        assert_eq!(models.find(Path::new(name)).unwrap(), expected, "{name}");
    }
    let indexed = |name: &str| ModelId { name: name.into(), fingerprint: String::new(), dimension: 1 };
    assert_eq!(models.of_index(&indexed("vit_base_patch32_clip_224.openai")).unwrap(), expected);
    assert_eq!(models.of_index(&indexed("pocket")).unwrap(), ModelSource::Default);
    let unknown = models.of_index(&indexed("mine")).unwrap_err();
    assert!(matches!(unknown, LibraryError::ModelUnknown { .. }), "{unknown}");
    let error = models.of_index(&indexed("ViT-B-16-SigLIP")).unwrap_err();
    assert!(error.to_string().contains("siglip-b-16") && matches!(error.remedy(), Some(Remedy::Hub(_))), "{error}");
}

#[test]
fn an_index_may_lie_behind_a_link_and_a_slash() {
    let folder = tempfile::tempdir().unwrap();
    let photos = copy_of_samples(folder.path());
    let real = folder.path().join("real");
    std::fs::create_dir(&real).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&real, folder.path().join("index")).unwrap();
    #[cfg(not(unix))]
    std::fs::create_dir(folder.path().join("index")).unwrap();
    let index = folder.path().join("index/");
    let library = library(&index).open_or_create().unwrap();
    let rebuild = UpdateOptions { rebuild: true, ..UpdateOptions::default() };
    update(&library, std::slice::from_ref(&photos), &UpdateOptions::default());
    for _ in 0..2 {
        assert_eq!(update(&library, &[], &rebuild).result, UpdateResult::Replaced);
        assert_eq!(paths(&library, "a cat")[0], photos.join("cat.jpg"));
    }
    let mut beside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["index", "photos", "real"], "nothing lies beside the index");
    assert!(folder.path().join("index").symlink_metadata().unwrap().is_symlink() || cfg!(not(unix)));
}

#[test]
fn what_is_not_an_index_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let photos = copy_of_samples(folder.path());
    let mine = folder.path().join("mine");
    for name in ["graph/work.txt", "vectors/work.svg", "meta/notes.txt", "lock"] {
        std::fs::create_dir_all(mine.join(name).parent().unwrap()).unwrap();
        std::fs::write(mine.join(name), name).unwrap();
    }
    let library = library(&mine).open_or_create().unwrap();
    for options in [UpdateOptions::default(), UpdateOptions { rebuild: true, ..UpdateOptions::default() }] {
        let result = library.update(std::slice::from_ref(&photos), &options, &Silent, &AtomicBool::new(false));
        assert!(matches!(result, Err(LibraryError::Index(_) | LibraryError::Indexer(_))), "{result:?}");
        for name in ["graph/work.txt", "vectors/work.svg", "meta/notes.txt", "lock"] {
            assert_eq!(std::fs::read_to_string(mine.join(name)).unwrap(), name, "{name} is the user's");
        }
    }
}

/// Whoever embeds the library can name what its functions take and give.
#[test]
fn what_signatures_name_is_exported() {
    use std::any::type_name;

    let names = [
        type_name::<clip_search::BankScores>(),
        type_name::<clip_search::Catalogue>(),
        type_name::<clip_search::Checkpoint>(),
        type_name::<clip_search::Exposure>(),
        type_name::<clip_search::Found>(),
        type_name::<clip_search::KinKeys>(),
        type_name::<clip_search::Mean>(),
        type_name::<clip_search::PhotoExposure>(),
        type_name::<clip_search::Related>(),
        type_name::<clip_search::RelatedPhotos>(),
        type_name::<clip_search::RowFormat>(),
        type_name::<clip_search::SearchOptions<'_>>(),
        type_name::<clip_search::ShotName>(),
        type_name::<clip_search::Tokenizer>(),
        type_name::<clip_search::Variant>(),
        type_name::<clip_search::model_config::ImageTowerConfig>(),
        type_name::<clip_search::model_config::PreprocessConfig>(),
        type_name::<clip_search::model_config::TextTowerConfig>(),
        type_name::<clip_search::relevance::Calibration>(),
        type_name::<clip_search::tokenizer::TokenIds>(),
    ];
    assert!(names.iter().all(|name| name.starts_with("clip_")), "{names:?}");
    // Not only its type: the function too.
    let nothing = tempfile::tempdir().unwrap();
    let cancel = std::sync::atomic::AtomicBool::new(false);
    assert!(clip_search::verify_with(nothing.path(), &clip_search::Silent, &cancel).is_err());
}
