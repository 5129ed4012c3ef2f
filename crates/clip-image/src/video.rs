//! What is known of a video besides its pictures, which this crate does not decode.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::calendar;
use crate::details::read_details;
use crate::metadata::Details;
use crate::movie::{Movie, has_one_of, looks_like_live_video, looks_like_video};
use crate::text::{LONGEST_TEXT, line};
use crate::{Format, Gps, Limits, Metadata, file};

/// Extensions of files with words: subtitles, and notes.
const TEXTS: [&str; 2] = ["srt", "txt"];

/// Of longer texts, only the beginning is read.
const LONGEST_FILE: u64 = 1 << 18;

/// The videos that a file of words may be about, by its name: texts of which one is among the
/// [`names_for_sidecars`](crate::names_for_sidecars) of such a video in the same folder. None if it is no such file.
///
/// Subtitles may have a language in their names: `a.srt` and `a.en.srt` are about `a.mp4`.
pub fn subjects_of_video_text(path: &Path) -> Vec<String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| has_one_of(path, &TEXTS));
    let Some(stem) = stem.map(str::to_lowercase) else { return Vec::new() };
    let without_language = stem.rsplit_once('.').filter(|(before, language)| {
        !before.is_empty()
            && (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    let without_language = without_language.map(|(before, _)| before.to_owned());
    [stem].into_iter().chain(without_language).collect()
}

/// What is known of a video besides its pictures.
#[derive(Debug, Default, Clone, PartialEq)]
#[non_exhaustive]
pub struct VideoDetails {
    /// When it was taken, in seconds since 1970-01-01 UTC; where no offset is known, by the clock of the place.
    pub taken_at: Option<i64>,
    /// What the clock of the place showed then, in minutes ahead of UTC.
    pub utc_offset: Option<i16>,
    /// Maker and model of the camera.
    pub camera: Option<String>,
    /// Where it was taken.
    pub gps: Option<Gps>,
    /// The identifier that it shares with the picture of a Live Photo.
    pub live_photo: Option<String>,
    /// Stars, 1 to 5.
    pub rating: Option<u8>,
    /// What it is called.
    pub title: Option<String>,
    /// What is said about it, or in it: the beginning of its subtitles.
    pub description: Option<String>,
    /// Keywords.
    pub tags: Vec<String>,
    /// Names of the people in it.
    pub people: Vec<String>,
    /// Its label.
    pub label: Option<String>,
    /// Names of the place that it was taken at.
    pub places: Vec<String>,
}

impl VideoDetails {
    /// What the file at `path`, its name and its `sidecars` say. Files that cannot be read say nothing.
    ///
    /// `created_at` is when the file says that it was made, as far as another program knows that: "2020-02-03T04:05:06Z". It counts
    /// where the file of a phone does not say it itself. Times in names more than a day after `now`, in seconds since 1970, are
    /// ignored.
    pub fn read(path: &Path, created_at: Option<&str>, sidecars: &[PathBuf], now: i64) -> VideoDetails {
        let movie = Movie::open_any(path);
        // Cameras whose clock was never set say that it was 1904 or 1970.
        let is_set = |seconds: &i64| *seconds > 86_400;
        let of_header = movie.created_at.or_else(|| Some(calendar::iso_instant(created_at?)?.seconds)).filter(is_set);
        let (texts, others): (Vec<PathBuf>, _) =
            sidecars.iter().filter(|path| !looks_like_video(path)).cloned().partition(|path| has_one_of(path, &TEXTS));
        let details = Details { taken_at: movie.taken_at, camera: movie.camera, gps: movie.gps, ..Details::default() };
        // What formats have in common is put together as for a photo; which format it would be is not asked for.
        let mut all = details.into_metadata(Format::Jpeg, (0, 0));
        all.complete(path, &others, now);
        // The header has UTC, where a name has the clock of the place.
        if movie.taken_at.is_none()
            && let Some(seconds) = of_header
        {
            let offset = all.taken_at.filter(|_| all.utc_offset.is_none()).and_then(|local| offset(local, seconds));
            (all.taken_at, all.utc_offset) = (Some(seconds), all.utc_offset.or(offset));
        }
        let description = all.description.or_else(|| texts.iter().find_map(|path| words(path)));
        VideoDetails {
            taken_at: all.taken_at,
            utc_offset: all.utc_offset,
            camera: all.camera,
            gps: all.gps,
            live_photo: movie.live_photo,
            rating: all.rating,
            title: all.title,
            description,
            tags: all.tags,
            people: all.people,
            label: all.label,
            places: all.places,
        }
    }
}

/// How far the clock of the place was ahead of UTC, in minutes, by the times of one moment; `None` if that is no time zone.
fn offset(local: i64, utc: i64) -> Option<i16> {
    /// A name has the beginning of a video, or its end, to the second.
    const APART: i64 = 300;
    const QUARTER: i64 = 15 * 60;
    let ahead = local.checked_sub(utc)?;
    let zone = (ahead + ahead.signum() * QUARTER / 2) / QUARTER * QUARTER;
    let is_zone = (-12 * 3600..=14 * 3600).contains(&zone) && ahead.abs_diff(zone) <= APART.unsigned_abs();
    is_zone.then(|| i16::try_from(zone / 60).ok()).flatten()
}

/// Whether a video is the moving half of the Live Photo at `photo`, whose name it shares. `sidecars` are those of the photo. False
/// if either cannot be read.
pub fn is_moving_half(video: &Path, photo: &Path, sidecars: &[PathBuf], limits: &Limits, now: i64) -> bool {
    if !looks_like_live_video(video) {
        return false;
    }
    let Ok(mut metadata) = read_details(photo, (0, 0), limits) else { return false };
    let others: Vec<PathBuf> = sidecars.iter().filter(|path| !looks_like_live_video(path)).cloned().collect();
    Metadata::complete(&mut metadata, photo, &others, now);
    Movie::open(video).belongs_to(&metadata)
}

/// The words of a file of subtitles or notes, in one line; `None` if there are none, or it is no text.
fn words(path: &Path) -> Option<String> {
    let (opened, _) = file::open(path).ok()?;
    let mut bytes = Vec::new();
    opened.take(LONGEST_FILE).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.contains('\0') {
        return None;
    }
    let is_subtitles = has_one_of(path, &["srt"]);
    let mut words = String::new();
    for row in text.lines().map(str::trim) {
        let is_number = row.bytes().all(|byte| byte.is_ascii_digit());
        if is_subtitles && (is_number || row.contains("-->")) {
            continue;
        }
        words.push(' ');
        if is_subtitles {
            without_marks(row, &mut words)
        } else {
            words.push_str(row)
        }
        if words.len() > 8 * LONGEST_TEXT {
            break;
        }
    }
    line(&words, LONGEST_TEXT)
}

/// Adds a line without the marks in it: `<i>`, `{\an8}`.
fn without_marks(row: &str, to: &mut String) {
    let mut closing = None;
    for c in row.chars() {
        match (closing, c) {
            (Some(end), _) if c == end => closing = None,
            (Some(_), _) => {}
            (None, '<') => closing = Some('>'),
            (None, '{') => closing = Some('}'),
            (None, _) => to.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::movie::tests::moov_of;

    /// 2019-06-04 15:30:00 UTC.
    const AT: i64 = 1_559_662_200;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    #[test]
    fn names() {
        for name in ["a.MP4", "a.b.mkv", "a.webm", "a.AVI", "a.mov"] {
            assert!(looks_like_video(Path::new(name)), "{name}");
        }
        assert!(!looks_like_video(Path::new("mp4")) && !looks_like_video(Path::new("a.jpg")));
        let subjects = |name: &str| subjects_of_video_text(Path::new(name));
        assert_eq!(subjects("/v/A.SRT"), ["a"]);
        assert_eq!(subjects("a.en.srt"), ["a.en", "a"]);
        assert_eq!(subjects("a.mp4.txt"), ["a.mp4"]);
        assert_eq!(subjects("a.mov.txt"), ["a.mov", "a"]);
        assert_eq!(subjects("a.jpg"), [""; 0]);
    }

    #[test]
    fn what_a_phone_says_and_what_lies_beside() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let texts = [
            ("com.apple.quicktime.creationdate", "2019-06-04T17:30:00+0200"),
            ("com.apple.quicktime.make", "Apple"),
            ("com.apple.quicktime.model", "iPhone 13"),
            ("com.apple.quicktime.location.ISO6709", "+48.8577+002.2950+035.000/"),
        ];
        let video = [boxed(b"ftyp", b"qt  "), boxed(b"moov", &moov_of(AT, 60, &texts))].concat();
        std::fs::write(at("a.mov"), &video).unwrap();
        std::fs::write(at("a.srt"), "\u{feff}1\n00:00:01,000 --> 00:00:02,000\n<i>Hello</i> {\\an8}there\n\n2\n")
            .unwrap();
        let found = VideoDetails::read(&at("a.mov"), Some("2001-01-01T00:00:00Z"), &[at("a.srt")], AT);
        assert_eq!((found.taken_at, found.utc_offset), (Some(AT), Some(120)));
        assert_eq!(found.camera.as_deref(), Some("Apple iPhone 13"));
        assert_eq!(found.description.as_deref(), Some("Hello there"));
        assert!(found.places.iter().any(|place| place.contains("Paris")), "{:?}", found.places);
        // What people wrote counts for more than subtitles.
        std::fs::write(
            at("a.xmp"),
            "<x:xmpmeta><rdf:RDF><rdf:Description xmp:Rating='4' dc:description='By hand'/></rdf:RDF></x:xmpmeta>",
        )
        .unwrap();
        let found = VideoDetails::read(&at("a.mov"), None, &[at("a.srt"), at("a.xmp")], AT);
        assert_eq!((found.rating, found.description.as_deref()), (Some(4), Some("By hand")));
    }

    #[test]
    fn times_of_headers_names_and_other_programs() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str, created_at: i64, told: Option<&str>| {
            let path = dir.path().join(name);
            let video = [boxed(b"ftyp", b"isom"), boxed(b"moov", &moov_of(created_at, 60, &[]))].concat();
            std::fs::write(&path, if created_at == 0 { b"x".to_vec() } else { video }).unwrap();
            let found = VideoDetails::read(&path, told, &[], AT + 1);
            (found.taken_at, found.utc_offset)
        };
        assert_eq!(read("a.mp4", AT, None), (Some(AT), None));
        // The name has the clock of the place.
        assert_eq!(read("VID_20190604_173001.mp4", AT, None), (Some(AT), Some(120)));
        assert_eq!(read("VID_20190604_100000.mp4", AT, None), (Some(AT), Some(-330)));
        assert_eq!(read("2018-01-01.mp4", AT, None), (Some(AT), None));
        assert_eq!(read("a.mkv", 0, Some("2019-06-04T15:30:00.000000Z")), (Some(AT), None));
        assert_eq!(read("VID_20190604_153000.mkv", 0, Some("nonsense")), (Some(AT), None));
        assert_eq!(read("b.mkv", 0, Some("1970-01-01T00:00:00.000000Z")), (None, None));
        assert_eq!(read("b.mkv", 0, None), (None, None));
    }
}
