//! The program tesseract.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clip_process::{Bounds, Fault, Limits, exchange};
use fast_image_resize::FilterType;
use image::RgbImage;

use crate::error::OcrError;
use crate::languages::Languages;
use crate::looks::Region;
use crate::montage::montage;
use crate::read_text::ReadText;
use crate::sizing::{Grey, fitted};
use crate::text::Text;
use crate::{looks, tsv};

/// Of how a picture is prepared, read and tested. Goes up with every change that gives other words.
const VERSION: u32 = 1;

/// The longer side of what is read, in pixels: small pictures grow to it, at most so many times, since tesseract wants letters of
/// twenty pixels; large ones shrink, for the time they take.
const LEAST_SIDE: u32 = 1_800;
const MOST_SIDE: u32 = 2_600;
const GROWTH: f64 = 3.0;
/// From this share of a picture on, all of it is read.
const MOSTLY_TEXT: f32 = 0.5;
/// Less sure words are mostly none, in percent.
const LEAST_CONFIDENCE: f32 = 60.0;
/// For questions about the program itself.
const SHORTLY: TesseractLimits = TesseractLimits { longest: Duration::from_secs(20), most_output: 1 << 20 };
/// Bytes of data that it may have in memory: ten times what the largest picture takes with three languages.
const MOST_MEMORY: u64 = 4 << 30;

/// Bounds for one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TesseractLimits {
    /// How long the program may take. It is killed then.
    pub longest: Duration,
    /// How many bytes it may write.
    pub most_output: usize,
}

impl Default for TesseractLimits {
    /// A minute, which a page of text takes on no machine, and 4 MiB, several times what a page of the smallest print has.
    fn default() -> TesseractLimits {
        TesseractLimits { longest: Duration::from_secs(60), most_output: 4 << 20 }
    }
}

/// Reads text with the program tesseract, version 4 or later: a process for each picture, with one thread.
#[derive(Debug, Clone)]
pub struct Tesseract {
    program: PathBuf,
    languages: Languages,
    limits: TesseractLimits,
}

impl Tesseract {
    /// Tesseract as `program` starts it: a path, or a name that is looked for where the system looks for programs. It is asked
    /// whether it has the languages.
    ///
    /// # Errors
    /// [`OcrError::NoProgram`], [`OcrError::NotTesseract`] and [`OcrError::NoLanguages`]. [`OcrError::remedy`] says what to install.
    pub fn new(program: PathBuf, languages: Languages) -> Result<Tesseract, OcrError> {
        let found = languages_of(&program)?;
        let missing: Vec<String> =
            languages.iter().filter(|name| !found.iter().any(|found| found == name)).map(str::to_owned).collect();
        if !missing.is_empty() {
            return Err(OcrError::NoLanguages { missing, found });
        }
        Ok(Tesseract { program, languages, limits: TesseractLimits::default() })
    }

    /// Sets the bounds for one picture.
    #[must_use]
    pub fn limits(mut self, limits: TesseractLimits) -> Tesseract {
        self.limits = limits;
        self
    }
}

/// The languages that an installation has.
fn languages_of(program: &Path) -> Result<Vec<String>, OcrError> {
    let not_tesseract = |output: &[u8]| OcrError::NotTesseract {
        program: program.to_path_buf(),
        found: String::from_utf8_lossy(output).chars().take(100).collect(),
    };
    let mut command = Command::new(program);
    let output = match run(command.arg("--list-langs"), Vec::new(), SHORTLY, &AtomicBool::new(false)) {
        Ok(output) => output,
        Err(error @ OcrError::NoProgram { .. }) => return Err(error),
        Err(error) => return Err(not_tesseract(error.to_string().as_bytes())),
    };
    let listed = String::from_utf8_lossy(&output);
    // A line that says what follows, then a language on each.
    let mut lines = listed.lines();
    if !lines.next().is_some_and(|line| line.contains("languages")) {
        return Err(not_tesseract(&output));
    }
    Ok(lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
}

/// What the program writes to its standard output.
fn run(
    command: &mut Command,
    input: Vec<u8>,
    TesseractLimits { longest, most_output }: TesseractLimits,
    cancel: &AtomicBool,
) -> Result<Vec<u8>, OcrError> {
    // One thread, which cannot compute for longer than it takes.
    let limits = Limits { memory: MOST_MEMORY, processor_time: longest };
    match exchange(command, input, &Bounds { longest, most_output, limits }, cancel) {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(OcrError::Died { how: output.status.to_string() }),
        Err(Fault::NotStarted(error)) => Err(OcrError::NoProgram { program: command.get_program().into(), error }),
        Err(Fault::TookTooLong { after }) => Err(OcrError::TookTooLong { longest: after }),
        Err(Fault::TooMuch { most }) => Err(OcrError::TooMuch { most }),
        Err(Fault::Cancelled) => Err(OcrError::Cancelled),
        Err(Fault::Io(error)) => Err(error.into()),
    }
}

impl ReadText for Tesseract {
    fn version(&self) -> u32 {
        VERSION
    }

    fn languages(&self) -> &str {
        self.languages.as_str()
    }

    fn shorter_side(&self) -> u32 {
        // Twice that, with the longer side of most photos, is what is read.
        MOST_SIDE / 3
    }

    fn may_hold_text(&self, picture: &RgbImage) -> bool {
        looks::may_hold_text(picture)
    }

    fn read(&self, picture: &RgbImage, cancel: &AtomicBool) -> Result<Text, OcrError> {
        let grey = prepared(picture);
        let mut command = Command::new(&self.program);
        command
            .args(["stdin", "stdout", "--psm", MODE, "-l", self.languages.as_str(), "-c", "tessedit_create_tsv=1"])
            // Its threads are slower than none, and there are as many processes as threads of ours.
            .env("OMP_THREAD_LIMIT", "1");
        let output = run(&mut command, grey.to_pgm(), self.limits, cancel)?;
        Ok(tsv::read(&output, LEAST_CONFIDENCE))
    }
}

/// What is read of a picture: all of it if most may be text, or if it is not to be seen where that is; else the parts with text.
fn prepared(picture: &RgbImage) -> Grey {
    let regions = looks::regions(picture);
    let grey = Grey::of(picture);
    let share: f32 = regions.iter().map(Region::area).sum();
    if regions.is_empty() || share >= MOSTLY_TEXT {
        let size = fitted(picture.dimensions(), LEAST_SIDE, MOST_SIDE, GROWTH);
        return grey.resized(size, FilterType::CatmullRom);
    }
    montage(&grey, &regions, MOST_SIDE)
}

/// The mode that takes all for lines of one text. Those that look for columns and pictures first find them in photos and turned pages.
const MODE: &str = "6";
