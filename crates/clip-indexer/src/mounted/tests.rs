use std::collections::BTreeMap;

use super::*;

/// Folders, the file systems that they are on, and what tells these from others. What is not listed is missing.
#[derive(Default)]
struct MadeUp {
    folders: BTreeMap<PathBuf, (u64, Option<Identity>)>,
    empty: Vec<PathBuf>,
}

impl MadeUp {
    fn new(folders: &[(&str, u64, Option<Identity>)]) -> MadeUp {
        let folders = folders.iter().map(|(path, device, identity)| (PathBuf::from(path), (*device, *identity)));
        MadeUp { folders: folders.collect(), ..MadeUp::default() }
    }
}

impl FileSystem for MadeUp {
    fn folder(&self, path: &Path) -> Folder {
        self.folders.get(path).map_or(Folder::Missing, |(device, _)| Folder::There { device: Some(*device) })
    }

    fn holds_nothing(&self, path: &Path) -> bool {
        self.empty.iter().any(|empty| empty == path)
    }

    fn is_missing(&self, path: &Path) -> bool {
        !self.folders.contains_key(path)
    }

    fn identity(&self, folder: &Path) -> Option<Identity> {
        self.folders.get(folder)?.1
    }
}

fn made(at: i64) -> Identity {
    Identity { inode: 2, made_ns: Some(at), changed_ns: Some(at) }
}

fn changed(at: i64) -> Identity {
    Identity { made_ns: None, ..made(at) }
}

const NAMELESS: Identity = Identity { inode: 1, made_ns: None, changed_ns: None };

fn usb(device: u64, identity: Identity) -> Mounted {
    Mounted { folder: "/media/usb".into(), device, identity, is_fixed: false }
}

/// What the index knows after a run over `/media/usb`, in which these numbers were recognised and these written.
fn after(
    known: &[Drive],
    mounted: &[Mounted],
    recognised: &[u64],
    written: &[u64],
    renumbered: &[(u64, u64)],
) -> Vec<Drive> {
    let system = MadeUp::new(&[("/media/usb", mounted[0].device, Some(mounted[0].identity))]);
    let (recognised, written) = (HashSet::from_iter(recognised.to_vec()), HashSet::from_iter(written.to_vec()));
    let used = known.iter().flat_map(|drive| drive.numbers.clone()).chain([5, 99]).collect::<HashSet<u64>>();
    News {
        mounted,
        system: &system,
        recognised: &|_| HashSet::clone(&recognised),
        written: &|_| HashSet::clone(&written),
        renumbered: &renumbered.iter().copied().collect(),
        roots: &["/media/usb".into()],
        used: Some(&HashMap::from([("/media/usb".into(), used)])),
    }
    .update(known)
}

fn numbers(drives: &[Drive]) -> Vec<&[u64]> {
    drives.iter().map(|drive| drive.numbers.as_slice()).collect()
}

#[test]
fn a_drive_is_known_by_its_topmost_folder_whatever_number_it_has() {
    for identity in [made, changed] {
        let known = after(&[], &[usb(5, identity(1))], &[], &[5], &[]);
        assert_eq!(numbers(&known), [[5]]);
        assert_eq!(identified(&known, &[usb(6, identity(1))])[&6], HashSet::from([5]));
        assert!(identified(&known, &[usb(5, identity(2))])[&5].is_empty(), "another one in its place");
        let elsewhere = Mounted { folder: "/media/usb1".into(), ..usb(5, identity(1)) };
        assert!(identified(&known, &[elsewhere])[&5].is_empty());
        assert!(identified(&known, &[usb(5, Identity { inode: 3, ..identity(1) })])[&5].is_empty());
        // It gets another number, and photos that have it from now on.
        assert_eq!(numbers(&after(&known, &[usb(6, identity(1))], &[5], &[6], &[])), [[5, 6]]);
        assert_eq!(after(&known, &[usb(6, identity(1))], &[5], &[], &[]), known, "nothing to write");
    }
}

#[test]
fn nothing_is_known_of_a_file_system_that_keeps_no_times() {
    let known = after(&[], &[usb(5, NAMELESS)], &[5], &[5], &[]);
    assert_eq!(numbers(&known), [[0_u64; 0]]);
    assert_eq!(after(&known, &[usb(5, NAMELESS)], &[5], &[5], &[]), known);
    assert!(identified(&known, &[usb(5, NAMELESS)])[&5].is_empty());
}

#[test]
fn drives_that_are_mounted_in_turn_keep_their_photos_apart() {
    let first = after(&[], &[usb(5, made(1))], &[], &[5], &[]);
    // The second has the number of the first, whose photos get one of their own.
    let both = after(&first, &[usb(5, made(2))], &[], &[5], &[(5, 99)]);
    assert_eq!(numbers(&both), [[99], [5]]);
    assert_eq!(identified(&both, &[usb(5, made(1))])[&5], HashSet::from([99]));
    assert_eq!(identified(&both, &[usb(5, made(2))])[&5], HashSet::from([5]));
    // If they had not got it, the number would tell nothing, until a photo that is as it was does.
    let unclear = after(&first, &[usb(5, made(2))], &[], &[5], &[]);
    assert_eq!(numbers(&unclear), [[5], [5]]);
    assert!(identified(&unclear, &[usb(5, made(2))])[&5].is_empty());
    assert_eq!(numbers(&after(&unclear, &[usb(5, made(2))], &[5], &[], &[])), [[5]]);
}

#[test]
fn a_topmost_folder_that_has_changed_is_known_by_the_photos_there() {
    let known = after(&[], &[usb(5, changed(1))], &[], &[5], &[]);
    let again = after(&known, &[usb(5, changed(2))], &[5], &[], &[]);
    assert_eq!((again.len(), again[0].changed_ns), (1, Some(2)));
    assert_eq!(after(&known, &[usb(5, changed(2))], &[], &[], &[]).len(), 2, "nothing tells that it is the same");
}

#[test]
fn numbers_that_no_photo_has_are_forgotten_and_so_is_a_drive_without_any() {
    let known = after(&[], &[usb(5, made(1))], &[], &[5], &[]);
    let without = Drive { numbers: vec![7], ..known[0].clone() };
    let system = MadeUp::default();
    let used = HashMap::from([("/media/usb".into(), HashSet::from([5]))]);
    let update = |known: &Drive, roots: &[PathBuf], are_all_known: bool| {
        let nothing = |_: u64| HashSet::new();
        News {
            mounted: &[],
            system: &system,
            recognised: &nothing,
            written: &nothing,
            renumbered: &HashMap::new(),
            roots,
            used: are_all_known.then_some(&used),
        }
        .update(std::slice::from_ref(known))
    };
    let roots = ["/media/usb".into()];
    assert_eq!(numbers(&update(&without, &roots, true)), [[0_u64; 0]], "its folder is still indexed");
    assert_eq!(update(&without, &[], true), []);
    assert_eq!(numbers(&update(&without, &[], false)), [[7]], "not all photos are known");
}

#[test]
fn the_topmost_folders_of_what_was_found() {
    let system = MadeUp::new(&[
        ("/", 1, Some(NAMELESS)),
        ("/photos", 1, None),
        ("/photos/a", 1, None),
        ("/photos/usb", 5, Some(made(1))),
        ("/photos/usb/DCIM", 5, None),
    ]);
    let file =
        |path: &str, device| FoundFile { path: path.into(), folder_device: Some(device), ..FoundFile::default() };
    let found = [file("/photos/a/1.jpg", 1), file("/photos/usb/DCIM/2.jpg", 5), file("/photos/usb/3.jpg", 5)];
    let mounted = Mounted::of([Path::new("/photos"), Path::new("/gone")], &found, Some(&HashSet::from([1])), &system);
    let tops: Vec<_> = mounted.iter().map(|here| (here.folder.to_str().unwrap(), here.device, here.is_fixed)).collect();
    assert_eq!(tops, [("/", 1, true), ("/photos/usb", 5, false)]);
}

#[test]
fn a_root_that_is_missing_was_deleted_if_its_drive_is_there() {
    let drive = |folder: &str, identity: Identity| Drive {
        folder: StoredPath::Text(folder.into()),
        inode: identity.inode,
        made_ns: identity.made_ns,
        changed_ns: None,
        numbers: Vec::new(),
        roots: vec![StoredPath::Text("/media/usb/in".into())],
    };
    let (root, index) = (Path::new("/media/usb/in"), Path::new("/home/index"));
    let mut there = MadeUp::new(&[("/media/usb", 5, Some(made(1)))]);
    assert!(is_deleted(root, &[drive("/media/usb", made(1))], index, &there));
    for other in [&[drive("/media/usb", made(2))][..], &[drive("/media/usb", made(1)), drive("/media/usb", made(2))]] {
        assert!(!is_deleted(root, other, index, &there), "{other:?}");
    }
    assert!(!is_deleted(root, &[drive("/media/usb/in", made(1))], index, &there), "it was mounted there");
    assert!(is_deleted(root, &[drive("/", NAMELESS)], index, &MadeUp::default()), "the index is on it");
    // Where nothing is known, the folder that it was in tells.
    assert!(is_deleted(root, &[], index, &there));
    there.empty.push("/media/usb".into());
    assert!(!is_deleted(root, &[], index, &there));
    assert!(!is_deleted(root, &[], index, &MadeUp::default()));
}

#[cfg(unix)]
#[test]
fn what_a_folder_tells_stays_when_something_is_put_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let identity = || Identity::of(&dir.path().metadata().unwrap()).unwrap();
    let before = identity();
    std::fs::write(dir.path().join("x"), "x").unwrap();
    assert_eq!((identity().inode, identity().made_ns), (before.inode, before.made_ns));
    assert!(identity().changed_ns.is_some());
}
