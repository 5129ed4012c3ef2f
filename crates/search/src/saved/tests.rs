//! What is kept, what is refused, and that writers do not lose one another's changes.

use std::fs;

use clip_index::{IndexWriter, ModelId};
use tempfile::TempDir;

use super::*;

const TODAY: Date = Date::constant(2024, 9, 13);
#[cfg(unix)]
const FOLDER: &str = "/photos";
#[cfg(windows)]
const FOLDER: &str = "C:\\photos";

fn index() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index");
    IndexWriter::open_or_create(&index, &model(1)).unwrap().close().unwrap();
    (folder, index)
}

fn model(number: usize) -> ModelId {
    ModelId { name: "m".into(), fingerprint: format!("m-{number}"), dimension: 2 }
}

fn save(index: &Path, name: &str, query: &str) -> Result<SavedSearch, LibraryError> {
    SavedSearches::open(index)?.save(name, query, Path::new(FOLDER), TODAY)
}

fn understood(index: &Path, query: &str) -> Result<String, LibraryError> {
    let options = ParseOptions { today: TODAY, literal: false };
    let expr = language::parse(query, &options).unwrap().expr;
    Ok(SavedSearches::open(index)?.resolve(expr, &options)?.to_string())
}

fn list(index: &Path) -> Vec<(String, String)> {
    let searches = SavedSearches::open(index).unwrap();
    searches.list().map(|(name, query)| (name.to_owned(), query.to_owned())).collect()
}

#[test]
fn searches_are_kept_as_they_were_typed() {
    let (_folder, index) = index();
    assert_eq!(list(&index), []);
    let saved = save(&index, "pets", " dog OR  cat\nlast summer ").unwrap();
    assert_eq!((saved.query.as_str(), saved.before), ("dog OR  cat last summer", None));
    assert_eq!(saved.notes.len(), 1);
    let again = save(&index, "pets", "hamster").unwrap();
    assert_eq!(again.before.as_deref(), Some("dog OR  cat last summer"));
    save(&index, "Pets", "horse").unwrap();
    assert_eq!(list(&index), [("Pets", "horse"), ("pets", "hamster")].map(|(a, b)| (a.into(), b.into())));
    let mut searches = SavedSearches::open(&index).unwrap();
    assert_eq!(searches.get("pets"), Some("hamster"));
    assert_eq!(searches.remove("pets").unwrap(), "hamster");
    assert_eq!(searches, SavedSearches::open(&index).unwrap());
    assert_eq!(searches.list().len(), 1);
}

#[test]
fn searches_may_refer_to_others() {
    let (_folder, index) = index();
    save(&index, "pets", "dog | cat").unwrap();
    save(&index, "trip", "@pets -car last summer").unwrap();
    assert_eq!(understood(&index, "2:@trip sea").unwrap(), "2:((dog | cat) + -car + on:2024-06..2024-08) + sea");
    assert_eq!(SavedSearches::open(&index).unwrap().users_of("pets"), ["trip"]);
    SavedSearches::open(&index).unwrap().remove("pets").unwrap();
    let error = understood(&index, "@trip").unwrap_err();
    assert_eq!(error.to_string(), "there is no saved search named pets, which trip refers to");
    for (asked, nearest) in [("tripp", Some("trip")), ("TRIP", Some("trip")), ("holidays", None)] {
        match understood(&index, &format!("@{asked}")).unwrap_err() {
            LibraryError::UnknownSearch { name, user: None, nearest: found } => {
                assert_eq!((name.as_str(), found.as_deref()), (asked, nearest));
            }
            error => panic!("{error:?}"),
        }
    }
}

#[test]
fn what_is_wrong_is_not_saved() {
    let (_folder, index) = index();
    save(&index, "a", "dog").unwrap();
    save(&index, "b", "@a sea").unwrap();
    let before = fs::read(index.join("searches")).unwrap();
    for name in ["", "a b", "@a", "a.b", "a/b", &"a".repeat(65)] {
        let error = save(&index, name, "dog").unwrap_err();
        assert!(error.to_string().starts_with("expected a name of letters, digits, - and _"), "{error}");
    }
    for (name, query, message) in [
        ("c", "dog |", "cannot read the search c: expected something after |"),
        ("c", " ", "cannot read the search c: the query is empty"),
        ("c", "@c", "cannot read the search c: the saved search c refers to itself"),
        ("a", "@b night", "cannot read the search a: the saved search a refers to itself"),
        ("c", "dog @aa", "there is no saved search named aa, which c refers to; did you mean `a`?"),
        (
            "c",
            "(a|b) (c|d) (e|f) (g|h) (i|j) (k|l)",
            "cannot read the search c: the query comes to more than 32 alternatives",
        ),
    ] {
        assert_eq!(save(&index, name, query).unwrap_err().to_string(), message);
    }
    let large = format!("\"{}\"", "a".repeat(60_000));
    let error = (0..40).find_map(|number| save(&index, &format!("n{number}"), &large).err()).unwrap();
    assert!(matches!(error, LibraryError::TooManySearches { .. }), "{error}");
    let mut searches = SavedSearches::open(&index).unwrap();
    let names: Vec<String> = searches.list().map(|(name, _)| name.to_owned()).collect();
    names.iter().filter(|name| name.starts_with('n')).for_each(|name| drop(searches.remove(name).unwrap()));
    assert!(searches.remove("c").unwrap_err().to_string().starts_with("there is no saved search named c"));
    assert_eq!(fs::read(index.join("searches")).unwrap(), before);
}

#[test]
fn paths_mean_the_same_everywhere() {
    let (_folder, index) = index();
    let saved = save(&index, "beach", "./beach.jpg under:2019 -~/x.jpg").unwrap();
    let path = |name: &str| Path::new(FOLDER).join(name).display().to_string();
    assert_eq!(saved.query, format!("file:\"{}\" under:\"{}\" -~/x.jpg", path("beach.jpg"), path("2019")));
    let impossible = Path::new(FOLDER).join("a\"  b");
    let error = SavedSearches::open(&index).unwrap().save("c", "dog ./x.jpg", &impossible, TODAY).unwrap_err();
    let LibraryError::UnreadableSearch { query, error, .. } = error else { panic!("{error}") };
    assert_eq!(&query[error.span], "./x.jpg");
}

#[test]
fn a_damaged_file_is_told_and_never_written_over() {
    let (_folder, index) = index();
    save(&index, "a", "dog").unwrap();
    let file = index.join("searches");
    for (bytes, reason) in [
        (b"".to_vec(), "line 1: expected `# clip-search searches 1`, found nothing"),
        (b"# clip-search searches 1\na dog\nb\n".to_vec(), "line 3: expected a query after the name b, found nothing"),
        (b"# clip-search searches 1\na \xff\n".to_vec(), "expected UTF-8 text, found other bytes at 27"),
        (vec![b'a'; (MOST_BYTES + 1) as usize], "expected a file of at most 1048576 bytes, found a larger one"),
    ] {
        fs::write(&file, &bytes).unwrap();
        let error = save(&index, "a", "dog").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot use the saved searches in {}: {reason}", file.display()));
        assert_eq!(error.remedy(), Some(crate::Remedy::CorrectSearches { file: file.clone() }));
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    let newer = "# clip-search searches 3";
    let crc = crc32fast::hash(newer.as_bytes());
    fs::write(&file, format!("{newer} crc32 {crc:08x}\n")).unwrap();
    let error = save(&index, "a", "dog").unwrap_err();
    assert!(matches!(error, LibraryError::Index(IndexError::NewerFormat { found: 3, supported: 2, .. })), "{error}");
    // Edited by hand.
    fs::write(&file, "# clip-search searches 1\nbad dog |\ngood cat\n").unwrap();
    assert_eq!(understood(&index, "@good").unwrap(), "cat");
    let error = understood(&index, "sea @bad").unwrap_err();
    let LibraryError::UnreadableSearch { name, query, error } = error else { panic!("{error}") };
    assert_eq!((name.as_str(), &query[error.span]), ("bad", "|"));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(SavedSearches::open(&index).unwrap_err().to_string().ends_with("expected a file, found a folder"));
}

#[test]
fn there_must_be_an_index() {
    let (folder, index) = index();
    for missing in [folder.path().join("none"), folder.path().to_owned()] {
        let error = SavedSearches::open(missing).unwrap_err();
        assert!(matches!(error, LibraryError::Index(IndexError::NotFound { .. })), "{error}");
    }
    // A damaged one keeps them.
    save(&index, "a", "dog").unwrap();
    fs::write(index.join("manifest.json"), "damaged").unwrap();
    assert_eq!(list(&index).len(), 1);
    fs::remove_file(index.join("searches")).unwrap();
    assert_eq!(list(&index).len(), 0);
}

#[test]
fn writers_keep_one_anothers_changes() {
    let (_folder, index) = index();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let index = &index;
                scope.spawn(move || {
                    let mut searches = SavedSearches::open(index).unwrap();
                    for number in 0..8 {
                        let name = format!("s{writer}-{number}");
                        searches.save(&name, "dog", Path::new(FOLDER), TODAY).unwrap();
                    }
                })
            })
            .collect();
        // Each of these removes temporary files when it begins.
        while !writers.iter().all(|writer| writer.is_finished()) {
            IndexWriter::open_or_create(&index, &model(1)).unwrap().close().unwrap();
        }
    });
    assert_eq!(list(&index).len(), 32);
}

#[test]
fn a_writer_that_does_not_end_is_told() {
    let (_folder, index) = index();
    let lock = lock(&index).unwrap();
    let error = save(&index, "a", "dog").unwrap_err();
    assert!(matches!(error, LibraryError::Index(IndexError::Locked { .. })), "{error}");
    // Readers do not wait.
    assert_eq!(list(&index).len(), 0);
    drop(lock);
    save(&index, "a", "dog").unwrap();
}

#[test]
fn searches_outlast_the_photos() {
    let (_folder, index) = index();
    save(&index, "a", "dog").unwrap();
    let expected = list(&index);
    let rebuild = clip_index::Rebuild::begin(&index, &model(2)).unwrap();
    IndexWriter::open_or_create(rebuild.dir(), &model(2)).unwrap().close().unwrap();
    // Saved meanwhile.
    save(&index, "b", "cat").unwrap();
    rebuild.commit().unwrap();
    assert_eq!(list(&index).len(), 2);
    SavedSearches::open(&index).unwrap().remove("b").unwrap();
    let never = std::sync::atomic::AtomicBool::new(false);
    clip_index::repair(&index, &clip_index::Silent, &never).unwrap();
    crate::compact(&index, &clip_index::Silent, &never).unwrap();
    assert_eq!(list(&index), expected);
    // Even what is left of an index that has lost everything else is one that a new index may take the place of.
    for path in ["manifest.json", "bank"] {
        let _ = fs::remove_file(index.join(path));
    }
    IndexWriter::open_or_create(&index, &model(3)).unwrap().close().unwrap();
    assert_eq!(list(&index), expected);
}

#[test]
#[cfg(unix)]
fn searches_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, index) = index();
    save(&index, "a", "dog").unwrap();
    let mode = |name: &str| fs::metadata(index.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("searches"), mode("searches.lock")], [0o600, 0o600]);
    // An editor may have written it with another mode.
    fs::set_permissions(index.join("searches"), fs::Permissions::from_mode(0o644)).unwrap();
    IndexWriter::open_or_create(&index, &model(1)).unwrap().close().unwrap();
    assert_eq!(mode("searches"), 0o600);
}
