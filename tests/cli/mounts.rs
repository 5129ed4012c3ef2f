//! Drives that are mounted and unmounted, where the system allows it: each test runs in a mount namespace of its own.
//!
//! In immich, all photos of a drive that is away for a moment go to the trash:
//! <https://github.com/immich-app/immich/issues/13731>, <https://github.com/immich-app/immich/issues/17419>.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{PROGRAM, Run, Sandbox, in_our_environment, samples};

/// Runs a script in which `$PHOTOS` is the folder of photos, `$SAMPLES` that of the samples, and `index` indexes and prints
/// its summary as JSON. `None` where the system does not let us mount.
fn with_mounts(sandbox: &Sandbox, script: &str) -> Option<Vec<Value>> {
    let unshare = |arguments: &[&str], script: &str| {
        let mut command = in_our_environment(Command::new("unshare"), &sandbox.command(&[""; 0]));
        command.args(arguments).args(["sh", "-euc", script]).stdin(Stdio::null());
        command.env("PHOTOS", sandbox.photos()).env("SAMPLES", samples()).env("PROGRAM", PROGRAM);
        command.output().ok().map(Run::from)
    };
    let probe = "mount -t tmpfs none \"$PHOTOS\"";
    let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let way = ways.into_iter().find(|way| unshare(way, probe).is_some_and(|run| run.status == Some(0)))?;
    let functions = "index() { \"$PROGRAM\" index --json \"$@\" || test $? = 1; }\n\
                     drive() { mkdir -p \"$1\"; mount -t tmpfs none \"$1\"; }\n";
    let run = unshare(way, &format!("{functions}{script}"))?.expect(0);
    Some(run.json_lines())
}

fn counts(summary: &Value) -> [u64; 5] {
    let kept =
        summary["unreachable"].as_array().unwrap().iter().map(|place| place["photos_kept"].as_u64().unwrap()).sum();
    let [indexed, unchanged, moved, removed] =
        ["indexed", "unchanged", "moved", "removed"].map(|field| summary[field].as_u64().unwrap());
    [indexed, unchanged, moved, removed, kept]
}

#[test]
fn a_drive_below_a_folder_comes_and_goes() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let script = r#"
        drive "$PHOTOS/usb"
        mkdir "$PHOTOS/usb/2019"
        cp -p "$SAMPLES/coffee.jpg" "$PHOTOS/usb/2019"
        cp -p "$SAMPLES/rocket.jpg" "$PHOTOS/usb"
        index "$PHOTOS"
        # A photo that is removed while its drive is mounted is gone.
        rm "$PHOTOS/usb/rocket.jpg"
        index
        # An empty mount point; one in which files were written meanwhile, a photo among them, twice; none at all.
        umount "$PHOTOS/usb"
        index
        cp -p "$SAMPLES/lawn.jpg" "$PHOTOS/usb"
        echo list > "$PHOTOS/usb/list.txt"
        echo letter > "$PHOTOS/usb/letter.txt"
        index
        index
        rm -r "$PHOTOS/usb"
        index
        # The same bytes elsewhere are a copy as long as nobody knows what is on the drive.
        cp "$SAMPLES/coffee.jpg" "$PHOTOS/coffee.jpg"
        index
        # The drive again, as a restored backup: another file system, all inodes and change times new.
        drive "$PHOTOS/usb"
        mkdir "$PHOTOS/usb/2019"
        cp -p "$SAMPLES/coffee.jpg" "$PHOTOS/usb/2019"
        index
        index --forget-unreachable
    "#;
    let Some(runs) = with_mounts(&sandbox, script) else { return };
    let told: Vec<_> = runs.iter().map(counts).collect();
    assert_eq!(
        told,
        [
            [3, 0, 0, 0, 0],
            [0, 2, 0, 1, 0],
            [0, 1, 0, 0, 1],
            [1, 1, 0, 0, 1],
            [0, 2, 0, 0, 1],
            [0, 1, 0, 1, 1],
            [1, 1, 0, 0, 1],
            [0, 3, 0, 0, 0],
            [0, 3, 0, 0, 0],
        ],
        "{runs:#?}"
    );
    let reasons: Vec<_> = runs[2..7].iter().map(|run| run["unreachable"][0]["reason"].as_str().unwrap()).collect();
    let expected = ["is empty", "does not exist", "does not exist", "does not exist", "does not exist"];
    assert_eq!(reasons, expected.map(|reason| format!("{reason}; is its drive mounted?")));
}

#[test]
fn a_drive_that_is_mounted_elsewhere_has_moved() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "here/cat.jpg");
    fs::create_dir_all(sandbox.photos().join("media")).unwrap();
    let script = r#"
        drive "$PHOTOS/media/usb"
        cp -p "$SAMPLES/coffee.jpg" "$SAMPLES/rocket.jpg" "$PHOTOS/media/usb"
        index "$PHOTOS/media/usb" "$PHOTOS/here"
        mkdir "$PHOTOS/media/usb1"
        mount --move "$PHOTOS/media/usb" "$PHOTOS/media/usb1"
        rmdir "$PHOTOS/media/usb"
        # Its photos are at hand, but not here.
        cp -p "$SAMPLES/coffee.jpg" "$PHOTOS/here"
        index
        index "$PHOTOS/media/usb1"
        index
    "#;
    let Some(runs) = with_mounts(&sandbox, script) else { return };
    let told: Vec<_> = runs.iter().map(counts).collect();
    assert_eq!(told, [[3, 0, 0, 0, 0], [1, 1, 0, 0, 2], [0, 0, 2, 0, 0], [0, 4, 0, 0, 0]], "{runs:#?}");
    assert_eq!(runs[1]["copied"], 1);
    assert_eq!(runs[2]["moved_roots"][0]["path"], sandbox.photos().join("media/usb").to_str().unwrap());
}

/// A share that is mounted all the time, and an inbox on it from which photos are taken as others come: nothing on it is as it was.
#[test]
fn a_photo_that_is_deleted_on_a_drive_is_gone_though_no_other_is_left() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.photos()).unwrap();
    let script = r#"
        drive "$PHOTOS/nas"
        mkdir "$PHOTOS/nas/inbox"
        cp -p "$SAMPLES/cat.jpg" "$PHOTOS/nas/inbox/1.jpg"
        index "$PHOTOS/nas/inbox"
        rm "$PHOTOS/nas/inbox/1.jpg"
        cp -p "$SAMPLES/rocket.jpg" "$PHOTOS/nas/inbox/2.jpg"
        index
        index
        # All have other rights, and one is gone.
        cp -p "$SAMPLES/coffee.jpg" "$PHOTOS/nas/inbox/3.jpg"
        index
        sleep 0.1
        chmod 600 "$PHOTOS"/nas/inbox/*.jpg
        rm "$PHOTOS/nas/inbox/2.jpg"
        index
        # Another drive with other photos in its place, and the mount point without one: nothing is lost.
        umount "$PHOTOS/nas"
        index
        drive "$PHOTOS/nas"
        mkdir "$PHOTOS/nas/inbox"
        cp -p "$SAMPLES/lawn.jpg" "$PHOTOS/nas/inbox/4.jpg"
        index
        index
    "#;
    let Some(runs) = with_mounts(&sandbox, script) else { return };
    let told: Vec<_> = runs.iter().map(counts).collect();
    assert_eq!(
        told,
        [
            [1, 0, 0, 0, 0],
            [1, 0, 0, 1, 0],
            [0, 1, 0, 0, 0],
            [1, 1, 0, 0, 0],
            [0, 1, 0, 1, 0],
            [0, 0, 0, 0, 1],
            [1, 0, 0, 0, 1],
            [0, 1, 0, 0, 1],
        ],
        "{runs:#?}"
    );
    sandbox.run(&["verify"]).expect(0);
}

/// The last photo of an inbox was sorted into an album; then the drive was off for a night. Its new photos were never found.
#[test]
fn a_folder_without_photos_on_a_drive_that_is_away_stays_indexed() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.photos().join("album")).unwrap();
    fs::create_dir_all(sandbox.photos().join("hold")).unwrap();
    let script = r#"
        drive "$PHOTOS/hold"
        mkdir "$PHOTOS/hold/inbox" "$PHOTOS/disk"
        mount --bind "$PHOTOS/hold" "$PHOTOS/disk"
        cp -p "$SAMPLES/cat.jpg" "$PHOTOS/disk/inbox/1.jpg"
        index "$PHOTOS/album" "$PHOTOS/disk/inbox"
        mv "$PHOTOS/disk/inbox/1.jpg" "$PHOTOS/album"
        index
        umount "$PHOTOS/disk"
        index
        mount --bind "$PHOTOS/hold" "$PHOTOS/disk"
        cp -p "$SAMPLES/rocket.jpg" "$PHOTOS/disk/inbox/2.jpg"
        index
        # Deleted while its drive is there, though nothing else is on that.
        rm -r "$PHOTOS/disk/inbox"
        index
        mkdir "$PHOTOS/disk/inbox"
        echo letter > "$PHOTOS/disk/inbox/letter.txt"
        echo list > "$PHOTOS/disk/inbox/list.txt"
        index
        rm -r "$PHOTOS/disk/inbox"
        index
        index
    "#;
    let Some(runs) = with_mounts(&sandbox, script) else { return };
    let told: Vec<_> = runs.iter().map(counts).collect();
    assert_eq!(
        told,
        [
            [1, 0, 0, 0, 0],
            [0, 0, 1, 0, 0],
            [0, 1, 0, 0, 0],
            [1, 1, 0, 0, 0],
            [0, 1, 0, 0, 1],
            [0, 1, 0, 1, 0],
            [0, 1, 0, 0, 0],
            [0, 1, 0, 0, 0],
        ],
        "{runs:#?}"
    );
    let away: Vec<_> = runs.iter().map(|run| run["unreachable"].as_array().unwrap().len()).collect();
    assert_eq!(away, [0, 0, 1, 0, 1, 0, 0, 0], "{runs:#?}");
    let forgotten: Vec<_> = runs.iter().map(|run| run["forgotten"].as_array().unwrap().len()).collect();
    assert_eq!(forgotten, [0, 0, 0, 0, 0, 0, 1, 0], "{runs:#?}");
}

/// Whoever cannot write may still search: a NAS that exports its index read-only, a snapshot, another user's index.
#[test]
fn an_index_on_a_read_only_file_system_is_searched_and_called_whole() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "coffee.jpg");
    sandbox.update(0);
    let script = r#"
        mount --bind "$CLIP_SEARCH_INDEX" "$CLIP_SEARCH_INDEX"
        mount -o remount,bind,ro "$CLIP_SEARCH_INDEX"
        ! touch "$CLIP_SEARCH_INDEX/x" 2>/dev/null
        "$PROGRAM" query "a cup of coffee" -n 1 --json
        "$PROGRAM" status --json
        "$PROGRAM" verify --json
        "$PROGRAM" dupes >&2
        for command in index "index --rebuild" compact repair "remove $PHOTOS/cat.jpg" "search save pets dog"; do
            said=$("$PROGRAM" $command 2>&1) && exit 1
            printf '{"said": "%s"}\n' "$(echo "$said" | tr -d '"\n')"
        done
    "#;
    let Some(runs) = with_mounts(&sandbox, script) else { return };
    assert!(runs[0]["path"].as_str().unwrap().ends_with("coffee.jpg"), "{runs:#?}");
    assert_eq!((&runs[1]["photos"], &runs[2]["problems"]), (&2.into(), &Value::Array(Vec::new())));
    assert_eq!(runs.len(), 9);
    for run in &runs[3..] {
        let said = run["said"].as_str().unwrap();
        assert!(said.contains("read-only file system") && !said.contains("damage"), "{said}");
        assert!(said.contains("a place that can be written to"), "{said}");
    }
    sandbox.run(&["verify"]).expect(0);
}

/// What a full disk cut short is not left behind: it would look whole, and stand in the way of the next try.
#[test]
fn what_does_not_fit_on_a_disk_can_be_written_again() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let script = r#"
        full="$PHOTOS/full"
        mkdir "$full"
        mount -t tmpfs -o size=8k none "$full"
        head -c 8192 /dev/zero > "$full/filler" || true
        for arguments in "train --init $full/recipe.toml" "query cat --export copies $full/copies"; do
            said=$("$PROGRAM" $arguments 2>&1) && exit 1
            printf '{"said": "%s", "left": %d}\n' "$(echo "$said" | tr -d '"\n')" "$(find "$full" -type f | wc -l)"
        done
        mount -o remount,size=4m "$full"
        "$PROGRAM" train --init "$full/recipe.toml" >&2
        "$PROGRAM" query cat --export copies "$full/copies" > /dev/null 2>&1
        cmp "$full/copies/01 cat.jpg" "$PHOTOS/cat.jpg"
        printf '{"left": %d}\n' "$(find "$full" -type f | wc -l)"
    "#;
    let Some(runs) = with_mounts(&sandbox, script) else { return };
    for run in &runs[..2] {
        let said = run["said"].as_str().unwrap();
        assert_eq!(said.matches("space").count(), 2, "once as the reason, once as the advice: {said}");
        assert_eq!(run["left"], 1, "{said}");
    }
    assert_eq!(runs[2]["left"], 3);
}
