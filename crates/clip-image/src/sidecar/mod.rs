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
use crate::video::looks_like_video;
use crate::{file, formats, movie};

/// Of larger files, only the beginning is read.
const LONGEST: u64 = 1 << 20;

/// What the ending of Google's names stands for; long names have less of it.
const TAKEOUT: &str = "supplemental-metadata";

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
            let subject = match stem.rsplit_once('.') {
                Some((photo, ending)) if TAKEOUT.starts_with(ending) => photo,
                _ => stem,
            };
            // "a.jpg(1).json" is about "a(1).jpg".
            let (stem, extension) = subject.rsplit_once('.')?;
            let subject = format!("{stem}{number}.{extension}");
            // Most other files of JSON have nothing to do with photos.
            let path = Path::new(&subject);
            (formats::looks_like_photo(path) || looks_like_video(path)).then_some(subject)
        }
        _ => None,
    }
}

/// What a photo may be called by the files that tell of it: its name, and its name without the extension.
pub fn names_for_sidecars(photo: &Path) -> impl Iterator<Item = String> {
    let name = |name: &std::ffi::OsStr| name.to_str().map(str::to_lowercase);
    [photo.file_name().and_then(name), photo.file_stem().and_then(name)].into_iter().flatten()
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

/// What these files say, the first of them before the others. A file that cannot be read says nothing.
pub(crate) fn read(sidecars: &[PathBuf]) -> Xmp {
    let mut said = Xmp::default();
    for found in sidecars.iter().filter(|path| !movie::looks_like_live_video(path)).filter_map(|path| read_one(path)) {
        said.annotations = said.annotations.or(found.annotations);
        said.taken_at = said.taken_at.or(found.taken_at);
        said.gps = said.gps.or(found.gps);
        said.related = said.related.or(found.related);
    }
    said
}

fn read_one(path: &Path) -> Option<Xmp> {
    let (opened, _) = file::open(path).ok()?;
    let mut bytes = Vec::new();
    opened.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    catch(|| if is_json { takeout::read(&bytes) } else { xmp::read(&bytes) }).ok()
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

    #[test]
    fn what_cannot_be_read_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("folder.xmp")).unwrap();
        std::fs::write(at("empty.xmp"), "").unwrap();
        std::fs::write(at("broken.json"), "{\"description\": \"").unwrap();
        std::fs::write(at("noise.xmp"), [0xff; 100]).unwrap();
        let paths: Vec<PathBuf> = ["gone.xmp", "folder.xmp", "empty.xmp", "broken.json", "noise.xmp"].map(at).to_vec();
        assert_eq!(read(&paths), Xmp::default());
        let long = format!("{}<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>", " ".repeat(LONGEST as usize));
        std::fs::write(at("long.xmp"), long).unwrap();
        assert_eq!(read(&[at("long.xmp")]), Xmp::default());
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
        let found = read(&paths).annotations;
        assert_eq!((found.rating, found.label.as_deref()), (Some(4), Some("Red")));
    }
}
