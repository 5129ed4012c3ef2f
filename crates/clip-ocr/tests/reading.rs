//! The program tesseract, and programs that only pretend to be it.
#![allow(clippy::print_stderr, reason = "a test that is passed over has to be seen")]

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clip_ocr::{Languages, OcrError, ReadText, Remedy, Tesseract, TesseractLimits, may_hold_text};
use image::{Rgb, RgbImage};

/// Longer than a busy machine needs to end a process, and shorter than the processes that are to be ended would run.
#[cfg(unix)]
const LONG: Duration = Duration::from_secs(240);

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

/// Tesseract, where it is installed.
fn installed() -> Option<Tesseract> {
    let tesseract = Tesseract::new("tesseract".into(), Languages::default());
    if let Err(error) = &tesseract {
        eprintln!("PASSED OVER: {error}");
    }
    tesseract.ok()
}

/// The pictures beside their words, made by `tests/golden/pictures_of_text.py`.
fn fixtures() -> Vec<(PathBuf, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut fixtures = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let picture = entry.unwrap().path();
        if picture.extension().is_some_and(|extension| extension == "png") {
            let words = std::fs::read_to_string(picture.with_extension("txt")).unwrap();
            fixtures.push((picture, words.split_whitespace().map(str::to_owned).collect()));
        }
    }
    fixtures.sort();
    assert!(fixtures.len() >= 5);
    fixtures
}

fn picture(path: &Path) -> RgbImage {
    image::open(path).unwrap().into_rgb8()
}

/// Of tesseract's, `0` and `O`, among others, look alike.
fn folded(word: &str) -> String {
    word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).map(|c| if c == 'o' { '0' } else { c }).collect()
}

#[test]
fn pictures_of_text_pass_the_test_and_their_words_are_read() {
    let tesseract = installed();
    for (path, words) in fixtures() {
        let picture = picture(&path);
        assert!(may_hold_text(&picture), "{}", path.display());
        let Some(tesseract) = &tesseract else { continue };
        let text = tesseract.read(&picture, &never()).unwrap();
        let read: Vec<String> = text.words().iter().map(|word| folded(&word.text)).collect();
        let missing: Vec<&String> = words.iter().filter(|word| !read.contains(&folded(word))).collect();
        // Versions of tesseract differ a little.
        assert!(missing.len() * 10 <= words.len(), "{}: {missing:?} of {:?}", path.display(), text.to_text());
        assert!(text.words().iter().all(|word| word.confidence >= 60));
        assert!(read.len() <= words.len() * 3 / 2, "{}: {:?}", path.display(), text.to_text());
    }
}

#[test]
fn a_picture_without_text_has_none() {
    let plain = RgbImage::from_pixel(300, 200, Rgb([120, 160, 90]));
    assert!(!may_hold_text(&plain));
    let Some(tesseract) = installed() else { return };
    assert!(tesseract.read(&plain, &never()).unwrap().is_empty());
    for (width, height) in [(1, 1), (1, 400), (3000, 2)] {
        let _ = tesseract.read(&RgbImage::new(width, height), &never()).unwrap();
    }
}

#[test]
fn what_is_missing_is_named_with_a_remedy() {
    let error = Tesseract::new("/no/such/tesseract".into(), Languages::default()).unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::InstallTesseract));
    assert!(matches!(error, OcrError::NoProgram { .. }) && !error.is_about_picture());
    if installed().is_none() {
        return;
    }
    let error = Tesseract::new("tesseract".into(), Languages::parse("eng+xyz").unwrap()).unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::InstallLanguages(vec!["xyz".into()])));
    assert!(error.to_string().starts_with("expected tesseract to have the languages xyz, found "), "{error}");
}

/// A program that lists its languages and then does something else with pictures.
#[cfg(unix)]
fn fake(folder: &Path, does: &str) -> Tesseract {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("tesseract");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --list-langs ]; then echo 'List of available languages (1):'; echo eng; exit; fi\n{does}\n"
    );
    // Written by another process: one of the tests' threads may be starting a program just now, which would have the file open.
    let status = std::process::Command::new("sh")
        .args(["-c", "printf '%s' \"$1\" > \"$0\" && chmod 755 \"$0\""])
        .args([path.as_os_str(), script.as_ref()])
        .status()
        .unwrap();
    assert!(status.success() && path.metadata().unwrap().permissions().mode() & 0o100 != 0);
    let limits = TesseractLimits { longest: Duration::from_secs(2), most_output: 100_000 };
    Tesseract::new(path, Languages::default()).unwrap().limits(limits)
}

#[cfg(unix)]
fn what_comes_of(does: &str) -> (Result<String, OcrError>, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let tesseract = fake(folder.path(), does);
    let started = Instant::now();
    let result = tesseract.read(&RgbImage::new(900, 700), &never()).map(|text| text.to_text());
    (result, started.elapsed())
}

#[cfg(unix)]
#[test]
fn a_program_that_hangs_dies_or_floods_costs_its_picture_only() {
    const WORD: &str = r"printf '5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t90\tword\n'";
    // As it should be, with and without looking at its input.
    for does in [format!("cat > /dev/null; {WORD}"), WORD.to_owned()] {
        assert_eq!(what_comes_of(&does).0.unwrap(), "word", "{does}");
    }
    // A child of its own has its streams too, and goes with it.
    for does in ["sleep 600", "sleep 600 & wait", "exec >&-; sleep 600", "cat > /dev/null; while :; do :; done"] {
        let (result, took) = what_comes_of(does);
        assert!(matches!(result, Err(OcrError::TookTooLong { .. })), "{does}: {result:?}");
        assert!(took < LONG, "{does}: {took:?}");
    }
    for does in ["exit 1", "cat > /dev/null; exit 3", "kill -9 $$", "kill -SEGV $$", &format!("{WORD}; exit 1")] {
        let (result, _) = what_comes_of(does);
        assert!(matches!(result, Err(OcrError::Died { .. })), "{does}: {result:?}");
        assert!(result.is_err_and(|error| error.is_about_picture()));
    }
    for does in ["yes", "cat /dev/zero", "head -c 100001 /dev/zero"] {
        let (result, took) = what_comes_of(does);
        assert!(matches!(result, Err(OcrError::TooMuch { most: 100_000 })), "{does}: {result:?}");
        assert!(took < LONG, "{does}: {took:?}");
    }
    assert_eq!(what_comes_of("head -c 99999 /dev/zero").0.unwrap(), "");
}

#[cfg(unix)]
#[test]
fn what_is_cancelled_ends_at_once() {
    use std::sync::atomic::Ordering;
    let folder = tempfile::tempdir().unwrap();
    let tesseract = fake(folder.path(), "sleep 600").limits(TesseractLimits { longest: LONG * 2, most_output: 9 });
    let cancel = never();
    let started = Instant::now();
    let result = std::thread::scope(|scope| {
        let reading = scope.spawn(|| tesseract.read(&RgbImage::new(20, 20), &cancel));
        std::thread::sleep(Duration::from_millis(200));
        cancel.store(true, Ordering::Relaxed);
        reading.join().unwrap()
    });
    assert!(matches!(result, Err(OcrError::Cancelled)), "{result:?}");
    assert!(started.elapsed() < LONG);
}

#[cfg(unix)]
#[test]
fn another_program_of_that_name_is_none() {
    let error = Tesseract::new("true".into(), Languages::default()).unwrap_err();
    assert!(matches!(error, OcrError::NotTesseract { .. }), "{error}");
    let error = Tesseract::new("false".into(), Languages::default()).unwrap_err();
    assert!(matches!(error, OcrError::NotTesseract { .. }), "{error}");
}
