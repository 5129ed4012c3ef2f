//! What is not a file and is given as one is named at once: nothing waits for somebody to write into a named pipe.
#![cfg(target_os = "linux")]

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Run, Sandbox, sample_index, samples};

/// The program must not take longer, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the program, and ends it if it hangs.
#[track_caller]
fn run(mut command: Command) -> Run {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Run::from(child.wait_with_output().unwrap())
}

/// A named pipe, a link to it, a socket, a device that never ends and a folder, and the words for each.
fn special(sandbox: &Sandbox) -> Vec<(PathBuf, &'static [&'static str])> {
    let path = |name: &str| sandbox.path().join(name);
    assert!(Command::new("mkfifo").arg(path("pipe.jpg")).status().unwrap().success());
    std::os::unix::fs::symlink("pipe.jpg", path("link.jpg")).unwrap();
    // Sockets stay in the folder when their listener is gone.
    drop(UnixListener::bind(path("socket.jpg")).unwrap());
    std::fs::create_dir(path("folder.jpg")).unwrap();
    vec![
        (path("pipe.jpg"), &["named pipe", "FIFO"]),
        (path("link.jpg"), &["named pipe", "FIFO"]),
        (path("socket.jpg"), &["socket"]),
        (PathBuf::from("/dev/zero"), &["device"]),
        (path("folder.jpg"), &["folder", "directory"]),
    ]
}

#[test]
fn what_is_not_a_file_is_named_at_once() {
    let sandbox = Sandbox::new();
    let cat = samples().join("cat.jpg");
    let out = sandbox.path().join("out");
    for (path, kinds) in special(&sandbox) {
        let file = path.to_str().unwrap();
        for (arguments, status) in [
            (&["classify", cat.to_str().unwrap(), "--labels", file][..], 2),
            (&["eval", "--images", ".", "--captions", file], 2),
            (&["train", file, "--out", out.to_str().unwrap()], 2),
            (&["query", "--image", file], 2),
            (&["embed", "--image", file], 2),
            (&["classify", "--labels", "a,b", file], 1),
        ] {
            let run = run(crate::support::command(sample_index(), arguments)).expect(status);
            assert!(run.stderr.contains(file), "{arguments:?}: {run:#?}");
            assert!(kinds.iter().any(|kind| run.stderr.contains(kind)), "{arguments:?}: {run:#?}");
        }
    }
}

#[test]
fn what_is_no_folder_of_examples_or_photos_is_named_at_once() {
    let sandbox = Sandbox::new();
    let cat = samples().join("cat.jpg");
    for (path, kinds) in special(&sandbox) {
        let file = path.to_str().unwrap();
        let examples = &["classify", cat.to_str().unwrap(), "--examples", file];
        let run = run(crate::support::command(sample_index(), examples)).expect(2);
        assert!(run.stderr.contains(file), "{run:#?}");
        assert!(kinds.iter().any(|kind| run.stderr.contains(kind)), "{run:#?}");
        if !Path::new(file).is_dir() {
            let run = self::run(sandbox.command(&["index", file])).expect(2);
            assert!(run.stderr.contains("expected a folder"), "{run:#?}");
        }
    }
}

#[test]
fn what_is_no_model_is_named_at_once() {
    let sandbox = Sandbox::new();
    let weights = sandbox.path().join("model.safetensors");
    assert!(Command::new("mkfifo").arg(&weights).status().unwrap().success());
    let mut paths: Vec<PathBuf> = special(&sandbox).into_iter().map(|(path, _)| path).collect();
    paths.push(weights);
    for path in paths {
        let run = run(sandbox.command(&["embed", "--text", "a", "--model", path.to_str().unwrap()])).expect(2);
        assert!(run.stderr.contains(path.to_str().unwrap()), "{run:#?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:#?}");
    }
}

/// The token's file and a checkpoint's parts are named by variables and folders.
#[test]
fn files_that_nobody_named_do_not_hang_either() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.path().join("token");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = sandbox.command(&["model", "list"]);
    command.env("HF_TOKEN_PATH", &pipe);
    run(command).expect(0);

    let checkpoint = crate::model::fixture("tiny-huggingface");
    for part in ["config.json", "preprocessor_config.json", "merges.txt", "model.safetensors"] {
        let folder = sandbox.path().join(part.replace('.', "-"));
        std::fs::create_dir(&folder).unwrap();
        for name in ["config.json", "preprocessor_config.json", "merges.txt", "model.safetensors"] {
            if name == part {
                assert!(Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
            } else {
                std::fs::copy(checkpoint.join(name), folder.join(name)).unwrap();
            }
        }
        let run = run(sandbox.command(&["embed", "--text", "a", "--model", folder.to_str().unwrap()]));
        let run = run.expect(2);
        assert!(run.stderr.contains(part), "{run:#?}");
    }
}

/// Nor do the files that the program keeps for itself.
#[test]
fn caches_and_the_index_do_not_hang_either() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let home = sandbox.path().join("home");
    let cache = home.join(".cache/clip-search");
    std::fs::create_dir_all(&cache).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env("HOME", &home);
        command
    };
    for name in ["query-embeddings", "speed.json"] {
        assert!(Command::new("mkfifo").arg(cache.join(name)).status().unwrap().success());
    }
    run(command(&["query", "a cat"])).expect(0);
    run(command(&["model", "list"])).expect(0);

    for name in ["manifest.json", "lock.holder"] {
        let path = sandbox.index().join(name);
        let aside = sandbox.path().join("aside");
        let is_there = std::fs::rename(&path, &aside).is_ok();
        for is_device in [false, true] {
            if is_device {
                std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
            } else {
                assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            }
            for arguments in [&["query", "a cat"][..], &["status"], &["verify"], &["index"]] {
                let fails = name == "manifest.json" || arguments == ["index"];
                let run = run(command(arguments)).expect(if fails { 2 } else { 0 });
                let said = format!("{}{}", run.stdout, run.stderr);
                assert_eq!(said.contains("expected a file"), fails, "{run:#?}");
            }
            std::fs::remove_file(&path).unwrap();
        }
        if is_there {
            std::fs::rename(&aside, &path).unwrap();
        }
    }
}
