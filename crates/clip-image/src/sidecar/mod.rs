//! Files beside a photo that tell of it.
//!
//! Programs that leave photos as they are write what people say about them to a file beside each: XMP, under the photo's name with
//! ".xmp" after it (darktable, digiKam), or in place of the extension (Lightroom). Exports of Google Photos have JSON. The video of a
//! Live Photo has the photo's name with another extension.

mod takeout;

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::annotations::xmp::{self, Xmp};
use crate::panics::catch;
use crate::{file, formats, movie};

/// Of larger files, only the beginning is read.
const LONGEST: u64 = 1 << 20;

/// What the ending of Google's names stands for; long names have less of it.
const TAKEOUT: &str = "supplemental-metadata";

/// The most characters of Google's names, without ".json" and a number in parentheses: longer ones are cut.
const LONGEST_NAME: usize = 46;

/// The photos that a file tells of, by its name: a text that is among the [`names_for_sidecars`] of each of them in the same
/// folder. `None` if it is no such file.
pub fn subject_of_sidecar(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let (stem, extension) = name.rsplit_once('.')?;
    match extension {
        "xmp" if !stem.is_empty() => Some(stem.to_owned()),
        _ if !stem.is_empty() && movie::looks_like_live_video(path) => Some(stem.to_owned()),
        "json" => {
            let (stem, number) = without_number(stem);
            let cut = || is_cut(stem).then(|| format!("{stem}{number}"));
            subject_with_extension(stem, number).or_else(cut)
        }
        _ => None,
    }
}

/// The photo that a file of JSON with this name tells of, if the name has its extension.
fn subject_with_extension(stem: &str, number: &str) -> Option<String> {
    let subject = match stem.rsplit_once('.') {
        Some((photo, ending)) if TAKEOUT.starts_with(ending) => photo,
        _ => stem,
    };
    // "a.jpg(1).json" is about "a(1).jpg".
    let (stem, extension) = subject.rsplit_once('.')?;
    let subject = format!("{stem}{number}.{extension}");
    // Most other files of JSON have nothing to do with photos.
    let path = Path::new(&subject);
    (formats::looks_like_photo(path) || movie::looks_like_video(path)).then_some(subject)
}

/// Whether a name may be the beginning of a longer one.
fn is_cut(name: &str) -> bool {
    name.chars().count() == LONGEST_NAME
}

/// What a photo may be called by the files that tell of it: its name, its name without the extension, and the beginning of a
/// long one.
pub fn names_for_sidecars(photo: &Path) -> impl Iterator<Item = String> {
    let lower = |name: &std::ffi::OsStr| name.to_str().map(str::to_lowercase);
    let (name, stem) = (photo.file_name().and_then(lower), photo.file_stem().and_then(lower));
    let cut = name.as_deref().and_then(beginning).filter(|cut| Some(cut) != stem.as_ref());
    [name, stem, cut].into_iter().flatten()
}

/// What Google's names have of a photo's name that is too long for them; a number at its end is kept.
fn beginning(photo: &str) -> Option<String> {
    let (stem, extension) = photo.rsplit_once('.')?;
    let (stem, number) = without_number(stem);
    let name = format!("{stem}.{extension}");
    let (end, _) = name.char_indices().nth(LONGEST_NAME)?;
    Some(format!("{}{number}", &name[..end]))
}

/// A name without a number in parentheses at its end, and that.
fn without_number(name: &str) -> (&str, &str) {
    let digits = name.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    match digits {
        Some((before, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            name.split_at(before.len())
        }
        _ => (name, ""),
    }
}

/// What these files say of a photo, the first of them before the others. A file that cannot be read says nothing, and so does
/// one of Google's whose name is cut and that is about another photo with the same beginning.
pub(crate) fn read(photo: &Path, sidecars: &[PathBuf]) -> Xmp {
    let mut said = Xmp::default();
    for found in
        sidecars.iter().filter(|path| !movie::looks_like_live_video(path)).filter_map(|path| read_one(photo, path))
    {
        said.annotations = said.annotations.or(found.annotations);
        said.taken_at = said.taken_at.or(found.taken_at);
        said.gps = said.gps.or(found.gps);
        said.related = said.related.or(found.related);
    }
    said
}

fn read_one(photo: &Path, path: &Path) -> Option<Xmp> {
    let (opened, _) = file::open(path).ok()?;
    let mut bytes = Vec::new();
    opened.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if !is_json {
        return catch(|| xmp::read(&bytes)).ok();
    }
    let name = path.file_stem()?.to_str()?.to_lowercase();
    let (name, number) = without_number(&name);
    if subject_with_extension(name, number).is_some() || !is_cut(name) {
        return catch(|| takeout::read(&bytes)).ok();
    }
    let (photo, _) = without_number(photo.file_stem()?.to_str()?);
    catch(|| takeout::read_of(photo, &bytes)).ok()
}

#[cfg(any(test, fuzzing))]
pub(crate) use takeout::read as read_takeout;

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str) -> Option<String> {
        subject_of_sidecar(&Path::new("/photos").join(name))
    }

    #[test]
    fn sidecars_by_their_names() {
        for (name, expected) in [
            ("a.jpg.xmp", "a.jpg"),
            ("A.JPG.XMP", "a.jpg"),
            ("a.xmp", "a"),
            ("a.b.xmp", "a.b"),
            ("a.jpg.json", "a.jpg"),
            ("a.jpg.supplemental-metadata.json", "a.jpg"),
            ("a.jpg.supplemental-me.json", "a.jpg"),
            ("a.jpg.s.json", "a.jpg"),
            ("a.jpg..json", "a.jpg"),
            ("a.jpg(1).json", "a(1).jpg"),
            ("a.jpg.supplemental-metadata(12).json", "a(12).jpg"),
            ("a(1).jpg.json", "a(1).jpg"),
            ("a.mkv.json", "a.mkv"),
            ("IMG_1.MOV", "img_1"),
            ("a.b.mp4", "a.b"),
        ] {
            assert_eq!(subject(name).as_deref(), Some(expected), "{name}");
        }
        for name in [
            "a.jpg",
            "a.avi",
            ".mov",
            "package.json",
            "a.txt.json",
            "xmp",
            ".xmp",
            "a.jpg.supplemental-x.json",
            "a.xmp.bak",
            ".json",
        ] {
            assert_eq!(subject(name), None, "{name}");
        }
        let names: Vec<String> = names_for_sidecars(Path::new("/photos/A.b.JPG")).collect();
        assert_eq!(names, ["a.b.jpg", "a.b"]);
    }

    /// As exports of Google Photos have them: 51 characters for the name of a photo, 46 for that of its file of JSON.
    #[test]
    fn sidecars_whose_names_are_cut() {
        const LONG: &str = "Screenshot_from_the_other_day_at_the_harbour_2019";
        for (photo, sidecar) in [
            (format!("{}.jpg", &LONG[..47]), format!("{}.json", &LONG[..46])),
            (format!("{}.jpg", &LONG[..46]), format!("{}.json", &LONG[..46])),
            (format!("{}.jpg", &LONG[..45]), format!("{}..json", &LONG[..45])),
            (format!("{}.jpg", &LONG[..43]), format!("{}.jp.json", &LONG[..43])),
            (format!("{}.jpg", &LONG[..42]), format!("{}.jpg.json", &LONG[..42])),
            (format!("{}.jpg", &LONG[..40]), format!("{}.jpg.s.json", &LONG[..40])),
            (format!("{}(1).jpg", &LONG[..47]), format!("{}(1).json", &LONG[..46])),
            (format!("{}.jpg", "\u{e9}".repeat(47)), format!("{}.json", "\u{e9}".repeat(46))),
        ] {
            let subject = subject(&sidecar).unwrap();
            let names: Vec<String> = names_for_sidecars(&Path::new("/photos").join(&photo)).collect();
            assert_eq!(names.iter().filter(|name| **name == subject).count(), 1, "{photo} {sidecar} {names:?}");
        }
        assert_eq!(subject(&format!("{}.json", &LONG[..45])), None);
        assert_eq!(subject(&format!("{}.json", &LONG[..47])), None);
    }

    #[test]
    fn a_cut_name_is_checked_against_the_title() {
        const BEGINNING: &str = "Mum & Dad on the old bridge at the harbour, la";
        let dir = tempfile::tempdir().unwrap();
        let sidecar = dir.path().join(format!("{BEGINNING}.json"));
        let json = |title: &str| format!(r#"{{{title} "description": "the bridge"}}"#);
        let is_read =
            |photo: &str| read(Path::new(photo), std::slice::from_ref(&sidecar)).annotations.description.is_some();
        let photo = format!("{}te.jpg", BEGINNING.replace('&', "_"));
        std::fs::write(&sidecar, json(&format!(r#""title": "{BEGINNING}te that day.jpg","#))).unwrap();
        assert!(is_read(&photo) && is_read(&photo.replace(".jpg", "(2).jpg")));
        assert!(!is_read(&photo.replace("late", "lasting")));
        std::fs::write(&sidecar, json("")).unwrap();
        assert!(!is_read(&photo), "without a title it may be any file");
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("folder.xmp")).unwrap();
        std::fs::write(at("empty.xmp"), "").unwrap();
        std::fs::write(at("broken.json"), "{\"description\": \"").unwrap();
        std::fs::write(at("noise.xmp"), [0xff; 100]).unwrap();
        let paths: Vec<PathBuf> = ["gone.xmp", "folder.xmp", "empty.xmp", "broken.json", "noise.xmp"].map(at).to_vec();
        assert_eq!(read(Path::new("a.jpg"), &paths), Xmp::default());
        let long = format!("{}<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>", " ".repeat(LONGEST as usize));
        std::fs::write(at("long.xmp"), long).unwrap();
        assert_eq!(read(Path::new("a.jpg"), &[at("long.xmp")]), Xmp::default());
    }

    #[test]
    fn the_first_file_counts() {
        let dir = tempfile::tempdir().unwrap();
        let sidecar = |name: &str, attributes: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, format!("\u{feff}<rdf:RDF><rdf:Description {attributes}/></rdf:RDF>")).unwrap();
            path
        };
        let paths = [sidecar("a.jpg.xmp", "xmp:Rating='4'"), sidecar("a.xmp", "xmp:Rating='2' xmp:Label='Red'")];
        let found = read(Path::new("a.jpg"), &paths).annotations;
        assert_eq!((found.rating, found.label.as_deref()), (Some(4), Some("Red")));
    }
}
