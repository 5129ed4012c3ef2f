//! Videos from outside: what is counted, what is shown of them, what becomes of them without ffmpeg, and files that only look like
//! videos.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Run, Sandbox, samples};

/// Whether there is an ffmpeg; says so if there is none.
#[expect(clippy::print_stderr, reason = "a test that is passed over has to be seen")]
fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("PASSED OVER: there is no ffmpeg");
    }
    found
}

/// Makes a video of samples that are shown for two seconds each.
fn video(sandbox: &Sandbox, name: &str, shown: &[&str]) -> PathBuf {
    let to = sandbox.photos().join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    let mut graph = String::new();
    for (number, sample) in shown.iter().enumerate() {
        command.args(["-loop", "1", "-framerate", "10", "-t", "2", "-i"]).arg(samples().join(sample));
        graph += &format!("[{number}:v]scale=320:240,setsar=1,format=yuv420p[v{number}];");
    }
    (0..shown.len()).for_each(|number| graph += &format!("[v{number}]"));
    graph += &format!("concat=n={}:v=1[out]", shown.len());
    let done = command.args(["-filter_complex", &graph, "-map", "[out]"]).arg(&to).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    to
}

impl Sandbox {
    fn index_videos(&self, arguments: &[&str]) -> Run {
        let photos = self.photos();
        self.run(&[&["index"][..], arguments, &[photos.to_str().unwrap()]].concat())
    }

    fn without_ffmpeg(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).env("PATH", "/nowhere").output().unwrap())
    }
}

#[test]
fn photos_videos_and_frames_are_counted_apart() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    video(&sandbox, "film.mp4", &["coffee.jpg", "rocket.jpg", "cat.jpg"]);
    let run = sandbox.index_videos(&[]).expect(0);
    assert!(run.stdout.starts_with("2 indexed (1 video, 3 frames), 0 unchanged, "), "{run:#?}");
    let status = sandbox.run(&["status"]).expect(0).stdout;
    let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!((of("photos"), of("videos")), (Some("1"), Some("1 (3 frames)")), "{status}");
    let json = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!((&json["photos"], &json["videos"], &json["frames"]), (&1.into(), &1.into(), &3.into()));
    let again = sandbox.index_videos(&["--json"]).expect(0).json();
    assert_eq!((&again["unchanged"], again.get("videos")), (&2.into(), None));
    // What is known of a video.
    let hits = sandbox.run(&["query", "--json", "duration:0:05..0:07"]).expect(0).json_lines();
    assert_eq!((hits.len(), &hits[0]["kind"], &hits[0]["duration"]), (1, &"video".into(), &6.0.into()));
    assert_eq!(sandbox.run(&["query", "--json", "is:video", "duration:>10"]).json_lines().len(), 0);
    let hits = sandbox.run(&["query", "--json", "a cat"]).expect(0).json_lines();
    let time = hits.iter().find_map(|hit| hit["time"].as_f64()).unwrap();
    assert!((3.9..6.0).contains(&time), "{hits:?}");
}

#[test]
fn an_index_with_videos_is_not_replaced_where_nothing_reads_them() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    video(&sandbox, "film.mp4", &["coffee.jpg"]);
    sandbox.index_videos(&[]).expect(0);
    let standing = || {
        let status = sandbox.run(&["status", "--json"]).expect(0).json();
        ["generation", "photos", "videos", "rebuild"].map(|member| status[member].clone())
    };
    let before = standing();
    for arguments in [&["index", "--rebuild"][..], &["index", "--rebuild", "--no-video"]] {
        let refused = sandbox.without_ffmpeg(arguments).expect(2);
        for part in ["would lack the 1 video of the old one", "install ffmpeg", "--forget-unreachable"] {
            assert!(refused.stderr.contains(part), "{part}: {refused:#?}");
        }
        assert_eq!(standing(), before, "nothing is begun");
    }
    // An update without ffmpeg keeps what it cannot read.
    let updated = sandbox.without_ffmpeg(&["index"]).expect(0);
    assert!(updated.stderr.contains("1 video was passed over: install ffmpeg to index it"), "{updated:#?}");
    assert_eq!(sandbox.run(&["status", "--json"]).json()["videos"], 1);
    sandbox.without_ffmpeg(&["index", "--rebuild", "--forget-unreachable"]).expect(0);
    assert_eq!(sandbox.run(&["status", "--json"]).json()["videos"], 0);
    let run = sandbox.index_videos(&[]).expect(0);
    assert!(run.stdout.starts_with("1 indexed (1 video, 1 frame), 1 unchanged"), "{run:#?}");
}

#[cfg(unix)]
#[test]
fn an_ffmpeg_that_does_not_work_is_told_of_once_and_only_if_there_is_a_video() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let (programs, photos) = (sandbox.path().join("programs"), sandbox.photos());
    fs::create_dir(&programs).unwrap();
    // Written by another process: a thread of another test may be starting a program just now, which would have the file open.
    let write = "printf '#!/bin/sh\\necho something else\\n' > ffmpeg && chmod 755 ffmpeg";
    assert!(Command::new("sh").args(["-c", write]).current_dir(&programs).status().unwrap().success());
    let index = || {
        let arguments = ["index", photos.to_str().unwrap()];
        Run::from(sandbox.command(&arguments).env("PATH", &programs).output().unwrap())
    };
    assert_eq!(index().expect(0).stderr.matches("ffmpeg").count(), 0);
    for name in ["a.mp4", "b.mkv", "c.avi"] {
        fs::write(photos.join(name), name).unwrap();
    }
    let run = index().expect(0);
    assert_eq!(run.stderr.matches("videos are passed over").count(), 1, "{run:#?}");
    assert!(run.stderr.contains("3 videos were passed over"), "{run:#?}");
}

/// Files that refer to others, in the names of videos, and one whose name looks like what ffmpeg says.
#[test]
fn what_only_looks_like_a_video_leads_nowhere() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::new();
    let secret = video(&sandbox, "secret.mp4", &["rocket.jpg"]);
    let elsewhere = sandbox.path().join("secret.mp4");
    fs::rename(secret, &elsewhere).unwrap();
    let target = elsewhere.display();
    for (name, text) in [
        ("list.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n")),
        ("web.mov", "#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n".to_owned()),
        ("concat.mkv", format!("ffconcat version 1.0\nfile '{target}'\n")),
        ("lines.avi", format!("file '{target}'\n")),
        (
            "session.webm",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n".to_owned(),
        ),
    ] {
        fs::write(sandbox.photos().join(name), text).unwrap();
    }
    let report = sandbox.index_videos(&["--json"]).expect(1).json();
    let skipped = report["skipped"].as_array().unwrap();
    assert_eq!((skipped.len(), &report["indexed"]), (5, &0.into()), "{report:#}");
    let reasons: Vec<&str> = skipped.iter().map(|skipped| skipped["reason"].as_str().unwrap()).collect();
    assert!(reasons.iter().all(|reason| reason.starts_with("ffmpeg cannot read it: ")), "{reasons:?}");
    assert!(
        reasons.iter().any(|reason| reason.contains("expected a video, found what ffmpeg calls hls")),
        "{reasons:?}"
    );
    assert!(!reasons.iter().any(|reason| reason.contains("secret") || reason.contains("127.0.0.1")), "{reasons:?}");

    #[cfg(unix)]
    {
        let good = sandbox.photos().join("-i.mp4");
        fs::rename(&elsewhere, &good).unwrap();
        let name = "a\n  Duration: 09:00:00.00, start\n  Stream #0:0: Video: h264, 11x12\n[showinfo@0 @ 0] n: 0 pts_time:7 .mp4";
        let bytes = fs::read(&good).unwrap();
        // None is a copy of another: each is read.
        for (name, end) in [(name, &b"\0\0\0\x08free"[..]), ("concat:a|100%d.mp4", b"\0\0\0\x0cfree....")] {
            fs::write(sandbox.photos().join(name), [&bytes, end].concat()).unwrap();
        }
        assert_eq!(sandbox.index_videos(&["--json"]).expect(0).json()["indexed"], 3);
        let hits = sandbox.run(&["query", "--json", "is:video"]).expect(0).json_lines();
        assert_eq!(hits.len(), 3);
        for hit in hits {
            assert_eq!((&hit["duration"], &hit["width"]), (&2.0.into(), &320.into()), "{hit:#}");
        }
    }
}
