//! Real clips: scenes of known photos, cuts, fades, pans, still parts, turned ones, broken ones.
#![allow(clippy::print_stderr, reason = "figures that documents quote")]

mod support;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clip_video::{Light, Limits, Sampling, VideoError};
use image::RgbImage;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::{Transition, clip, ffmpeg, frames, make, most_like, photos};

/// Seconds between candidates.
const STEP: f64 = 0.5;

/// Scenes in a random order, of random length.
fn random_scenes(random: &mut StdRng, count: usize) -> Vec<(PathBuf, f64)> {
    let photos = photos();
    let mut before = usize::MAX;
    let mut scene = || {
        let mut next = random.random_range(0..photos.len());
        while next == before {
            next = random.random_range(0..photos.len());
        }
        before = next;
        // In frames of a 25th of a second.
        (photos[next].clone(), f64::from(random.random_range(25..100)) / 25.0)
    };
    (0..count).map(|_| scene()).collect()
}

#[test]
fn the_right_second_is_found_for_at_least_95_percent_of_scenes() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut scenes_in_all, mut found, mut frames_in_all, mut seconds) = (0, 0, 0, 0.0);
    for (number, transition) in
        [Transition::Cut, Transition::Cut, Transition::Fade(0.6), Transition::Fade(0.6)].into_iter().enumerate()
    {
        for ending in if number == 0 { &["mp4", "mkv", "webm", "avi", "mov"][..] } else { &["mp4"] } {
            let mut random = StdRng::seed_from_u64(number as u64);
            let path = dir.path().join(format!("{number}.{ending}"));
            let scenes = clip(&ffmpeg, &random_scenes(&mut random, 8), transition, &path);
            let video = frames(&ffmpeg, &path).unwrap();
            assert!(!video.is_cut, "{ending}");
            frames_in_all += video.frames.len();
            seconds += scenes.last().unwrap().until;
            for scene in &scenes {
                scenes_in_all += 1;
                // A photo may be shown more than once.
                let same = scenes.iter().filter(|other| other.photo == scene.photo);
                let at = most_like(&video.frames, &scene.photo).at as f64 / 1000.0;
                let is_right = same.clone().any(|scene| at >= scene.from - STEP && at <= scene.until + STEP);
                // And its own scene has a frame from near its beginning.
                let has_own = video.frames.iter().any(|frame| {
                    let at = frame.at as f64 / 1000.0;
                    let fade = if let Transition::Fade(seconds) = transition { seconds } else { 0.0 };
                    at >= scene.from && at <= scene.from + fade + STEP + 0.05
                });
                found += usize::from(is_right && has_own);
            }
        }
    }
    eprintln!("{found} of {scenes_in_all} scenes, {frames_in_all} frames of {seconds:.0} seconds");
    assert!(found * 100 >= 95 * scenes_in_all, "{found} of {scenes_in_all}");
    assert!(frames_in_all <= 2 * scenes_in_all + 10, "{frames_in_all} frames of {scenes_in_all} scenes");
}

#[test]
fn what_stands_still_is_one_frame_and_a_pan_has_several() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let still = dir.path().join("still.mp4");
    clip(&ffmpeg, &[(photos()[0].clone(), 20.0)], Transition::Cut, &still);
    let video = frames(&ffmpeg, &still).unwrap();
    assert_eq!(video.frames.len(), 1);
    assert_eq!((video.frames[0].at, video.frames[0].picture.dimensions()), (0, (320, 180)));
    assert_eq!(video.description.duration.map(|duration| duration.as_secs()), Some(20));

    let pan = dir.path().join("pan.mp4");
    let photo = photos()[0].display().to_string();
    let window = "scale=1280:-2,crop=320:180:x='(iw-320)*t/12':y='ih/3',format=yuv420p";
    make(&ffmpeg, &["-loop", "1", "-framerate", "25", "-t", "12", "-i", &photo, "-vf", window], &pan);
    let video = frames(&ffmpeg, &pan).unwrap();
    assert!((3..=14).contains(&video.frames.len()), "{}", video.frames.len());
    let longest = video.frames.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap();
    assert!(longest <= 5_500, "{longest}");
}

#[test]
fn a_clip_of_a_phone_that_was_turned_is_upright() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("turned.mp4");
    let halves = "color=red:s=160x180:d=2[a];color=blue:s=160x180:d=2[b];[a][b]hstack,format=yuv420p[out]";
    make(&ffmpeg, &["-filter_complex", halves, "-map", "[out]"], &path);
    let mut bytes = std::fs::read(&path).unwrap();
    let matrix = bytes.windows(4).position(|window| window == b"tkhd").unwrap() + 4 + 40;
    // A quarter of a turn, clockwise.
    let turned: [i32; 9] = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30];
    for (at, value) in turned.into_iter().enumerate() {
        bytes[matrix + 4 * at..][..4].copy_from_slice(&value.to_be_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let video = frames(&ffmpeg, &path).unwrap();
    assert_eq!((video.description.width, video.description.height, video.description.rotation), (180, 320, 90));
    let picture = &video.frames[0].picture;
    assert_eq!(picture.dimensions(), (180, 320));
    let [red, blue] = [picture.get_pixel(90, 40), picture.get_pixel(90, 280)];
    assert!(red.0[0] > 200 && red.0[2] < 60 && blue.0[2] > 200 && blue.0[0] < 60, "{red:?} {blue:?}");
}

#[test]
fn of_a_broken_end_there_is_what_comes_before() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.mp4");
    let photos = photos();
    let shown: Vec<_> = photos.iter().take(6).map(|photo| (photo.clone(), 2.0)).collect();
    clip(&ffmpeg, &shown, Transition::Cut, &whole);
    let source = whole.display().to_string();
    for (name, arguments) in [
        ("a.mp4", &["-i", &source, "-c", "copy", "-movflags", "+faststart"][..]),
        ("a.mkv", &["-i", &source, "-c", "copy"]),
        ("a.avi", &["-i", &source]),
    ] {
        let path = dir.path().join(name);
        make(&ffmpeg, arguments, &path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() * 3 / 5]).unwrap();
        let video = frames(&ffmpeg, &path).unwrap();
        assert!((2..=5).contains(&video.frames.len()), "{name}: {}", video.frames.len());
        let first = most_like(&video.frames, &photos[0]).at;
        let second = most_like(&video.frames, &photos[1]).at;
        assert!(first < 500 && (2000..=2500).contains(&second), "{name}: {first} {second}");
        // Cut within its header.
        std::fs::write(&path, &bytes[..200]).unwrap();
        let error = frames(&ffmpeg, &path).unwrap_err();
        assert!(
            matches!(error, VideoError::Unreadable { .. } | VideoError::NoPictures | VideoError::NoFrames { .. }),
            "{error}"
        );
    }
}

#[test]
fn of_long_videos_key_frames_are_looked_at_and_no_more_are_kept_than_asked_for() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.mp4");
    let mut random = StdRng::seed_from_u64(9);
    let scenes = clip(&ffmpeg, &random_scenes(&mut random, 20), Transition::Cut, &path);
    let never = AtomicBool::new(false);
    let sampling = |most| Sampling {
        whole_up_to: Duration::from_secs(10),
        most_frames: NonZeroUsize::new(most).unwrap(),
        ..Sampling::default()
    };
    let reserved = Mutex::new(Vec::new());
    let reserve = |bytes| reserved.lock().unwrap().push(bytes);
    let of = |most| ffmpeg.frames(&path, Some(90), &sampling(most), &Limits::default(), &reserve, &never).unwrap();
    // The encoder begins each scene with a key frame.
    let video = of(300);
    let has_frame = |scene: &&support::Scene| {
        video.frames.iter().any(|frame| {
            let at = frame.at as f64 / 1000.0;
            at >= scene.from - 0.05 && at <= scene.from + STEP + 0.05
        })
    };
    let found = scenes.iter().filter(has_frame).count();
    assert!(found >= 18, "{found} of {}", scenes.len());
    assert_eq!(video.frames[0].picture.dimensions(), (160, 90));
    let few = of(5);
    assert_eq!(few.frames.len(), 5);
    assert!(few.frames.is_sorted_by(|a, b| a.at < b.at));
    assert!(reserved.into_inner().unwrap().iter().all(|bytes| *bytes > 1_000_000));
}

#[test]
fn a_recording_with_one_key_frame_is_looked_at_whole() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("screen.mp4");
    let two = "color=red:s=160x90:d=4[a];color=blue:s=160x90:d=4[b];[a][b]concat,format=yuv420p[out]";
    let no_key_frames = ["-x264-params", "keyint=infinite:scenecut=0"];
    make(&ffmpeg, &[&["-filter_complex", two, "-map", "[out]"][..], &no_key_frames].concat(), &path);
    let sampling = Sampling { whole_up_to: Duration::from_secs(1), ..Sampling::default() };
    let never = AtomicBool::new(false);
    let video = ffmpeg.frames(&path, None, &sampling, &Limits::default(), &|_| (), &never).unwrap();
    let times: Vec<u64> = video.frames.iter().map(|frame| frame.at).collect();
    assert!(times.len() == 2 && (4000..=4500).contains(&times[1]), "{times:?}");
}

/// The mean difference of the values of two pictures of one size.
fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn videos_with_a_high_dynamic_range_are_as_bright_as_others() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let photo = photos().iter().find(|path| path.ends_with("cat.jpg")).unwrap().display().to_string();
    let source = ["-loop", "1", "-framerate", "10", "-t", "1", "-i", &photo];
    let standard = "scale=320:180:in_range=pc:out_range=tv:out_color_matrix=bt709,format=yuv444p,setsar=1,\
                    setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";
    let plain = dir.path().join("plain.mkv");
    make(&ffmpeg, &[&source[..], &["-vf", standard, "-c:v", "libx264"]].concat(), &plain);
    let expected = frames(&ffmpeg, &plain).unwrap().frames.remove(0).picture;
    for (name, light) in [("smpte2084", Light::Pq), ("arib-std-b67", Light::Hlg)] {
        let path = dir.path().join(format!("{name}.mp4"));
        let graph = format!(
            "{standard},zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t={name}:m=bt2020nc:r=tv:npl=203,\
             format=yuv420p10le"
        );
        let x265 = format!("log-level=error:colorprim=bt2020:transfer={name}:colormatrix=bt2020nc");
        let arguments = [&source[..], &["-vf", &graph, "-c:v", "libx265", "-x265-params", &x265]].concat();
        let made = Command::new(ffmpeg.program())
            .args(["-nostdin", "-v", "error", "-y"])
            .args(arguments)
            .arg(&path)
            .status()
            .unwrap();
        if !made.success() {
            eprintln!("PASSED OVER: this ffmpeg cannot make videos with a high dynamic range");
            return;
        }
        let video = frames(&ffmpeg, &path).unwrap();
        assert_eq!(video.description.light, light);
        let never = AtomicBool::new(false);
        let shown = ffmpeg.frame_at(&path, 0, 180, &Limits::default(), &never).unwrap();
        for picture in [&video.frames[0].picture, &shown] {
            let difference = mean_difference(picture, &expected);
            eprintln!("{name}: {difference:.1} of 255");
            // As ffmpeg converts them, they are off by 25 and 18.
            assert!(difference < 14.0, "{name}: {difference}");
        }
    }
}

#[test]
fn pixels_that_are_not_square_and_odd_sizes() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (source, expected) in [
        ("color=red:s=720x576:d=1,setsar=64/45", (320, 180)),
        ("color=red:s=64x2:d=1", (64, 2)),
        ("color=red:s=2x64:d=1", (2, 64)),
        ("color=red:s=640x360:d=0.04", (320, 180)),
    ] {
        let path = dir.path().join("a.mkv");
        make(&ffmpeg, &["-f", "lavfi", "-i", source, "-c:v", "mpeg4"], &path);
        let video = frames(&ffmpeg, &path).unwrap();
        assert_eq!(video.frames.len(), 1, "{source}");
        assert_eq!(video.frames[0].picture.dimensions(), expected, "{source}");
    }
}

#[test]
fn what_is_no_video_is_refused_and_lists_of_files_are_not_followed() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    clip(&ffmpeg, &[(photos()[0].clone(), 1.0)], Transition::Cut, &at("good.mp4"));
    let good = at("good.mp4").display().to_string();
    for (name, text) in [
        ("words.mp4", "these are words"),
        ("empty.mp4", ""),
        ("list.mp4", &format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{good}\n#EXT-X-ENDLIST\n")),
        ("web.mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"),
        ("concat.mkv", &format!("ffconcat version 1.0\nfile '{good}'\n")),
    ] {
        std::fs::write(at(name), text).unwrap();
        let error = frames(&ffmpeg, &at(name)).unwrap_err();
        assert!(matches!(error, VideoError::Unreadable { .. }), "{name}: {error}");
        assert!(!error.to_string().contains("file:"), "{error}");
        let is_named = error.to_string().ends_with("expected a video, found what ffmpeg calls hls");
        assert!(is_named || name != "list.mp4", "{error}");
    }
    std::fs::copy(&photos()[0], at("photo.mov")).unwrap();
    assert!(frames(&ffmpeg, &at("photo.mov")).is_err());
    make(&ffmpeg, &["-f", "lavfi", "-i", "sine=d=1"], &at("sound.mp4"));
    assert!(matches!(frames(&ffmpeg, &at("sound.mp4")), Err(VideoError::NoPictures)));
    let cover = photos()[0].display().to_string();
    let song =
        ["-f", "lavfi", "-i", "sine=d=1", "-i", &cover, "-map", "0", "-map", "1", "-disposition:v", "attached_pic"];
    make(&ffmpeg, &[&song[..], &["-c:v", "mjpeg"]].concat(), &at("song.mp4"));
    assert!(matches!(frames(&ffmpeg, &at("song.mp4")), Err(VideoError::NoPictures)));
    assert!(matches!(frames(&ffmpeg, &at("gone.mp4")), Err(VideoError::Unreadable { .. })));
}

#[test]
fn names_are_names() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good.mp4");
    clip(&ffmpeg, &[(photos()[0].clone(), 1.0)], Transition::Cut, &good);
    let mut names: Vec<PathBuf> = ["-i.mp4", "concat:a|b.mp4", "100%d.mp4", "a b'c\"d.mp4"].map(PathBuf::from).to_vec();
    #[cfg(unix)]
    names.push(Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\n.mp4")).into());
    for name in names {
        let path = dir.path().join(&name);
        std::fs::copy(&good, &path).unwrap();
        assert_eq!(frames(&ffmpeg, &path).unwrap().frames.len(), 1, "{name:?}");
    }
    // One that looks like what ffmpeg says of a video and of its frames.
    #[cfg(unix)]
    {
        let name = "a\n  Duration: 09:00:00.00, start\n  Stream #0:0: Video: h264, 11x12\n[showinfo@0 @ 0] n: 0 pts_time:7 .mp4";
        let path = dir.path().join(name);
        std::fs::copy(&good, &path).unwrap();
        let video = frames(&ffmpeg, &path).unwrap();
        assert_eq!((video.description.width, video.frames[0].at), (320, 0));
        assert_eq!(video.description.duration, Some(Duration::from_secs(1)));
    }
}

#[test]
fn odd_videos_are_read_or_refused() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let test = "testsrc=s=320x180:r=25:d=4";
    let stretches = "select='not(mod(n,7))+lt(n,50)'";
    let interlaced = "tinterlace=interleave_top,fieldorder=tff";
    for (name, arguments, seconds) in [
        ("one-frame.mp4", &["-f", "lavfi", "-i", test, "-frames:v", "1"][..], 0.0),
        ("one-frame.mkv", &["-f", "lavfi", "-i", test, "-frames:v", "1"], 0.0),
        ("stretches.mp4", &["-f", "lavfi", "-i", test, "-vf", stretches, "-vsync", "vfr"], 4.0),
        ("interlaced.mpg", &["-f", "lavfi", "-i", test, "-vf", interlaced, "-c:v", "mpeg2video"], 4.0),
        ("late.mts", &["-f", "lavfi", "-i", test, "-c:v", "mpeg2video", "-output_ts_offset", "40000"], 4.0),
        ("flat.mkv", &["-f", "lavfi", "-i", "testsrc=s=320x180:d=1,setsar=100/1", "-c:v", "mpeg4"], 1.0),
        ("large.mp4", &["-f", "lavfi", "-i", "testsrc=s=8192x4320:r=2:d=1", "-preset", "ultrafast"], 1.0),
    ] {
        make(&ffmpeg, arguments, &at(name));
        let video = frames(&ffmpeg, &at(name)).unwrap();
        assert!(!video.is_cut && !video.frames.is_empty(), "{name}");
        let last = video.frames.last().unwrap().at as f64 / 1000.0;
        assert!(video.frames[0].at == 0 && last <= seconds, "{name}: {last}");
        let (width, height) = video.frames[0].picture.dimensions();
        assert!(width.min(height) <= 180 && width.max(height) <= 8192, "{name}: {width}x{height}");
    }
    // Two transport streams behind one another are one video; of two movies, there is the first.
    let twice = |name: &str, to: &str| {
        let bytes = std::fs::read(at(name)).unwrap();
        std::fs::write(at(to), [&bytes[..], &bytes].concat()).unwrap();
        frames(&ffmpeg, &at(to)).unwrap().frames.last().unwrap().at
    };
    assert!(twice("late.mts", "twice.mts") > 4_000);
    assert!(twice("stretches.mp4", "twice.mp4") <= 4_000);
    // A wrong ending does not matter among formats that are read.
    std::fs::copy(at("stretches.mp4"), at("wrong.mkv")).unwrap();
    assert!(frames(&ffmpeg, &at("wrong.mkv")).is_ok());
    // The first of several streams that moves, with subtitles and sound beside it.
    std::fs::write(at("a.srt"), "1\n00:00:00,000 --> 00:00:03,000\nhello\n").unwrap();
    let subtitles = at("a.srt").display().to_string();
    let inputs = ["-f", "lavfi", "-i", "color=red:s=160x90:d=3", "-f", "lavfi", "-i", "color=blue:s=64x64:d=3"];
    let others =
        ["-i", &subtitles, "-f", "lavfi", "-i", "sine=d=3", "-map", "0", "-map", "1", "-map", "2", "-map", "3"];
    make(&ffmpeg, &[&inputs[..], &others].concat(), &at("several.mkv"));
    let video = frames(&ffmpeg, &at("several.mkv")).unwrap();
    assert_eq!((video.description.width, video.frames.len()), (160, 1));
    assert!(video.frames[0].picture.get_pixel(5, 5).0[0] > 200);
}

#[test]
fn the_time_of_making_is_told_as_the_file_has_it() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let source = ["-f", "lavfi", "-i", "color=red:s=64x64:d=1", "-metadata", "creation_time=2020-02-03T04:05:06Z"];
    make(&ffmpeg, &source, &path);
    let created_at = frames(&ffmpeg, &path).unwrap().description.created_at.unwrap();
    assert!(created_at.starts_with("2020-02-03T04:05:06"), "{created_at}");
}

/// What a film costs: `cargo test --release -p clip-video --test clips -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn a_film_of_two_hours() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (minute, film) = (dir.path().join("minute.mp4"), dir.path().join("film.mp4"));
    let mut random = StdRng::seed_from_u64(5);
    let shown = random_scenes(&mut random, 24);
    clip(&ffmpeg, &shown, Transition::Cut, &minute);
    // Large, with noise, at the rate of a film, and two hours of it: three gigabytes.
    let source = minute.display().to_string();
    let large = dir.path().join("large.mp4");
    let picture = ["-i", &source, "-vf", "scale=1920:1080,noise=alls=4:allf=t", "-preset", "ultrafast"];
    let rate = ["-b:v", "3M", "-maxrate", "3M", "-bufsize", "6M"];
    make(&ffmpeg, &[&picture[..], &rate].concat(), &large);
    let seconds: f64 = shown.iter().map(|(_, seconds)| seconds).sum();
    let times = (7200.0 / seconds).ceil() as usize;
    let list = dir.path().join("list.txt");
    std::fs::write(&list, format!("file '{}'\n", large.display()).repeat(times)).unwrap();
    make(&ffmpeg, &["-f", "concat", "-safe", "0", "-i", &list.display().to_string(), "-c", "copy"], &film);
    let started = std::time::Instant::now();
    let video = frames(&ffmpeg, &film).unwrap();
    eprintln!(
        "{} MiB, {:?}: {} frames in {:.1?}",
        film.metadata().unwrap().len() >> 20,
        video.description.duration,
        video.frames.len(),
        started.elapsed()
    );
    assert!(video.frames.len() <= 300 && video.frames.last().unwrap().at > 7_000_000);
}
