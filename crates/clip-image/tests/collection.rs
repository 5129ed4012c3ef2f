//! Real files of other people, which are not part of the project: run by hand, with the folder that they are in.
//!
//! ```sh
//! CLIP_IMAGE_COLLECTION=FOLDER cargo test -p clip-image --test collection -- --ignored
//! ```
//!
//! The variable may name several folders, as `PATH` does.
//!
//! - In a folder with a `cases.csv` (file, what it is, what is expected, the reference), files are compared with that.
//! - A picture in a folder `images/` is compared with that of the same path in `reference/` with `.png` added, as in the tests of
//!   the crate `image`, and one whose name ends in a number from 2 to 8 with that which ends in 1: photos of every EXIF orientation.
//! - All others have to be read, or to be refused for a true reason: they are no photos, or are in a folder of broken files.
//! - What is otherwise, and why it may be, is in a list here.
#![cfg(feature = "default")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clip_image::{ImageError, Limits, decode, looks_like_photo};
use image::RgbImage;
use likeness::likeness;

mod likeness;

const LEAST: f64 = 0.98;

/// Ends of paths, and why these files need not look like their references, or need not be read.
const KNOWN: &[(&str, &str)] = &[
    ("images/V3_A1_R5_G5_B5.bmp", "transparent throughout, and shown as if it were not"),
    ("images/V3_A1_R5_G5_B5_Top_Down.bmp", "transparent throughout, and shown as if it were not"),
    ("images/V3_A4_R4_G4_B4.bmp", "transparent throughout, and shown as if it were not"),
    ("images/V3_A4_R4_G4_B4_Top_Down.bmp", "transparent throughout, and shown as if it were not"),
    ("testsuite/utc32.tga", "transparent throughout, and shown as if it were not"),
    ("images/V5_A8_R8_G8_B8_Rgb.bmp", "without bit fields, the fourth byte is nothing"),
    ("images/pal4rlecut.bmp", "what is passed over has the first colour, not none"),
    ("images/pal4rletrns.bmp", "what is passed over has the first colour, not none"),
    ("lenient/badplanes.bmp", "its number of planes is wrong"),
    ("lenient/rletopdown.bmp", "run lengths are from the bottom"),
    ("anim/oob.gif", "as large as its first frame, not as its screen"),
    ("simple/issue_1455_oversized.gif", "as large as its first frame, not as its screen"),
    ("testsuite/hpredict.tiff", "its colours are multiplied with their opacity, which the reference does not know"),
    (
        "testsuite/hpredict_packbits.tiff",
        "its colours are multiplied with their opacity, which the reference does not know",
    ),
];

/// Folders of broken files.
const BROKEN: [&str; 3] = ["/bad/", "/regression/", "/fuzz-afl/"];

fn files_of(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_of(&path, files) } else { files.push(path) }
    }
    files.sort();
}

/// The fields of a line of comma-separated values.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

/// What is wrong with how a case ends.
fn fault_of_case(folder: &Path, case: &[String]) -> Option<String> {
    let [file, _, expected, reference, ..] = case else { return Some("its line is incomplete".into()) };
    let found = decode(&folder.join(file), &Limits::default());
    if !reference.is_empty() {
        return compare(found, &folder.join(reference)).err();
    }
    let Err(error) = found else { return None };
    let error = error.to_string();
    let words = expected.split_once("says one of: ").map_or("not supported", |(_, words)| words);
    let is_true = words.split(" | ").any(|words| error.contains(words.trim()));
    (!is_true).then(|| format!("refused: {error}"))
}

fn compare(found: Result<clip_image::Photo, ImageError>, reference: &Path) -> Result<(), String> {
    let found = found.map_err(|error| format!("refused: {error}"))?.image;
    let reference: RgbImage = decode(reference, &Limits::default()).map_err(|error| error.to_string())?.image;
    let likeness = likeness(&found, &reference);
    if likeness < LEAST { Err(format!("likeness {likeness:.4}")) } else { Ok(()) }
}

/// The picture that this one should look like, if there is one.
fn reference(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    if text.contains("/images/") {
        let beside = text.replacen("/images/", "/reference/", 1);
        return Some(PathBuf::from(format!("{beside}.png"))).filter(|path| path.exists());
    }
    let (stem, extension) = (path.file_stem()?.to_str()?, path.extension()?.to_str()?);
    let name = stem.strip_suffix(|c: char| ('2'..='8').contains(&c)).filter(|name| name.ends_with('_'))?;
    Some(path.with_file_name(format!("{name}1.{extension}"))).filter(|path| path.exists())
}

/// Whether the file says that its colours are not those of sRGB, which references do not take into account.
fn has_colours_of_its_own(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    [&b"gAMA"[..], b"iCCP", b"ICC_PROFILE"].iter().any(|name| bytes.windows(name.len()).any(|window| window == *name))
}

/// What is wrong with how a file ends for which no case is written.
fn fault(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    if KNOWN.iter().any(|(end, _)| text.ends_with(end)) {
        return None;
    }
    match decode(path, &Limits::default()) {
        Ok(photo) => {
            let reference = reference(path).filter(|_| !has_colours_of_its_own(path))?;
            compare(Ok(photo), &reference).err()
        }
        Err(ImageError::UnknownFormat | ImageError::Empty) if !looks_like_photo(path) => None,
        // Recognised only to be named.
        Err(ImageError::Unsupported { .. }) if !looks_like_photo(path) => None,
        Err(ImageError::Panicked { message, .. }) => Some(message),
        Err(_) if BROKEN.iter().any(|folder| text.contains(folder)) => None,
        Err(error) => Some(format!("refused: {error}")),
    }
}

#[test]
#[ignore = "takes files that are not part of the project"]
fn every_file_is_read_or_refused_for_a_true_reason() {
    let folders = std::env::var_os("CLIP_IMAGE_COLLECTION").expect("CLIP_IMAGE_COLLECTION names folders");
    let mut files = Vec::new();
    std::env::split_paths(&folders).for_each(|folder| files_of(&folder, &mut files));
    let mut faults = BTreeMap::new();
    let mut cases = Vec::new();
    for path in files.iter().filter(|path| path.ends_with("cases.csv")) {
        let folder = path.parent().unwrap();
        for case in fs::read_to_string(path).unwrap().lines().skip(1).map(fields) {
            let file = folder.join(&case[0]);
            faults.extend(fault_of_case(folder, &case).map(|fault| (file.clone(), fault)));
            cases.push(file);
        }
    }
    assert!(files.len() > cases.len(), "no files in {}", folders.display());
    let others = files.iter().filter(|path| !cases.contains(path));
    faults.extend(others.filter_map(|path| Some((path.clone(), fault(path)?))));
    let lines: Vec<_> = faults.iter().map(|(path, fault)| format!("{}: {fault}", path.display())).collect();
    assert!(lines.is_empty(), "{} of {} files:\n{}", lines.len(), files.len(), lines.join("\n"));
}
