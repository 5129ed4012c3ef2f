//! Walks over trees made for the purpose.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::*;
use clip_progress::Silent;

struct Tree {
    _dir: tempfile::TempDir,
    base: PathBuf,
}

impl Tree {
    fn new(files: &[&str]) -> Tree {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let tree = Tree { _dir: dir, base };
        fs::create_dir(tree.at("root")).unwrap();
        for file in files {
            tree.file(file);
        }
        tree
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.join(path)
    }

    fn file(&self, path: impl AsRef<Path>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "content").unwrap();
    }

    /// Walks `root`, following links.
    fn walk(&self) -> Walk {
        self.walk_roots(&["root"], true)
    }

    fn walk_roots(&self, roots: &[&str], follow_links: bool) -> Walk {
        let roots: Vec<PathBuf> = roots.iter().map(|root| self.at(root)).collect();
        let selection = Selection { follow_links, ..Selection::default() };
        walk(&roots, selection, &Silent, &AtomicBool::new(false))
    }

    /// The paths found, relative to the base.
    fn found(&self, walk: &Walk) -> Vec<String> {
        walk.files.iter().map(|f| self.relative(&f.path)).collect()
    }

    fn skipped(&self, walk: &Walk) -> Vec<(String, String)> {
        walk.skipped.iter().map(|s| (self.relative(&s.path), s.reason.to_string())).collect()
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.base).unwrap().to_str().unwrap().to_owned()
    }
}

#[test]
fn photos_are_found_in_order_and_nothing_else_is() {
    let tree = Tree::new(&["root/b.jpg", "root/a/z.PNG", "root/notes.txt", "root/a/y.jpeg", "outside.jpg"]);
    let walk = tree.walk();
    assert_eq!(tree.found(&walk), ["root/a/y.jpeg", "root/a/z.PNG", "root/b.jpg"]);
    assert_eq!(walk.files[0].stamp.size, 7);
    assert!(walk.files[0].stamp.mtime_ns > 1_500_000_000_000_000_000);
    assert!(walk.skipped.is_empty() && walk.blind.is_empty() && !walk.cancelled);
}

#[test]
fn hidden_and_system_entries_are_passed_over() {
    let tree = Tree::new(&[
        "root/.hidden.jpg",
        "root/._a.jpg",
        "root/.git/a.jpg",
        "root/@eaDir/a.jpg",
        "root/#recycle/a.jpg",
        "root/$RECYCLE.BIN/a.jpg",
        "root/x/node_modules/icon.png",
        "root/Lib.photoslibrary/resources/derivatives/a.jpg",
        "root/Lib.photoslibrary/originals/0/a.jpg",
        "root/kept.jpg",
    ]);
    let walk = tree.walk();
    assert_eq!(tree.found(&walk), ["root/Lib.photoslibrary/originals/0/a.jpg", "root/kept.jpg"]);
    assert!(walk.skipped.is_empty());
}

#[test]
fn a_root_is_entered_whatever_its_name() {
    let tree = Tree::new(&[".hidden/a.jpg", "@eaDir/b.jpg"]);
    assert_eq!(tree.found(&tree.walk_roots(&[".hidden", "@eaDir"], true)), [".hidden/a.jpg", "@eaDir/b.jpg"]);
}

#[test]
fn a_folder_called_like_a_photo_is_a_folder() {
    let tree = Tree::new(&["root/x.png/inner.jpg"]);
    let walk = tree.walk();
    assert_eq!(tree.found(&walk), ["root/x.png/inner.jpg"]);
    assert_eq!(tree.skipped(&walk), []);
}

#[test]
fn a_cancelled_walk_says_so() {
    let tree = Tree::new(&["root/a.jpg"]);
    let walk = walk(&[tree.at("root")], Selection::default(), &Silent, &AtomicBool::new(true));
    assert!(walk.cancelled && walk.files.is_empty());
}

#[test]
fn progress_is_told_of_every_file() {
    let tree = Tree::new(&["root/a.jpg", "root/b.jpg"]);
    let last = std::sync::atomic::AtomicU64::new(0);
    let listen = |event: Event<'_>| {
        if let Event::Walking { found } = event {
            last.store(found, Ordering::Relaxed);
        }
    };
    walk(&[tree.at("root")], Selection::default(), &listen, &AtomicBool::new(false));
    assert_eq!(last.into_inner(), 2);
}

#[test]
fn what_is_written_among_the_photos_leaves_out_folders_and_files() {
    let tree = Tree::new(&[
        "root/a/1.jpg",
        "root/a/drafts/2.jpg",
        "root/b/3.jpg",
        "root/b/4.png",
        "root/b/keep.png",
        "root/b/c/5.png",
        "root/.gitignore",
    ]);
    fs::write(tree.at("root/.clipignore"), "drafts/\n*.png\n[\n").unwrap();
    fs::write(tree.at("root/b/.clipignore"), "!keep.png\nc\n").unwrap();
    fs::write(tree.at("root/.gitignore"), "*.jpg\n").unwrap();
    let walk = tree.walk();
    assert_eq!(tree.found(&walk), ["root/a/1.jpg", "root/b/3.jpg", "root/b/keep.png"]);
    assert!(walk.has_left_out(&tree.at("root/a/drafts/2.jpg")) && walk.has_left_out(&tree.at("root/b/4.png")));
    assert!(!walk.has_left_out(&tree.at("root/b/3.jpg")));
    assert_eq!(walk.ignore_faults.len(), 1);
    assert_eq!(
        (walk.ignore_faults[0].path.as_path(), walk.ignore_faults[0].line),
        (tree.at("root/.clipignore").as_path(), Some(3))
    );
    assert!(walk.skipped.is_empty() && walk.blind.is_empty());
}

#[test]
fn what_stands_for_a_photo_is_found_under_the_photo_s_name() {
    let tree = Tree::new(&[
        "root/.a.jpg.icloud",
        "root/b.png.nextcloud",
        "root/c.jpg",
        "root/.c.jpg.icloud",
        "root/.d.txt.icloud",
    ]);
    let walk = tree.walk();
    let in_cloud: Vec<bool> = walk.files.iter().map(|file| file.in_cloud).collect();
    assert_eq!(tree.found(&walk), ["root/c.jpg", "root/a.jpg", "root/b.png"]);
    assert_eq!(in_cloud, [false, true, true]);
    fs::write(tree.at("root/.clipignore"), "*.png\n").unwrap();
    assert_eq!(tree.found(&tree.walk()), ["root/c.jpg", "root/a.jpg"]);
}

#[test]
fn a_limit_to_depth_saves_listing_what_lies_deeper() {
    let tree = Tree::new(&["root/1.jpg", "root/a/2.jpg", "root/a/b/3.jpg"]);
    let found = |levels| {
        let roots = [tree.at("root")];
        let excluded = Excluded::new(&[clip_index::Exclude::DeeperThan(levels)], &roots);
        let walk = walk(&roots, Selection { excluded, ..Selection::default() }, &Silent, &AtomicBool::new(false));
        tree.found(&walk)
    };
    assert_eq!(found(1), ["root/1.jpg"]);
    assert_eq!(found(2), ["root/1.jpg", "root/a/2.jpg"]);
    assert_eq!(found(3), ["root/1.jpg", "root/a/2.jpg", "root/a/b/3.jpg"]);
}

/// Walks `root` and does something when the walk has come by as many photos as it takes for it to tell of them. They are not
/// among those that are returned.
fn walk_and_meanwhile(tree: &Tree, act: impl Fn() + Sync) -> Walk {
    for number in 0..EVENT_EVERY {
        tree.file(format!("root/0/{number}.jpg"));
    }
    let has_acted = AtomicBool::new(false);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Walking { .. }) && !has_acted.swap(true, Ordering::Relaxed) {
            act();
        }
    };
    let selection = Selection { follow_links: true, ..Selection::default() };
    let mut walk = walk(&[tree.at("root")], selection, &listen, &AtomicBool::new(false));
    walk.files.retain(|file| !file.path.starts_with(tree.at("root/0")));
    walk
}

fn blind(tree: &Tree, walk: &Walk) -> Vec<(String, bool)> {
    walk.blind.iter().map(|spot| (tree.relative(&spot.path), spot.root)).collect()
}

#[test]
fn a_folder_that_goes_away_is_a_blind_spot() {
    let tree = Tree::new(&["root/b/1.jpg", "root/c/2.jpg"]);
    let walk = walk_and_meanwhile(&tree, || fs::remove_dir_all(tree.at("root/b")).unwrap());
    assert_eq!(tree.found(&walk), ["root/c/2.jpg"]);
    assert_eq!(blind(&tree, &walk), [("root/b".into(), false)]);
}

#[test]
fn files_that_go_away_are_blind_spots_and_many_of_them_are_their_folder() {
    let tree = Tree::new(&["root/1.jpg", "root/b/1.jpg", "root/b1.jpg", "root/b2.jpg"]);
    let remove = |tree: &Tree, names: &[&str]| {
        names.iter().for_each(|name| fs::remove_file(tree.at("root").join(name)).unwrap());
    };
    let walk = walk_and_meanwhile(&tree, || remove(&tree, &["b1.jpg", "b2.jpg"]));
    assert_eq!(blind(&tree, &walk), [("root/b1.jpg".into(), false), ("root/b2.jpg".into(), false)]);
    let tree = Tree::new(&["root/1.jpg", "root/b/1.jpg", "root/b1.jpg", "root/b2.jpg", "root/b3.jpg"]);
    let walk = walk_and_meanwhile(&tree, || remove(&tree, &["b1.jpg", "b2.jpg", "b3.jpg"]));
    assert_eq!(blind(&tree, &walk), [("root".into(), false)]);
    assert_eq!(tree.found(&walk), ["root/1.jpg", "root/b/1.jpg"]);
}

#[test]
fn a_root_that_goes_away_is_one_blind_spot() {
    let tree = Tree::new(&["root/b/1.jpg", "root/c/2.jpg", "root/d/3.jpg", "root/e.jpg"]);
    let walk = walk_and_meanwhile(&tree, || fs::rename(tree.at("root"), tree.at("away")).unwrap());
    assert!(walk.files.is_empty());
    assert_eq!(blind(&tree, &walk), [("root".into(), true)]);
    assert!(walk.blind[0].reason.starts_with("went away while it was being listed"), "{:?}", walk.blind);
}

#[cfg(unix)]
mod unix {
    use std::ffi::{CString, OsStr};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn mkfifo(path: &Path) {
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: `name` is a string that ends with NUL and outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }

    #[test]
    fn names_keep_their_bytes() {
        let tree = Tree::new(&[]);
        let names: [&[u8]; 2] = [b"line\nbreak.jpg", b"not-utf8-\xff\xfe.jpg"];
        for name in names {
            fs::write(tree.at("root").join(OsStr::from_bytes(name)), "x").unwrap();
        }
        let walk = tree.walk();
        let found: Vec<&[u8]> = walk.files.iter().map(|f| f.path.file_name().unwrap().as_bytes()).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn special_files_are_named_and_never_opened() {
        let tree = Tree::new(&["root/a.jpg"]);
        mkfifo(&tree.at("root/pipe.jpg"));
        mkfifo(&tree.at("root/pipe-of-no-interest"));
        let _socket = std::os::unix::net::UnixListener::bind(tree.at("root/socket.png")).unwrap();
        let walk = tree.walk();
        assert_eq!(tree.found(&walk), ["root/a.jpg"]);
        assert_eq!(
            tree.skipped(&walk),
            [
                ("root/pipe.jpg".into(), "not a file but a named pipe".into()),
                ("root/socket.png".into(), "not a file but a socket".into()),
            ]
        );
    }

    #[test]
    fn loops_end() {
        let tree = Tree::new(&["root/sub/a.jpg"]);
        symlink(tree.at("root"), tree.at("root/sub/up")).unwrap();
        symlink("..", tree.at("root/sub/up-too")).unwrap();
        symlink("/", tree.at("root/sub/top")).unwrap();
        symlink(tree.at("root/y"), tree.at("root/x")).unwrap();
        symlink(tree.at("root/x"), tree.at("root/y")).unwrap();
        symlink("self.jpg", tree.at("root/self.jpg")).unwrap();
        let walk = tree.walk();
        assert_eq!(tree.found(&walk), ["root/sub/a.jpg"]);
        let names: Vec<String> = tree.skipped(&walk).into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, ["root/self.jpg", "root/x", "root/y"], "those that lead to themselves are named");
    }

    #[test]
    fn links_add_only_what_is_not_reached_without_them() {
        let tree = Tree::new(&["root/real/a.jpg", "drive/b.jpg", "drive/deep/c.jpg", "single.jpg"]);
        symlink(tree.at("root/real"), tree.at("root/again")).unwrap();
        symlink(tree.at("root/real/a.jpg"), tree.at("root/a-again.jpg")).unwrap();
        symlink(tree.at("drive"), tree.at("root/usb")).unwrap();
        symlink(tree.at("drive/deep"), tree.at("root/usb-deep")).unwrap();
        symlink(tree.at("drive/b.jpg"), tree.at("root/b-link.jpg")).unwrap();
        symlink(tree.at("single.jpg"), tree.at("root/s1.jpg")).unwrap();
        symlink(tree.at("single.jpg"), tree.at("root/s2.jpg")).unwrap();
        let walk = tree.walk();
        let mut found = tree.found(&walk);
        found.sort();
        assert_eq!(found, ["root/real/a.jpg", "root/s1.jpg", "root/usb/b.jpg", "root/usb/deep/c.jpg"]);
        assert!(walk.skipped.is_empty());
        assert_eq!(tree.found(&tree.walk_roots(&["root"], false)), ["root/real/a.jpg"]);
    }

    #[test]
    fn links_behind_links_are_followed() {
        let tree = Tree::new(&["one/a.jpg", "two/b.jpg"]);
        symlink(tree.at("one"), tree.at("root/one")).unwrap();
        symlink(tree.at("two"), tree.at("one/two")).unwrap();
        symlink(tree.at("root"), tree.at("two/back")).unwrap();
        let mut found = tree.found(&tree.walk());
        found.sort();
        assert_eq!(found, ["root/one/a.jpg", "root/one/two/b.jpg"]);
    }

    #[test]
    fn hard_links_are_photos_of_their_own() {
        let tree = Tree::new(&["root/a.jpg"]);
        fs::hard_link(tree.at("root/a.jpg"), tree.at("root/b.jpg")).unwrap();
        assert_eq!(tree.found(&tree.walk()), ["root/a.jpg", "root/b.jpg"]);
    }

    #[test]
    fn a_dangling_link_is_named_with_its_target_and_hides_what_lay_behind() {
        let tree = Tree::new(&[]);
        symlink("/media/usb/photos", tree.at("root/usb")).unwrap();
        let walk = tree.walk();
        assert_eq!(tree.skipped(&walk), [("root/usb".into(), "broken link to /media/usb/photos".into())]);
        assert_eq!(walk.blind.len(), 1);
        assert_eq!(walk.blind[0].path, tree.at("root/usb"));
    }

    #[test]
    fn a_link_to_nowhere_is_named_if_it_may_lead_to_photos() {
        let tree = Tree::new(&[]);
        for name in ["a.jpg", "b.jpg.xmp", "c.txt", "d.am", "e", "f.photoslibrary", "g.2019", "v1"] {
            symlink("nowhere", tree.at("root").join(name)).unwrap();
        }
        symlink("nowhere.txt", tree.at("root/w")).unwrap();
        symlink("x.txt", tree.at("root/x.txt")).unwrap();
        let walk = tree.walk();
        let names: Vec<String> = tree.skipped(&walk).into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, ["a.jpg", "e", "f.photoslibrary", "g.2019", "v1"].map(|name| format!("root/{name}")));
        assert_eq!(walk.blind.len(), 10, "all of them may have led to photos before");
    }

    #[test]
    fn what_is_left_out_does_not_come_back_through_a_link() {
        let tree = Tree::new(&["root/raw/a.jpg", "root/raw/in/b.jpg", "root/c.jpg", "drive/raw/d.jpg", "drive/e.jpg"]);
        fs::write(tree.at("root/.clipignore"), "/raw\n").unwrap();
        fs::write(tree.at("drive/.clipignore"), "raw/\n").unwrap();
        symlink(tree.at("root/raw/in"), tree.at("root/to-in")).unwrap();
        symlink(tree.at("root/raw/a.jpg"), tree.at("root/to-a.jpg")).unwrap();
        symlink(tree.at("drive"), tree.at("root/drive")).unwrap();
        let walk = tree.walk();
        assert_eq!(tree.found(&walk), ["root/c.jpg", "root/drive/e.jpg"]);
        for path in ["root/to-in/b.jpg", "root/to-a.jpg"] {
            assert!(walk.has_left_out(&tree.at(path)), "{path}");
        }
        // Links can be left out by name, too.
        for line in ["drive/", "drive", "/drive"] {
            fs::write(tree.at("root/.clipignore"), line).unwrap();
            let walk = tree.walk();
            assert!(!tree.found(&walk).contains(&"root/drive/e.jpg".into()), "{line}");
            assert!(walk.has_left_out(&tree.at("root/drive/e.jpg")), "{line}");
        }
    }

    #[test]
    fn a_link_that_goes_away_is_a_blind_spot() {
        let tree = Tree::new(&["drive/b.jpg"]);
        symlink(tree.at("drive"), tree.at("root/usb")).unwrap();
        let walk = walk_and_meanwhile(&tree, || fs::remove_file(tree.at("root/usb")).unwrap());
        assert_eq!(blind(&tree, &walk), [("root/usb".into(), false)]);
    }

    /// Runs with the rights of a user who owns nothing, where the tests have those of the administrator.
    fn without_rights<T: Send>(act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let run = || {
                #[cfg(target_os = "linux")]
                // SAFETY: the call takes a number. The kernel changes this thread alone, which ends with it.
                unsafe {
                    libc::setfsuid(65_534);
                }
                act()
            };
            scope.spawn(run).join().unwrap()
        })
    }

    #[test]
    fn an_ignore_file_that_cannot_be_read_hides_its_folder() {
        use std::os::unix::fs::PermissionsExt;
        let tree = Tree::new(&["root/private/a.jpg", "root/b.jpg", "root/private/.clipignore"]);
        let mode = |path: &str, mode| fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
        mode("", 0o755);
        mode("root/private/.clipignore", 0o000);
        let walk = without_rights(|| tree.walk());
        assert_eq!(tree.found(&walk), ["root/b.jpg"]);
        let expected = ("root/private/.clipignore".into(), "cannot be read: permission denied".into());
        assert_eq!(tree.skipped(&walk), [expected]);
        assert_eq!(blind(&tree, &walk), [("root/private".into(), false)]);
    }

    #[test]
    fn a_folder_that_cannot_be_searched_is_not_said_to_have_an_ignore_file() {
        use std::os::unix::fs::PermissionsExt;
        let tree = Tree::new(&["root/listed/a.jpg", "root/b.jpg"]);
        let mode = |path: &str, mode| fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).unwrap();
        mode("", 0o755);
        mode("root/listed", 0o444);
        let walk = without_rights(|| tree.walk());
        mode("root/listed", 0o755);
        assert_eq!(tree.found(&walk), ["root/b.jpg"]);
        assert_eq!(tree.skipped(&walk), [("root/listed".into(), "cannot be read: permission denied".into())]);
        assert_eq!(blind(&tree, &walk), [("root/listed".into(), false)]);
        assert_eq!(walk.blind[0].reason, "cannot be read (permission denied)");
    }

    /// Has the system fail from now on whenever this thread lists a folder, as a damaged disk does.
    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
    fn fail_to_list() {
        let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
        let mut steps = [
            // The number of the call comes first in the structure.
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_getdents64 as u32, 0, 1),
            step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EIO as u32, 0, 0),
            step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
        ];
        let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
        let [none, one, filter] = [0, 1, libc::c_ulong::from(libc::SECCOMP_MODE_FILTER)];
        // SAFETY: the calls take numbers, and a program that is read before they return. They change this thread alone.
        unsafe {
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, one, none, none, none), 0);
            assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, filter, &raw const program), 0);
        }
    }

    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn a_folder_that_fails_while_it_is_listed_is_named_and_not_its_root() {
        let tree = Tree::new(&["root/1/2/a.jpg", "root/1/b.jpg", "root/3.jpg"]);
        let run = || walk_and_meanwhile(&tree, fail_to_list);
        // The filter goes with the thread.
        let walk = std::thread::scope(|scope| scope.spawn(run).join().unwrap());
        assert_eq!(blind(&tree, &walk), [("root/1".into(), false)]);
        assert_eq!(tree.skipped(&walk), [("root/1".into(), "cannot be read: input/output error".into())]);
        assert_eq!(tree.found(&walk), ["root/3.jpg"]);
    }

    #[test]
    fn a_named_pipe_that_is_called_like_an_ignore_file_is_not_opened() {
        let tree = Tree::new(&["root/a.jpg"]);
        mkfifo(&tree.at("root/.clipignore"));
        let walk = tree.walk();
        assert_eq!(tree.found(&walk), ["root/a.jpg"]);
        assert_eq!(walk.ignore_faults[0].reason, "not a file but a named pipe");
    }

    #[test]
    fn an_unreadable_folder_is_named_and_hides_its_photos() {
        use std::os::unix::fs::PermissionsExt;
        let tree = Tree::new(&["root/closed/a.jpg", "root/open/b.jpg"]);
        let closed = tree.at("root/closed");
        fs::set_permissions(tree.at(""), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let walk = without_rights(|| tree.walk());
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(tree.found(&walk), ["root/open/b.jpg"]);
        assert_eq!(tree.skipped(&walk), [("root/closed".into(), "cannot be read: permission denied".into())]);
        assert_eq!(walk.blind[0].path, closed);
    }
}
