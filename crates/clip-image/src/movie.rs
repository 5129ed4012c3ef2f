//! The few facts of use about a video: when and with what it was taken, and whether it is the moving half of a Live Photo.
//!
//! QuickTime and MP4 files are boxes. Only `moov` is read, and of the pictures nothing.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::boxes::{find, parts};
use crate::calendar::{self, Instant};
use crate::panics::catch;
use crate::related::identifier;
use crate::text::{LONGEST_NAME, line};
use crate::{Gps, Metadata, file};

/// Extensions of the videos of Live Photos. Google's exports have MP4.
const EXTENSIONS: [&str; 2] = ["mov", "mp4"];
/// Extensions of videos that programs decode, in lower case.
const OF_ANY: [&str; 15] =
    ["mp4", "m4v", "mov", "mkv", "webm", "avi", "mts", "m2ts", "mpg", "mpeg", "wmv", "3gp", "3g2", "flv", "ogv"];
/// The most bytes of `moov` that are read. Those of Live Photos have some ten thousand; longer ones are of long videos.
const LONGEST: u64 = 1 << 20;
/// The same of a video that is one of its own: it grows by some bytes with each frame.
const LONGEST_OF_ANY: u64 = 64 << 20;
/// The most boxes of a file that are looked at.
const MOST_BOXES: usize = 64;
/// The most entries of the table of metadata.
const MOST_KEYS: usize = 256;
/// A Live Photo lasts three seconds.
const MOST_SECONDS: f64 = 5.0;
/// How far the times of picture and video may lie apart, in seconds: a video begins a second and a half before.
const APART: u64 = 5;

/// What a video says of itself.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Movie {
    /// The identifier that it shares with a picture.
    pub(crate) live_photo: Option<String>,
    /// When it was taken, by the clock of the place.
    pub(crate) taken_at: Option<Instant>,
    /// When it was taken, in seconds since 1970 UTC, by the header.
    pub(crate) created_at: Option<i64>,
    /// How long it is.
    pub(crate) seconds: Option<f64>,
    /// Maker and model of the camera.
    pub(crate) camera: Option<String>,
    /// Where it was taken.
    pub(crate) gps: Option<Gps>,
}

/// Whether the name ends like that of the video of a Live Photo, in upper or lower case. The file is not touched.
pub fn looks_like_live_video(path: &Path) -> bool {
    has_one_of(path, &EXTENSIONS)
}

/// Whether the name ends like that of a video, in upper or lower case. The file is not touched.
pub fn looks_like_video(path: &Path) -> bool {
    has_one_of(path, &OF_ANY)
}

pub(crate) fn has_one_of(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

impl Movie {
    /// Reads a file that may be the video of a Live Photo. What cannot be read says nothing.
    pub(crate) fn open(path: &Path) -> Movie {
        Movie::open_up_to(path, LONGEST)
    }

    /// Reads a video of any length.
    pub(crate) fn open_any(path: &Path) -> Movie {
        Movie::open_up_to(path, LONGEST_OF_ANY)
    }

    fn open_up_to(path: &Path, longest: u64) -> Movie {
        let moov = file::open(path).ok().and_then(|(file, _)| moov(file, longest));
        moov.and_then(|moov| catch(|| read(&moov)).ok()).unwrap_or_default()
    }

    /// Whether it is the moving half of a photo that is named like it: by their identifiers, or else if it is as short as such
    /// videos are and was taken at the same time.
    pub(crate) fn belongs_to(&self, photo: &Metadata) -> bool {
        if let (Some(own), Some(other)) = (&self.live_photo, &photo.related.live_photo) {
            return own == other;
        }
        let is_short = self.seconds.is_some_and(|seconds| seconds <= MOST_SECONDS);
        let Some(photo_at) = photo.taken_at.filter(|_| is_short) else { return false };
        let near = |a: i64, b: i64| a.abs_diff(b) <= APART;
        let offset = |offset: Option<i16>| i64::from(offset.unwrap_or(0)) * 60;
        match (self.taken_at, self.created_at) {
            // Both by the clock of the place, which all photos have.
            (Some(movie), _) => near(movie.seconds + offset(movie.offset), photo_at + offset(photo.utc_offset)),
            (None, Some(movie)) => photo.utc_offset.is_some() && near(movie, photo_at),
            (None, None) => false,
        }
    }
}

/// The content of the box `moov`, wherever in the file it is; `None` if it is longer than that.
fn moov(mut file: impl Read + Seek, longest: u64) -> Option<Vec<u8>> {
    let mut at = 0_u64;
    for number in 0..MOST_BOXES {
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut header = [0; 16];
        file.read_exact(&mut header[..8]).ok()?;
        let [s0, s1, s2, s3, kind @ ..] = *header.first_chunk::<8>()?;
        let (length, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => (8, u64::MAX),
            1 => {
                file.read_exact(&mut header[8..]).ok()?;
                (16, u64::from_be_bytes(*header.last_chunk()?))
            }
            size => (8, u64::from(size)),
        };
        let content = size.checked_sub(length)?;
        // Files of other kinds do not begin with one of these.
        if number == 0 && ![b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"].contains(&&kind) {
            return None;
        }
        if &kind == b"moov" {
            let mut moov = Vec::new();
            file.take(content.min(longest + 1)).read_to_end(&mut moov).ok()?;
            return (moov.len() as u64 <= longest).then_some(moov);
        }
        at = at.checked_add(size)?;
    }
    None
}

/// Reads the content of `moov`.
pub(crate) fn read(moov: &[u8]) -> Movie {
    let mut movie = Movie::default();
    if let Some(header) = find(moov, b"mvhd") {
        (movie.created_at, movie.seconds) = times(header);
    }
    let Some(meta) = find(moov, b"meta") else { return movie };
    // In MP4, version and flags come first; in QuickTime, boxes do.
    let meta = if meta.get(4..8) == Some(b"hdlr") { meta } else { meta.get(4..).unwrap_or_default() };
    let (Some(keys), Some(values)) = (find(meta, b"keys"), find(meta, b"ilst")) else { return movie };
    let (mut make, mut model) = (None, None);
    let keys: Vec<&[u8]> = parts(keys.get(8..).unwrap_or_default()).map(|key| key.content).take(MOST_KEYS).collect();
    for value in parts(values).take(MOST_KEYS) {
        // Counted from 1.
        let number = (u32::from_be_bytes(value.kind) as usize).checked_sub(1);
        let Some(key) = number.and_then(|number| keys.get(number)) else { continue };
        // The type and the language come first.
        let Some(text) = find(value.content, b"data").and_then(|data| data.get(8..)) else { continue };
        let text = String::from_utf8_lossy(&text[..text.len().min(256)]);
        match *key {
            b"com.apple.quicktime.content.identifier" => movie.live_photo = identifier(&text),
            b"com.apple.quicktime.creationdate" => movie.taken_at = calendar::iso_instant(&text),
            b"com.apple.quicktime.location.ISO6709" => movie.gps = place(&text),
            b"com.apple.quicktime.make" => make = line(&text, LONGEST_NAME),
            b"com.apple.quicktime.model" => model = line(&text, LONGEST_NAME),
            _ => {}
        }
    }
    movie.camera = match (make, model) {
        (Some(make), Some(model)) => line(&format!("{make} {model}"), LONGEST_NAME),
        (make, model) => model.or(make),
    };
    movie
}

/// A place as ISO 6709 has it, in degrees: "+48.8577+002.2950+035.000/".
fn place(text: &str) -> Option<Gps> {
    let is_sign = |c: char| c == '+' || c == '-';
    let text = text.trim_end_matches('/');
    let longitude = 1 + text.get(1..)?.find(is_sign)?;
    let end = text.get(longitude + 1..)?.find(is_sign).map_or(text.len(), |at| longitude + 1 + at);
    let degrees = |text: &str, most: f64| text.parse().ok().filter(|degrees: &f64| degrees.abs() <= most);
    let latitude = degrees(text.get(..longitude)?, 90.0)?;
    Some(Gps { latitude, longitude: degrees(text.get(longitude..end)?, 180.0)? })
}

/// When a video was made, and how long it is, by the box `mvhd`.
fn times(header: &[u8]) -> (Option<i64>, Option<f64>) {
    /// Seconds from the beginning of 1904 to that of 1970.
    const FROM_1904: i64 = 2_082_844_800;
    let u32_at = |at: usize| Some(u32::from_be_bytes(*header.get(at..)?.first_chunk()?));
    let u64_at = |at: usize| Some(u64::from_be_bytes(*header.get(at..)?.first_chunk()?));
    let (created, scale, duration) = match header.first() {
        Some(1) => (u64_at(4), u32_at(20), u64_at(24)),
        _ => (u32_at(4).map(u64::from), u32_at(12), u32_at(16).map(u64::from)),
    };
    let created = created.filter(|created| *created > 0).and_then(|created| i64::try_from(created).ok());
    let seconds = scale.zip(duration).filter(|(scale, _)| *scale > 0);
    (
        created.and_then(|created| created.checked_sub(FROM_1904)),
        seconds.map(|(scale, duration)| duration as f64 / f64::from(scale)),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::Format;
    use crate::metadata::Details;
    use crate::related::Related;

    const ID: &str = "FB1E7BDB-9A9A-4C7E-8C23-1F3B3A4E5D6F";
    /// 2019-06-04 15:30:00 UTC.
    const AT: i64 = 1_559_662_200;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    /// The `moov` of a video as an iPhone writes it.
    pub(crate) fn moov_of(created_at: i64, seconds: u32, texts: &[(&str, &str)]) -> Vec<u8> {
        let created = ((created_at + 2_082_844_800) as u32).to_be_bytes();
        let header =
            [&[0; 4], &created[..], &created, &600_u32.to_be_bytes(), &(600 * seconds).to_be_bytes(), &[0; 80]];
        let keys: Vec<u8> = texts.iter().flat_map(|(key, _)| boxed(b"mdta", key.as_bytes())).collect();
        let keys = [&[0; 4], &(texts.len() as u32).to_be_bytes()[..], &keys].concat();
        let value = |(number, (_, text)): (usize, &(&str, &str))| {
            let data = boxed(b"data", &[b"\0\0\0\x01\0\0\0\0", text.as_bytes()].concat());
            boxed(&(number as u32 + 1).to_be_bytes(), &data)
        };
        let values: Vec<u8> = texts.iter().enumerate().flat_map(value).collect();
        let meta = [boxed(b"hdlr", b"\0\0\0\0\0\0\0\0mdta"), boxed(b"keys", &keys), boxed(b"ilst", &values)].concat();
        [boxed(b"mvhd", &header.concat()), boxed(b"meta", &meta)].concat()
    }

    fn file_of(moov: &[u8]) -> Vec<u8> {
        [boxed(b"ftyp", b"qt  \0\0\0\0qt  "), boxed(b"wide", b""), boxed(b"mdat", &[7; 5000]), boxed(b"moov", moov)]
            .concat()
    }

    fn live() -> Vec<u8> {
        let texts = [
            ("com.apple.quicktime.make", "Apple"),
            ("com.apple.quicktime.content.identifier", ID),
            ("com.apple.quicktime.creationdate", "2019-06-04T17:30:00+0200"),
        ];
        moov_of(AT, 3, &texts)
    }

    #[test]
    fn what_an_iphone_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("IMG_1.MOV");
        std::fs::write(&path, file_of(&live())).unwrap();
        let expected = Movie {
            live_photo: Some(ID.to_owned()),
            taken_at: Some(Instant { seconds: AT, offset: Some(120) }),
            created_at: Some(AT),
            seconds: Some(3.0),
            camera: Some("Apple".to_owned()),
            gps: None,
        };
        assert_eq!(Movie::open(&path), expected);
        assert_eq!(Movie::open(&dir.path().join("gone.mov")), Movie::default());
        assert!(
            looks_like_live_video(&path)
                && looks_like_live_video(Path::new("a.mp4"))
                && !looks_like_live_video(Path::new("mov"))
        );
        // Where MP4 has version and flags.
        let live = live();
        let meta = find(&live, b"meta").unwrap();
        let mp4 = boxed(b"meta", &[&[0; 4], meta].concat());
        assert_eq!(read(&mp4).live_photo.as_deref(), Some(ID));
    }

    #[test]
    fn a_movie_belongs_to_a_photo_by_identifiers_and_else_by_time_and_length() {
        let photo = |id: Option<&str>, taken_at, utc_offset| {
            let related = Related { live_photo: id.map(str::to_owned), ..Related::default() };
            let details = Details { related, ..Details::default() };
            Metadata { taken_at, utc_offset, ..details.into_metadata(Format::Jpeg, (1, 1)) }
        };
        let movie = read(&live());
        assert!(movie.belongs_to(&photo(Some(ID), None, None)));
        assert!(!movie.belongs_to(&photo(Some("another"), Some(AT), Some(120))), "the identifier decides");
        // The clock of the place, with and without its offset.
        assert!(movie.belongs_to(&photo(None, Some(AT + 2), Some(120))));
        assert!(movie.belongs_to(&photo(None, Some(AT + 7200 + 2), None)));
        assert!(!movie.belongs_to(&photo(None, Some(AT + 3600), Some(120))));
        assert!(!movie.belongs_to(&photo(None, None, None)));
        let plain = |seconds| read(&moov_of(AT, seconds, &[]));
        assert!(plain(3).belongs_to(&photo(Some(ID), Some(AT), Some(0))));
        assert!(!plain(3).belongs_to(&photo(None, Some(AT), None)), "the photo's time may be in any zone");
        assert!(!plain(60).belongs_to(&photo(None, Some(AT), Some(0))), "too long");
        assert!(!Movie::default().belongs_to(&photo(None, Some(AT), Some(0))));
    }

    #[test]
    fn places() {
        let at = |text: &str| place(text).map(|gps| (gps.latitude, gps.longitude));
        assert_eq!(at("+48.8577+002.2950+035.000/"), Some((48.8577, 2.295)));
        assert_eq!(at("-33.5-070.25/"), Some((-33.5, -70.25)));
        for text in ["", "+", "+1", "+91+1/", "+1+181/", "+nan+1", "+é+1", "é+1+2"] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn files_that_are_no_videos() {
        for bytes in [
            &b""[..],
            b"\0\0\0\x08",
            b"\xff\xd8\xff\xe0 no video",
            b"\0\0\0\x07ftyp",
            b"\0\0\0\x01ftyp\0\0\0\0\0\0\0\x02",
        ] {
            assert_eq!(moov(Cursor::new(bytes), LONGEST), None);
        }
        let many = boxed(b"free", b"").repeat(MOST_BOXES);
        assert_eq!(moov(Cursor::new([many, boxed(b"moov", b"x")].concat()), LONGEST), None);
        let long = boxed(b"moov", &vec![0; LONGEST as usize + 1]);
        assert_eq!(moov(Cursor::new(long), LONGEST), None);
        assert_eq!(moov(Cursor::new(b"\0\0\0\0moovabc"), LONGEST), Some(b"abc".to_vec()), "to the end of the file");
    }

    #[test]
    fn a_header_of_version_1() {
        let header =
            [&[1, 0, 0, 0][..], &(AT as u64 + 2_082_844_800).to_be_bytes(), &[0; 8], &600_u32.to_be_bytes()].concat();
        let header = [header, 1500_u64.to_be_bytes().to_vec()].concat();
        assert_eq!(times(&header), (Some(AT), Some(2.5)));
        assert_eq!(times(&[0; 20]), (None, None));
        assert_eq!(times(&[]), (None, None));
    }
}
