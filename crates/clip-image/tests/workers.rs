//! Decoding in other processes, of which this program itself is one when it is started with a name for what to do.
#![cfg(feature = "default")]
#![allow(clippy::print_stdout, reason = "a test without the usual harness")]

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clip_image::{Decoder, Format, ImageError, Limits, Photo, Workers, decode_bytes, serve_decoding};

const TESTS: &[(&str, fn())] = &[
    ("photos_are_the_same_as_in_this_process", photos_are_the_same_as_in_this_process),
    ("small_photos_of_our_own_decoders_stay_here", small_photos_of_our_own_decoders_stay_here),
    ("a_worker_serves_photo_after_photo", a_worker_serves_photo_after_photo),
    ("a_crash_costs_the_photo_and_no_other", a_crash_costs_the_photo_and_no_other),
    ("what_takes_too_long_is_ended", what_takes_too_long_is_ended),
    ("nonsense_costs_the_photo", nonsense_costs_the_photo),
    ("one_that_is_killed_says_nothing_of_the_file", one_that_is_killed_says_nothing_of_the_file),
    ("without_a_program_to_start_it_is_said", without_a_program_to_start_it_is_said),
    ("errors_are_those_of_the_decoder", errors_are_those_of_the_decoder),
    ("memory_is_asked_for_here", memory_is_asked_for_here),
    ("a_worker_can_open_nothing", a_worker_can_open_nothing),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [worker, what] = &arguments[..]
        && worker == "worker"
    {
        return serve(what);
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    if arguments.iter().any(|argument| argument == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    // A test that fails panics, and with it the program.
    for (name, test) in TESTS.iter().filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter.as_str()))) {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn serve(what: &str) -> ExitCode {
    let served = match what {
        "decode" => serve_decoding().is_ok(),
        "crash" => {
            let _ = std::io::stdin().read(&mut [0; 9]);
            std::process::abort()
        }
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        #[cfg(unix)]
        "killed" => {
            // SAFETY: it only ends this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            false
        }
        "nonsense" => {
            print!("HTTP/1.1 200 OK");
            true
        }
        "open" => serve_decoding().is_ok() && opens_nothing(),
        _ => false,
    };
    if served { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn opens_nothing() -> bool {
    let file = std::fs::File::open("/etc/hostname").err();
    let written = std::fs::write("/tmp/clip-image-worker", "x").err();
    let connection = std::net::TcpListener::bind("127.0.0.1:0").err();
    let program = Command::new("/bin/true").spawn().err();
    let refused = |error: Option<std::io::Error>| error.is_some_and(|error| error.raw_os_error() == Some(libc::EACCES));
    [file, written, connection, program].into_iter().all(refused)
}

/// Workers that do this, how many were started, and how long each may take.
fn workers(what: &'static str, longest: Duration) -> (Decoder, Arc<AtomicUsize>) {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let program = std::env::current_exe().unwrap();
    let command = move || {
        count.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(&program);
        command.args(["worker", what]);
        command
    };
    (Decoder::with_workers(Workers::new(command, longest)), started)
}

const LONG: Duration = Duration::from_secs(60);

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// A photo that is so large a file that workers decode it.
fn large(name: &str) -> Vec<u8> {
    let mut bytes = fixture(name);
    bytes.resize(65 << 20, 0);
    bytes
}

fn decode(decoder: &Decoder, bytes: &[u8]) -> Result<Photo, ImageError> {
    decoder.decode_bytes(bytes, &Limits::default(), None, &|_| ())
}

fn photos_are_the_same_as_in_this_process() {
    let (decoder, started) = workers("decode", LONG);
    let files = [large("420.jpg"), large("photo.png"), fixture("heif/turned.heic"), fixture("heif/p3.avif")];
    for bytes in files {
        match (decode(&decoder, &bytes), decode_bytes(&bytes, &Limits::default())) {
            (Ok(found), Ok(expected)) => {
                assert!(found.image == expected.image);
                assert_eq!(found.metadata, expected.metadata);
            }
            // Where there is no libheif.
            (found, expected) => assert_eq!(found.err().unwrap().to_string(), expected.err().unwrap().to_string()),
        }
    }
    assert_eq!(started.load(Ordering::Relaxed), 1);
}

fn small_photos_of_our_own_decoders_stay_here() {
    let (decoder, started) = workers("crash", LONG);
    for name in ["420.jpg", "photo.png", "pages.tiff"] {
        assert!(decode(&decoder, &fixture(name)).is_ok());
    }
    assert_eq!(started.load(Ordering::Relaxed), 0);
}

fn a_worker_serves_photo_after_photo() {
    let (decoder, started) = workers("decode", LONG);
    let bytes = large("420.jpg");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..4).for_each(|_| assert!(decode(&decoder, &bytes).is_ok())));
        }
    });
    assert!((1..=3).contains(&started.load(Ordering::Relaxed)));
}

fn a_crash_costs_the_photo_and_no_other() {
    let (decoder, started) = workers("crash", LONG);
    for photo in 1..=3 {
        match decode(&decoder, &large("420.jpg")) {
            Err(ImageError::Panicked { format: Format::Jpeg, message }) => {
                assert!(message.contains("ended") || message.contains("ipe"), "{message}");
            }
            other => panic!("{:?}", other.map(|photo| photo.metadata)),
        }
        assert_eq!(started.load(Ordering::Relaxed), photo);
    }
}

fn what_takes_too_long_is_ended() {
    let (decoder, _) = workers("hang", Duration::from_secs(1));
    let start = Instant::now();
    // As many at a time as there may be threads.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let error = decode(&decoder, &large("420.jpg")).err().unwrap();
                assert_eq!(error.to_string(), "decoding the JPEG took more than 1 s");
            });
        }
    });
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

fn nonsense_costs_the_photo() {
    let (decoder, _) = workers("nonsense", LONG);
    let error = decode(&decoder, &large("420.jpg")).err().unwrap();
    assert!(matches!(error, ImageError::Panicked { .. }), "{error}");
}

fn one_that_is_killed_says_nothing_of_the_file() {
    if cfg!(unix) {
        let (decoder, _) = workers("killed", LONG);
        let error = decode(&decoder, &large("420.jpg")).err().unwrap();
        assert_eq!(error.to_string(), "no process could decode the JPEG: it was killed");
    }
}

fn without_a_program_to_start_it_is_said() {
    let command = || Command::new("/no/such/program");
    let decoder = Decoder::with_workers(Workers::new(command, LONG));
    let error = decode(&decoder, &large("420.jpg")).err().unwrap();
    assert!(matches!(error, ImageError::NoWorker { format: Format::Jpeg, .. }), "{error}");
    assert!(error.to_string().starts_with("no process could decode the JPEG: "), "{error}");
}

fn errors_are_those_of_the_decoder() {
    let (decoder, started) = workers("decode", LONG);
    let mut cut = fixture("420.jpg");
    cut.truncate(cut.len() / 2);
    cut.resize(65 << 20, 0);
    for bytes in [cut, large("420.jpg")] {
        let limits = Limits { max_pixels: 100, ..Limits::default() };
        for limits in [limits, Limits { max_memory: 100, ..Limits::default() }, Limits::default()] {
            let found = decoder.decode_bytes(&bytes, &limits, None, &|_| ()).map(|photo| photo.metadata);
            let expected = decode_bytes(&bytes, &limits).map(|photo| photo.metadata);
            assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        }
    }
    // All of them were answers.
    assert_eq!(started.load(Ordering::Relaxed), 1);
}

fn memory_is_asked_for_here() {
    let (decoder, _) = workers("decode", LONG);
    let asked = Mutex::new(Vec::new());
    let bytes = large("420.jpg");
    decoder.decode_bytes(&bytes, &Limits::default(), None, &|memory| asked.lock().unwrap().push(memory)).unwrap();
    let expected = Mutex::new(Vec::new());
    // A worker has a copy of the file.
    let reserve = |memory: u64| expected.lock().unwrap().push(memory + bytes.len() as u64);
    clip_image::decode_bytes_reserving(&bytes, &Limits::default(), None, &reserve).unwrap();
    assert_eq!(*asked.lock().unwrap(), *expected.lock().unwrap());
}

fn a_worker_can_open_nothing() {
    if !cfg!(all(feature = "confine", target_os = "linux")) {
        return;
    }
    let mut worker = Command::new(std::env::current_exe().unwrap());
    let status = worker.args(["worker", "open"]).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
}
