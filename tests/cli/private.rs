//! What commands write is its user's alone: which photos there are, where they were taken and what is searched for.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Run, Sandbox};

/// Files and folders at and below `path` that others may read or look into.
fn open_to_others(path: &Path) -> Vec<String> {
    let metadata = path.symlink_metadata().unwrap();
    let mode = metadata.permissions().mode();
    let mut found = Vec::new();
    // A link has no mode of its own.
    if !metadata.is_symlink() && mode & 0o077 != 0 {
        found.push(format!("{} {:o}", path.display(), mode & 0o777));
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            found.extend(open_to_others(&entry.unwrap().path()));
        }
    }
    found
}

#[test]
fn nobody_else_can_read_what_commands_write() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "coffee.jpg");
    let at = |name: &str| sandbox.path().join(name);
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        // The usual places, of a user who has nothing there yet.
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        Run::from(command.env("HOME", at("home")).output().unwrap()).expect(0)
    };
    fs::create_dir(at("home")).unwrap();
    fs::set_permissions(at("home"), fs::Permissions::from_mode(0o700)).unwrap();
    let path = |name: &str| at(name).to_str().unwrap().to_owned();
    run(&["index", &path("photos")]);
    run(&["query", "a cat"]);
    run(&["model", "list"]);
    run(&["query", "a cat", "--export", "copies", &path("copies")]);
    run(&["query", "a cat", "--export", "links", &path("links")]);
    run(&["search", "save", "pets", "a cat"]);
    run(&["export", &path("exported")]);
    run(&["export", &path("parquet"), "--format", "parquet"]);
    run(&["compact"]);
    run(&["index", "--rebuild"]);
    for name in ["home", "index", "copies", "links", "exported", "parquet"] {
        assert!(at(name).exists(), "{name}");
        assert_eq!(open_to_others(&at(name)), Vec::<String>::new());
    }
    assert!(open_to_others(&at("photos")).len() >= 2, "the test can tell");
}
