//! The archives of releases, as `packaging/archive.sh` makes them, and what `cargo binstall` looks for.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{PROGRAM, Run, Sandbox};

const TARGET: &str = "x86_64-unknown-linux-gnu";

#[test]
fn archives_are_what_binstall_looks_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sandbox = Sandbox::new();
    // Something small that does what the program does: packing a hundred megabytes takes long.
    let program = sandbox.path().join("clip-search");
    fs::write(&program, format!("#!/bin/sh\nexec '{PROGRAM}' \"$@\"\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = sandbox.path().join("archives");
    let made = Command::new(root.join("packaging/archive.sh")).arg(&program).arg(TARGET).arg(&folder).output().unwrap();
    let made = Run::from(made).expect(0);

    let manifest: toml::Table =
        toml::from_str(&fs::read_to_string(root.join("crates/cli/Cargo.toml")).unwrap()).unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let fill = |template: &toml::Value| {
        let version = template.as_str().unwrap().replace("{ version }", env!("CARGO_PKG_VERSION"));
        version.replace("{ target }", TARGET).replace("{ bin }", "clip-search").replace("{ binary-ext }", "")
    };
    let url = fill(&binstall["pkg-url"]);
    let archive = folder.join(url.rsplit('/').next().unwrap());
    assert_eq!(made.stdout.trim_end(), archive.to_str().unwrap());

    let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&folder).output().unwrap();
    Run::from(unpacked).expect(0);
    let program = folder.join(fill(&binstall["bin-dir"]));
    let version = Run::from(Command::new(&program).arg("--version").output().unwrap()).expect(0);
    assert_eq!(version.stdout.trim_end(), concat!("clip-search ", env!("CARGO_PKG_VERSION")));
    for file in
        ["LICENSE-MIT", "completions/_clip-search", "man/clip-search-query.1", "systemd/clip-search-index.timer"]
    {
        assert!(program.with_file_name(file).exists(), "{file}");
    }

    // What has a name of its own is built under that name.
    let workflow = fs::read_to_string(root.join(".github/workflows/release.yml")).unwrap();
    assert!(workflow.contains("packaging/archive.sh \"$program\" \"$TARGET\" dist"));
    for target in binstall["overrides"].as_table().unwrap().keys().map(String::as_str).chain([TARGET]) {
        assert!(workflow.contains(&format!("target: {target},")), "{target}");
    }
}
