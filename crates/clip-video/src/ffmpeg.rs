//! The program, and what it is told to do.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clip_process::{Bounds, Fault, Running, exchange};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use image::RgbImage;

use crate::choice::Choice;
use crate::description::{self, Description};
use crate::error::VideoError;
use crate::frame::Frame;
use crate::light;
use crate::pictures::{self, BadStream, LONGEST_SIDE};
use crate::sampling::{Limits, Sampling, SamplingPlan};
use crate::words::{LastWords, each_line, time_of_frame};

/// What may be read: formats that hold their pictures themselves, by the names of ffmpeg's readers. A list of other files is none.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,dv";

/// How often the caller's flag is looked at.
const LOOK_UP: Duration = Duration::from_millis(50);

/// How long it is waited for the time of a picture, which ffmpeg tells before the picture.
const LATE: Duration = Duration::from_secs(10);

/// How long a program may take to say its version.
const ANSWER: Duration = Duration::from_secs(20);

/// The most bytes of an answer.
const LONGEST_ANSWER: usize = 1 << 18;

/// What stands for the name of a video in what is said of it.
const NAME: &str = "file:video";

/// Times that are waited with for their pictures.
const MOST_TIMES: usize = 1 << 12;

/// What came of a video.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Video {
    /// What the file says of itself.
    pub description: Description,
    /// The frames that were kept, at least one, in the order of their times.
    pub frames: Vec<Frame>,
    /// The video breaks off, or could not be decoded to its end: the frames are those before that.
    pub is_cut: bool,
}

/// An ffmpeg, which is started when there is a video to be read. Clones share what is known of it.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    /// What it answered; nothing before it was asked, and nothing where it gave no answer.
    version: Arc<OnceLock<String>>,
}

/// The same if they are the same program.
impl PartialEq for Ffmpeg {
    fn eq(&self, other: &Ffmpeg) -> bool {
        self.program == other.program
    }
}

impl Eq for Ffmpeg {}

impl Ffmpeg {
    /// The first ffmpeg in these folders. Those that are not absolute are left out: what they name depends on where a program
    /// happens to be started.
    pub fn find(folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
        let name = format!("ffmpeg{}", std::env::consts::EXE_SUFFIX);
        let programs = folders.into_iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(&name));
        programs.into_iter().find(|program| is_program(program))
    }

    /// The program at this path. It is not started, and so not known to be ffmpeg, before it is needed.
    pub fn at(program: PathBuf) -> Ffmpeg {
        Ffmpeg { program, version: Arc::default() }
    }

    /// Takes the program at this path, if it runs and says which ffmpeg it is.
    ///
    /// # Errors
    /// Those of [`version`](Ffmpeg::version).
    pub fn open(program: &Path) -> Result<Ffmpeg, VideoError> {
        let ffmpeg = Ffmpeg::at(program.to_path_buf());
        ffmpeg.version()?;
        Ok(ffmpeg)
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version, in its own words. It is asked once; where it gives none, it is asked again the next time.
    ///
    /// # Errors
    /// [`VideoError::NotStarted`], [`VideoError::NotFfmpeg`] and [`VideoError::Hung`].
    pub fn version(&self) -> Result<&str, VideoError> {
        if let Some(version) = self.version.get() {
            return Ok(version);
        }
        let mut command = self.command();
        command.arg("-version");
        let (answer, _) = self.ask(command, &Limits::default(), ANSWER, &AtomicBool::new(false))?;
        let first = answer.lines().next().unwrap_or_default();
        let version = first.strip_prefix("ffmpeg version ").and_then(|rest| rest.split(' ').next());
        match version {
            Some(version) => Ok(self.version.get_or_init(|| version.chars().take(80).collect())),
            None => {
                let first: String = first.chars().take(80).collect();
                Err(VideoError::NotFfmpeg { program: self.program.clone(), found: format!("{first:?}") })
            }
        }
    }

    /// Its version, if it was asked before.
    pub fn known_version(&self) -> Option<&str> {
        self.version.get().map(String::as_str)
    }

    /// What a file says of itself. Nothing is decoded.
    ///
    /// # Errors
    /// [`VideoError::Unreadable`] and [`VideoError::NoPictures`] if the file is at fault, and those of a program that does not
    /// do what it should.
    pub fn describe(&self, path: &Path, limits: &Limits, cancel: &AtomicBool) -> Result<Description, VideoError> {
        let mut command = self.command();
        // Told of an input and of no output, ffmpeg says what the input is and that there is no output.
        command.args(["-hide_banner", "-nostdin", "-v", "info"]);
        input(&mut command, path);
        let (_, said) = self.ask(command, limits, limits.silence, cancel)?;
        let name = input_name(path).to_string_lossy().into_owned();
        // A name may have line breaks in it, and after them what looks like a description.
        let said = said.replace(&name, NAME);
        if let Some(found) = description::read(&said) {
            return Ok(found);
        }
        if said.lines().any(|line| line.starts_with("Input #0")) {
            return Err(VideoError::NoPictures);
        }
        let mut words = LastWords::default();
        said.lines().for_each(|line| words.push(line));
        Err(VideoError::Unreadable { said: words.message(NAME) })
    }

    /// The frames of a video that are worth looking at, no larger than that their shorter sides have `shorter_side` pixels.
    ///
    /// `reserve` is told how many bytes of memory this takes before it takes them, and may wait until there are as many.
    ///
    /// # Errors
    /// Those of [`describe`](Ffmpeg::describe), [`VideoError::NoFrames`], and [`VideoError::Cancelled`] once `cancel` is true. If
    /// ffmpeg fails after some frames, there are those; if it has to be ended, there are none.
    pub fn frames(
        &self,
        path: &Path,
        shorter_side: Option<u32>,
        sampling: &Sampling,
        limits: &Limits,
        reserve: &dyn Fn(u64),
        cancel: &AtomicBool,
    ) -> Result<Video, VideoError> {
        let description = self.describe(path, limits, cancel)?;
        let plan = sampling.plan(&description);
        reserve(memory(&description, shorter_side, plan.most_frames));
        let taken = self.choose(path, shorter_side, &plan, limits, cancel);
        let (mut frames, is_cut) = match taken {
            // Screen recordings may have a single key frame.
            Ok((frames, _)) if plan.key_frames_only && frames.len() < 2 => {
                let plan = SamplingPlan { key_frames_only: false, ..plan };
                self.choose(path, shorter_side, &plan, limits, cancel)?
            }
            taken => taken?,
        };
        frames.iter_mut().for_each(|frame| light::to_standard(description.light, &mut frame.picture));
        Ok(Video { description, frames, is_cut })
    }

    /// The picture that is shown at a time, in milliseconds from the beginning, no larger than that its shorter side has `shorter_side`
    /// pixels.
    ///
    /// # Errors
    /// [`VideoError::NoFrames`] if there is none, [`VideoError::Cancelled`] once `cancel` is true, and those of a program that does
    /// not do what it should.
    pub fn frame_at(
        &self,
        path: &Path,
        at: u64,
        shorter_side: u32,
        limits: &Limits,
        cancel: &AtomicBool,
    ) -> Result<RgbImage, VideoError> {
        let mut command = self.command();
        command.args(["-hide_banner", "-nostdin", "-nostats", "-v", "info", "-threads", &limits.threads.to_string()]);
        // Before the input: from the key frame before that time on, not from the beginning.
        command.args(["-ss", &format!("{}.{:03}", at / 1000, at % 1000)]);
        input(&mut command, path);
        command.args(["-map", "0:V:0", "-an", "-sn", "-dn", "-map_metadata", "-1", "-filter_threads", "1"]);
        command.arg("-vf").arg(format!("{},format=rgb24", scale(Some(shorter_side))));
        command.args(["-frames:v", "1", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"]);
        let started = Instant::now();
        let (_running, stdout, stderr) = self.start(&mut command, limits)?;
        let most_pixels = u64::from(shorter_side) * u64::from(LONGEST_SIDE);
        let (said, pictures) = (spawn_answer(stderr)?, spawn_reader(stdout, most_pixels)?);
        loop {
            match pictures.recv_timeout(LOOK_UP) {
                Ok(Ok(mut picture)) => {
                    // It ends after one frame, and has said what it is a frame of.
                    let said = said.recv_timeout(LATE).ok().flatten().unwrap_or_default();
                    let said = said.replace(&*input_name(path).to_string_lossy(), NAME);
                    let light = description::read(&said).unwrap_or_default().light;
                    light::to_standard(light, &mut picture);
                    return Ok(picture);
                }
                Ok(Err(BadStream::Unasked { found })) => {
                    let expected = format!("a frame of at most {most_pixels} pixels");
                    return Err(VideoError::Flood { expected, found });
                }
                Ok(Err(BadStream::Broken)) | Err(RecvTimeoutError::Disconnected) => {
                    let mut words = LastWords::default();
                    let said = said.recv_timeout(LATE).ok().flatten().unwrap_or_default();
                    said.lines().for_each(|line| words.push(line));
                    return Err(VideoError::NoFrames { said: words.message(&input_name(path).to_string_lossy()) });
                }
                Err(RecvTimeoutError::Timeout) if cancel.load(Ordering::Relaxed) => return Err(VideoError::Cancelled),
                Err(RecvTimeoutError::Timeout) if started.elapsed() >= limits.silence => {
                    return Err(VideoError::Hung { after: limits.silence });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Has a video decoded and chooses among its candidates. Also says whether it broke off.
    fn choose(
        &self,
        path: &Path,
        shorter_side: Option<u32>,
        plan: &SamplingPlan,
        limits: &Limits,
        cancel: &AtomicBool,
    ) -> Result<(Vec<Frame>, bool), VideoError> {
        let mut command = self.command();
        command.args(["-hide_banner", "-nostdin", "-nostats", "-v", "info"]);
        // Threads that hand each other frames to skip take longer than one that skips them: 4.0 s of processor time for two hours,
        // instead of 1.9.
        let threads = if plan.key_frames_only { 1 } else { limits.threads.get() };
        command.args(["-threads", &threads.to_string()]);
        if plan.key_frames_only {
            // By the decoder, not by the container (`-discard nokey`), which does not know of all whole pictures.
            command.args(["-skip_frame", "nokey"]);
        }
        input(&mut command, path);
        // The first moving pictures: a cover is `V`'s exception.
        command.args(["-map", "0:V:0", "-an", "-sn", "-dn", "-map_metadata", "-1", "-filter_threads", "1"]);
        let teller = teller();
        command.arg("-vf").arg(filter(plan.step, shorter_side, &teller));
        // The rate is that of the numbers that the filter gives: each frame comes once.
        command.args(["-r", "25", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"]);
        let started = Instant::now();
        let (mut running, stdout, stderr) = self.start(&mut command, limits)?;
        let (times_sender, times) = crossbeam_channel::bounded(MOST_TIMES);
        let words = Arc::new(Mutex::new(LastWords::default()));
        let most_pixels = u64::from(shorter_side.unwrap_or(LONGEST_SIDE / 2)) * u64::from(LONGEST_SIDE);
        // Neither thread is waited for: they end when the pipes do, at the latest when the program is killed.
        let listener = spawn_listener(stderr, teller, times_sender, Arc::clone(&words))?;
        let candidates = spawn_reader(stdout, most_pixels)?;

        let mut choice = Choice::new(plan.most_frames, plan.floor);
        let (mut count, mut is_cut, mut heard_at) = (0_usize, false, started);
        loop {
            if cancel.load(Ordering::Relaxed) {
                return Err(VideoError::Cancelled);
            }
            if started.elapsed() >= limits.longest {
                return Err(VideoError::TooSlow { after: limits.longest });
            }
            match candidates.recv_timeout(LOOK_UP) {
                Ok(Ok(picture)) => {
                    heard_at = Instant::now();
                    count += 1;
                    if count > plan.most_candidates {
                        let expected = format!("at most {} frames", plan.most_candidates);
                        return Err(VideoError::Flood { expected, found: "more".to_owned() });
                    }
                    let at = time(&times, count)?;
                    choice.take(at, picture);
                }
                Ok(Err(BadStream::Broken)) => {
                    is_cut = true;
                    break;
                }
                Ok(Err(BadStream::Unasked { found })) => {
                    let expected = format!("frames of at most {most_pixels} pixels");
                    return Err(VideoError::Flood { expected, found });
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if heard_at.elapsed() >= limits.silence => {
                    return Err(VideoError::Hung { after: limits.silence });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        // It has closed its standard output, so there is nothing left for it to do.
        let status = running.wait(limits.silence.min(LATE));
        is_cut |= !status.is_some_and(|status| status.success());
        drop(running);
        let frames = choice.into_frames();
        if frames.is_empty() {
            // Its last words may still be on their way.
            let _ = listener.recv_timeout(LATE);
            let words = words.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(VideoError::NoFrames { said: words.message(&input_name(path).to_string_lossy()) });
        }
        Ok((frames, is_cut))
    }

    /// Runs a command that answers with a few lines: what it said on its standard output and on its standard error.
    fn ask(
        &self,
        mut command: Command,
        limits: &Limits,
        longest: Duration,
        cancel: &AtomicBool,
    ) -> Result<(String, String), VideoError> {
        let bounds = Bounds { longest, most_output: LONGEST_ANSWER, limits: limits.of_process() };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        match exchange(&mut command, Vec::new(), &bounds, cancel) {
            Ok(output) => Ok((text(output.stdout), text(output.stderr))),
            Err(Fault::TookTooLong { after }) => Err(VideoError::Hung { after }),
            Err(Fault::TooMuch { most }) => {
                let expected = format!("at most {most} bytes of answer");
                Err(VideoError::Flood { expected, found: "more".to_owned() })
            }
            Err(Fault::Cancelled) => Err(VideoError::Cancelled),
            Err(Fault::NotStarted(source) | Fault::Io(source)) => Err(self.not_started(source)),
        }
    }

    /// Starts a program whose streams are read while it runs.
    fn start(&self, command: &mut Command, limits: &Limits) -> Result<(Running, ChildStdout, ChildStderr), VideoError> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::start(command, &limits.of_process()).map_err(|source| self.not_started(source))?;
        match (running.take_stdout(), running.take_stderr()) {
            (Some(stdout), Some(stderr)) => Ok((running, stdout, stderr)),
            _ => Err(self.not_started(std::io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn not_started(&self, source: std::io::Error) -> VideoError {
        VideoError::NotStarted { program: self.program.clone(), source }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // It would write a report to a file, and colours to the pipe.
        command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR").env("AV_LOG_FORCE_NOCOLOR", "1");
        command
    }
}

/// A file that can be run, as far as can be seen.
fn is_program(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 == 0 {
        return false;
    }
    metadata.is_file()
}

/// Adds the file as input, and that nothing else may be opened.
fn input(command: &mut Command, path: &Path) {
    command.args(["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]);
    command.arg("-i").arg(input_name(path));
}

/// The path as the address of a file: `concat:a` would be two files, were it not for the name of the protocol.
fn input_name(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// The name of the filter that tells times: one that no file can have in its name or its metadata, from where it would be told too.
fn teller() -> String {
    format!("showinfo@{:016x}", RandomState::new().build_hasher().finish())
}

/// Picks frames that lie a step apart, makes them small, tells their times, and numbers them.
fn filter(step: Duration, shorter_side: Option<u32>, teller: &str) -> String {
    // A frame a little early is better than the next, which may be another scene.
    format!(
        "select='isnan(prev_selected_t)+gte(t-prev_selected_t,{:.4})',{},format=rgb24,{teller},setpts=N/25/TB",
        step.as_secs_f64() - 0.0005,
        scale(shorter_side)
    )
}

/// Makes frames small: in square pixels, and never larger than they are.
fn scale(shorter_side: Option<u32>) -> String {
    let wanted = shorter_side.unwrap_or(LONGEST_SIDE).max(1);
    let factor = format!("min(1,min({wanted}/min(iw*sar,ih),{LONGEST_SIDE}/max(iw*sar,ih)))");
    format!("scale='max(1,round(iw*sar*{factor}))':'max(1,round(ih*{factor}))',setsar=1")
}

/// About how many bytes a video takes: the frames that ffmpeg keeps at a time, and those that are chosen.
fn memory(video: &Description, shorter_side: Option<u32>, most_frames: usize) -> u64 {
    /// References of a frame, and those that the threads have.
    const IN_DECODER: u64 = 24;
    let (width, height) = (u64::from(video.width), u64::from(video.height));
    let pixels = width * height;
    let wanted = shorter_side.map_or(u64::MAX, u64::from).max(1);
    let shorter = width.min(height).max(1);
    let small = if wanted < shorter { wanted * wanted * width.max(height) / shorter } else { pixels };
    let frames = u64::try_from(most_frames).unwrap_or(u64::MAX);
    (3 * pixels / 2).saturating_mul(IN_DECODER).saturating_add(small.saturating_mul(3).saturating_mul(frames))
}

/// The time of the picture with this number, counted from 1.
fn time(times: &Receiver<u64>, number: usize) -> Result<u64, VideoError> {
    times.recv_timeout(LATE).map_err(|_| VideoError::Flood {
        expected: "a time with each frame".to_owned(),
        found: format!("none with frame {number}"),
    })
}

/// A thread that reads pictures until there are no more, or nobody wants them.
fn spawn_reader(stdout: ChildStdout, most_pixels: u64) -> Result<Receiver<Result<RgbImage, BadStream>>, VideoError> {
    let (sender, pictures) = crossbeam_channel::bounded(1);
    spawn("video-pictures", move || {
        let mut stdout = BufReader::with_capacity(1 << 16, stdout);
        while let Some(picture) = pictures::next(&mut stdout, most_pixels).transpose() {
            let is_last = picture.is_err();
            if sender.send(picture).is_err() || is_last {
                break;
            }
        }
    })?;
    Ok(pictures)
}

/// A thread that sorts out what is said. The receiver is disconnected when it ends.
fn spawn_listener(
    stderr: ChildStderr,
    teller: String,
    times: Sender<u64>,
    words: Arc<Mutex<LastWords>>,
) -> Result<Receiver<()>, VideoError> {
    let (sender, end) = crossbeam_channel::bounded(0);
    spawn("video-words", move || {
        let _sender = sender;
        // What cannot be read is not heard; the pipe is emptied to its end, so that the program never waits for room.
        let _ = each_line(stderr, |line| match time_of_frame(line, &teller) {
            Some(at) => match times.try_send(at) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                // Far more times than pictures: the pictures that follow have none, and that ends it.
                Err(TrySendError::Full(_)) => {}
            },
            None => words.lock().unwrap_or_else(PoisonError::into_inner).push(line),
        });
    })?;
    Ok(end)
}

/// A thread that reads a short text; `None` if it is too long.
fn spawn_answer(from: impl Read + Send + 'static) -> Result<Receiver<Option<String>>, VideoError> {
    let (sender, answer) = crossbeam_channel::bounded(1);
    spawn("video-answer", move || {
        let mut bytes = Vec::new();
        // What was read before an error counts.
        let _ = from.take(LONGEST_ANSWER as u64 + 1).read_to_end(&mut bytes);
        let fits = bytes.len() <= LONGEST_ANSWER;
        let _ = sender.send(fits.then(|| String::from_utf8_lossy(&bytes).into_owned()));
    })?;
    Ok(answer)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), VideoError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map_err(|source| VideoError::NotStarted { program: name.into(), source })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_of_the_decoder_and_of_the_frames() {
        let of = |width, height| Description { width, height, ..Description::default() };
        let film = memory(&of(1920, 1080), Some(224), 300);
        assert!((100 << 20..400 << 20).contains(&film), "{film}");
        assert_eq!(memory(&of(0, 0), Some(224), 300), 0);
        memory(&of(65_536, 65_536), None, usize::MAX);
    }

    #[test]
    fn only_absolute_folders_are_looked_in() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Ffmpeg::find([dir.path().to_path_buf(), ".".into(), "".into()]), None);
        let program = dir.path().join(format!("ffmpeg{}", std::env::consts::EXE_SUFFIX));
        std::fs::create_dir(&program).unwrap();
        assert_eq!(Ffmpeg::find([dir.path().to_path_buf()]), None, "a folder");
    }

    #[test]
    fn a_step_is_written_with_a_point() {
        let filter = filter(Duration::from_millis(500), Some(224), &teller());
        assert!(filter.contains("prev_selected_t,0.4995)") && filter.contains("224/min(iw*sar,ih)"), "{filter}");
    }
}
